//! A connection, as its host keeps it.

mod incoming;
mod outgoing;
mod reassembly;
mod round_trip;
mod run;
mod sending;
mod state;
mod statistics;
mod throttle;
mod timing;
mod unsequenced;
mod written;

pub(crate) use incoming::{Deliver, Held, PACKET_OVERHEAD, Room, Verdict};
pub(crate) use reassembly::is_valid as is_valid_fragment;
pub(crate) use round_trip::Patience;
pub use state::PeerState;
pub use statistics::PeerStatistics;
pub(crate) use throttle::SCALE as THROTTLE_SCALE;

use crate::inflation::Inflation;
use crate::time::Time;
use crate::wire::{CONTROL_CHANNEL, MAX_WINDOW_SIZE, NO_PEER};
use incoming::Incoming;
use outgoing::{Unacknowledged, Unreliable};
use round_trip::RoundTrip;
use run::Run;
use statistics::Loss;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use throttle::Throttle;
use unsequenced::Unsequenced;
use written::Written;

/// `ENET_PEER_PING_INTERVAL`.
const PING_INTERVAL: Duration = Duration::from_millis(500);
/// How many acknowledgements may wait; what comes beyond it is not acknowledged, and must come again.
const MAXIMUM_ACKNOWLEDGEMENTS: usize = 16_384;

/// A connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) generation: u32,
    pub(crate) state: PeerState,
    pub(crate) address: SocketAddr,
    /// Its number here, by which the remote host addresses it.
    pub(crate) incoming_id: u16,
    /// Its number at the remote host.
    pub(crate) outgoing_id: u16,
    /// The session that comes with its datagrams, and the one that goes with ours.
    pub(crate) incoming_session: u8,
    pub(crate) outgoing_session: u8,
    pub(crate) connect_id: [u8; 4],
    pub(crate) mtu: usize,
    pub(crate) window_size: u32,
    pub(crate) channel_count: usize,
    /// Bytes a second that the remote host takes, and sends; 0: no limit.
    pub(crate) incoming_bandwidth: u32,
    pub(crate) outgoing_bandwidth: u32,
    /// The number that the application gave with [`PeerState::DisconnectLater`], or the remote host's.
    pub(crate) event_data: u32,

    /// Only as many as were used.
    channels: Vec<Option<Box<Channel>>>,
    control: Unacknowledged,
    unsequenced: Unsequenced,
    outgoing_group: u16,
    pub(crate) held: Held,
    /// Bytes that were told and not consumed, with [`PACKET_OVERHEAD`] for each packet.
    pub(crate) waiting: usize,
    /// Reliable packets, or pieces, that there was no room for.
    pub(crate) refused: u64,

    /// What may be decompressed for it.
    pub(crate) inflation: Inflation,

    acknowledgements: VecDeque<Acknowledgement>,
    /// Commands of the connection itself that were not sent yet.
    queued_control: VecDeque<Run>,
    /// Commands that were lost.
    lost: VecDeque<Run>,
    /// Reliable packets that were not sent yet, with their place among all that is to be sent.
    queued_reliable: VecDeque<Queued>,
    queued_unreliable: VecDeque<Unreliable>,
    written_unreliable: Written,
    order: u32,
    /// What was sent and is not acknowledged, by the time it was sent; also what was acknowledged meanwhile.
    in_flight: VecDeque<InFlight>,
    /// How many of these are not acknowledged.
    unacknowledged: usize,
    /// Bytes of reliable packets that are.
    in_transit: usize,
    /// Bytes of packets that wait to be sent, or to be acknowledged.
    pub(crate) outgoing_bytes: usize,

    pub(crate) round_trip: RoundTrip,
    pub(crate) throttle: Throttle,
    loss: Loss,
    pub(crate) patience: Patience,
    ping_interval: Duration,
    /// When it last acknowledged something.
    last_receive: Time,
    /// When that was sent of which the round-trip time was measured last.
    last_measured: Time,
    /// Since when something is not acknowledged that was lost at least once.
    earliest_timeout: Option<Time>,
    /// How often the time-out was doubled since the last acknowledgement, and when it was last.
    backoff: u32,
    backed_off: Time,

    /// Bytes since the bandwidths were shared out last.
    pub(crate) outgoing_total: u64,
    /// The bandwidth that the remote host was told last.
    pub(crate) told_bandwidth: (u32, u32),

    /// The time that stands for it among the host's timers.
    pub(crate) timer: Option<Time>,
    /// It stands among those that have something to send.
    pub(crate) is_ready: bool,
    /// It stands among those whose statistics may have changed.
    pub(crate) is_touched: bool,
    /// The remote host's address was given as a broadcast; it is the one that answers.
    pub(crate) is_broadcast: bool,
    /// How many of this host's peers there were before it in [`Host::active`](crate::Host), for its removal.
    pub(crate) position: usize,
}

/// A channel of a connection.
#[derive(Debug, Default)]
struct Channel {
    unacknowledged: Unacknowledged,
    /// The number of the last unreliable packet after the last reliable one.
    outgoing_unreliable: u16,
    incoming: Incoming,
}

impl Channel {
    fn new() -> Self {
        // ENet's first command of a channel has the number 1.
        Self { unacknowledged: Unacknowledged::starting_at(1), ..Self::default() }
    }
}

/// What a channel takes of which something has come.
const CHANNEL_COST: usize = size_of::<Channel>() + Incoming::MAPS;

/// The channel with this number, which is there from now on: those below it are not, so that whoever names the last takes no
/// memory for all.
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
    /// Of the remote host's DISCONNECT: the connection ends with it.
    is_last: bool,
}

