//! A host on the I/O thread.

use super::commands::Places;
use super::dial::Dial;
use super::dtls_layer::DtlsLayer;
use super::endpoint::Endpoint;
use super::host::Config;
use super::id_map::IdMap;
use super::inbox::Arrival;
use super::peer_shared::PeerShared;
use super::simulator::Simulator;
use crate::dtls::Key;
use crate::reactor::{Context, Driver, Readiness, lock};
use crate::udp::{Outgoing, Socket};
use lodewire_enet::{DISCONNECT_FULL, Event, Events, PeerKey, Time};
use mio::Interest;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The socket's key.
const SOCKET: usize = 0;
/// How many batches are read before the other sockets have their turn, if its time lasts for them.
const TURN: usize = 8;
/// When so many bytes come and go at once, long packets are under way, whose windows must not wait for a rest.
const MUCH: usize = 4 << 10;
/// How many bytes of datagrams are written before they are sent.
const OUTGOING: usize = 256 << 10;
/// Why a peer that has timed out is gone.
const SILENT: &str = "the other side does not answer";

/// Why the other side has disconnected, if it was for want of a place.
fn refusal(data: u32) -> Option<&'static str> {
    (data == DISCONNECT_FULL).then_some("the other side is full")
}

/// A peer that is connected.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) shared: Arc<PeerShared>,
    pub(super) key: PeerKey,
    /// What waits for the game, as far as is known here.
    pub(super) waiting: usize,
    /// What was delivered since it was asked what the game has taken.
    pub(super) unasked: usize,
    /// The unreliable packets that wait, oldest first: their numbers in the inbox.
    pub(super) unreliable: VecDeque<u64>,
    /// It stands among those that are asked before what has come is read.
    pub(super) is_pressed: bool,
    /// The association of a server that stays for this peer.
    pub(super) association: Option<Key>,
}

/// Who stands in a slot of the protocol's.
#[derive(Debug)]
pub(super) enum Occupant {
    /// An attempt of the dial with this id.
    Dialing(u32, PeerKey),
    Connected(Box<Entry>),
}

