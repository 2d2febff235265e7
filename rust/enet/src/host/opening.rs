//! How connections begin: CONNECT, `VERIFY_CONNECT` and the acknowledgement of that.

use super::Host;
use super::bandwidth::{window_between, window_of};
use super::datagram::Target;
use super::half_open::HalfOpen;
use crate::event::Event;
use crate::inflation::Inflation;
use crate::peer::{Peer, PeerState};
use crate::time::Time;
use crate::wire::{
    Body, CONTROL_CHANNEL, Command, Commands, Connect, ConnectParams, Header, MAX_CHANNEL_COUNT,
    MAX_MTU, MAX_WINDOW_SIZE, MIN_MTU, MIN_WINDOW_SIZE,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The number of the disconnect with which a full host answers: the letters FULL. Other programs take it for a number like
/// any other.
pub const DISCONNECT_FULL: u32 = u32::from_be_bytes(*b"FULL");

/// The session of a host that had none.
const NO_SESSION: u8 = 0xFF;
/// How many numbers are tried for one that is free.
const TRIES: usize = 8;

/// A session that nobody can foretell, other than the `last` one that the remote host names.
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
    /// A peer that asks `address` for a connection.
    pub(super) fn ask(&mut self, address: SocketAddr, id: u16, channels: usize, data: u32) -> Peer {
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
        peer.told_bandwidth = (self.config.incoming_bandwidth, self.config.outgoing_bandwidth);
        peer.queue_control(&Body::Connect(Connect { params, data }));
        peer
    }

    /// A stranger's datagram: only a CONNECT at its beginning counts.
    pub(super) fn handle_stranger(&mut self, now: Time, from: SocketAddr, commands: &[u8]) {
        let Some(Command { body: Body::Connect(connect), .. }) = Commands::new(commands).next()
        else {
            return;
        };
        let asked = connect.params;
        let channels = usize::try_from(asked.channel_count).unwrap_or(0);
        if !(1..=MAX_CHANNEL_COUNT).contains(&channels)
            || self.accepted.contains_key(&(from, asked.connect_id))
        {
            return;
        }
        if let Some(known) = self.half_opens.by_connect_id(from, asked.connect_id) {
            if known.repeat() {
                let known = known.clone();
                self.verify(&known);
            }
            return;
        }
        if self.refusing || self.peers.len() >= self.config.peers {
            let data = if self.refusing { 0 } else { DISCONNECT_FULL };
            self.refuse(from, &asked, 0, data);
            return;
        }
        // Full of connections that have ended and of which the game is about to hear: the remote host asks again.
        if self.is_full() {
            return;
        }
        self.half_opens.expire(now);
        // Before anything is done for it.
        if !self.half_opens.make_room(now, from) {
            return;
        }
        let Some(answer) = self.answer(from, &asked, channels) else { return };
        let secrets = self.random();
        let half_open = HalfOpen {
            address: from,
            asked,
            data: connect.data,
            answer,
            sequence: (secrets & 0xFFFF) as u16,
            stamp: (secrets >> 16) as u16,
            sent_at: now,
            repeats: 0,
            wrong: 0,
            inflation: Inflation::of_unproven(now),
        };
        self.half_opens.insert(half_open.clone());
        self.verify(&half_open);
    }

    /// What a remote host that asks for a connection is told.
    fn answer(
        &mut self,
        from: SocketAddr,
        asked: &ConnectParams,
        channels: usize,
    ) -> Option<ConnectParams> {
        let outgoing_peer_id = self.offered_id(from)?;
        let random = self.random();
        let window_size = window_of(self.config.incoming_bandwidth)
            .min(asked.window_size)
            .clamp(MIN_WINDOW_SIZE, MAX_WINDOW_SIZE);
        let channel_count = channels.min(self.config.channel_limit);
        let mtu = self.config.mtu.min(clamp_mtu(asked.mtu));
        Some(ConnectParams {
            outgoing_peer_id,
            incoming_session: next_session(asked.incoming_session, random),
            // Whatever the remote host names: it is one of what its address is proven with.
            outgoing_session: next_session(NO_SESSION, random >> 2),
            mtu: u32::try_from(mtu).unwrap_or(u32::MAX),
            window_size,
            channel_count: u32::try_from(channel_count).unwrap_or(1),
            incoming_bandwidth: self.config.incoming_bandwidth,
            outgoing_bandwidth: self.config.outgoing_bandwidth,
            ..*asked
        })
    }

    /// A number that nobody can foretell, and that is free if one is found soon. Two connections may come to have the
    /// same; not two of one address, which is given none if it has nearly all.
    fn offered_id(&mut self, from: SocketAddr) -> Option<u16> {
        let mut taken_elsewhere = None;
        for _ in 0..TRIES {
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

    /// Tells a remote host that it may connect. That is shorter than what it asked with.
    fn verify(&mut self, half_open: &HalfOpen) {
        let target = Target {
            id: half_open.asked.outgoing_peer_id,
            session: half_open.answer.incoming_session,
            connect_id: half_open.asked.connect_id,
        };
        let command = Command {
            acknowledge: true,
            unsequenced: false,
            channel: CONTROL_CHANNEL,
            sequence: half_open.sequence,
            body: Body::VerifyConnect(half_open.answer),
        };
        self.reply(half_open.address, target, Some(half_open.stamp), &command);
    }

    /// Tells a remote host that it may not. The number of its connection shows that this is no false sender.
    fn refuse(&mut self, to: SocketAddr, asked: &ConnectParams, session: u8, data: u32) {
        let (id, connect_id) = (asked.outgoing_peer_id, asked.connect_id);
        let (sent_time, sequence) = halves(connect_id);
        let command = Command {
            acknowledge: false,
            unsequenced: true,
            channel: CONTROL_CHANNEL,
            sequence,
            body: Body::Disconnect { data },
        };
        self.reply(to, Target { id, session, connect_id }, Some(sent_time), &command);
    }

    /// Tells a remote host whose address is not proven that it is not connected.
    pub(super) fn turn_away(&mut self, half_open: &HalfOpen, data: u32) {
        self.refuse(half_open.address, &half_open.asked, half_open.answer.incoming_session, data);
    }

    /// A datagram to a number that was offered to its sender. If it acknowledges what went to that address, and nowhere
    /// else, the connection is there: gives its slot. Only its first command counts, so that a datagram is one guess.
    ///
    /// What shows the number and the session alone is answered by a repetition: the acknowledgement may have been lost,
    /// and ENet does not repeat it by itself. Both are random, so that a blind sender does not come to that.
    pub(super) fn prove(
        &mut self,
        now: Time,
        from: SocketAddr,
        id: u16,
        commands: &[u8],
    ) -> Option<u16> {
        let known = self.half_opens.by_offered_id(from, id)?;
        let wanted = (known.sequence, known.stamp);
        match Commands::new(commands).next()?.body {
            Body::Acknowledge { sequence, sent_time } if (sequence, sent_time) == wanted => {}
            Body::Acknowledge { .. } => {
                if known.was_wrong() {
                    self.half_opens.remove(from, id);
                }
                return None;
            }
            _ => {
                if known.repeat() {
                    let known = known.clone();
                    self.verify(&known);
                }
                return None;
            }
        }
        let half_open = self.half_opens.remove(from, id)?;
        let slot = if self.is_full() { None } else { self.peers.free_slot(id) };
        let Some(slot) = slot else {
            self.turn_away(&half_open, DISCONNECT_FULL);
            return None;
        };
        let HalfOpen { asked, answer, .. } = half_open;
        let first_control = u32::from(half_open.sequence) + 1;
        let mtu = clamp_mtu(answer.mtu);
        let mut peer = Peer::new(PeerState::Connected, from, id, mtu, first_control);
        peer.outgoing_id = asked.outgoing_peer_id;
        // What is incoming for the remote host is outgoing here.
        peer.outgoing_session = answer.incoming_session;
        peer.incoming_session = answer.outgoing_session;
        peer.connect_id = asked.connect_id;
        peer.channel_count = answer.channel_count as usize;
        peer.window_size = window_between(asked.incoming_bandwidth, self.config.outgoing_bandwidth);
        peer.incoming_bandwidth = asked.incoming_bandwidth;
        peer.outgoing_bandwidth = asked.outgoing_bandwidth;
        peer.throttle.interval = asked.throttle_interval;
        peer.throttle.acceleration = asked.throttle_acceleration;
        peer.throttle.deceleration = asked.throttle_deceleration;
        peer.told_bandwidth = (self.config.incoming_bandwidth, self.config.outgoing_bandwidth);
        if half_open.repeats == 0 {
            peer.measured(now, now.since(half_open.sent_at));
        }
        self.has_limits |= asked.incoming_bandwidth != 0;
        self.recalculate_bandwidth = true;
        let key = self.peers.insert(slot, peer);
        self.accepted.insert((from, asked.connect_id), slot);
        self.events.push(Event::Connect { peer: key, data: half_open.data });
        Some(slot)
    }
}

/// The number of a connection as a refusal shows it, in two fields of which the receiver makes no other use: the sent time
/// and the sequence number.
fn halves([a, b, c, d]: [u8; 4]) -> (u16, u16) {
    (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
}

impl Peer {
    /// Whether a datagram answers the CONNECT of this peer, by the number of the connection: one that accepts it, or one
    /// that refuses it. Nothing else counts before that.
    pub(super) fn is_answer(&self, header: Header, commands: &[u8]) -> bool {
        let Some(first) = Commands::new(commands).next() else { return false };
        match first.body {
            Body::VerifyConnect(params) => {
                params.connect_id == self.connect_id
                    && params.incoming_session & 3 == header.session
            }
            Body::Disconnect { .. } => {
                let (sent_time, sequence) = halves(self.connect_id);
                header.sent_time == Some(sent_time) && first.sequence == sequence
            }
            _ => false,
        }
    }

    /// The remote host has accepted the connection that this one asked for. Returns whether it is as it was asked for.
    pub(super) fn accepted(&mut self, now: Time, params: &ConnectParams) -> bool {
        let channels = usize::try_from(params.channel_count).unwrap_or(0);
        if !(1..=MAX_CHANNEL_COUNT).contains(&channels)
            || params.throttle_interval != self.throttle.interval
            || params.throttle_acceleration != self.throttle.acceleration
            || params.throttle_deceleration != self.throttle.deceleration
        {
            return false;
        }
        self.connect_is_acknowledged(now);
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
