//! What happened, for the script.

use super::handles::event;
use super::{EventType, LodeENetConnection, inactive};
use crate::monitors::Family;
use godot::prelude::*;
use lodewire_net::enet::{Connection, Event};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

fn patience(timeout: i32) -> Duration {
    Duration::from_millis(u64::try_from(timeout).unwrap_or(0))
}

#[godot_api(secondary)]
impl LodeENetConnection {
    /// Hands over the next thing that happened, as an array of four: the [enum EventType], the [LodeENetPacketPeer] or
    /// [code]null[/code], the data and the channel. If nothing has, it sleeps until something does, for up to
    /// [param timeout] milliseconds.
    ///
    /// The data of [constant EVENT_CONNECT] is that of [method connect_to_host] at the other side, the data of
    /// [constant EVENT_DISCONNECT] that of its disconnect. With [constant EVENT_RECEIVE] a packet was queued at the peer,
    /// of that channel. [constant EVENT_ERROR]: there is no host, or it cannot go on.
    ///
    /// Call it until it tells [constant EVENT_NONE], or see [method service_all].
    #[func]
    fn service(&mut self, #[opt(default = 0)] timeout: i32) -> VarArray {
        self.apply();
        if self.connection.is_none() {
            inactive("service");
            return event(EventType::Error, None, 0, 0);
        }
        if let Some(event) = self.wait(patience(timeout)) {
            return self.told(event);
        }
        self.observe();
        event(self.nothing(), None, 0, 0)
    }

    /// Hands over all that has happened in one call, as an array of the arrays of [method service]. If nothing has, it
    /// sleeps until something does, for up to [param timeout] milliseconds; the array is empty if nothing did.
    ///
    /// The packets of a peer are told by one [constant EVENT_RECEIVE], whose channel is that of the first;
    /// [method LodeENetPacketPeer.get_packets] reads them all.
    #[func]
    fn service_all(&mut self, #[opt(default = 0)] timeout: i32) -> Array<VarArray> {
        self.apply();
        if self.connection.is_none() {
            inactive("service_all");
            return Array::from(&[event(EventType::Error, None, 0, 0)]);
        }
        let mut next = self.wait(patience(timeout));
        self.call += 1;
        let mut all = Vec::new();
        while let Some(event) = next {
            if let Event::Receive { peer, channel } = event {
                all.extend(self.handles.get_mut().first_received(&peer, channel, self.call));
            } else {
                all.push(self.told(event));
            }
            next = self.connection.as_mut().and_then(Connection::next_event);
        }
        self.observe();
        if all.is_empty() && matches!(self.nothing(), EventType::Error) {
            all.push(event(EventType::Error, None, 0, 0));
        }
        // At once: one by one takes twice as long.
        Array::from(&all[..])
    }
}

impl LodeENetConnection {
    /// The next event, for which it sleeps up to `timeout`. While names are looked up it asks for them now and then.
    pub(super) fn wait(&mut self, timeout: Duration) -> Option<Event> {
        const PAUSE: Duration = Duration::from_millis(5);
        let end = Instant::now() + timeout;
        loop {
            self.take_lookups();
            let rest = end.saturating_duration_since(Instant::now());
            let pause = if self.lookups.is_empty() { rest } else { rest.min(PAUSE) };
            let event = self.connection.as_mut()?.service(pause);
            if event.is_some() || pause == rest {
                return event;
            }
        }
    }

    /// Tells the host of names that are looked up.
    fn take_lookups(&mut self) {
        let Some(connection) = &self.connection else { return };
        self.lookups.retain(|(lookup, peer, port)| {
            let Some(answer) = lookup.answer() else { return true };
            let at = |ip: IpAddr| SocketAddr::new(ip, *port);
            connection.resolved(peer, answer.map(|ips| ips.into_iter().map(at).collect()));
            false
        });
    }

    /// Shows the monitors what it does. For when all is told, which is once a frame.
    pub(super) fn observe(&self) {
        if let Some(connection) = &self.connection {
            let port = connection.local_addr().port();
            self.monitor.update("LodeENetConnection", Family::Enet, port, || connection.figures());
        }
    }

    /// An event, as the script is told.
    fn told(&mut self, told: Event) -> VarArray {
        let handles = self.handles.get_mut();
        match told {
            Event::Connect { peer, data } => {
                event(EventType::Connect, Some(&handles.get(&peer)), data, 0)
            }
            Event::Disconnect { peer, data, .. } => {
                let handle = handles.get(&peer);
                handles.remove(&peer);
                event(EventType::Disconnect, Some(&handle), data, 0)
            }
            Event::Receive { peer, channel } => handles.received(&peer, channel),
        }
    }

    /// What is told when nothing happened: also that the host has failed by a fault of its own.
    pub(super) fn nothing(&mut self) -> EventType {
        let Some(why) = self.connection.as_ref().and_then(Connection::failure) else {
            return EventType::None;
        };
        if !std::mem::replace(&mut self.failure_told, true) {
            godot_error!(
                "LodeENetConnection stopped by an internal error ({why}). Please report it."
            );
        }
        EventType::Error
    }
}
