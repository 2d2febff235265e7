//! What comes, and what it means.

use super::Host;
use super::bandwidth::window_between;
use crate::event::{Event, Events, PeerKey};
use crate::packet::{Delivery, Payload};
use crate::peer::{Deliver, PACKET_OVERHEAD, Peer, PeerState, Room, Verdict, is_valid_fragment};
use crate::time::Time;
use crate::wire::{Body, Command, Commands, ConnectParams, Header, MAX_MTU, NO_PEER};
use std::net::SocketAddr;

/// A CONNECT of 48 bytes with a random number in it becomes 28 or more by being compressed, without its checksum. Whoever sends one that is much shorter
/// wants a longer answer for somebody else.
const SHORTEST_REQUEST: usize = 24;

/// What a host gives to a peer, to take its datagram with.
struct Receiving<'a> {
    now: Time,
    key: PeerKey,
    events: &'a mut Events,
    limit: usize,
    /// What the host has for it, for packets whose turn it is and for those that wait for others.
    shares: (usize, usize),
    max_packet_size: usize,
    outgoing_bandwidth: u32,
    /// The bandwidth of a peer has changed.
    bandwidth_changed: bool,
}

/// What a command does to the connection.
enum Outcome {
    /// The next one.
    Next,
    /// It is not to be acknowledged; the next one.
    Unanswered,
    /// The rest of the datagram does not count.
    Stop,
    /// The connection is there.
    Connected,
    /// The connection has ended.
    Ended { data: u32 },
    /// The connection has ended, of which nothing is told.
    Gone,
}

/// Where packets go whose turn it is.
struct Sink<'a> {
    events: &'a mut Events,
    peer: PeerKey,
    channel: u8,
    /// What waits for the caller.
    waiting: usize,
    /// The connection ends when what was sent has arrived: ENet takes nothing more.
    closed: bool,
}

impl Deliver for Sink<'_> {
    #[inline]
    fn deliver(&mut self, delivery: Delivery, data: Payload<'_>) {
        if !self.closed {
            self.waiting += data.len() + PACKET_OVERHEAD;
            let (peer, channel) = (self.peer, self.channel);
            self.events.push(Event::Receive { peer, channel, delivery, data });
        }
    }
}

impl Host {
    /// Takes a datagram that came from `from`. What is not a whole, authentic part of a connection is dropped silently.
    pub fn handle_datagram(&mut self, now: Time, from: SocketAddr, datagram: &[u8]) {
        self.statistics.received_packets += 1;
        self.statistics.received_data += datagram.len() as u64;
        if datagram.len() > MAX_MTU {
            return;
        }
        let Some((header, rest)) = Header::parse(datagram) else { return };
        let mut scratch = std::mem::take(&mut self.scratch);
        self.dispatch(now, from, header, rest, &mut scratch);
        self.scratch = scratch;
    }

    fn dispatch(
        &mut self,
        now: Time,
        from: SocketAddr,
        header: Header,
        rest: &[u8],
        scratch: &mut Vec<u8>,
    ) {
        if header.peer_id == NO_PEER {
            if rest.len() < SHORTEST_REQUEST + self.checksum_len() {
                return;
            }
            // `open` uses `scratch`; what is sent in answer is sealed with the host's own.
            if let Some(commands) = self.open(now, header, rest, [0; 4], None, scratch) {
                self.handle_stranger(now, from, commands);
            }
            return;
        }
        if let Some(slot) = self.peers.find(from, header.peer_id) {
            let Some(peer) = self.peers.slot(slot) else { return };
            // A host that does not know its session yet is told it by the answer.
            let is_connecting = peer.outgoing_id == NO_PEER;
            if !is_connecting && header.session != peer.incoming_session {
                return;
            }
            let (connect_id, mut inflation) = (peer.connect_id, peer.inflation);
            let inflated = Some(&mut inflation);
            let commands = self.open(now, header, rest, connect_id, inflated, scratch);
            let is_open = commands.is_some();
            if header.compressed
                && let Some(peer) = self.peers.slot_mut(slot)
            {
                peer.inflation = inflation;
                if !is_open {
                    self.touch(slot);
                }
            }
            let Some(commands) = commands else { return };
            let is_answer =
                || self.peers.slot(slot).is_some_and(|peer| peer.is_answer(header, commands));
            if !is_connecting || is_answer() {
                self.handle_peer(now, from, slot, header, commands);
            }
            return;
        }
        let Some(known) = self.half_opens.by_offered_id(from, header.peer_id) else { return };
        if known.answer.outgoing_session != header.session {
            return;
        }
        let (connect_id, mut inflation) = (known.asked.connect_id, known.inflation);
        let commands = self.open(now, header, rest, connect_id, Some(&mut inflation), scratch);
        if let Some(known) = self.half_opens.by_offered_id(from, header.peer_id) {
            known.inflation = inflation;
        }
        if let Some(commands) = commands
            && let Some(slot) = self.prove(now, from, header.peer_id, commands)
        {
            self.handle_peer(now, from, slot, header, commands);
        }
    }

