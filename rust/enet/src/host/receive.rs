//! Handling of received datagrams and commands (`enet_protocol_handle_incoming_commands`).

use super::Host;
use super::bandwidth::window_between;
use crate::event::{Event, Events, PeerKey};
use crate::packet::{Delivery, Payload};
use crate::peer::{
    Deliver, PACKET_OVERHEAD, Peer, PeerState, ReceiveBudget, ReceiveOutcome, is_valid_fragment,
};
use crate::time::Time;
use crate::wire::{Body, Command, Commands, ConnectParams, Header, MAX_MTU, NO_PEER};
use std::net::SocketAddr;

/// Minimum length of the commands of a CONNECT. With a random connect id, its 48 bytes compress to 28 or more. A sender
/// of much shorter ones wants to amplify traffic towards a spoofed address.
const MIN_CONNECT_LEN: usize = 24;

/// The state of the host that a peer needs to handle a datagram.
struct ReceiveContext<'a> {
    now: Time,
    key: PeerKey,
    events: &'a mut Events,
    max_waiting_data: usize,
    /// The peer's share of the host's budget, for packets in order and for out-of-order ones.
    shares: (usize, usize),
    max_packet_size: usize,
    outgoing_bandwidth: u32,
    /// A peer has changed its bandwidth.
    bandwidth_changed: bool,
}

/// The effect of a command on the connection.
enum CommandResult {
    /// Continue with the next command.
    Next,
    /// Do not acknowledge the command; continue.
    NoAcknowledge,
    /// Ignore the rest of the datagram.
    Stop,
    /// The connection was established.
    Connected,
    /// The connection has ended.
    Ended { data: u32 },
    /// The connection has ended, without emitting an event.
    EndedSilently,
}

/// Delivers packets as events.
struct EventSink<'a> {
    events: &'a mut Events,
    peer: PeerKey,
    channel: u8,
    /// Bytes delivered to the caller and not released.
    waiting_data: usize,
    /// The peer disconnects after its queued packets: like ENet, deliver nothing more.
    closed: bool,
}

impl Deliver for EventSink<'_> {
    #[inline]
    fn deliver(&mut self, delivery: Delivery, data: Payload<'_>) {
        if !self.closed {
            self.waiting_data += data.len() + PACKET_OVERHEAD;
            let (peer, channel) = (self.peer, self.channel);
            self.events.push(Event::Receive { peer, channel, delivery, data });
        }
    }
}

impl Host {
    /// Handles a datagram received from `from`. Invalid datagrams are dropped silently.
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
            if rest.len() < MIN_CONNECT_LEN + self.checksum_len() {
                return;
            }
            // `decode_datagram` uses `scratch`; replies are not compressed.
            if let Some(commands) = self.decode_datagram(now, header, rest, [0; 4], None, scratch) {
                self.handle_unconnected(now, from, commands);
            }
            return;
        }
        if let Some(slot) = self.peers.find(from, header.peer_id) {
            let Some(peer) = self.peers.slot(slot) else { return };
            // While connecting, the session is not known yet.
            let is_connecting = peer.outgoing_id == NO_PEER;
            if !is_connecting && header.session != peer.incoming_session {
                return;
            }
            let (connect_id, mut decompression) = (peer.connect_id, peer.decompression);
            let budget = Some(&mut decompression);
            let commands = self.decode_datagram(now, header, rest, connect_id, budget, scratch);
            let is_open = commands.is_some();
            if header.compressed
                && let Some(peer) = self.peers.slot_mut(slot)
            {
                peer.decompression = decompression;
                if !is_open {
                    self.mark_stats_dirty(slot);
                }
            }
            let Some(commands) = commands else { return };
            let is_answer =
                || self.peers.slot(slot).is_some_and(|peer| peer.answers_connect(header, commands));
            if !is_connecting || is_answer() {
                self.handle_connected(now, from, slot, header, commands);
            }
            return;
        }
        let Some(known) = self.half_opens.by_offered_id(from, header.peer_id) else { return };
        if known.response.outgoing_session != header.session {
            return;
        }
        let (connect_id, mut decompression) = (known.request.connect_id, known.decompression);
        let commands =
            self.decode_datagram(now, header, rest, connect_id, Some(&mut decompression), scratch);
        if let Some(known) = self.half_opens.by_offered_id(from, header.peer_id) {
            known.decompression = decompression;
        }
        if let Some(commands) = commands
            && let Some(slot) = self.validate_address(now, from, header.peer_id, commands)
        {
            self.handle_connected(now, from, slot, header, commands);
        }
    }

    fn handle_connected(
        &mut self,
        now: Time,
        from: SocketAddr,
        slot: u16,
        header: Header,
        commands: &[u8],
    ) {
        let Some(key) = self.peers.key(slot) else { return };
        let Some(peer) = self.peers.slot_mut(slot) else { return };
        let buffered = peer.buffered_bytes();
        let mut context = ReceiveContext {
            now,
            key,
            events: &mut self.events,
            max_waiting_data: self.config.max_waiting_data,
            shares: self.buffer_budget.shares(buffered),
            max_packet_size: self.config.max_packet_size,
            outgoing_bandwidth: self.config.outgoing_bandwidth,
            bandwidth_changed: false,
        };
        let result = peer.handle_commands(from, header.sent_time, commands, &mut context);
        if context.bandwidth_changed {
            self.has_limits = true;
            self.recalculate_bandwidth = true;
        }
        self.buffer_budget.change(buffered, peer.buffered_bytes());
        let later = peer.state == PeerState::DisconnectLater && !peer.has_outgoing();
        let data = peer.event_data;
        match result {
            CommandResult::Ended { data } => return self.end(slot, data, false),
            CommandResult::EndedSilently => return self.remove(slot),
            CommandResult::Connected => {
                self.has_limits |= peer.incoming_bandwidth != 0;
                self.recalculate_bandwidth = true;
                self.last_session = peer.incoming_session;
            }
            CommandResult::Next | CommandResult::NoAcknowledge | CommandResult::Stop => {}
        }
        let quiet = peer.is_drained() && peer.has_timer();
        if later {
            self.begin_disconnect(slot, data);
        } else if !quiet {
            self.schedule_send(slot);
        }
        self.mark_stats_dirty(slot);
    }
}

