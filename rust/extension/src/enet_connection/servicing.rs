//! What happened, for the script.

use super::{EventType, LodeENetConnection, inactive};
use crate::enet_packet_peer::LodeENetPacketPeer;
use godot::prelude::*;
use lodewire_net::enet::{Connection, Event};
use std::collections::HashMap;
use std::time::Duration;

/// An event as `service()` tells it.
type Told = (EventType, Option<Gd<LodeENetPacketPeer>>, i64, i64);

fn array_of((kind, peer, data, channel): Told) -> VarArray {
    let peer = peer.map_or_else(Variant::nil, |peer| peer.to_variant());
    varray![kind, &peer, data, channel]
}

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
        let Some(connection) = &mut self.connection else {
            inactive("service");
            return array_of((EventType::Error, None, 0, 0));
        };
        let event = connection.service(patience(timeout));
        let told = match event {
            Some(event) => self.told(event),
            None => (self.nothing(), None, 0, 0),
        };
        array_of(told)
    }

    /// Hands over all that has happened in one call, as an array of the arrays of [method service]. If nothing has, it
    /// sleeps until something does, for up to [param timeout] milliseconds; the array is empty if nothing did.
    ///
    /// The packets of a peer are told by one [constant EVENT_RECEIVE], whose data is their number and whose channel is that
    /// of the first; [method LodeENetPacketPeer.get_packets] reads them.
    #[func]
    fn service_all(&mut self, #[opt(default = 0)] timeout: i32) -> Array<VarArray> {
        self.apply();
        let Some(connection) = &mut self.connection else {
            inactive("service_all");
            return [array_of((EventType::Error, None, 0, 0))].into_iter().collect();
        };
        let mut next = connection.service(patience(timeout));
        let mut all: Vec<Told> = Vec::new();
        // Where the packets of a peer are counted.
        let mut counted: HashMap<u32, usize> = HashMap::new();
        while let Some(event) = next {
            if let Event::Receive { peer, .. } = &event {
                let place = *counted.entry(peer.id()).or_insert(all.len());
                if let Some(told) = all.get_mut(place) {
                    told.2 += 1;
                } else {
                    let mut told = self.told(event);
                    told.2 = 1;
                    all.push(told);
                }
            } else {
                all.push(self.told(event));
            }
            next = self.connection.as_mut().and_then(Connection::next_event);
        }
        if all.is_empty() && matches!(self.nothing(), EventType::Error) {
            all.push((EventType::Error, None, 0, 0));
        }
        all.into_iter().map(array_of).collect()
    }
}

impl LodeENetConnection {
    /// An event, as the script is told.
    fn told(&mut self, event: Event) -> Told {
        match event {
            Event::Connect { peer, data } => {
                (EventType::Connect, Some(self.handle(&peer)), data.into(), 0)
            }
            Event::Disconnect { peer, data, reason } => {
                let handle = self.handle(&peer);
                self.handles.get_mut().remove(&peer.id());
                handle.bind().set_reason(reason.as_deref().unwrap_or(""));
                (EventType::Disconnect, Some(handle), data.into(), 0)
            }
            Event::Receive { peer, channel } => {
                (EventType::Receive, Some(self.handle(&peer)), 0, channel.into())
            }
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
