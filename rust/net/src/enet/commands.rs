//! What the game asks for, on the I/O thread; and who is meant by an id.

use super::dial::{Dial, Tuning};
use super::driver::{Entry, HostDriver, Occupant};
use super::dtls_layer::DtlsLayer;
use super::endpoint::{Command, Connect, Disconnect};
use super::id_map::IdMap;
use super::inbox::Arrival;
use super::peer_shared::{OUTGOING_OVERHEAD, PeerShared};
use super::simulator::Simulator;
use crate::happy_eyeballs::HappyEyeballs;
use crate::reactor::Context;
use lodewire_enet::{Compressor, Delivery, PeerKey};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// The peers by their slots at the protocol, and by their ids.
#[derive(Debug, Default)]
pub(super) struct Places {
    slots: IdMap<Occupant>,
    ids: IdMap<PeerKey>,
}

impl Occupant {
    fn key(&self) -> PeerKey {
        match self {
            Self::Dialing(_, key) => *key,
            Self::Connected(entry) => entry.key,
        }
    }
}

impl Places {
    fn set(&mut self, key: PeerKey, occupant: Occupant) {
        self.slots.insert(key.slot(), occupant);
    }

    fn at(&self, key: PeerKey) -> Option<&Occupant> {
        self.slots.get(&key.slot()).filter(|occupant| occupant.key() == key)
    }

    pub(super) fn occupy(&mut self, entry: Entry) {
        self.ids.insert(entry.shared.id, entry.key);
        self.set(entry.key, Occupant::Connected(Box::new(entry)));
    }

    /// The dial of which this is an attempt.
    pub(super) fn dialing(&self, key: PeerKey) -> Option<u32> {
        match self.at(key)? {
            Occupant::Dialing(id, _) => Some(*id),
            Occupant::Connected(_) => None,
        }
    }

    pub(super) fn entry(&mut self, key: PeerKey) -> Option<&mut Entry> {
        match self.slots.get_mut(&key.slot())? {
            Occupant::Connected(entry) if entry.key == key => Some(entry),
            _ => None,
        }
    }

    pub(super) fn entry_by_id(&mut self, id: u32) -> Option<&mut Entry> {
        let key = *self.ids.get(&id)?;
        self.entry(key)
    }

    pub(super) fn shared<'a>(
        &'a self,
        key: PeerKey,
        dials: &'a IdMap<Dial>,
    ) -> Option<&'a Arc<PeerShared>> {
        match self.at(key)? {
            Occupant::Dialing(id, _) => dials.get(id).map(|dial| &dial.shared),
            Occupant::Connected(entry) => Some(&entry.shared),
        }
    }

    /// All that are there, or are dialed.
    pub(super) fn keys(&self) -> Vec<PeerKey> {
        self.slots.values().map(Occupant::key).collect()
    }

    /// Takes a peer out.
    pub(super) fn vacate(&mut self, key: PeerKey) -> Option<Occupant> {
        self.at(key)?;
        let occupant = self.slots.remove(&key.slot())?;
        if let Occupant::Connected(entry) = &occupant {
            self.ids.remove(&entry.shared.id);
        }
        Some(occupant)
    }
}

