//! The state that both roles of a handshake share: the transcript, the flights, and the record layer.

use crate::crypto::{KeyBlock, Side};
use crate::error::Error;
use crate::handshake::{Flight, FlightItem, Header, MessageType, Reassembly};
use crate::job::Job;
use crate::reader::Reader;
use crate::record::{ContentType, RecordLayer};
use rustls_pki_types::CertificateDer;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Minimum MTU: every path carries datagrams of this length.
const MIN_MTU: usize = 296;

/// Number of rewinds without a delay; after these, one in each interval.
const MAX_REWIND_BURST: u32 = 16;
const REWIND_INTERVAL: Duration = Duration::from_millis(250);
/// Interval of retransmissions while an unauthenticated failure is pending.
const HASTENED_RETRANSMISSION: Duration = Duration::from_millis(400);

/// The result of a message.
#[derive(Debug)]
pub(crate) enum Progress {
    None,
    /// The message was ignored.
    Ignored,
    /// The next message waits for this job.
    Job(Job),
    /// The handshake is complete, with a peer that presented these certificates.
    Connected(Vec<CertificateDer<'static>>),
}

/// The transcript, flights and records of a connection.
pub(crate) struct HandshakeContext {
    pub(crate) records: RecordLayer,
    /// All handshake messages so far, as they are hashed. Kept until the end of the handshake.
    pub(crate) transcript: Vec<u8>,
    pub(crate) reassembly: Reassembly,
    /// The start of the flight that the peer is expected to send.
    flight_start: FlightStart,
    /// The number of restarts of that flight, and the time of the last one.
    rewinds: u32,
    rewound_at: Option<Instant>,
    next_sequence: u16,
    flight: Option<Flight>,
    mtu: usize,
    pub(crate) datagrams: VecDeque<Vec<u8>>,
}

/// The boundary between two flights: what precedes it is final, what follows it may be forged.
#[derive(Clone, Copy, Debug)]
struct FlightStart {
    /// Length of the transcript.
    transcript: usize,
    /// Sequence number of the first message of the peer's flight.
    sequence: u16,
}

impl HandshakeContext {
    /// Creates a context whose next own message has the sequence number `next_sequence`, and the peer's `expected`.
    pub(crate) fn new(records: RecordLayer, next_sequence: u16, expected: u16, mtu: usize) -> Self {
        Self {
            records,
            transcript: Vec::new(),
            reassembly: Reassembly::starting_at(expected),
            flight_start: FlightStart { transcript: 0, sequence: expected },
            rewinds: 0,
            rewound_at: None,
            next_sequence,
            flight: None,
            mtu: mtu.max(MIN_MTU),
            datagrams: VecDeque::new(),
        }
    }

    /// Returns the sequence number of the next own message.
    pub(crate) fn next_sequence(&self) -> u16 {
        self.next_sequence
    }

    /// Adds the next own message to the transcript.
    pub(crate) fn message(&mut self, message_type: MessageType, body: Vec<u8>) -> FlightItem {
        let sequence = self.next_sequence;
        self.next_sequence = sequence.wrapping_add(1);
        Header::encode_whole(message_type, sequence, &body, &mut self.transcript);
        FlightItem::Message { message_type, sequence, body }
    }

    /// Sends a flight, and retransmits it until the peer's next flight is complete.
    pub(crate) fn send_flight(
        &mut self,
        now: Instant,
        items: Vec<FlightItem>,
    ) -> Result<(), Error> {
        self.flight = Some(Flight::new(items));
        let sequence = self.reassembly.next_sequence();
        self.flight_start = FlightStart { transcript: self.transcript.len(), sequence };
        self.transmit_flight(now)
    }

    /// Returns true if a fragment differs from a message of the peer's current flight that was processed already.
    pub(crate) fn contradicts(&self, header: &Header, fragment: &[u8]) -> bool {
        let flight = self.transcript.get(self.flight_start.transcript..);
        let mut reader = Reader(flight.unwrap_or_default());
        while let Some((processed, body)) = Header::parse(&mut reader) {
            if processed.sequence == header.sequence {
                let begin = header.fragment_offset;
                let is_same = body.get(begin..begin + fragment.len()) == Some(fragment)
                    && processed.message_type == header.message_type
                    && processed.length == header.length;
                return !is_same;
            }
        }
        false
    }

