//! ENet over DTLS: datagrams between the protocol and the socket are encrypted and decrypted here.

use super::driver::HostDriver;
use super::inbox::Arrival;
use crate::dtls::{ClientConfig, ConnectionTable, Event, Key, Limits, ServerConfig, Status};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// ENet pings twice a second: a host silent for this long has left without closing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// As long as a connection without DTLS takes to fail.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// Time for which a client's association is kept without an ENet peer. ENet sends CONNECT as soon as the handshake is
/// complete, and again after 0.5, 1.5, 3.5 and 7.5 seconds.
const PEERLESS_TIMEOUT: Duration = Duration::from_secs(10);

/// The DTLS layer of a host.
pub(super) struct DtlsLayer {
    pub(super) connections: ConnectionTable,
    /// The configuration of a client.
    client: Option<lodewire_dtls::ClientConfig>,
    /// The connections that dials wait for, and the dials.
    pending: Vec<(Key, u32)>,
    /// Events other than packets.
    events: Vec<Event>,
}

impl DtlsLayer {
    fn limits(peers: usize) -> Limits {
        let defaults = Limits::default();
        Limits {
            handshake_timeout: Some(HANDSHAKE_TIMEOUT),
            idle_timeout: Some(IDLE_TIMEOUT),
            // Associations outlive their ENet peers for a while, and refused ones come and go.
            max_peers: 2 * peers + 64,
            // An address has at most half of these without a peer.
            max_handshakes_per_address: (peers + 32).min(defaults.max_handshakes_per_address),
            ..defaults
        }
    }

    /// Creates the layer of a server for this number of peers; `None` if the system has no randomness.
    pub(super) fn server(setup: &ServerConfig, peers: usize) -> Option<Self> {
        let mut connections = ConnectionTable::server(setup, Self::limits(peers))?;
        connections.require_claims(PEERLESS_TIMEOUT);
        Some(Self::new(connections, None))
    }

    /// Creates the layer of a client.
    pub(super) fn client(setup: &ClientConfig) -> Self {
        let limits = Self::limits(1);
        Self::new(ConnectionTable::client_only(limits), Some(setup.to_protocol(&limits)))
    }

    /// Returns the number of handshakes in progress.
    pub(super) fn handshakes(&self) -> usize {
        self.connections.handshakes()
    }

    /// Creates a layer without connections, for a server that cannot accept any.
    pub(super) fn disabled() -> Self {
        Self::new(ConnectionTable::client_only(Self::limits(0)), None)
    }

    fn new(connections: ConnectionTable, client: Option<lodewire_dtls::ClientConfig>) -> Self {
        Self { connections, client, pending: Vec::new(), events: Vec::new() }
    }

    /// Decrypts a datagram, and calls `take` with its content.
    pub(super) fn decrypt(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &mut [u8],
        take: impl FnMut(SocketAddr, &[u8]),
    ) {
        self.connections.handle_datagram(now, from, datagram);
        self.dispatch_events(take);
    }

    fn dispatch_events(&mut self, mut take: impl FnMut(SocketAddr, &[u8])) {
        while let Some(event) = self.connections.poll_event() {
            match event {
                Event::Received(key, packet) => {
                    if let Some(from) = self.connections.address(key) {
                        take(from, &packet);
                    }
                }
                event => self.events.push(event),
            }
        }
    }

    /// Encrypts a datagram. Without a connection it is dropped.
    pub(super) fn encrypt(&mut self, now: Instant, to: SocketAddr, datagram: &[u8]) {
        if let Some(key) = self.connections.connected_at(to) {
            // Errors are ignored: if the connection has just ended, its event follows.
            let _ = self.connections.send(now, key, datagram);
        }
    }

    /// Returns true if `address` is connected. Otherwise it starts a handshake, and the dial waits for it; `None` if
    /// none can be started.
    fn ensure_handshake(&mut self, now: Instant, address: SocketAddr, dial: u32) -> Option<bool> {
        if self.connections.connected_at(address).is_some() {
            return Some(true);
        }
        let key = match (self.connections.association_at(address), &self.client) {
            (Some(key), _) => key,
            (None, Some(config)) => self.connections.connect(now, address, config.clone()).ok()?,
            // A DTLS server does not connect.
            (None, None) => return None,
        };
        self.pending.push((key, dial));
        Some(false)
    }

