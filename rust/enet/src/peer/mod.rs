//! The state of a connection.

mod command_buffer;
mod incoming;
mod outgoing;
mod reassembly;
mod round_trip;
mod send;
mod sequence_range;
mod state;
mod statistics;
mod throttle;
mod timeouts;
mod unsequenced;

pub(crate) use incoming::{BufferedBytes, Deliver, PACKET_OVERHEAD, ReceiveBudget, ReceiveOutcome};
pub(crate) use reassembly::is_valid as is_valid_fragment;
pub(crate) use round_trip::TimeoutConfig;
pub use state::PeerState;
pub use statistics::PeerStatistics;
pub(crate) use throttle::SCALE as THROTTLE_SCALE;

use crate::decompression::DecompressionBudget;
use crate::time::Time;
use crate::wire::{CONTROL_CHANNEL, MAX_WINDOW_SIZE, NO_PEER};
use command_buffer::CommandBuffer;
use incoming::Incoming;
use outgoing::{ReliableCommands, UnreliablePacket};
use round_trip::RoundTrip;
use sequence_range::SequenceRange;
use statistics::Loss;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use throttle::Throttle;
use unsequenced::Unsequenced;

/// `ENET_PEER_PING_INTERVAL`.
const PING_INTERVAL: Duration = Duration::from_millis(500);
/// Maximum number of queued acknowledgements. Commands beyond it are not acknowledged, and must be repeated.
const MAX_ACKNOWLEDGEMENTS: usize = 16_384;

/// A connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) generation: u32,
    pub(crate) state: PeerState,
    pub(crate) address: SocketAddr,
    /// The local peer id, by which the remote host addresses it.
    pub(crate) incoming_id: u16,
    /// The peer id at the remote host.
    pub(crate) outgoing_id: u16,
    /// The session ids of received and of sent datagrams.
    pub(crate) incoming_session: u8,
    pub(crate) outgoing_session: u8,
    pub(crate) connect_id: [u8; 4],
    pub(crate) mtu: usize,
    pub(crate) window_size: u32,
    pub(crate) channel_count: usize,
    /// The remote host's bandwidths in bytes per second; 0 means unlimited.
    pub(crate) incoming_bandwidth: u32,
    pub(crate) outgoing_bandwidth: u32,
    /// The data value passed with [`PeerState::DisconnectLater`], or received with a DISCONNECT.
    pub(crate) event_data: u32,

    /// Only the channels that were used.
    channels: Vec<Option<Box<Channel>>>,
    control: ReliableCommands,
    unsequenced: Unsequenced,
    outgoing_group: u16,
    pub(crate) buffered: BufferedBytes,
    /// Bytes delivered and not released, with [`PACKET_OVERHEAD`] for each packet.
    pub(crate) waiting_data: usize,
    /// Reliable packets or fragments that did not fit.
    pub(crate) refused: u64,

    /// The decompression budget.
    pub(crate) decompression: DecompressionBudget,

    acknowledgements: VecDeque<Acknowledgement>,
    /// Commands of the control channel that were not sent yet.
    queued_control: VecDeque<SequenceRange>,
    /// Lost commands to retransmit.
    lost: VecDeque<SequenceRange>,
    /// Reliable packets that were not sent yet, with their place in the send order.
    queued_reliable: VecDeque<QueuedRange>,
    queued_unreliable: VecDeque<UnreliablePacket>,
    unreliable_buffer: CommandBuffer,
    send_order: u32,
    /// Sent commands by the time of sending; some may be acknowledged meanwhile.
    in_flight: VecDeque<SentRange>,
    /// The number of these that are not acknowledged.
    unacknowledged: usize,
    /// The bytes of reliable packets in flight.
    in_transit: usize,
    /// Bytes of packets that are queued or not acknowledged.
    pub(crate) outgoing_bytes: usize,

    pub(crate) round_trip: RoundTrip,
    pub(crate) throttle: Throttle,
    loss: Loss,
    pub(crate) timeout_config: TimeoutConfig,
    ping_interval: Duration,
    /// When it last acknowledged a command.
    last_receive: Time,
    /// The sent time of the last round-trip measurement.
    last_measured: Time,
    /// The sent time of the oldest unacknowledged command that was lost at least once.
    earliest_timeout: Option<Time>,
    /// The number of timeout doublings since the last acknowledgement, and the time of the last one.
    backoff: u32,
    backed_off: Time,

    /// Bytes sent since the bandwidth shares were last computed.
    pub(crate) outgoing_total: u64,
    /// The bandwidths last sent to the remote host.
    pub(crate) reported_bandwidth: (u32, u32),

    /// The time of its valid entry among the host's timers.
    pub(crate) timer: Option<Time>,
    /// Queued in `Host::ready`.
    pub(crate) is_ready: bool,
    /// Queued in `Host::stats_dirty`.
    pub(crate) is_stats_dirty: bool,
    /// The address is a broadcast address; the host that answers becomes the peer.
    pub(crate) is_broadcast: bool,
    /// Its index in `Peers::active`, for its removal.
    pub(crate) position: usize,
}