impl HostDriver {
    /// Does what the game asks for. Says whether what waits is to be sent at once.
    pub(super) fn obey(&mut self, cx: &mut Context<'_>) -> bool {
        let mut flushes = Vec::new();
        for command in self.endpoint.take_commands() {
            match command {
                Command::StartReading => self.start_reading(cx),
                Command::Connect(connect) => self.connect(cx.now, *connect),
                Command::Resolved { id, addresses } => self.resolved(cx.now, id, addresses),
                Command::Send { id, channel, delivery, data } => {
                    self.send(id, channel, delivery, &data);
                }
                Command::Broadcast { ids, channel, delivery, data } => {
                    for id in ids {
                        self.send(id, channel, delivery, &data);
                    }
                }
                Command::Disconnect { id, how, data } => self.disconnect(cx, id, how, data),
                Command::Reset { id } => self.reset(cx.now, id),
                Command::Release { id } => self.release(id),
                Command::SetBandwidth { incoming, outgoing } => {
                    self.host.set_bandwidth(self.time(cx.now), incoming, outgoing);
                }
                Command::SetChannelLimit(limit) => self.host.set_channel_limit(limit),
                Command::SetCompression(mode) => self.host.set_compressor(Compressor::new(mode)),
                // Whoever comes by DTLS is refused by ENet, and so hears of it.
                Command::SetRefusing(refusing) => self.host.set_refusing(refusing),
                Command::SecureServer(setup) => {
                    // Without randomness, nobody is heard.
                    let dtls = DtlsLayer::server(&setup, self.peer_limit);
                    self.set_dtls(dtls.unwrap_or_else(DtlsLayer::disabled));
                }
                Command::SecureClient(setup) => {
                    self.set_dtls(DtlsLayer::client(&setup));
                    self.redial(cx.now);
                }
                Command::SetMtu(mtu) => self.host.set_mtu(mtu),
                Command::SetWaitingLimit(limit) => {
                    self.max_waiting_data = limit;
                    self.host.set_max_waiting_data(limit);
                }
                Command::Simulate(simulation) => {
                    let simulator = self.simulator.get_or_insert_with(|| {
                        Simulator::new(simulation, getrandom::u64().unwrap_or_default())
                    });
                    simulator.simulation = simulation;
                }
                Command::SendRaw { to, data } => {
                    if let Some(to) = self.socket.map_address(to) {
                        self.socket.send(to, &data, data.len());
                    }
                }
                Command::Flush(done) => {
                    // A connection that is asked for is something to send.
                    if !self.dials.is_empty() {
                        self.start_reading(cx);
                    }
                    flushes.push(done);
                }
                command => self.tune(&command),
            }
        }
        if flushes.is_empty() {
            return false;
        }
        self.transmit(None);
        for done in flushes {
            done.set(true);
        }
        true
    }

    /// What concerns how a peer is served.
    fn tune(&mut self, command: &Command) {
        let (Command::Ping { id }
        | Command::SetPingInterval { id, .. }
        | Command::SetTimeout { id, .. }
        | Command::ConfigureThrottle { id, .. }) = command
        else {
            return;
        };
        let mut tuning = Tuning::default();
        tuning.note(command);
        for key in self.keys_of(*id) {
            tuning.apply(&mut self.host, key);
            if let Command::Ping { .. } = command {
                self.host.ping(key);
            }
        }
        // For the attempts that are still to come: the name may be looked up first, or DTLS set up.
        if let Some(dial) = self.dials.get_mut(id) {
            dial.tuning.note(command);
        }
    }

    /// The protocol's peers that an id stands for: one, or the attempts of a dial.
    fn keys_of(&mut self, id: u32) -> Vec<PeerKey> {
        match self.places.entry_by_id(id) {
            Some(entry) => vec![entry.key],
            None => {
                self.dials.get(&id).map(|dial| dial.attempts.in_flight.clone()).unwrap_or_default()
            }
        }
    }

    fn send(&mut self, id: u32, channel: u8, delivery: Delivery, data: &Arc<[u8]>) {
        let Some(entry) = self.places.entry_by_id(id) else { return };
        entry.shared.queued.fetch_sub(data.len() + OUTGOING_OVERHEAD, Ordering::Relaxed);
        // What the game could not know when it sent: the connection is about to be told to have ended.
        let _ = self.host.send_shared(entry.key, channel, delivery, data);
        self.has_unsent = true;
    }

    fn disconnect(&mut self, cx: &Context<'_>, id: u32, how: Disconnect, data: u32) {
        if self.dials.contains_key(&id) {
            self.hang_up(id, Some(data));
            return;
        }
        let Some(key) = self.places.entry_by_id(id).map(|entry| entry.key) else { return };
        if how != Disconnect::Later && self.has_unsent {
            // What the game has sent before leaves first: the protocol drops what waits.
            self.transmit(Some(cx.end()));
        }
        match how {
            Disconnect::Asked => self.host.disconnect(key, data),
            Disconnect::Later => self.host.disconnect_later(key, data),
            Disconnect::Now => {
                self.vacate(cx.now, key);
                self.host.disconnect_now(key, data);
            }
        }
    }

    /// Disconnects everyone at once. The game hears no more of them.
    pub(super) fn disconnect_all(&mut self) {
        // What the game has sent before leaves first: the protocol drops what waits.
        self.transmit(None);
        self.places = Places::default();
        self.dials.clear();
        self.host.disconnect_all_now(0);
    }

    fn reset(&mut self, now: Instant, id: u32) {
        if self.dials.contains_key(&id) {
            self.hang_up(id, None);
        } else if let Some(key) = self.places.entry_by_id(id).map(|entry| entry.key) {
            self.vacate(now, key);
            self.host.reset(key);
        }
    }