    /// Removes a dial from those that wait.
    pub(super) fn cancel(&mut self, dial: u32) {
        self.pending.retain(|(_, waiting)| *waiting != dial);
    }

    fn take_pending(&mut self, key: Key) -> Vec<u32> {
        let dials = self.pending.iter().filter(|(pending, _)| *pending == key);
        let dials = dials.map(|(_, dial)| *dial).collect();
        self.pending.retain(|(pending, _)| *pending != key);
        dials
    }
}

impl HostDriver {
    /// Continues handshakes. Returns true if there was any progress.
    pub(super) fn poll_dtls(&mut self, now: Instant) -> bool {
        let time = self.time(now);
        let (Some(dtls), host) = (&mut self.dtls, &mut self.host) else { return false };
        dtls.connections.handle_finished_jobs(now);
        dtls.connections.handle_timeout(now);
        dtls.dispatch_events(|from, packet| host.handle_datagram(time, from, packet));
        let any = !dtls.events.is_empty() || !dtls.connections.outgoing.is_empty();
        self.process_dtls_events(now);
        any
    }

    /// Processes the events of connections.
    pub(super) fn process_dtls_events(&mut self, now: Instant) {
        let Some(dtls) = &mut self.dtls else { return };
        // Peers of lost connections are removed together.
        let mut gone = HashMap::new();
        for event in std::mem::take(&mut dtls.events) {
            match event {
                Event::Connected(key) => {
                    self.disconnect_peers_at(now, &mut gone);
                    let Some(dtls) = &mut self.dtls else { return };
                    let Some(address) = dtls.connections.address(key) else { continue };
                    for id in dtls.take_pending(key) {
                        if let Some(dial) = self.dials.get_mut(&id) {
                            dial.dtls_pending = dial.dtls_pending.saturating_sub(1);
                            self.request_connection(id, address);
                        }
                    }
                }
                Event::Closed { key, address, was_connected, reason } => {
                    let Some(dtls) = &mut self.dtls else { return };
                    let dials = dtls.take_pending(key);
                    let status = Status::from(reason);
                    for id in dials {
                        let Some(dial) = self.dials.get_mut(&id) else { continue };
                        dial.dtls_pending = dial.dtls_pending.saturating_sub(1);
                        if dial.dtls_pending == 0 && dial.attempts.in_flight.is_empty() {
                            self.attempt(now, id);
                        }
                        self.fail_if_exhausted(id, status.reason());
                    }
                    // A failed handshake does not affect an established connection of the same address.
                    if was_connected {
                        gone.insert(address, status.reason().to_owned());
                    }
                }
                Event::Received(..) => {}
            }
        }
        self.disconnect_peers_at(now, &mut gone);
    }

    /// Starts a handshake with `address` for a dial, if needed. Returns true if the dial need not wait.
    pub(super) fn start_dtls_handshake(
        &mut self,
        now: Instant,
        id: u32,
        address: SocketAddr,
    ) -> bool {
        let Some(dtls) = &mut self.dtls else { return true };
        let is_connected = dtls.ensure_handshake(now, address, id);
        if is_connected == Some(false)
            && let Some(dial) = self.dials.get_mut(&id)
        {
            dial.dtls_pending += 1;
        }
        is_connected == Some(true)
    }

    /// Disconnects the ENet peers at these addresses, whose DTLS connections have ended, with the given reasons.
    fn disconnect_peers_at(&mut self, now: Instant, gone: &mut HashMap<SocketAddr, String>) {
        if gone.is_empty() {
            return;
        }
        for key in self.peers.keys() {
            let Some(cause) = self.host.address(key).and_then(|address| gone.get(&address)) else {
                continue;
            };
            self.host.abandon(key);
            if let Some(mut arrival) = self.disconnected(now, key, 0, true) {
                if let Arrival::Disconnected { reason, .. } = &mut arrival {
                    *reason = Some(cause.clone()).filter(|cause| !cause.is_empty());
                }
                self.push_event(arrival);
            }
        }
        gone.clear();
    }
}