/// A channel of a connection.
#[derive(Debug, Default)]
struct Channel {
    reliable: ReliableCommands,
    /// The number of the last unreliable packet sent after the last reliable one.
    outgoing_unreliable: u16,
    incoming: Incoming,
}

impl Channel {
    fn new() -> Self {
        // ENet numbers the commands of a channel from 1.
        Self { reliable: ReliableCommands::starting_at(1), ..Self::default() }
    }
}

/// The memory of a channel on which data was received.
const CHANNEL_COST: usize = size_of::<Channel>() + Incoming::MAPS_SIZE;

/// Returns a channel, allocating it if needed. Channels below it are not allocated, so naming the last channel does not
/// take memory for all.
#[inline]
fn channel_of(channels: &mut Vec<Option<Box<Channel>>>, number: u8) -> &mut Channel {
    let index = usize::from(number);
    if index >= channels.len() {
        channels.resize_with(index + 1, || None);
    }
    channels[index].get_or_insert_with(|| Box::new(Channel::new()))
}

#[derive(Clone, Copy, Debug)]
struct Acknowledgement {
    channel: u8,
    sequence: u16,
    sent_time: u16,
    /// Acknowledges the remote host's DISCONNECT: the connection ends with it.
    is_last: bool,
}

#[derive(Clone, Copy, Debug)]
struct QueuedRange {
    range: SequenceRange,
    /// The places of the first and the last in the send order: there is no unreliable packet between them.
    send_order: u32,
    last_send_order: u32,
}

#[derive(Clone, Copy, Debug)]
struct SentRange {
    sent_at: Time,
    range: SequenceRange,
}

impl Peer {
    /// Creates a peer whose control commands are numbered from `first_control`.
    pub(crate) fn new(
        state: PeerState,
        address: SocketAddr,
        incoming_id: u16,
        mtu: usize,
        first_control: u32,
    ) -> Self {
        Self {
            generation: 0,
            state,
            address,
            incoming_id,
            outgoing_id: NO_PEER,
            incoming_session: 0,
            outgoing_session: 0,
            connect_id: [0; 4],
            mtu,
            window_size: MAX_WINDOW_SIZE,
            channel_count: 0,
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
            event_data: 0,
            channels: Vec::new(),
            control: ReliableCommands::starting_at(first_control),
            unsequenced: Unsequenced::default(),
            outgoing_group: 0,
            buffered: BufferedBytes::default(),
            waiting_data: 0,
            refused: 0,
            decompression: DecompressionBudget::for_peer(),
            acknowledgements: VecDeque::new(),
            queued_control: VecDeque::new(),
            lost: VecDeque::new(),
            queued_reliable: VecDeque::new(),
            queued_unreliable: VecDeque::new(),
            unreliable_buffer: CommandBuffer::default(),
            send_order: 0,
            in_flight: VecDeque::new(),
            unacknowledged: 0,
            in_transit: 0,
            outgoing_bytes: 0,
            round_trip: RoundTrip::default(),
            throttle: Throttle::default(),
            loss: Loss::default(),
            timeout_config: TimeoutConfig::default(),
            ping_interval: PING_INTERVAL,
            last_receive: Time::default(),
            last_measured: Time::default(),
            earliest_timeout: None,
            backoff: 0,
            backed_off: Time::default(),
            outgoing_total: 0,
            reported_bandwidth: (0, 0),
            timer: None,
            is_ready: false,
            is_stats_dirty: false,
            is_broadcast: false,
            position: 0,
        }
    }

