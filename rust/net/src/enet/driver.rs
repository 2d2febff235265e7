//! The driver of a host on the I/O thread.

use super::config::Config;
use super::dial::Dial;
use super::dtls_layer::DtlsLayer;
use super::endpoint::Endpoint;
use super::id_map::IdMap;
use super::inbox::Arrival;
use super::peer_shared::PeerShared;
use super::peer_table::{ConnectedPeer, PeerTable, Slot};
use super::simulator::Simulator;
use crate::reactor::{Context, Driver, Readiness, lock};
use crate::udp::{Outgoing, Socket};
use lodewire_enet::{DISCONNECT_FULL, Event, Events, PeerKey, Time};
use mio::Interest;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The key of the socket.
const SOCKET: usize = 0;
/// Maximum number of batches read before other sockets have their turn, if time allows.
const READS_PER_TURN: usize = 8;
/// Coalescing threshold: above this many bytes per turn, long packets are in transit, and their windows must not wait
/// for a coalesced wake-up.
const COALESCE_THRESHOLD: usize = 4 << 10;
/// Bytes of datagrams that are gathered before they are sent.
const OUTGOING_BATCH_BYTES: usize = 256 << 10;
/// The reason for a timeout of a connected peer.
const TIMED_OUT: &str = "the other side does not answer";

/// Returns the reason for a disconnect by a full host.
fn rejection_reason(data: u32) -> Option<&'static str> {
    (data == DISCONNECT_FULL).then_some("the other side is full")
}

pub(super) struct HostDriver {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) socket: Socket,
    pub(super) host: lodewire_enet::Host,
    /// A buffer for events.
    events: Events,
    start: Instant,
    pub(super) is_reading: bool,
    pub(super) peers: PeerTable,
    /// Ended connections that the game has not been notified of: they count until then.
    pub(super) ended: IdMap<PeerKey>,
    pub(super) dials: IdMap<Dial>,
    pub(super) max_waiting_data: usize,
    /// Echo every packet here.
    echo: bool,
    pub(super) simulator: Option<Simulator>,
    pub(super) dtls: Option<DtlsLayer>,
    pub(super) peer_limit: usize,
    /// When the gathering of outgoing packets ends.
    flush_at: Option<Instant>,
    /// Peers with little room left in the inbox.
    pub(super) backpressured: Vec<u32>,
    /// When they are next polled.
    pub(super) next_backpressure_poll: Instant,
    outgoing: Outgoing,
    /// Sending took longer than a turn.
    has_more_to_send: bool,
    /// The game has sent packets since the last transmission.
    pub(super) has_unsent: bool,
}

impl HostDriver {
    pub(super) fn new(
        endpoint: Arc<Endpoint>,
        socket: Socket,
        host: lodewire_enet::Host,
        config: &Config,
    ) -> Self {
        Self {
            endpoint,
            socket,
            host,
            events: Events::default(),
            start: Instant::now(),
            is_reading: false,
            peers: PeerTable::default(),
            ended: IdMap::default(),
            dials: IdMap::default(),
            max_waiting_data: config.host.max_waiting_data,
            echo: config.echo,
            simulator: None,
            dtls: None,
            peer_limit: config.host.peers,
            flush_at: None,
            backpressured: Vec::new(),
            next_backpressure_poll: Instant::now(),
            outgoing: Outgoing::default(),
            has_more_to_send: false,
            has_unsent: false,
        }
    }

    /// Converts to the protocol's time.
    pub(super) fn time(&self, now: Instant) -> Time {
        Time::from(now.saturating_duration_since(self.start))
    }

    /// Starts reading from the socket.
    pub(super) fn start_reading(&mut self, cx: &mut Context<'_>) {
        if !self.is_reading {
            self.is_reading = true;
            // If registering fails, nothing is received, and connections time out.
            let _ = cx.register(&mut self.socket.io, SOCKET, Interest::READABLE);
            self.start_dials(cx.now);
        }
    }