    /// Ends a dial, of which the game is to hear no more.
    fn hang_up(&mut self, id: u32, data: Option<u32>) {
        let Some(dial) = self.dials.remove(&id) else { return };
        if let Some(dtls) = &mut self.dtls {
            dtls.forget(id);
        }
        for key in dial.attempts.in_flight {
            self.places.vacate(key);
            match data {
                Some(data) => self.host.disconnect_now(key, data),
                None => self.host.reset(key),
            }
        }
    }

    fn connect(&mut self, now: Instant, connect: Connect) {
        let Connect { shared, address, channels, data, timeout } = connect;
        let id = shared.id;
        let mut dial = Dial {
            deadline: timeout.and_then(|timeout| now.checked_add(timeout)),
            shared,
            channels,
            data,
            attempts: HappyEyeballs::new(),
            dtls_pending: 0,
            tuning: Tuning::default(),
        };
        if let Some(address) = address {
            dial.attempts.resolved([address]);
        }
        self.dials.insert(id, dial);
        self.first_attempt(now, id);
    }

    /// Begins to connect, unless nothing is read yet: what the game sets up until then is for this connection too.
    fn first_attempt(&mut self, now: Instant, id: u32) {
        if self.is_reading {
            self.attempt(now, id);
            self.fail_if_over(id, "the address cannot be reached from this host's own");
        }
    }

    /// Begins with the connections that were asked for before anything was read.
    pub(super) fn first_attempts(&mut self, now: Instant) {
        let ids: Vec<_> = self.dials.keys().copied().collect();
        for id in ids {
            self.first_attempt(now, id);
        }
    }

    /// Asks for the connections that are not there yet from the beginning, in the way that holds now.
    fn redial(&mut self, now: Instant) {
        let mut ended = Vec::new();
        for dial in self.dials.values_mut() {
            dial.dtls_pending = 0;
            ended.append(&mut dial.attempts.restart());
        }
        for key in ended {
            self.places.vacate(key);
            self.host.reset(key);
        }
        self.first_attempts(now);
    }

    /// The name of a host was looked up.
    fn resolved(&mut self, now: Instant, id: u32, addresses: Result<Vec<SocketAddr>, String>) {
        let Some(dial) = self.dials.get_mut(&id) else { return };
        let why = match addresses {
            Ok(addresses) => {
                let reachable = addresses.into_iter().filter_map(|to| self.socket.map_address(to));
                dial.attempts.resolved(reachable);
                if self.is_reading {
                    self.attempt(now, id);
                }
                "the host has no address that can be reached".to_owned()
            }
            Err(why) => {
                dial.attempts.resolved([]);
                why
            }
        };
        self.fail_if_over(id, &why);
    }

    pub(super) fn fail_if_over(&mut self, id: u32, why: &str) {
        if self.dials.get(&id).is_some_and(Dial::is_over) {
            self.dials.remove(&id);
            let reason = Some(why.to_owned());
            self.tell(Arrival::Disconnected { id, data: 0, reason });
        }
    }

    /// Tries the next address of a dial.
    pub(super) fn attempt(&mut self, now: Instant, id: u32) {
        let Some(dial) = self.dials.get_mut(&id) else { return };
        let Some(address) = dial.attempts.next_address(now) else { return };
        let Some(address) = self.socket.map_address(address) else { return };
        dial.shared.set_remote(address);
        if self.secure_for(now, id, address) {
            self.ask_for(id, address);
        }
    }

    /// Asks the host at an address for the connection of a dial.
    pub(super) fn ask_for(&mut self, id: u32, address: SocketAddr) {
        let Some(dial) = self.dials.get_mut(&id) else { return };
        if let Ok(key) = self.host.connect(address, dial.channels, dial.data) {
            dial.attempts.in_flight.push(key);
            dial.tuning.apply(&mut self.host, key);
            self.places.set(key, Occupant::Dialing(id, key));
        }
    }

    /// Tries the addresses whose time has come, and gives up dials whose time is over.
    pub(super) fn attempt_due(&mut self, now: Instant) {
        let late = |dial: &Dial| dial.deadline.is_some_and(|at| at <= now);
        let ids: Vec<_> =
            self.dials.iter().filter(|(_, dial)| late(dial)).map(|(id, _)| *id).collect();
        for id in ids {
            self.hang_up(id, Some(0));
            let reason = Some("the host did not answer in time".to_owned());
            self.tell(Arrival::Disconnected { id, data: 0, reason });
        }
        let due = |dial: &Dial| dial.attempts.next_at.is_some_and(|at| at <= now);
        let ids: Vec<_> =
            self.dials.iter().filter(|(_, dial)| due(dial)).map(|(id, _)| *id).collect();
        for id in ids {
            self.attempt(now, id);
        }
    }
}
