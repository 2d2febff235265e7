//! How connections begin: CONNECT, `VERIFY_CONNECT` and the acknowledgement of that.

use super::Host;
use super::bandwidth::{window_between, window_of};
use super::datagram::Target;
use super::half_open::HalfOpen;
use crate::event::Event;
use crate::peer::{Peer, PeerState};
use crate::time::Time;
use crate::wire::{
    Body, CONTROL_CHANNEL, Command, Commands, Connect, MAXIMUM_CHANNEL_COUNT, MAXIMUM_MTU,
    MAXIMUM_WINDOW_SIZE, MINIMUM_MTU, MINIMUM_WINDOW_SIZE, NO_PEER, VerifyConnect,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The session of a host that had none.
const NO_SESSION: u8 = 0xFF;
/// How many numbers are tried for one that is free, before one is offered that may not be.
const TRIES: usize = 4;

/// A session that nobody can foretell, other than the `last` one that the remote host names.
fn next_session(last: u8, random: u32) -> u8 {
    if last == NO_SESSION {
        (random & 3) as u8
    } else {
        last.wrapping_add(1 + (random % 3) as u8) & 3
    }
}

fn clamp_mtu(mtu: u32) -> usize {
    usize::try_from(mtu).unwrap_or(MAXIMUM_MTU).clamp(MINIMUM_MTU, MAXIMUM_MTU)
}

impl Host {
    /// A peer that asks `address` for a connection.
    pub(super) fn ask(
        &mut self,
        address: SocketAddr,
        slot: u16,
        channels: usize,
        data: u32,
    ) -> Peer {
        let mut peer = Peer::new(PeerState::Connecting, address, slot, self.config.mtu, 1);
        peer.is_broadcast = address.ip() == IpAddr::V4(Ipv4Addr::BROADCAST);
        peer.channel_count = channels.clamp(1, MAXIMUM_CHANNEL_COUNT);
        peer.window_size = window_of(self.config.outgoing_bandwidth);
        peer.connect_id = self.random().to_ne_bytes();
        let terms = VerifyConnect {
            outgoing_peer_id: slot,
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
            connect_id: peer.connect_id,
        };
        peer.told_bandwidth = (self.config.incoming_bandwidth, self.config.outgoing_bandwidth);
        peer.queue_control(&Body::Connect(Connect { terms, data }));
        peer
    }

    /// A stranger's datagram: only a CONNECT at its beginning counts.
    pub(super) fn handle_stranger(&mut self, now: Time, from: SocketAddr, commands: &[u8]) {
        let Some(Command { body: Body::Connect(connect), .. }) = Commands::new(commands).next()
        else {
            return;
        };
        let asked = connect.terms;
        let channels = usize::try_from(asked.channel_count).unwrap_or(0);
        if !(1..=MAXIMUM_CHANNEL_COUNT).contains(&channels)
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
            self.refuse(from, asked.outgoing_peer_id, 0, [0; 4]);
            return;
        }
        let answer = self.answer(from, &asked, channels);
        let half_open = HalfOpen {
            address: from,
            asked,
            data: connect.data,
            answer,
            sequence: (self.random() & 0xFFFF) as u16,
            sent_at: now,
            repeats: 0,
        };
        self.half_opens.expire(now);
        if self.half_opens.insert(half_open.clone()) {
            self.verify(&half_open);
        }
    }

    /// What a remote host that asks for a connection is told.
    fn answer(
        &mut self,
        from: SocketAddr,
        asked: &VerifyConnect,
        channels: usize,
    ) -> VerifyConnect {
        let random = self.random();
        let window_size = window_of(self.config.incoming_bandwidth)
            .min(asked.window_size)
            .clamp(MINIMUM_WINDOW_SIZE, MAXIMUM_WINDOW_SIZE);
        let channel_count = channels.min(self.config.channel_limit);
        let mtu = self.config.mtu.min(clamp_mtu(asked.mtu));
        VerifyConnect {
            outgoing_peer_id: self.offered_id(from),
            incoming_session: next_session(asked.incoming_session, random),
            outgoing_session: next_session(asked.outgoing_session, random >> 2),
            mtu: u32::try_from(mtu).unwrap_or(u32::MAX),
            window_size,
            channel_count: u32::try_from(channel_count).unwrap_or(1),
            incoming_bandwidth: self.config.incoming_bandwidth,
            outgoing_bandwidth: self.config.outgoing_bandwidth,
            ..*asked
        }
    }

    /// A number that nobody can foretell, and that is free if one is found soon. Two connections may come to have the
    /// same; not two of one address.
    #[expect(clippy::cast_possible_truncation, reason = "peer ids have 12 bits")]
    fn offered_id(&mut self, from: SocketAddr) -> u16 {
        let mut id = 0;
        for _ in 0..TRIES {
            id = (self.random() % u32::from(NO_PEER)) as u16;
            if self.peers.slot(id).is_none() && !self.half_opens.is_offered(from, id) {
                return id;
            }
        }
        let taken =
            |id| self.half_opens.is_offered(from, id) || self.peers.find(from, id).is_some();
        (0..NO_PEER).map(|step| (id + step) % NO_PEER).find(|&id| !taken(id)).unwrap_or(id)
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
        self.reply(half_open.address, target, Some(half_open.sent_at), &command);
    }

    /// Tells a remote host that it may not.
    fn refuse(&mut self, to: SocketAddr, id: u16, session: u8, connect_id: [u8; 4]) {
        let command = Command {
            acknowledge: false,
            unsequenced: true,
            channel: CONTROL_CHANNEL,
            sequence: 0,
            body: Body::Disconnect { data: 0 },
        };
        self.reply(to, Target { id, session, connect_id }, None, &command);
    }

    /// Tells a remote host whose address is not proven that it is not connected.
    pub(super) fn turn_away(&mut self, half_open: &HalfOpen) {
        let HalfOpen { address, asked, answer, .. } = half_open;
        let id = asked.outgoing_peer_id;
        self.refuse(*address, id, answer.incoming_session, asked.connect_id);
    }

    /// A datagram to a number that was offered to its sender. If it acknowledges what went to that address, and nowhere
    /// else, the connection is there: gives its slot.
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
        let wanted = (known.sequence, known.sent_at.sent_time());
        let proven = Commands::new(commands).any(|command| {
            command.channel == CONTROL_CHANNEL
                && matches!(command.body, Body::Acknowledge { sequence, sent_time }
                    if (sequence, sent_time) == wanted)
        });
        if !proven {
            if known.repeat() {
                let known = known.clone();
                self.verify(&known);
            }
            return None;
        }
        let half_open = self.half_opens.remove(from, id)?;
        let slot = self.peers.free_slot(id).filter(|_| self.peers.len() < self.config.peers);
        let Some(slot) = slot else {
            self.turn_away(&half_open);
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

impl Peer {
    /// The remote host has accepted the connection that this one asked for. Says whether it is as it was asked for.
    pub(super) fn accepted(&mut self, now: Time, terms: &VerifyConnect) -> bool {
        let channels = usize::try_from(terms.channel_count).unwrap_or(0);
        if !(1..=MAXIMUM_CHANNEL_COUNT).contains(&channels)
            || terms.connect_id != self.connect_id
            || terms.throttle_interval != self.throttle.interval
            || terms.throttle_acceleration != self.throttle.acceleration
            || terms.throttle_deceleration != self.throttle.deceleration
        {
            return false;
        }
        self.connect_is_acknowledged(now);
        self.channel_count = self.channel_count.min(channels);
        self.outgoing_id = terms.outgoing_peer_id & 0x0FFF;
        self.incoming_session = terms.incoming_session & 3;
        self.outgoing_session = terms.outgoing_session & 3;
        self.mtu = self.mtu.min(clamp_mtu(terms.mtu));
        let window = terms.window_size.clamp(MINIMUM_WINDOW_SIZE, MAXIMUM_WINDOW_SIZE);
        self.window_size = self.window_size.min(window);
        self.incoming_bandwidth = terms.incoming_bandwidth;
        self.outgoing_bandwidth = terms.outgoing_bandwidth;
        self.state = PeerState::Connected;
        true
    }
}
