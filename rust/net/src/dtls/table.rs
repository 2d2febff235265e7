//! A server's connections without its socket: for the cost harness and the fuzz targets.

use super::associations::Event;
use super::{Associations, Limits, ServerSetup};
use std::net::SocketAddr;
use std::time::Instant;

/// The connections of a server, which the caller hands datagrams and the time.
#[expect(missing_debug_implementations, reason = "nobody prints it")]
pub struct Table(Associations);

/// What the game is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Connections that are there.
    pub connected: usize,
    /// Packets that have come.
    pub received: usize,
    /// Connections that have ended, or have not come about.
    pub ended: usize,
}

impl Table {
    /// An empty one, if the system has randomness.
    pub fn new(setup: &ServerSetup, limits: Limits) -> Option<Self> {
        Associations::serve(setup, limits).map(Self)
    }

    /// Takes a datagram, and opens it where it is.
    pub fn handle(&mut self, now: Instant, from: SocketAddr, datagram: &mut [u8]) {
        self.0.handle(now, from, datagram);
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Instant) {
        self.0.expire(now);
    }

    /// Waits for the workers, and goes on with what they have done.
    pub fn work(&mut self, now: Instant) {
        while self.0.is_working() {
            self.0.take_finished(now);
            std::thread::yield_now();
        }
    }

    /// Takes the datagrams that are to be sent.
    pub fn send(&mut self, mut send: impl FnMut(SocketAddr, &[u8])) {
        for (to, datagram) in self.0.outgoing.iter() {
            send(to, datagram);
        }
        self.0.outgoing.clear();
    }

    /// Takes what has happened.
    pub fn take_events(&mut self) -> Told {
        let mut told = Told::default();
        while let Some(event) = self.0.next_event() {
            match event {
                Event::Connected(_) => told.connected += 1,
                Event::Received(..) => told.received += 1,
                Event::Ended { .. } => told.ended += 1,
            }
        }
        told
    }

    /// How many clients are connecting.
    pub fn handshakes(&self) -> usize {
        self.0.handshakes()
    }
}