    /// Returns a channel, allocating it if needed.
    #[inline]
    fn channel(&mut self, number: u8) -> &mut Channel {
        channel_of(&mut self.channels, number)
    }

    #[inline]
    fn reliable_commands(&mut self, channel: u8) -> Option<&mut ReliableCommands> {
        if channel == CONTROL_CHANNEL {
            Some(&mut self.control)
        } else {
            let channel = self.channels.get_mut(usize::from(channel))?.as_mut()?;
            Some(&mut channel.reliable)
        }
    }

    /// Returns the receiving half of a channel, and the buffered bytes of all channels; `None` if a new channel does
    /// not fit the budget.
    #[inline]
    pub(crate) fn incoming(
        &mut self,
        channel: u8,
        budget: ReceiveBudget,
    ) -> Option<(&mut Incoming, &mut BufferedBytes)> {
        let known = self.channels.get(usize::from(channel)).and_then(Option::as_ref);
        if !known.is_some_and(|channel| channel.incoming.is_counted) {
            if !budget.fits_channel(self.buffered, CHANNEL_COST) {
                return None;
            }
            self.buffered.channels += CHANNEL_COST;
            channel_of(&mut self.channels, channel).incoming.is_counted = true;
        }
        Some((&mut channel_of(&mut self.channels, channel).incoming, &mut self.buffered))
    }

    /// Returns true if an unsequenced group is new.
    pub(crate) fn is_new_group(&mut self, group: u16) -> bool {
        self.unsequenced.is_new(group)
    }

    /// Returns the bytes buffered for this peer.
    pub(crate) fn buffered_bytes(&self) -> usize {
        self.waiting_data + self.buffered.total()
    }

    /// Sets the ping interval; zero stands for ENet's default.
    pub(crate) fn set_ping_interval(&mut self, interval: Duration) {
        self.ping_interval = if interval.is_zero() { PING_INTERVAL } else { interval };
    }

    /// Queues an acknowledgement.
    pub(crate) fn acknowledge(
        &mut self,
        channel: u8,
        sequence: u16,
        sent_time: u16,
        is_last: bool,
    ) {
        if self.acknowledgements.len() < MAX_ACKNOWLEDGEMENTS {
            let acknowledgement = Acknowledgement { channel, sequence, sent_time, is_last };
            self.acknowledgements.push_back(acknowledgement);
        }
    }

    /// Drops everything queued in either direction, except delivered packets.
    pub(crate) fn reset_queues(&mut self) {
        self.acknowledgements.clear();
        self.queued_control.clear();
        self.lost.clear();
        self.queued_reliable.clear();
        self.queued_unreliable.clear();
        self.unreliable_buffer = CommandBuffer::default();
        self.in_flight.clear();
        self.unacknowledged = 0;
        self.in_transit = 0;
        self.outgoing_bytes = 0;
        self.backoff = 0;
        self.earliest_timeout = None;
        self.buffered = BufferedBytes::default();
        self.channels = Vec::new();
        self.control = ReliableCommands::starting_at(self.control.next_sequence());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn naming_a_channel_allocates_only_that_channel() {
        let address = (Ipv4Addr::LOCALHOST, 1).into();
        let mut peer = Peer::new(PeerState::Connected, address, 0, 1392, 1);
        let mut budget = ReceiveBudget {
            waiting_data: 0,
            max_waiting_data: 0,
            share: 4 * CHANNEL_COST,
            out_of_order_share: 0,
        };
        for channel in [254, 7, 7] {
            assert!(peer.incoming(channel, budget).is_some());
        }
        assert_eq!(peer.channels.iter().flatten().count(), 2);
        assert_eq!(peer.buffered_bytes(), 2 * CHANNEL_COST);
        // Channels used for sending count as well.
        peer.channel(3);
        assert!(peer.incoming(3, budget).is_none());
        budget.share += 2 * CHANNEL_COST;
        assert!(peer.incoming(3, budget).is_some());
        assert_eq!(peer.buffered_bytes(), 3 * CHANNEL_COST);
        peer.reset_queues();
        assert_eq!(peer.buffered_bytes(), 0);
    }
}