    /// Reads received datagrams. Returns the number of bytes.
    fn read(&mut self, cx: &mut Context<'_>) -> usize {
        let now = self.time(cx.now);
        let mut bytes = 0;
        self.poll_backpressured_if_due(cx.now);
        for _ in 0..READS_PER_TURN {
            let (host, simulator) = (&mut self.host, &mut self.simulator);
            let dtls = &mut self.dtls;
            let more = self.socket.receive(cx.datagrams, |from, datagram| {
                bytes += datagram.len();
                match (&mut *simulator, &mut *dtls) {
                    (Some(simulator), _) => simulator.send(cx.now, false, from, datagram),
                    (None, None) => host.handle_datagram(now, from, datagram),
                    (None, Some(dtls)) => {
                        let take = |from, packet: &[u8]| host.handle_datagram(now, from, packet);
                        dtls.decrypt(cx.now, from, datagram, take);
                    }
                }
            });
            self.process_dtls_events(cx.now);
            self.deliver(cx.now);
            if !more {
                return bytes;
            }
            if cx.is_spent() {
                break;
            }
        }
        cx.reschedule(SOCKET);
        bytes
    }

    /// Sends queued datagrams within the share of the thread's time. Returns the number of bytes.
    fn transmit_in_turn(&mut self, cx: &mut Context<'_>) -> usize {
        // At least one batch is sent in each turn, even if reading has used all of the time.
        let bytes = self.transmit(Some(cx.end()));
        if self.has_more_to_send {
            cx.reschedule(SOCKET);
        }
        bytes
    }

    /// Sends queued datagrams, at most until `end`. Returns the number of bytes.
    pub(super) fn transmit(&mut self, end: Option<Instant>) -> usize {
        let now = Instant::now();
        let time = self.time(now);
        let mut bytes = 0;
        self.has_more_to_send = false;
        loop {
            while self.outgoing.len() < OUTGOING_BATCH_BYTES
                && self.outgoing.write(|out| self.host.poll_transmit(time, out))
            {}
            self.encrypt_outgoing(now);
            if self.outgoing.is_empty() {
                break;
            }
            bytes += self.outgoing.len();
            self.has_more_to_send = self.outgoing.len() >= OUTGOING_BATCH_BYTES;
            self.send_outgoing(now);
            if !self.has_more_to_send || end.is_some_and(|end| Instant::now() >= end) {
                break;
            }
        }
        self.has_unsent = self.has_more_to_send;
        // Sending may have ended connections.
        self.deliver(now);
        while let Some((key, statistics)) = self.host.poll_statistics() {
            if let Some(shared) = self.peers.shared(key, &self.dials) {
                shared.publish(&statistics);
            }
        }
        self.endpoint.publish(&self.host.statistics());
        let dtls = self.dtls.as_ref().map_or(0, DtlsLayer::handshakes);
        let handshakes = self.host.half_open_count() + dtls;
        self.endpoint.handshakes.store(handshakes, Ordering::Relaxed);
        bytes
    }

    /// Encrypts the written datagrams if DTLS is set up, and adds DTLS's own.
    fn encrypt_outgoing(&mut self, now: Instant) {
        if let Some(dtls) = &mut self.dtls {
            for (to, datagram) in self.outgoing.iter() {
                dtls.encrypt(now, to, datagram);
            }
            self.outgoing.clear();
            std::mem::swap(&mut self.outgoing, &mut dtls.connections.outgoing);
        }
    }

    /// Enables DTLS.
    pub(super) fn set_dtls(&mut self, mut dtls: DtlsLayer) {
        if let Some(waker) = self.endpoint.waker.get() {
            dtls.connections.set_waker(waker);
        }
        self.dtls = Some(dtls);
    }

    /// Sends the written datagrams.
    fn send_outgoing(&mut self, now: Instant) {
        if let Some(simulator) = &mut self.simulator {
            for (to, datagram) in self.outgoing.iter() {
                simulator.send(now, true, to, datagram);
            }
            self.outgoing.clear();
        } else {
            self.outgoing.send(&self.socket);
        }
    }

