//! Running the game's commands on the I/O thread.

use super::dial::{Dial, PeerSettings};
use super::driver::HostDriver;
use super::dtls_layer::DtlsLayer;
use super::endpoint::{Command, Connect, Disconnect};
use super::inbox::Arrival;
use super::peer_shared::OUTGOING_OVERHEAD;
use super::peer_table::{PeerTable, Slot};
use super::simulator::Simulator;
use crate::happy_eyeballs::HappyEyeballs;
use crate::reactor::Context;
use lodewire_enet::{Compressor, Delivery, PeerKey};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

impl HostDriver {
    /// Runs the queued commands. Returns true if queued packets must be sent at once.
    pub(super) fn run_commands(&mut self, cx: &mut Context<'_>) -> bool {
        let mut flushes = Vec::new();
        for command in self.endpoint.take_commands() {
            match command {
                Command::StartReading => self.start_reading(cx),
                Command::Connect(connect) => self.connect(cx.now, *connect),
                Command::Resolved { id, addresses } => self.handle_resolved(cx.now, id, addresses),
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
                // DTLS clients are refused by ENet, so that they are notified.
                Command::SetRefusing(refusing) => self.host.set_refusing(refusing),
                Command::SecureServer(setup) => {
                    // Without randomness, no handshake is possible.
                    let dtls = DtlsLayer::server(&setup, self.peer_limit);
                    self.set_dtls(dtls.unwrap_or_else(DtlsLayer::disabled));
                }
                Command::SecureClient(setup) => {
                    self.set_dtls(DtlsLayer::client(&setup));
                    self.restart_dials(cx.now);
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
                    // Requested connections are something to send as well.
                    if !self.dials.is_empty() {
                        self.start_reading(cx);
                    }
                    flushes.push(done);
                }
                command => self.apply_setting(&command),
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

    /// Applies settings of a peer.
    fn apply_setting(&mut self, command: &Command) {
        let (Command::Ping { id }
        | Command::SetPingInterval { id, .. }
        | Command::SetTimeout { id, .. }
        | Command::ConfigureThrottle { id, .. }) = command
        else {
            return;
        };
        let mut settings = PeerSettings::default();
        settings.store_command(command);
        for key in self.keys_of(*id) {
            settings.apply(&mut self.host, key);
            if let Command::Ping { .. } = command {
                self.host.ping(key);
            }
        }
        // For later attempts: the name lookup or a DTLS handshake may be pending.
        if let Some(dial) = self.dials.get_mut(id) {
            dial.settings.store_command(command);
        }
    }

    /// Returns the protocol's peers of an id: a single one, or the attempts of a dial.
    fn keys_of(&mut self, id: u32) -> Vec<PeerKey> {
        match self.peers.get_mut_by_id(id) {
            Some(entry) => vec![entry.key],
            None => {
                self.dials.get(&id).map(|dial| dial.attempts.in_flight.clone()).unwrap_or_default()
            }
        }
    }

    fn send(&mut self, id: u32, channel: u8, delivery: Delivery, data: &Arc<[u8]>) {
        let Some(entry) = self.peers.get_mut_by_id(id) else { return };
        entry.shared.queued.fetch_sub(data.len() + OUTGOING_OVERHEAD, Ordering::Relaxed);
        // Errors are ignored: the event that ends the connection is on its way to the game.
        let _ = self.host.send_shared(entry.key, channel, delivery, data);
        self.has_unsent = true;
    }

    fn disconnect(&mut self, cx: &Context<'_>, id: u32, how: Disconnect, data: u32) {
        if self.dials.contains_key(&id) {
            self.cancel_dial(id, Some(data));
            return;
        }
        let Some(key) = self.peers.get_mut_by_id(id).map(|entry| entry.key) else { return };
        if how != Disconnect::Later && self.has_unsent {
            // Packets sent before leave first: the protocol drops what is queued.
            self.transmit(Some(cx.end()));
        }
        match how {
            Disconnect::Graceful => self.host.disconnect(key, data),
            Disconnect::Later => self.host.disconnect_later(key, data),
            Disconnect::Now => {
                self.remove(cx.now, key);
                self.host.disconnect_now(key, data);
            }
        }
    }

    /// Disconnects all peers at once, without events.
    pub(super) fn disconnect_all(&mut self) {
        // Packets sent before leave first: the protocol drops what is queued.
        self.transmit(None);
        self.peers = PeerTable::default();
        self.dials.clear();
        self.host.disconnect_all_now(0);
    }

    fn reset(&mut self, now: Instant, id: u32) {
        if self.dials.contains_key(&id) {
            self.cancel_dial(id, None);
        } else if let Some(key) = self.peers.get_mut_by_id(id).map(|entry| entry.key) {
            self.remove(now, key);
            self.host.reset(key);
        }
    }

    /// Cancels a dial without an event.
    fn cancel_dial(&mut self, id: u32, data: Option<u32>) {
        let Some(dial) = self.dials.remove(&id) else { return };
        if let Some(dtls) = &mut self.dtls {
            dtls.cancel(id);
        }
        for key in dial.attempts.in_flight {
            self.peers.remove(key);
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
            settings: PeerSettings::default(),
        };
        if let Some(address) = address {
            dial.attempts.resolved([address]);
        }
        self.dials.insert(id, dial);
        self.start_dial(now, id);
    }

    /// Makes the first attempt of a dial, unless reading has not started: settings made until then apply to it as well.
    fn start_dial(&mut self, now: Instant, id: u32) {
        if self.is_reading {
            self.attempt(now, id);
            self.fail_if_exhausted(id, "the address is not reachable from the bound address");
        }
    }

    /// Makes the first attempts of dials requested before reading started.
    pub(super) fn start_dials(&mut self, now: Instant) {
        let ids: Vec<_> = self.dials.keys().copied().collect();
        for id in ids {
            self.start_dial(now, id);
        }
    }

    /// Restarts all dials, through DTLS if it is set up now.
    fn restart_dials(&mut self, now: Instant) {
        let mut ended = Vec::new();
        for dial in self.dials.values_mut() {
            dial.dtls_pending = 0;
            ended.append(&mut dial.attempts.restart());
        }
        for key in ended {
            self.peers.remove(key);
            self.host.reset(key);
        }
        self.start_dials(now);
    }

    /// Handles the result of a name lookup.
    fn handle_resolved(
        &mut self,
        now: Instant,
        id: u32,
        addresses: Result<Vec<SocketAddr>, String>,
    ) {
        let Some(dial) = self.dials.get_mut(&id) else { return };
        let reason = match addresses {
            Ok(addresses) => {
                let reachable = addresses.into_iter().filter_map(|to| self.socket.map_address(to));
                dial.attempts.resolved(reachable);
                if self.is_reading {
                    self.attempt(now, id);
                }
                "the host has no address that can be reached".to_owned()
            }
            Err(reason) => {
                dial.attempts.resolved([]);
                reason
            }
        };
        self.fail_if_exhausted(id, &reason);
    }

    pub(super) fn fail_if_exhausted(&mut self, id: u32, reason: &str) {
        if self.dials.get(&id).is_some_and(Dial::is_exhausted) {
            self.dials.remove(&id);
            let reason = Some(reason.to_owned());
            self.push_event(Arrival::Disconnected { id, data: 0, reason });
        }
    }

    /// Attempts the next address of a dial.
    pub(super) fn attempt(&mut self, now: Instant, id: u32) {
        let Some(dial) = self.dials.get_mut(&id) else { return };
        let Some(address) = dial.attempts.next_address(now) else { return };
        let Some(address) = self.socket.map_address(address) else { return };
        dial.shared.set_remote(address);
        if self.start_dtls_handshake(now, id, address) {
            self.request_connection(id, address);
        }
    }

    /// Requests the connection of a dial from an address.
    pub(super) fn request_connection(&mut self, id: u32, address: SocketAddr) {
        let Some(dial) = self.dials.get_mut(&id) else { return };
        if let Ok(key) = self.host.connect(address, dial.channels, dial.data) {
            dial.attempts.in_flight.push(key);
            dial.settings.apply(&mut self.host, key);
            self.peers.set(key, Slot::Dialing(id, key));
        }
    }

    /// Attempts further addresses that are due, and cancels dials whose timeout is over.
    pub(super) fn attempt_due(&mut self, now: Instant) {
        let late = |dial: &Dial| dial.deadline.is_some_and(|at| at <= now);
        let ids: Vec<_> =
            self.dials.iter().filter(|(_, dial)| late(dial)).map(|(id, _)| *id).collect();
        for id in ids {
            self.cancel_dial(id, Some(0));
            let reason = Some("the host did not answer in time".to_owned());
            self.push_event(Arrival::Disconnected { id, data: 0, reason });
        }
        let due = |dial: &Dial| dial.attempts.next_at.is_some_and(|at| at <= now);
        let ids: Vec<_> =
            self.dials.iter().filter(|(_, dial)| due(dial)).map(|(id, _)| *id).collect();
        for id in ids {
            self.attempt(now, id);
        }
    }
}