    fn handle_peer(
        &mut self,
        now: Time,
        from: SocketAddr,
        slot: u16,
        header: Header,
        commands: &[u8],
    ) {
        let Some(key) = self.peers.key(slot) else { return };
        let Some(peer) = self.peers.slot_mut(slot) else { return };
        let kept = peer.kept();
        let mut receiving = Receiving {
            now,
            key,
            events: &mut self.events,
            limit: self.config.max_waiting_data,
            shares: self.kept.shares(kept),
            max_packet_size: self.config.max_packet_size,
            outgoing_bandwidth: self.config.outgoing_bandwidth,
            bandwidth_changed: false,
        };
        let outcome = peer.receive(from, header.sent_time, commands, &mut receiving);
        if receiving.bandwidth_changed {
            self.has_limits = true;
            self.recalculate_bandwidth = true;
        }
        self.kept.change(kept, peer.kept());
        let later = peer.state == PeerState::DisconnectLater && !peer.has_outgoing();
        let data = peer.event_data;
        match outcome {
            Outcome::Ended { data } => return self.end(slot, data, false),
            Outcome::Gone => return self.remove(slot),
            Outcome::Connected => {
                self.has_limits |= peer.incoming_bandwidth != 0;
                self.recalculate_bandwidth = true;
                self.last_session = peer.incoming_session;
            }
            Outcome::Next | Outcome::Unanswered | Outcome::Stop => {}
        }
        let quiet = peer.is_drained() && peer.has_timer();
        if later {
            self.begin_disconnect(slot, data);
        } else if !quiet {
            self.make_ready(slot);
        }
        self.touch(slot);
    }
}

impl Peer {
    /// Takes the commands of a datagram.
    fn receive(
        &mut self,
        from: SocketAddr,
        sent_time: Option<u16>,
        commands: &[u8],
        cx: &mut Receiving<'_>,
    ) -> Outcome {
        let mut connected = false;
        let mut commands = Commands::new(commands);
        // Each is looked at where it is: it is 64 bytes long, and to move it costs as much as to read it.
        while let Some(command) = &commands.next() {
            match self.obey(from, command, cx) {
                Outcome::Next => {}
                Outcome::Unanswered => continue,
                Outcome::Stop => break,
                Outcome::Connected => connected = true,
                ended @ (Outcome::Ended { .. } | Outcome::Gone) => return ended,
            }
            if command.acknowledge {
                let Some(sent_time) = sent_time else { break };
                let is_last = self.state == PeerState::AcknowledgingDisconnect;
                if is_last && !matches!(command.body, Body::Disconnect { .. }) {
                    continue;
                }
                if self.state != PeerState::Disconnecting {
                    self.acknowledge(command.channel, command.sequence, sent_time, is_last);
                }
            }
        }
        if connected { Outcome::Connected } else { Outcome::Next }
    }

    #[inline]
    fn obey(&mut self, from: SocketAddr, command: &Command<'_>, cx: &mut Receiving<'_>) -> Outcome {
        match &command.body {
            &Body::Acknowledge { sequence, sent_time } => {
                self.was_acknowledged(cx.now, command.channel, sequence, sent_time)
            }
            Body::Connect(_) => Outcome::Stop,
            Body::VerifyConnect(params) => self.verified(from, params, cx),
            &Body::Disconnect { data } => self.was_disconnected(command.acknowledge, data),
            _ if !self.state.takes_packets() => Outcome::Stop,
            Body::Ping => Outcome::Next,
            &Body::BandwidthLimit { incoming, outgoing } => {
                self.incoming_bandwidth = incoming;
                self.outgoing_bandwidth = outgoing;
                self.window_size = window_between(incoming, cx.outgoing_bandwidth);
                cx.bandwidth_changed = true;
                Outcome::Next
            }
            &Body::ThrottleConfigure { interval, acceleration, deceleration } => {
                self.throttle.interval = interval;
                self.throttle.acceleration = acceleration;
                self.throttle.deceleration = deceleration;
                Outcome::Next
            }
            _ => self.take_packet(command, cx),
        }
    }