    /// Delivers events to the game.
    pub(super) fn deliver(&mut self, now: Instant) {
        let endpoint = Arc::clone(&self.endpoint);
        let mut inbox = None;
        let mut events = std::mem::take(&mut self.events);
        self.host.poll_events(&mut events);
        while let Some(event) = events.pop() {
            let arrival = match event {
                Event::Receive { peer, channel, delivery, data } if self.echo => {
                    self.host.release_capacity(peer, 1, data.len());
                    // Errors are ignored: the peer may be disconnecting.
                    let _ = self.host.send(peer, channel, delivery, &data);
                    continue;
                }
                Event::Receive { peer, channel, delivery, data } => {
                    let inbox = inbox.get_or_insert_with(|| lock(&endpoint.inbox));
                    self.received(inbox, peer, channel, delivery, data.into_boxed());
                    continue;
                }
                Event::Connect { peer, data } => self.connected(peer, data),
                Event::Disconnect { peer, data, timed_out } => {
                    let Some(arrival) = self.disconnected(now, peer, data, timed_out) else {
                        continue;
                    };
                    arrival
                }
                _ => continue,
            };
            inbox.get_or_insert_with(|| lock(&endpoint.inbox)).push(arrival);
        }
        if let Some(inbox) = inbox
            && inbox.is_waited_for
        {
            endpoint.arrived.notify_all();
        }
        self.events = events;
    }

    /// Delivers an event that does not come from the protocol.
    pub(super) fn push_event(&mut self, arrival: Arrival) {
        let mut inbox = lock(&self.endpoint.inbox);
        inbox.push(arrival);
        if inbox.is_waited_for {
            self.endpoint.arrived.notify_all();
        }
    }

    fn connected(&mut self, key: PeerKey, data: u32) -> Arrival {
        let remote = self.host.address(key).unwrap_or(self.socket.local());
        let dial = self.peers.dialing(key).and_then(|id| self.dials.remove(&id));
        let shared = match dial {
            Some(dial) => {
                for other in dial.attempts.in_flight {
                    if other != key {
                        self.peers.remove(other);
                        self.host.disconnect_now(other, 0);
                    }
                }
                dial.shared.set_remote(remote);
                dial.shared
            }
            None => Arc::new(PeerShared::new(false, Arc::clone(&self.endpoint), remote)),
        };
        shared.mtu.store(self.host.mtu(key), Ordering::Relaxed);
        let dtls = self.dtls.as_mut();
        let association = dtls.and_then(|dtls| dtls.connections.claim(remote));
        self.peers.insert(ConnectedPeer {
            shared: Arc::clone(&shared),
            key,
            waiting: 0,
            delivered_since_update: 0,
            unreliable: VecDeque::new(),
            is_backpressured: false,
            association,
        });
        Arrival::Connected { peer: shared, channels: self.host.channel_count(key), data }
    }

    /// Removes a peer, and releases its DTLS association.
    pub(super) fn remove(&mut self, now: Instant, key: PeerKey) -> Option<Slot> {
        let slot = self.peers.remove(key)?;
        if let (Slot::Connected(entry), Some(dtls)) = (&slot, &mut self.dtls)
            && let Some(association) = entry.association
        {
            dtls.connections.unclaim(now, association);
        }
        Some(slot)
    }

    pub(super) fn disconnected(
        &mut self,
        now: Instant,
        key: PeerKey,
        data: u32,
        timed_out: bool,
    ) -> Option<Arrival> {
        let Some(slot) = self.remove(now, key) else {
            // The game has dropped it already.
            self.host.release_peer(key);
            return None;
        };
        match slot {
            Slot::Connected(entry) => {
                let reason = if timed_out { Some(TIMED_OUT) } else { rejection_reason(data) };
                let reason = reason.map(str::to_owned);
                let id = entry.shared.id;
                self.ended.insert(id, key);
                Some(Arrival::Disconnected { id, data, reason })
            }
            Slot::Dialing(id, _) => {
                // Outgoing connections do not count among those that remote hosts make this host keep.
                self.host.release_peer(key);
                let dial = self.dials.get_mut(&id)?;
                dial.attempts.in_flight.retain(|attempt| *attempt != key);
                if dial.attempts.in_flight.is_empty() && dial.dtls_pending == 0 {
                    self.attempt(now, id);
                }
                let over = self.dials.get(&id).is_some_and(Dial::is_exhausted);
                over.then(|| {
                    self.dials.remove(&id);
                    let reason = if timed_out {
                        "the host does not answer"
                    } else {
                        rejection_reason(data).unwrap_or("the other side refuses connections")
                    };
                    // The value of a full host is not the game's.
                    let data = if data == DISCONNECT_FULL { 0 } else { data };
                    Arrival::Disconnected { id, data, reason: Some(reason.to_owned()) }
                })
            }
        }
    }