impl Peer {
    /// Handles the commands of a datagram.
    fn handle_commands(
        &mut self,
        from: SocketAddr,
        sent_time: Option<u16>,
        commands: &[u8],
        cx: &mut ReceiveContext<'_>,
    ) -> CommandResult {
        let mut connected = false;
        let mut commands = Commands::new(commands);
        // By reference: a command is 64 bytes long, and moving it costs as much as parsing it.
        while let Some(command) = &commands.next() {
            match self.handle_command(from, command, cx) {
                CommandResult::Next => {}
                CommandResult::NoAcknowledge => continue,
                CommandResult::Stop => break,
                CommandResult::Connected => connected = true,
                ended @ (CommandResult::Ended { .. } | CommandResult::EndedSilently) => {
                    return ended;
                }
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
        if connected { CommandResult::Connected } else { CommandResult::Next }
    }

    #[inline]
    fn handle_command(
        &mut self,
        from: SocketAddr,
        command: &Command<'_>,
        cx: &mut ReceiveContext<'_>,
    ) -> CommandResult {
        match &command.body {
            &Body::Acknowledge { sequence, sent_time } => {
                self.handle_acknowledge(cx.now, command.channel, sequence, sent_time)
            }
            Body::Connect(_) => CommandResult::Stop,
            Body::VerifyConnect(params) => self.handle_verify_connect(from, params, cx),
            &Body::Disconnect { data } => self.handle_disconnect(command.acknowledge, data),
            _ if !self.state.accepts_packets() => CommandResult::Stop,
            Body::Ping => CommandResult::Next,
            &Body::BandwidthLimit { incoming, outgoing } => {
                self.incoming_bandwidth = incoming;
                self.outgoing_bandwidth = outgoing;
                self.window_size = window_between(incoming, cx.outgoing_bandwidth);
                cx.bandwidth_changed = true;
                CommandResult::Next
            }
            &Body::ThrottleConfigure { interval, acceleration, deceleration } => {
                self.throttle.interval = interval;
                self.throttle.acceleration = acceleration;
                self.throttle.deceleration = deceleration;
                CommandResult::Next
            }
            _ => self.handle_packet(command, cx),
        }
    }

    fn handle_acknowledge(
        &mut self,
        now: Time,
        channel: u8,
        sequence: u16,
        sent_time: u16,
    ) -> CommandResult {
        let is_disconnect = self.acknowledge_command(now, channel, sequence, sent_time);
        if is_disconnect && self.state == PeerState::Disconnecting {
            CommandResult::Ended { data: 0 }
        } else {
            CommandResult::Next
        }
    }

    fn handle_verify_connect(
        &mut self,
        from: SocketAddr,
        params: &ConnectParams,
        cx: &mut ReceiveContext<'_>,
    ) -> CommandResult {
        if self.state != PeerState::Connecting {
            return CommandResult::Next;
        }
        if !self.apply_verify_connect(cx.now, params) {
            return CommandResult::Ended { data: 0 };
        }
        if std::mem::take(&mut self.is_broadcast) {
            self.address = from;
        }
        cx.events.push(Event::Connect { peer: cx.key, data: 0 });
        CommandResult::Connected
    }

    /// Handles a DISCONNECT of the remote host.
    fn handle_disconnect(&mut self, acknowledge: bool, data: u32) -> CommandResult {
        match self.state {
            PeerState::Connecting | PeerState::Disconnecting => CommandResult::Ended { data },
            PeerState::Connected | PeerState::DisconnectLater => {
                self.reset_queues();
                if !acknowledge {
                    return CommandResult::Ended { data };
                }
                self.state = PeerState::AcknowledgingDisconnect;
                self.event_data = data;
                CommandResult::Next
            }
            PeerState::AcknowledgingDisconnect => CommandResult::NoAcknowledge,
            _ => CommandResult::EndedSilently,
        }
    }

    #[inline]
    fn handle_packet(
        &mut self,
        command: &Command<'_>,
        cx: &mut ReceiveContext<'_>,
    ) -> CommandResult {
        if usize::from(command.channel) >= self.channel_count {
            return CommandResult::Stop;
        }
        let (share, out_of_order_share) = cx.shares;
        let budget = ReceiveBudget {
            waiting_data: self.waiting_data,
            max_waiting_data: cx.max_waiting_data,
            share,
            out_of_order_share,
        };
        let closed = self.state == PeerState::DisconnectLater;
        let Command { channel, sequence, .. } = *command;
        let mut sink = EventSink {
            events: cx.events,
            peer: cx.key,
            channel,
            waiting_data: self.waiting_data,
            closed,
        };
        let maximum = cx.max_packet_size;
        let outcome = match &command.body {
            Body::SendReliable { data } if data.len() <= maximum => self
                .incoming(channel, budget)
                .map_or(ReceiveOutcome::BufferFull, |(incoming, buffered)| {
                    incoming.handle_send_reliable(sequence, data, buffered, budget, &mut sink)
                }),
            Body::SendFragment(fragment) if is_valid_fragment(fragment, maximum) => self
                .incoming(channel, budget)
                .map_or(ReceiveOutcome::BufferFull, |(incoming, buffered)| {
                    incoming.handle_send_fragment(fragment, buffered, budget, &mut sink)
                }),
            &Body::SendUnreliable { unreliable_sequence, data } if data.len() <= maximum => {
                if let Some((incoming, buffered)) = self.incoming(channel, budget) {
                    incoming.handle_send_unreliable(
                        sequence,
                        unreliable_sequence,
                        data,
                        buffered,
                        budget,
                        &mut sink,
                    );
                }
                ReceiveOutcome::Accepted
            }
            Body::SendUnreliableFragment(fragment) if is_valid_fragment(fragment, maximum) => {
                if let Some((incoming, buffered)) = self.incoming(channel, budget) {
                    incoming.handle_send_unreliable_fragment(
                        sequence, fragment, buffered, budget, &mut sink,
                    );
                }
                ReceiveOutcome::Accepted
            }
            &Body::SendUnsequenced { group, data } if data.len() <= maximum => {
                let fits = budget.fits_now(self.buffered, data.len() + PACKET_OVERHEAD);
                if fits && self.is_new_group(group) {
                    sink.deliver(Delivery::Unsequenced, Payload::Borrowed(data));
                }
                ReceiveOutcome::Accepted
            }
            _ => ReceiveOutcome::Malformed,
        };
        self.waiting_data = sink.waiting_data;
        match outcome {
            ReceiveOutcome::Accepted => CommandResult::Next,
            ReceiveOutcome::OutOfWindow => CommandResult::NoAcknowledge,
            ReceiveOutcome::BufferFull => {
                self.refused += 1;
                CommandResult::NoAcknowledge
            }
            ReceiveOutcome::Malformed => CommandResult::Stop,
        }
    }
}