pub(super) struct HostDriver {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) socket: Socket,
    pub(super) host: lodewire_enet::Host,
    /// Room for what it tells.
    events: Events,
    start: Instant,
    pub(super) is_reading: bool,
    pub(super) places: Places,
    /// Connections that have ended and of which the game was not told yet: they count until then.
    pub(super) ended: IdMap<PeerKey>,
    pub(super) dials: IdMap<Dial>,
    pub(super) max_waiting_data: usize,
    /// Answer every packet with itself, here.
    echo: bool,
    pub(super) simulator: Option<Simulator>,
    pub(super) dtls: Option<DtlsLayer>,
    pub(super) peer_limit: usize,
    /// Until when what is to be sent is gathered.
    gather_until: Option<Instant>,
    /// Peers that wait for the game to make room.
    pub(super) pressed: Vec<u32>,
    /// When they are asked next.
    pub(super) ask_pressed_at: Instant,
    outgoing: Outgoing,
    /// What was to be sent took longer than a turn.
    has_more_to_send: bool,
    /// The game has sent packets since everything was last transmitted.
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
            places: Places::default(),
            ended: IdMap::default(),
            dials: IdMap::default(),
            max_waiting_data: config.host.max_waiting_data,
            echo: config.echo,
            simulator: None,
            dtls: None,
            peer_limit: config.host.peers,
            gather_until: None,
            pressed: Vec::new(),
            ask_pressed_at: Instant::now(),
            outgoing: Outgoing::default(),
            has_more_to_send: false,
            has_unsent: false,
        }
    }

    /// The protocol's time.
    pub(super) fn time(&self, now: Instant) -> Time {
        let since = now.saturating_duration_since(self.start);
        Time::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    /// Reads from the socket from now on.
    pub(super) fn start_reading(&mut self, cx: &mut Context<'_>) {
        if !self.is_reading {
            self.is_reading = true;
            // What cannot be watched is not heard of: connections then fail by their time-outs.
            let _ = cx.register(&mut self.socket.io, SOCKET, Interest::READABLE);
            self.first_attempts(cx.now);
        }
    }

    /// Reads what has come. Says how many bytes.
    fn read(&mut self, cx: &mut Context<'_>) -> usize {
        let now = self.time(cx.now);
        let mut bytes = 0;
        self.ask_pressed_if_due(cx.now);
        for _ in 0..TURN {
            let (host, simulator) = (&mut self.host, &mut self.simulator);
            let dtls = &mut self.dtls;
            let more = self.socket.receive(cx.datagrams, |from, datagram| {
                bytes += datagram.len();
                match (&mut *simulator, &mut *dtls) {
                    (Some(simulator), _) => simulator.send(cx.now, false, from, datagram),
                    (None, None) => host.handle_datagram(now, from, datagram),
                    (None, Some(dtls)) => {
                        let take = |from, packet: &[u8]| host.handle_datagram(now, from, packet);
                        dtls.open(cx.now, from, datagram, take);
                    }
                }
            });
            self.heed(cx.now);
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

    /// Sends what there is to send, as far as its share of the thread's time goes. Returns how many bytes it was.
    fn transmit_in_turn(&mut self, cx: &mut Context<'_>) -> usize {
        // Something goes in each turn, also when reading has taken it all.
        let bytes = self.transmit(Some(cx.end()));
        if self.has_more_to_send {
            cx.reschedule(SOCKET);
        }
        bytes
    }

    /// Sends what there is to send, or a part of it if that lasts until `end`. Returns how many bytes it was.
    pub(super) fn transmit(&mut self, end: Option<Instant>) -> usize {
        let now = Instant::now();
        let time = self.time(now);
        let mut bytes = 0;
        self.has_more_to_send = false;
        loop {
            while self.outgoing.len() < OUTGOING
                && self.outgoing.write(|out| self.host.poll_transmit(time, out))
            {}
            self.seal(now);
            if self.outgoing.is_empty() {
                break;
            }
            bytes += self.outgoing.len();
            self.has_more_to_send = self.outgoing.len() >= OUTGOING;
            self.send_outgoing(now);
            if !self.has_more_to_send || end.is_some_and(|end| Instant::now() >= end) {
                break;
            }
        }
        self.has_unsent = self.has_more_to_send;
        // What was sent may have ended connections.
        self.deliver(now);
        while let Some((key, statistics)) = self.host.poll_statistics() {
            if let Some(shared) = self.places.shared(key, &self.dials) {
                shared.publish(&statistics);
            }
        }
        self.endpoint.publish(&self.host.statistics());
        let dtls = self.dtls.as_ref().map_or(0, DtlsLayer::handshakes);
        let handshakes = self.host.half_open_count() + dtls;
        self.endpoint.handshakes.store(handshakes, Ordering::Relaxed);
        bytes
    }

    /// Encrypts the datagrams that were written, if they are to be, behind what DTLS itself has to send.
    fn seal(&mut self, now: Instant) {
        if let Some(dtls) = &mut self.dtls {
            for (to, datagram) in self.outgoing.iter() {
                dtls.seal(now, to, datagram);
            }
            self.outgoing.clear();
            std::mem::swap(&mut self.outgoing, &mut dtls.associations.outgoing);
        }
    }

    /// Speaks DTLS from now on.
    pub(super) fn set_dtls(&mut self, mut dtls: DtlsLayer) {
        if let Some(waker) = self.endpoint.waker.get() {
            dtls.associations.set_waker(waker);
        }
        self.dtls = Some(dtls);
    }

    /// Sends the datagrams that were written.
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

    /// Hands over what has happened.
    pub(super) fn deliver(&mut self, now: Instant) {
        let endpoint = Arc::clone(&self.endpoint);
        let mut inbox = None;
        let mut events = std::mem::take(&mut self.events);
        self.host.poll_events(&mut events);
        while let Some(event) = events.pop() {
            let arrival = match event {
                Event::Receive { peer, channel, delivery, data } if self.echo => {
                    self.host.release_capacity(peer, 1, data.len());
                    // A peer that is leaving is not answered.
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
            };
            inbox.get_or_insert_with(|| lock(&endpoint.inbox)).push(arrival);
        }
        if let Some(inbox) = inbox
            && inbox.waited_for
        {
            endpoint.arrived.notify_all();
        }
        self.events = events;
    }

    /// Tells the game something that the protocol does not.
    pub(super) fn tell(&mut self, arrival: Arrival) {
        let mut inbox = lock(&self.endpoint.inbox);
        inbox.push(arrival);
        if inbox.waited_for {
            self.endpoint.arrived.notify_all();
        }
    }

    fn connected(&mut self, key: PeerKey, data: u32) -> Arrival {
        let remote = self.host.address(key).unwrap_or(self.socket.local());
        let dial = self.places.dialing(key).and_then(|id| self.dials.remove(&id));
        let shared = match dial {
            Some(dial) => {
                for other in dial.attempts.in_flight {
                    if other != key {
                        self.places.vacate(other);
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
        let association = dtls.and_then(|dtls| dtls.associations.claim(remote));
        self.places.occupy(Entry {
            shared: Arc::clone(&shared),
            key,
            waiting: 0,
            unasked: 0,
            unreliable: VecDeque::new(),
            is_pressed: false,
            association,
        });
        Arrival::Connected { peer: shared, channels: self.host.channel_count(key), data }
    }

    /// Takes a peer out. Its association has no peer any more.
    pub(super) fn vacate(&mut self, now: Instant, key: PeerKey) -> Option<Occupant> {
        let occupant = self.places.vacate(key)?;
        if let (Occupant::Connected(entry), Some(dtls)) = (&occupant, &mut self.dtls)
            && let Some(association) = entry.association
        {
            dtls.associations.unclaim(now, association);
        }
        Some(occupant)
    }

    pub(super) fn disconnected(
        &mut self,
        now: Instant,
        key: PeerKey,
        data: u32,
        timed_out: bool,
    ) -> Option<Arrival> {
        let Some(occupant) = self.vacate(now, key) else {
            // The game has let go of it already.
            self.host.release_peer(key);
            return None;
        };
        match occupant {
            Occupant::Connected(entry) => {
                let reason = if timed_out { Some(SILENT) } else { refusal(data) };
                let reason = reason.map(str::to_owned);
                let id = entry.shared.id;
                self.ended.insert(id, key);
                Some(Arrival::Disconnected { id, data, reason })
            }
            Occupant::Dialing(id, _) => {
                // What the game asked for is not what others make this host keep.
                self.host.release_peer(key);
                let dial = self.dials.get_mut(&id)?;
                dial.attempts.in_flight.retain(|attempt| *attempt != key);
                if dial.attempts.in_flight.is_empty() && dial.dtls_pending == 0 {
                    self.attempt(now, id);
                }
                let over = self.dials.get(&id).is_some_and(Dial::is_over);
                over.then(|| {
                    self.dials.remove(&id);
                    let reason = if timed_out {
                        "nobody answers"
                    } else {
                        refusal(data).unwrap_or("the other side refuses connections")
                    };
                    // The number of a full host is no game's.
                    let data = if data == DISCONNECT_FULL { 0 } else { data };
                    Arrival::Disconnected { id, data, reason: Some(reason.to_owned()) }
                })
            }
        }
    }

    /// What the simulated network has for either side.
    fn simulate(&mut self, now: Instant) {
        let time = self.time(now);
        let Some(simulator) = &mut self.simulator else { return };
        while let Some(mut datagram) = simulator.receive(now) {
            let (host, address) = (&mut self.host, datagram.address);
            if datagram.outgoing {
                self.socket.send(address, &datagram.bytes, datagram.bytes.len());
            } else if let Some(dtls) = &mut self.dtls {
                let take = |from, packet: &[u8]| host.handle_datagram(time, from, packet);
                dtls.open(now, address, &mut datagram.bytes, take);
            } else {
                host.handle_datagram(time, address, &datagram.bytes);
            }
        }
        if simulator.is_idle() {
            self.simulator = None;
        }
        self.heed(now);
        self.deliver(now);
    }
}

impl Driver for HostDriver {
    fn on_ready(&mut self, cx: &mut Context<'_>, _: usize, readiness: Readiness) {
        if readiness.readable {
            let read = if self.is_reading { self.read(cx) } else { 0 };
            let bytes = read + self.transmit_in_turn(cx);
            if bytes < MUCH {
                cx.coalesce();
            }
        }
    }

    fn on_wake(&mut self, cx: &mut Context<'_>) {
        let hurry = self.endpoint.urgent.swap(false, Ordering::SeqCst);
        let has_worked = self.work(cx.now);
        if self.obey(cx) || hurry || has_worked {
            self.transmit_in_turn(cx);
            return;
        }
        let gather = Duration::from_micros(self.endpoint.gather.load(Ordering::Relaxed).into());
        if gather.is_zero() {
            self.transmit_in_turn(cx);
        } else if self.gather_until.is_none() {
            self.gather_until = Some(cx.now + gather);
            // From now on the game need not wake us.
            self.endpoint.gathering.store(true, Ordering::SeqCst);
            if self.obey(cx) {
                self.transmit_in_turn(cx);
            }
        }
    }

    fn on_timeout(&mut self, cx: &mut Context<'_>) {
        if self.gather_until.is_some_and(|at| at <= cx.now) {
            self.gather_until = None;
            // Before the commands are taken: what comes after that wakes us.
            self.endpoint.gathering.store(false, Ordering::SeqCst);
            self.obey(cx);
        }
        self.simulate(cx.now);
        self.work(cx.now);
        self.attempt_due(cx.now);
        self.ask_pressed();
        self.host.handle_timeout(self.time(cx.now));
        self.deliver(cx.now);
        self.transmit_in_turn(cx);
    }

    fn deadline(&self) -> Option<Instant> {
        let protocol =
            self.host.poll_timeout().map(|at| self.start + Duration::from_micros(at.as_micros()));
        let simulator = self.simulator.as_ref().and_then(Simulator::deadline);
        let dials = self.dials.values().filter_map(Dial::next).min();
        let dtls = self.dtls.as_ref().and_then(|dtls| dtls.associations.deadline());
        [protocol, simulator, dtls, dials, self.gather_until].into_iter().flatten().min()
    }

    fn close(&mut self, cx: &mut Context<'_>) -> bool {
        self.obey(cx);
        self.simulator = None;
        self.disconnect_all();
        self.transmit(None);
        if let Some(dtls) = &mut self.dtls {
            dtls.associations.close_all();
            dtls.associations.outgoing.send(&self.socket);
        }
        true
    }
}

impl Drop for HostDriver {
    fn drop(&mut self) {
        self.endpoint.close();
    }
}