    /// Delivers datagrams of the simulated network in both directions.
    fn simulate(&mut self, now: Instant) {
        let time = self.time(now);
        let Some(simulator) = &mut self.simulator else { return };
        while let Some(mut datagram) = simulator.receive(now) {
            let (host, address) = (&mut self.host, datagram.address);
            if datagram.outgoing {
                self.socket.send(address, &datagram.bytes, datagram.bytes.len());
            } else if let Some(dtls) = &mut self.dtls {
                let take = |from, packet: &[u8]| host.handle_datagram(time, from, packet);
                dtls.decrypt(now, address, &mut datagram.bytes, take);
            } else {
                host.handle_datagram(time, address, &datagram.bytes);
            }
        }
        if simulator.is_idle() {
            self.simulator = None;
        }
        self.process_dtls_events(now);
        self.deliver(now);
    }
}

impl Driver for HostDriver {
    fn on_ready(&mut self, cx: &mut Context<'_>, _: usize, readiness: Readiness) {
        if readiness.readable {
            let read = if self.is_reading { self.read(cx) } else { 0 };
            let bytes = read + self.transmit_in_turn(cx);
            if bytes < COALESCE_THRESHOLD {
                cx.coalesce();
            }
        }
    }

    fn on_wake(&mut self, cx: &mut Context<'_>) {
        let is_urgent = self.endpoint.urgent.swap(false, Ordering::SeqCst);
        let has_worked = self.poll_dtls(cx.now);
        if self.run_commands(cx) || is_urgent || has_worked {
            self.transmit_in_turn(cx);
            return;
        }
        let flush_interval =
            Duration::from_micros(self.endpoint.flush_interval.load(Ordering::Relaxed).into());
        if flush_interval.is_zero() {
            self.transmit_in_turn(cx);
        } else if self.flush_at.is_none() {
            self.flush_at = Some(cx.now + flush_interval);
            // From now on the game does not need to wake this thread.
            self.endpoint.gathering.store(true, Ordering::SeqCst);
            if self.run_commands(cx) {
                self.transmit_in_turn(cx);
            }
        }
    }

    fn on_timeout(&mut self, cx: &mut Context<'_>) {
        if self.flush_at.is_some_and(|at| at <= cx.now) {
            self.flush_at = None;
            // Before the commands are taken: later ones wake this thread.
            self.endpoint.gathering.store(false, Ordering::SeqCst);
            self.run_commands(cx);
        }
        self.simulate(cx.now);
        self.poll_dtls(cx.now);
        self.attempt_due(cx.now);
        self.poll_backpressured();
        self.host.handle_timeout(self.time(cx.now));
        self.deliver(cx.now);
        self.transmit_in_turn(cx);
    }

    fn deadline(&self) -> Option<Instant> {
        let protocol =
            self.host.poll_timeout().map(|at| self.start + Duration::from_micros(at.as_micros()));
        let simulator = self.simulator.as_ref().and_then(Simulator::deadline);
        let dials = self.dials.values().filter_map(Dial::next_timeout).min();
        let dtls = self.dtls.as_ref().and_then(|dtls| dtls.connections.poll_timeout());
        [protocol, simulator, dtls, dials, self.flush_at].into_iter().flatten().min()
    }

    fn close(&mut self, cx: &mut Context<'_>) -> bool {
        self.run_commands(cx);
        self.simulator = None;
        self.disconnect_all();
        self.transmit(None);
        if let Some(dtls) = &mut self.dtls {
            dtls.connections.close_all();
            dtls.connections.outgoing.send(&self.socket);
        }
        true
    }
}

impl Drop for HostDriver {
    fn drop(&mut self) {
        self.endpoint.close();
    }
}
