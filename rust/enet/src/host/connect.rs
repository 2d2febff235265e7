//! Connection establishment: CONNECT (`enet_host_connect`, `enet_protocol_handle_connect`), `VERIFY_CONNECT`
//! (`enet_protocol_handle_verify_connect`) and its acknowledgement.

use super::Host;
use super::bandwidth::{window_between, window_of};
use super::datagram::Target;
use super::half_open::HalfOpen;
use crate::decompression::DecompressionBudget;
use crate::event::Event;
use crate::peer::{Peer, PeerState};
use crate::time::Time;
use crate::wire::{
    Body, CONTROL_CHANNEL, Command, Commands, Connect, ConnectParams, Header, MAX_CHANNEL_COUNT,
    MAX_MTU, MAX_WINDOW_SIZE, MIN_MTU, MIN_WINDOW_SIZE,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The data value of the DISCONNECT sent by a full host: the letters FULL. Other implementations treat it as an
/// ordinary value.
pub const DISCONNECT_FULL: u32 = u32::from_be_bytes(*b"FULL");

/// The session id of a host that had none.
const NO_SESSION: u8 = 0xFF;
/// Maximum number of random ids tried.
const MAX_TRIES: usize = 8;

/// Picks an unpredictable session id different from `last`.
fn next_session(last: u8, random: u32) -> u8 {
    if last == NO_SESSION {
        (random & 3) as u8
    } else {
        last.wrapping_add(1 + (random % 3) as u8) & 3
    }
}

fn clamp_mtu(mtu: u32) -> usize {
    usize::try_from(mtu).unwrap_or(MAX_MTU).clamp(MIN_MTU, MAX_MTU)
}

impl Host {
    /// Creates a peer that connects to `address`, and queues its CONNECT.
    pub(super) fn connect_peer(
        &mut self,
        address: SocketAddr,
        id: u16,
        channels: usize,
        data: u32,
    ) -> Peer {
        let mut peer = Peer::new(PeerState::Connecting, address, id, self.config.mtu, 1);
        peer.is_broadcast = address.ip() == IpAddr::V4(Ipv4Addr::BROADCAST);
        peer.channel_count = channels.clamp(1, MAX_CHANNEL_COUNT);
        peer.window_size = window_of(self.config.outgoing_bandwidth);
        peer.connect_id = self.random().to_ne_bytes();
        let params = ConnectParams {
            incoming_session: self.last_session,
            outgoing_session: self.last_session,
            mtu: u32::try_from(peer.mtu).unwrap_or(u32::MAX),
            window_size: peer.window_size,
            channel_count: u32::try_from(peer.channel_count).unwrap_or(1),
            incoming_bandwidth: self.config.incoming_bandwidth,
            outgoing_bandwidth: self.config.outgoing_bandwidth,
            throttle_interval: peer.throttle.interval,
            throttle_acceleration: peer.throttle.acceleration,
            throttle_deceleration: peer.throttle.deceleration,
            ..ConnectParams::new(id, peer.connect_id)
        };
        peer.reported_bandwidth = (self.config.incoming_bandwidth, self.config.outgoing_bandwidth);
        peer.queue_control(&Body::Connect(Connect { params, data }));
        peer
    }

    /// Handles a datagram from an unconnected address. Only a leading CONNECT is accepted.
    pub(super) fn handle_unconnected(&mut self, now: Time, from: SocketAddr, commands: &[u8]) {
        let Some(Command { body: Body::Connect(connect), .. }) = Commands::new(commands).next()
        else {
            return;
        };
        let request = connect.params;
        let channels = usize::try_from(request.channel_count).unwrap_or(0);
        if !(1..=MAX_CHANNEL_COUNT).contains(&channels)
            || self.accepted.contains_key(&(from, request.connect_id))
        {
            return;
        }
        if let Some(known) = self.half_opens.by_connect_id(from, request.connect_id) {
            if known.count_repeat() {
                let known = known.clone();
                self.send_verify_connect(&known);
            }
            return;
        }
        if self.refusing || self.peers.len() >= self.config.peers {
            let data = if self.refusing { 0 } else { DISCONNECT_FULL };
            self.reject_connect(from, &request, 0, data);
            return;
        }
        // All slots are taken by connections that have ended but are not released: the remote host will retry.
        if self.is_full() {
            return;
        }
        self.half_opens.remove_expired(now);
        // Checked before any work is done for the request.
        if !self.half_opens.make_room(now, from) {
            return;
        }
        let Some(response) = self.response(from, &request, channels) else { return };
        let secrets = self.random();
        let half_open = HalfOpen {
            address: from,
            request,
            data: connect.data,
            response,
            sequence: (secrets & 0xFFFF) as u16,
            sent_time: (secrets >> 16) as u16,
            sent_at: now,
            repeats: 0,
            wrong_guesses: 0,
            decompression: DecompressionBudget::for_unvalidated(now),
        };
        self.half_opens.insert(half_open.clone());
        self.send_verify_connect(&half_open);
    }

    /// Builds the `VERIFY_CONNECT` parameters for a request. Their window is the one towards this host; the one towards the
    /// remote host is set by [`validate_address`](Self::validate_address).
    fn response(
        &mut self,
        from: SocketAddr,
        request: &ConnectParams,
        channels: usize,
    ) -> Option<ConnectParams> {
        let outgoing_peer_id = self.free_peer_id(from)?;
        let random = self.random();
        let window_size = window_of(self.config.incoming_bandwidth)
            .min(request.window_size)
            .clamp(MIN_WINDOW_SIZE, MAX_WINDOW_SIZE);
        let channel_count = channels.min(self.config.channel_limit);
        let mtu = self.config.mtu.min(clamp_mtu(request.mtu));
        Some(ConnectParams {
            outgoing_peer_id,
            incoming_session: next_session(request.incoming_session, random),
            // Independent of the request: it is part of the proof of the address.
            outgoing_session: next_session(NO_SESSION, random >> 2),
            mtu: u32::try_from(mtu).unwrap_or(u32::MAX),
            window_size,
            channel_count: u32::try_from(channel_count).unwrap_or(1),
            incoming_bandwidth: self.config.incoming_bandwidth,
            outgoing_bandwidth: self.config.outgoing_bandwidth,
            ..*request
        })
    }

    /// Picks an unpredictable peer id, preferably one that is not in use. Two connections may get the same id, but not
    /// two of one address; returns `None` if that address uses nearly all ids.
    fn free_peer_id(&mut self, from: SocketAddr) -> Option<u16> {
        let mut taken_elsewhere = None;
        for _ in 0..MAX_TRIES {
            let id = self.random_id();
            if self.half_opens.is_offered(from, id) || self.peers.find(from, id).is_some() {
                continue;
            }
            if self.peers.slot(id).is_none() {
                return Some(id);
            }
            taken_elsewhere = Some(id);
        }
        taken_elsewhere
    }

    /// Sends `VERIFY_CONNECT`. It is shorter than the CONNECT.
    fn send_verify_connect(&mut self, half_open: &HalfOpen) {
        let target = Target {
            id: half_open.request.outgoing_peer_id,
            session: half_open.response.incoming_session,
            connect_id: half_open.request.connect_id,
        };
        let command = Command {
            acknowledge: true,
            unsequenced: false,
            channel: CONTROL_CHANNEL,
            sequence: half_open.sequence,
            body: Body::VerifyConnect(half_open.response),
        };
        self.queue_reply(half_open.address, target, Some(half_open.sent_time), &command);
    }

    /// Sends an unacknowledged DISCONNECT in reply to a CONNECT. The connect id in it proves that it is not spoofed.
    fn reject_connect(&mut self, to: SocketAddr, request: &ConnectParams, session: u8, data: u32) {
        let (id, connect_id) = (request.outgoing_peer_id, request.connect_id);
        let (sent_time, sequence) = rejection_proof(connect_id);
        let command = Command {
            acknowledge: false,
            unsequenced: true,
            channel: CONTROL_CHANNEL,
            sequence,
            body: Body::Disconnect { data },
        };
        self.queue_reply(to, Target { id, session, connect_id }, Some(sent_time), &command);
    }

    /// Rejects a half-open connection.
    pub(super) fn reject(&mut self, half_open: &HalfOpen, data: u32) {
        self.reject_connect(
            half_open.address,
            &half_open.request,
            half_open.response.incoming_session,
            data,
        );
    }

    /// Handles a datagram to a peer id that was offered to its sender. If it acknowledges the `VERIFY_CONNECT` sent to
    /// that address, the connection is established; returns its slot. Only the first command counts, so each datagram
    /// is one guess.
    ///
    /// Other commands with the right peer id and session are answered by repeating `VERIFY_CONNECT`: the
    /// acknowledgement may have been lost, and ENet does not repeat acknowledgements on its own. Both values are
    /// random, so a blind sender does not get that far.
    pub(super) fn validate_address(
        &mut self,
        now: Time,
        from: SocketAddr,
        id: u16,
        commands: &[u8],
    ) -> Option<u16> {
        let known = self.half_opens.by_offered_id(from, id)?;
        let expected = (known.sequence, known.sent_time);
        match Commands::new(commands).next()?.body {
            Body::Acknowledge { sequence, sent_time } if (sequence, sent_time) == expected => {}
            Body::Acknowledge { .. } => {
                if known.count_wrong_guess() {
                    self.half_opens.remove(from, id);
                }
                return None;
            }
            _ => {
                if known.count_repeat() {
                    let known = known.clone();
                    self.send_verify_connect(&known);
                }
                return None;
            }
        }
        let half_open = self.half_opens.remove(from, id)?;
        let slot = if self.is_full() { None } else { self.peers.free_slot(id) };
        let Some(slot) = slot else {
            self.reject(&half_open, DISCONNECT_FULL);
            return None;
        };
        let HalfOpen { request, response, .. } = half_open;
        let first_control = u32::from(half_open.sequence) + 1;
        let mtu = clamp_mtu(response.mtu);
        let mut peer = Peer::new(PeerState::Connected, from, id, mtu, first_control);
        peer.outgoing_id = request.outgoing_peer_id;
        // The remote host's incoming session is the outgoing session here.
        peer.outgoing_session = response.incoming_session;
        peer.incoming_session = response.outgoing_session;
        peer.connect_id = request.connect_id;
        peer.channel_count = response.channel_count as usize;
        peer.window_size =
            window_between(request.incoming_bandwidth, self.config.outgoing_bandwidth);
        peer.incoming_bandwidth = request.incoming_bandwidth;
        peer.outgoing_bandwidth = request.outgoing_bandwidth;
        peer.throttle.interval = request.throttle_interval;
        peer.throttle.acceleration = request.throttle_acceleration;
        peer.throttle.deceleration = request.throttle_deceleration;
        peer.reported_bandwidth = (self.config.incoming_bandwidth, self.config.outgoing_bandwidth);
        if half_open.repeats == 0 {
            peer.sample_round_trip(now, now.saturating_duration_since(half_open.sent_at));
        }
        self.has_limits |= request.incoming_bandwidth != 0;
        self.recalculate_bandwidth = true;
        let key = self.peers.insert(slot, peer);
        self.accepted.insert((from, request.connect_id), slot);
        self.events.push(Event::Connect { peer: key, data: half_open.data });
        Some(slot)
    }
}

/// Returns the proof in a rejection: the connect id, in two fields that the receiver does not use otherwise, the sent time
/// and the sequence number.
fn rejection_proof([a, b, c, d]: [u8; 4]) -> (u16, u16) {
    (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
}

impl Peer {
    /// Returns true if a datagram answers this peer's CONNECT, by its connect id: with `VERIFY_CONNECT` or with a
    /// rejection. No other datagram is accepted before that.
    pub(super) fn answers_connect(&self, header: Header, commands: &[u8]) -> bool {
        let Some(first) = Commands::new(commands).next() else { return false };
        match first.body {
            Body::VerifyConnect(params) => {
                params.connect_id == self.connect_id
                    && params.incoming_session & 3 == header.session
            }
            Body::Disconnect { .. } => {
                let (sent_time, sequence) = rejection_proof(self.connect_id);
                header.sent_time == Some(sent_time) && first.sequence == sequence
            }
            _ => false,
        }
    }

    /// Applies the parameters of a `VERIFY_CONNECT`. Returns true if they match the request.
    pub(super) fn apply_verify_connect(&mut self, now: Time, params: &ConnectParams) -> bool {
        let channels = usize::try_from(params.channel_count).unwrap_or(0);
        if !(1..=MAX_CHANNEL_COUNT).contains(&channels)
            || params.throttle_interval != self.throttle.interval
            || params.throttle_acceleration != self.throttle.acceleration
            || params.throttle_deceleration != self.throttle.deceleration
        {
            return false;
        }
        self.acknowledge_connect(now);
        self.channel_count = self.channel_count.min(channels);
        self.outgoing_id = params.outgoing_peer_id & 0x0FFF;
        self.incoming_session = params.incoming_session & 3;
        self.outgoing_session = params.outgoing_session & 3;
        self.mtu = self.mtu.min(clamp_mtu(params.mtu));
        let window = params.window_size.clamp(MIN_WINDOW_SIZE, MAX_WINDOW_SIZE);
        self.window_size = self.window_size.min(window);
        self.incoming_bandwidth = params.incoming_bandwidth;
        self.outgoing_bandwidth = params.outgoing_bandwidth;
        self.state = PeerState::Connected;
        true
    }
}