    fn was_acknowledged(
        &mut self,
        now: Time,
        channel: u8,
        sequence: u16,
        sent_time: u16,
    ) -> Outcome {
        let is_disconnect = self.acknowledged(now, channel, sequence, sent_time);
        if is_disconnect && self.state == PeerState::Disconnecting {
            Outcome::Ended { data: 0 }
        } else {
            Outcome::Next
        }
    }

    fn verified(
        &mut self,
        from: SocketAddr,
        params: &ConnectParams,
        cx: &mut Receiving<'_>,
    ) -> Outcome {
        if self.state != PeerState::Connecting {
            return Outcome::Next;
        }
        if !self.accepted(cx.now, params) {
            return Outcome::Ended { data: 0 };
        }
        if std::mem::take(&mut self.is_broadcast) {
            self.address = from;
        }
        cx.events.push(Event::Connect { peer: cx.key, data: 0 });
        Outcome::Connected
    }

    /// The remote host has ended the connection.
    fn was_disconnected(&mut self, acknowledge: bool, data: u32) -> Outcome {
        match self.state {
            PeerState::Connecting | PeerState::Disconnecting => Outcome::Ended { data },
            PeerState::Connected | PeerState::DisconnectLater => {
                self.reset_queues();
                if !acknowledge {
                    return Outcome::Ended { data };
                }
                self.state = PeerState::AcknowledgingDisconnect;
                self.event_data = data;
                Outcome::Next
            }
            PeerState::AcknowledgingDisconnect => Outcome::Unanswered,
            _ => Outcome::Gone,
        }
    }

    #[inline]
    fn take_packet(&mut self, command: &Command<'_>, cx: &mut Receiving<'_>) -> Outcome {
        if usize::from(command.channel) >= self.channel_count {
            return Outcome::Stop;
        }
        let (share, early_share) = cx.shares;
        let room = Room { waiting: self.waiting, limit: cx.limit, share, early_share };
        let closed = self.state == PeerState::DisconnectLater;
        let Command { channel, sequence, .. } = *command;
        let mut sink =
            Sink { events: cx.events, peer: cx.key, channel, waiting: self.waiting, closed };
        let maximum = cx.max_packet_size;
        let verdict = match &command.body {
            Body::SendReliable { data } if data.len() <= maximum => {
                self.incoming(channel, room).map_or(Verdict::Full, |(incoming, held)| {
                    incoming.reliable(sequence, data, held, room, &mut sink)
                })
            }
            Body::SendFragment(fragment) if is_valid_fragment(fragment, maximum) => {
                self.incoming(channel, room).map_or(Verdict::Full, |(incoming, held)| {
                    incoming.reliable_fragment(fragment, held, room, &mut sink)
                })
            }
            &Body::SendUnreliable { unreliable_sequence, data } if data.len() <= maximum => {
                if let Some((incoming, held)) = self.incoming(channel, room) {
                    incoming.unreliable(sequence, unreliable_sequence, data, held, room, &mut sink);
                }
                Verdict::Acknowledge
            }
            Body::SendUnreliableFragment(fragment) if is_valid_fragment(fragment, maximum) => {
                if let Some((incoming, held)) = self.incoming(channel, room) {
                    incoming.unreliable_fragment(sequence, fragment, held, room, &mut sink);
                }
                Verdict::Acknowledge
            }
            &Body::SendUnsequenced { group, data } if data.len() <= maximum => {
                let takes = room.takes_now(self.held, data.len() + PACKET_OVERHEAD);
                if takes && self.is_new_group(group) {
                    sink.deliver(Delivery::Unsequenced, Payload::Borrowed(data));
                }
                Verdict::Acknowledge
            }
            _ => Verdict::Wrong,
        };
        self.waiting = sink.waiting;
        match verdict {
            Verdict::Acknowledge => Outcome::Next,
            Verdict::Repeat => Outcome::Unanswered,
            Verdict::Full => {
                self.refused += 1;
                Outcome::Unanswered
            }
            Verdict::Wrong => Outcome::Stop,
        }
    }
}
