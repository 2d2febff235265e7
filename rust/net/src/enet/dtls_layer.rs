//! ENet over DTLS: what goes between the protocol and the socket is sealed and opened here.

use super::driver::HostDriver;
use super::inbox::Arrival;
use crate::dtls::{Associations, ClientSetup, Event, Key, Limits, ServerSetup, Status};
use lodewire_dtls::ClientConfig;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// ENet pings twice a second: whoever is silent for so long has gone without a word.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection takes as long to fail without DTLS.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client's association stays without a peer of ENet's. ENet asks for a connection as soon as DTLS is there, and
/// again after 0.5, 1.5, 3.5 and 7.5 seconds.
const PEERLESS_TIMEOUT: Duration = Duration::from_secs(10);

/// DTLS under a host.
pub(super) struct DtlsLayer {
    pub(super) associations: Associations,
    /// How this host connects, if it is a client.
    client: Option<ClientConfig>,
    /// The associations that dials wait for.
    pending: Vec<(Key, u32)>,
    /// What has happened beside packets.
    events: Vec<Event>,
}

impl DtlsLayer {
    fn limits(peers: usize) -> Limits {
        let defaults = Limits::default();
        Limits {
            handshake_timeout: Some(HANDSHAKE_TIMEOUT),
            idle_timeout: Some(IDLE_TIMEOUT),
            // Those that ENet's peers have left stand for a while, and those that it refuses come and go.
            peers: 2 * peers + 64,
            // Of these, an address has at most half without a peer.
            handshakes_per_address: (peers + 32).min(defaults.handshakes_per_address),
            ..defaults
        }
    }

    /// Under a server for so many peers; `None` if the system has no randomness.
    pub(super) fn server(setup: &ServerSetup, peers: usize) -> Option<Self> {
        let mut associations = Associations::serve(setup, Self::limits(peers))?;
        associations.require_claims(PEERLESS_TIMEOUT);
        Some(Self::new(associations, None))
    }

    /// Under a client.
    pub(super) fn client(setup: &ClientSetup) -> Self {
        let limits = Self::limits(1);
        Self::new(Associations::dial(limits), Some(setup.config(&limits)))
    }

    /// How many clients are connecting.
    pub(super) fn handshakes(&self) -> usize {
        self.associations.handshakes()
    }

    /// Where nobody can be heard.
    pub(super) fn disabled() -> Self {
        Self::new(Associations::dial(Self::limits(0)), None)
    }

    fn new(associations: Associations, client: Option<ClientConfig>) -> Self {
        Self { associations, client, pending: Vec::new(), events: Vec::new() }
    }

    /// Opens a datagram, and calls `take` with what it carries.
    pub(super) fn open(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &mut [u8],
        take: impl FnMut(SocketAddr, &[u8]),
    ) {
        self.associations.handle(now, from, datagram);
        self.sort_events(take);
    }

    fn sort_events(&mut self, mut take: impl FnMut(SocketAddr, &[u8])) {
        while let Some(event) = self.associations.next_event() {
            match event {
                Event::Received(key, packet) => {
                    if let Some(from) = self.associations.address(key) {
                        take(from, &packet);
                    }
                }
                event => self.events.push(event),
            }
        }
    }

    /// Seals a datagram. What is for nobody is lost.
    pub(super) fn seal(&mut self, now: Instant, to: SocketAddr, datagram: &[u8]) {
        if let Some(key) = self.associations.connected_at(to) {
            // If the connection has just ended, the host is about to hear of it.
            let _ = self.associations.send(now, key, datagram);
        }
    }

    /// Whether there is a connection to `address`; if not, it is asked for, and the dial waits for it. `None` if it cannot be
    /// asked for.
    fn reaches(&mut self, now: Instant, address: SocketAddr, dial: u32) -> Option<bool> {
        if self.associations.connected_at(address).is_some() {
            return Some(true);
        }
        let key = match (self.associations.at(address), &self.client) {
            (Some(key), _) => key,
            (None, Some(config)) => self.associations.connect(now, address, config.clone()).ok()?,
            // A server of DTLS asks nobody.
            (None, None) => return None,
        };
        self.pending.push((key, dial));
        Some(false)
    }

    /// The dial does not wait any more.
    pub(super) fn forget(&mut self, dial: u32) {
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
    /// Goes on with the handshakes. Says whether there was anything to go on with.
    pub(super) fn work(&mut self, now: Instant) -> bool {
        let time = self.time(now);
        let (Some(dtls), host) = (&mut self.dtls, &mut self.host) else { return false };
        dtls.associations.take_finished(now);
        dtls.associations.expire(now);
        dtls.sort_events(|from, packet| host.handle_datagram(time, from, packet));
        let any = !dtls.events.is_empty() || !dtls.associations.outgoing.is_empty();
        self.heed(now);
        any
    }

    /// Sees which connections are there and which have gone.
    pub(super) fn heed(&mut self, now: Instant) {
        let Some(dtls) = &mut self.dtls else { return };
        // Those that have gone together are looked for together.
        let mut gone = HashMap::new();
        for event in std::mem::take(&mut dtls.events) {
            match event {
                Event::Connected(key) => {
                    self.lose(now, &mut gone);
                    let Some(dtls) = &mut self.dtls else { return };
                    let Some(address) = dtls.associations.address(key) else { continue };
                    for id in dtls.take_pending(key) {
                        if let Some(dial) = self.dials.get_mut(&id) {
                            dial.dtls_pending = dial.dtls_pending.saturating_sub(1);
                            self.ask_for(id, address);
                        }
                    }
                }
                Event::Ended { key, address, was_connected, end } => {
                    let Some(dtls) = &mut self.dtls else { return };
                    let dials = dtls.take_pending(key);
                    let status = Status::from(end);
                    for id in dials {
                        let Some(dial) = self.dials.get_mut(&id) else { continue };
                        dial.dtls_pending = dial.dtls_pending.saturating_sub(1);
                        if dial.dtls_pending == 0 && dial.attempts.in_flight.is_empty() {
                            self.attempt(now, id);
                        }
                        self.fail_if_over(id, status.reason());
                    }
                    // A handshake that fails beside a connection leaves that as it is.
                    if was_connected {
                        gone.insert(address, status.reason().to_owned());
                    }
                }
                Event::Received(..) => {}
            }
        }
        self.lose(now, &mut gone);
    }

    /// Secures the way to `address` for a dial. Says whether it is.
    pub(super) fn secure_for(&mut self, now: Instant, id: u32, address: SocketAddr) -> bool {
        let Some(dtls) = &mut self.dtls else { return true };
        let reaches = dtls.reaches(now, address, id);
        if reaches == Some(false)
            && let Some(dial) = self.dials.get_mut(&id)
        {
            dial.dtls_pending += 1;
        }
        reaches == Some(true)
    }

    /// The connections to these addresses have gone, for these reasons, and with them ENet's peers there.
    fn lose(&mut self, now: Instant, gone: &mut HashMap<SocketAddr, String>) {
        if gone.is_empty() {
            return;
        }
        for key in self.places.keys() {
            let Some(why) = self.host.address(key).and_then(|address| gone.get(&address)) else {
                continue;
            };
            self.host.abandon(key);
            if let Some(mut arrival) = self.disconnected(now, key, 0, true) {
                if let Arrival::Disconnected { reason, .. } = &mut arrival {
                    *reason = Some(why.clone()).filter(|why| !why.is_empty());
                }
                self.tell(arrival);
            }
        }
        gone.clear();
    }
}