#[derive(Clone, Copy, Debug)]
struct Queued {
    run: Run,
    /// The places of the first and the last: there is no unreliable packet between them.
    order: u32,
    last_order: u32,
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    sent_at: Time,
    run: Run,
}

impl Peer {
    /// A connection of this host's own, or of a remote one; its commands are numbered from `first_control`.
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
            control: Unacknowledged::starting_at(first_control),
            unsequenced: Unsequenced::default(),
            outgoing_group: 0,
            held: Held::default(),
            waiting: 0,
            refused: 0,
            inflation: Inflation::of_peer(),
            acknowledgements: VecDeque::new(),
            queued_control: VecDeque::new(),
            lost: VecDeque::new(),
            queued_reliable: VecDeque::new(),
            queued_unreliable: VecDeque::new(),
            written_unreliable: Written::default(),
            order: 0,
            in_flight: VecDeque::new(),
            unacknowledged: 0,
            in_transit: 0,
            outgoing_bytes: 0,
            round_trip: RoundTrip::default(),
            throttle: Throttle::default(),
            loss: Loss::default(),
            patience: Patience::default(),
            ping_interval: PING_INTERVAL,
            last_receive: Time::default(),
            last_measured: Time::default(),
            earliest_timeout: None,
            backoff: 0,
            backed_off: Time::default(),
            outgoing_total: 0,
            told_bandwidth: (0, 0),
            timer: None,
            is_ready: false,
            is_touched: false,
            is_broadcast: false,
            position: 0,
        }
    }

    /// The channel with this number, which is there from now on.
    #[inline]
    fn channel(&mut self, number: u8) -> &mut Channel {
        channel_of(&mut self.channels, number)
    }

    #[inline]
    fn unacknowledged_of(&mut self, channel: u8) -> Option<&mut Unacknowledged> {
        if channel == CONTROL_CHANNEL {
            Some(&mut self.control)
        } else {
            let channel = self.channels.get_mut(usize::from(channel))?.as_mut()?;
            Some(&mut channel.unacknowledged)
        }
    }

    /// The receiving half of a channel and what all channels keep, if there is room for a channel of which nothing has come
    /// before.
    #[inline]
    pub(crate) fn incoming(
        &mut self,
        channel: u8,
        room: Room,
    ) -> Option<(&mut Incoming, &mut Held)> {
        let known = self.channels.get(usize::from(channel)).and_then(Option::as_ref);
        if !known.is_some_and(|channel| channel.incoming.is_counted) {
            if !room.takes_channel(self.held, CHANNEL_COST) {
                return None;
            }
            self.held.channels += CHANNEL_COST;
            channel_of(&mut self.channels, channel).incoming.is_counted = true;
        }
        Some((&mut channel_of(&mut self.channels, channel).incoming, &mut self.held))
    }

    /// Whether an unsequenced packet is new.
    pub(crate) fn is_new_group(&mut self, group: u16) -> bool {
        self.unsequenced.is_new(group)
    }

    /// Bytes that it makes this host keep.
    pub(crate) fn kept(&self) -> usize {
        self.waiting + self.held.total()
    }

    /// Sets how often it is asked whether it is there while nothing else is under way; zero stands for ENet's default.
    pub(crate) fn set_ping_interval(&mut self, interval: Duration) {
        self.ping_interval = if interval.is_zero() { PING_INTERVAL } else { interval };
    }

    /// Puts an acknowledgement among those to be sent.
    pub(crate) fn acknowledge(
        &mut self,
        channel: u8,
        sequence: u16,
        sent_time: u16,
        is_last: bool,
    ) {
        if self.acknowledgements.len() < MAXIMUM_ACKNOWLEDGEMENTS {
            let acknowledgement = Acknowledgement { channel, sequence, sent_time, is_last };
            self.acknowledgements.push_back(acknowledgement);
        }
    }

    /// Drops what waits in either direction, but for what the caller was told.
    pub(crate) fn reset_queues(&mut self) {
        self.acknowledgements.clear();
        self.queued_control.clear();
        self.lost.clear();
        self.queued_reliable.clear();
        self.queued_unreliable.clear();
        self.written_unreliable = Written::default();
        self.in_flight.clear();
        self.unacknowledged = 0;
        self.in_transit = 0;
        self.outgoing_bytes = 0;
        self.backoff = 0;
        self.earliest_timeout = None;
        self.held = Held::default();
        self.channels = Vec::new();
        self.control = Unacknowledged::starting_at(self.control.next_sequence());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn naming_a_channel_makes_that_one_alone() {
        let address = (Ipv4Addr::LOCALHOST, 1).into();
        let mut peer = Peer::new(PeerState::Connected, address, 0, 1392, 1);
        let mut room = Room { waiting: 0, limit: 0, share: 4 * CHANNEL_COST, early_share: 0 };
        for channel in [254, 7, 7] {
            assert!(peer.incoming(channel, room).is_some());
        }
        assert_eq!(peer.channels.iter().flatten().count(), 2);
        assert_eq!(peer.kept(), 2 * CHANNEL_COST);
        // Also what this host has sent on before.
        peer.channel(3);
        assert!(peer.incoming(3, room).is_none());
        room.share += 2 * CHANNEL_COST;
        assert!(peer.incoming(3, room).is_some());
        assert_eq!(peer.kept(), 3 * CHANNEL_COST);
        peer.reset_queues();
        assert_eq!(peer.kept(), 0);
    }
}
