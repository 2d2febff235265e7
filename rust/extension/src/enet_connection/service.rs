//! Returns the events to the script.

use super::handles::event_array;
use super::{EventType, LodeENetConnection, inactive};
use crate::monitors::Family;
use godot::prelude::*;
use lodewire_net::enet::{Event, Host};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

fn duration(timeout: i32) -> Duration {
    Duration::from_millis(u64::try_from(timeout).unwrap_or(0))
}

#[godot_api(secondary)]
impl LodeENetConnection {
    /// Returns the next event as an array of four elements: the [enum EventType], the [LodeENetPacketPeer] or
    /// [code]null[/code], the data and the channel. If there is none, it waits for up to [param timeout] milliseconds.
    ///
    /// The data of [constant EVENT_CONNECT] is the one that the other side has passed to [method connect_to_host], the
    /// data of [constant EVENT_DISCONNECT] the one of its disconnection. [constant EVENT_RECEIVE] means that a packet
    /// was queued at the peer, on the channel in the array. [constant EVENT_ERROR] means that there is no host, or that
    /// it has stopped.
    ///
    /// Call it until it returns [constant EVENT_NONE], or use [method service_all].
    #[func]
    fn service(&mut self, #[opt(default = 0)] timeout: i32) -> VarArray {
        self.apply();
        if self.connection.is_none() {
            inactive("service");
            return event_array(EventType::Error, None, 0, 0);
        }
        if let Some(event) = self.wait_for_event(duration(timeout)) {
            return self.event_to_array(event);
        }
        self.update_monitor();
        event_array(self.no_event(), None, 0, 0)
    }

    /// Returns all events in one call, as an array of the arrays of [method service]. If there are none, it waits for
    /// up to [param timeout] milliseconds, and may return an empty array.
    ///
    /// One [constant EVENT_RECEIVE] reports all packets of a peer; its channel is that of the first one. Read them with
    /// [method LodeENetPacketPeer.get_packets].
    #[func]
    fn service_all(&mut self, #[opt(default = 0)] timeout: i32) -> Array<VarArray> {
        self.apply();
        if self.connection.is_none() {
            inactive("service_all");
            return Array::from(&[event_array(EventType::Error, None, 0, 0)]);
        }
        let mut next = self.wait_for_event(duration(timeout));
        self.call += 1;
        let mut all = Vec::new();
        while let Some(event) = next {
            if let Event::Receive { peer, channel } = event {
                all.extend(self.handles.get_mut().first_received(&peer, channel, self.call));
            } else {
                all.push(self.event_to_array(event));
            }
            next = self.connection.as_mut().and_then(Host::next_event);
        }
        self.update_monitor();
        if all.is_empty() && matches!(self.no_event(), EventType::Error) {
            all.push(event_array(EventType::Error, None, 0, 0));
        }
        // In one call: appending them one by one takes twice as long.
        Array::from(&all[..])
    }
}

impl LodeENetConnection {
    /// Returns the next event, waiting for up to `timeout`. While names are being resolved, it checks them every 5 ms.
    pub(super) fn wait_for_event(&mut self, timeout: Duration) -> Option<Event> {
        const PAUSE: Duration = Duration::from_millis(5);
        let end = Instant::now() + timeout;
        loop {
            self.deliver_lookups();
            let rest = end.saturating_duration_since(Instant::now());
            let pause = if self.lookups.is_empty() { rest } else { rest.min(PAUSE) };
            let event = self.connection.as_mut()?.service(pause);
            if event.is_some() || pause == rest {
                return event;
            }
        }
    }

    /// Passes the addresses of resolved names to the host.
    fn deliver_lookups(&mut self) {
        let Some(connection) = &self.connection else { return };
        self.lookups.retain(|(lookup, peer, port)| {
            let Some(answer) = lookup.answer() else { return true };
            let at = |ip: IpAddr| SocketAddr::new(ip, *port);
            connection.set_resolved(peer, answer.map(|ips| ips.into_iter().map(at).collect()));
            false
        });
    }

    /// Updates the monitors. Called when all events have been returned, which is once a frame.
    pub(super) fn update_monitor(&self) {
        if let Some(connection) = &self.connection {
            let port = connection.local_addr().port();
            self.monitor.update("LodeENetConnection", Family::Enet, port, || connection.stats());
        }
    }

    /// Converts an event for the script.
    fn event_to_array(&mut self, event: Event) -> VarArray {
        let handles = self.handles.get_mut();
        match event {
            Event::Connect { peer, data } => {
                event_array(EventType::Connect, Some(&handles.get(&peer)), data, 0)
            }
            Event::Disconnect { peer, data, .. } => {
                let handle = handles.get(&peer);
                handles.remove(&peer);
                event_array(EventType::Disconnect, Some(&handle), data, 0)
            }
            Event::Receive { peer, channel } => handles.received(&peer, channel),
        }
    }

    /// Returns the event type if nothing happened, or `Error` after an internal failure of the host, which is logged
    /// once.
    pub(super) fn no_event(&mut self) -> EventType {
        let Some(why) = self.connection.as_ref().and_then(Host::failure) else {
            return EventType::None;
        };
        if !std::mem::replace(&mut self.failure_reported, true) {
            godot_error!(
                "LodeENetConnection stopped by an internal error ({why}). Please report it."
            );
        }
        EventType::Error
    }
}