    /// Returns true if the peer's flight may be restarted now: each restart may cost a job.
    pub(crate) fn may_rewind(&self, now: Instant) -> bool {
        self.rewinds < MAX_REWIND_BURST
            || self.rewound_at.is_none_or(|at| now.saturating_duration_since(at) >= REWIND_INTERVAL)
    }

    /// Discards the peer's current flight, of which a part was forged. The peer retransmits it.
    pub(crate) fn rewind(&mut self, now: Instant) {
        self.transcript.truncate(self.flight_start.transcript);
        self.reassembly.restart(self.flight_start.sequence);
        self.records.discard_keys();
        self.rewinds = self.rewinds.saturating_add(1);
        self.rewound_at = Some(now);
    }

    /// Returns how often the peer's flight was restarted. Each restart discards the keys.
    pub(crate) fn rewinds(&self) -> u32 {
        self.rewinds
    }

    /// Retransmits the flight soon, so that the peer retransmits its own.
    pub(crate) fn hasten_retransmission(&mut self, now: Instant) {
        if let Some(flight) = &mut self.flight {
            flight.retransmit_by(now + HASTENED_RETRANSMISSION);
        }
    }

    /// Returns true if the flight was sent more than once.
    pub(crate) fn was_retransmitted(&self) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.transmissions() > 1)
    }

    /// Returns true if a flight was sent.
    pub(crate) fn has_flight(&self) -> bool {
        self.flight.is_some()
    }

    /// Postpones the retransmission while a job processes the answer.
    pub(crate) fn postpone_retransmission(&mut self, now: Instant) {
        if let Some(flight) = &mut self.flight {
            flight.postpone_retransmission(now);
        }
    }

    /// [Sends](Self::send_flight) a flight that ends with `ChangeCipherSpec` and Finished.
    pub(crate) fn send_finished(
        &mut self,
        now: Instant,
        mut items: Vec<FlightItem>,
        verify_data: &[u8],
    ) -> Result<(), Error> {
        items.push(FlightItem::ChangeCipherSpec);
        items.push(self.message(MessageType::Finished, verify_data.to_vec()));
        self.send_flight(now, items)
    }

    /// Stops the retransmission timer: the flight is retransmitted only when the peer retransmits its own.
    pub(crate) fn stop_retransmission(&mut self) {
        if let Some(flight) = &mut self.flight {
            flight.stop_retransmission();
        }
    }

    /// Returns when the flight is retransmitted.
    pub(crate) fn retransmit_at(&self) -> Option<Instant> {
        self.flight.as_ref()?.retransmit_at()
    }

    /// Sends the flight, for the first time or again.
    pub(crate) fn transmit_flight(&mut self, now: Instant) -> Result<(), Error> {
        let Some(flight) = &mut self.flight else { return Ok(()) };
        let mut datagrams = Vec::new();
        flight.send(now, &mut self.records, self.mtu, &mut datagrams)?;
        self.datagrams.extend(datagrams);
        Ok(())
    }

    /// Retransmits the flight because the peer retransmitted its own, and so has not received this one.
    pub(crate) fn on_peer_retransmit(&mut self, now: Instant) -> Result<(), Error> {
        if !self.flight.as_ref().is_some_and(|flight| flight.may_answer_retransmission(now)) {
            return Ok(());
        }
        let is_stopped = self.retransmit_at().is_none();
        self.transmit_flight(now)?;
        if is_stopped {
            self.stop_retransmission();
        }
        Ok(())
    }

    /// Discards the last flight, which the peer has received.
    pub(crate) fn discard_flight(&mut self) {
        self.flight = None;
    }

    pub(crate) fn set_keys(&mut self, block: &KeyBlock, side: Side) -> Result<(), Error> {
        self.records.set_keys(block, side)
    }

    /// Sends a record in one datagram.
    pub(crate) fn send(
        &mut self,
        encrypted: bool,
        content_type: ContentType,
        content: &[u8],
    ) -> Result<(), Error> {
        let mut datagram = Vec::with_capacity(self.records.overhead(encrypted) + content.len());
        self.records.write(encrypted, content_type, content, &mut datagram)?;
        self.datagrams.push_back(datagram);
        Ok(())
    }
}

impl std::fmt::Debug for HandshakeContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandshakeContext").field("flight", &self.flight).finish_non_exhaustive()
    }
}
