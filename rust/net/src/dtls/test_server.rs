//! A server's connections without its socket, for the cost harness and the fuzz targets.

use super::connection_table::Event;
use super::{ConnectionTable, Limits, ServerConfig};
use std::net::SocketAddr;
use std::time::Instant;

/// The connections of a server, which the caller passes datagrams and the time.
#[expect(missing_debug_implementations, reason = "it is never printed")]
pub struct TestServer(ConnectionTable);

/// The number of events of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// Established connections.
    pub connected: usize,
    /// Received packets.
    pub received: usize,
    /// Closed connections and failed handshakes.
    pub closed: usize,
}

impl TestServer {
    /// Creates an empty table. Returns `None` if random bytes could not be obtained.
    pub fn new(config: &ServerConfig, limits: Limits) -> Option<Self> {
        ConnectionTable::server(config, limits).map(Self)
    }

    /// Handles a datagram, and decrypts it in place.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, datagram: &mut [u8]) {
        self.0.handle_datagram(now, from, datagram);
    }

    /// Handles expired timeouts.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }

    /// Waits for the workers, and continues with the output of their jobs.
    pub fn run_jobs(&mut self, now: Instant) {
        while self.0.has_running_jobs() {
            self.0.handle_finished_jobs(now);
            std::thread::yield_now();
        }
    }

    /// Takes the datagrams to send.
    pub fn transmit(&mut self, mut send: impl FnMut(SocketAddr, &[u8])) {
        for (to, datagram) in self.0.outgoing.iter() {
            send(to, datagram);
        }
        self.0.outgoing.clear();
    }

    /// Takes the events.
    pub fn poll_events(&mut self) -> EventCounts {
        let mut counts = EventCounts::default();
        while let Some(event) = self.0.poll_event() {
            match event {
                Event::Connected(_) => counts.connected += 1,
                Event::Received(..) => counts.received += 1,
                Event::Closed { .. } => counts.closed += 1,
            }
        }
        counts
    }

    /// Returns the number of handshakes in progress.
    pub fn handshakes(&self) -> usize {
        self.0.handshakes()
    }
}
