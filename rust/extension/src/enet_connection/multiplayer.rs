//! Methods for `LodeENetMultiplayerPeer`: like the script's, without error messages.

use super::{EventType, LodeENetConnection};
use lodewire_net::enet::{Delivery, Event, Host, Peer};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

impl LodeENetConnection {
    /// Returns the next event.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.apply();
        let event = self.wait_for_event(Duration::ZERO);
        if event.is_none() {
            self.update_monitor();
        }
        event
    }

    /// Returns true if the host has stopped.
    pub(crate) fn has_failed(&mut self) -> bool {
        self.connection.is_none() || matches!(self.no_event(), EventType::Error)
    }

    pub(crate) fn refuse_quietly(&self, refuse: bool) {
        if let Some(connection) = &self.connection {
            connection.set_refusing(refuse);
        }
    }

    pub(crate) fn peers_quietly(&self) -> Vec<Rc<Peer>> {
        self.connection.as_ref().map(Host::peers).unwrap_or_default()
    }

    /// Sends the same packet to several peers of this host.
    pub(crate) fn send_to(
        &self,
        peers: &mut dyn Iterator<Item = &Rc<Peer>>,
        channel: u8,
        delivery: Delivery,
        data: Arc<[u8]>,
    ) {
        if let Some(connection) = &self.connection {
            connection.send_to(peers, channel, delivery, data);
        }
    }
}
