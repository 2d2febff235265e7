//! What both sides of a handshake share: the messages that were sent and have come, and the records that they travel in.

use crate::crypto::{KeyBlock, Side};
use crate::error::Error;
use crate::handshake::{Flight, Header, Item, MessageType, Reassembly};
use crate::job::Job;
use crate::reader::Reader;
use crate::record::{ContentType, Records};
use rustls_pki_types::CertificateDer;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Every path takes datagrams of this length.
const SHORTEST_MTU: usize = 296;

/// How often a flight may begin again at once: from then on once in each of these intervals.
const MOST_REWINDS: u32 = 16;
const REWIND_INTERVAL: Duration = Duration::from_millis(250);
/// While something that is not authentic stands against the handshake, the other side is asked again this often.
const ASK_AGAIN: Duration = Duration::from_millis(400);

/// What a message has led to.
#[derive(Debug)]
pub(crate) enum Progress {
    None,
    /// It is as if it had not come.
    Ignored,
    /// The next message waits for this.
    Job(Job),
    /// The handshake is over; the other side has shown these certificates.
    Connected(Vec<CertificateDer<'static>>),
}

/// The messages and records of a connection.
pub(crate) struct Exchange {
    pub(crate) records: Records,
    /// All messages so far, as they go into the hashes. They are kept until the end of the handshake.
    pub(crate) transcript: Vec<u8>,
    pub(crate) reassembly: Reassembly,
    /// Where the flight that is waited for begins.
    mark: Mark,
    /// How often it has begun again, and when it did so last.
    rewinds: u32,
    rewound_at: Option<Instant>,
    next_sequence: u16,
    flight: Option<Flight>,
    mtu: usize,
    pub(crate) datagrams: VecDeque<Vec<u8>>,
}

/// The place between two flights: what is before it stands, what is behind it may be forged.
#[derive(Clone, Copy, Debug)]
struct Mark {
    transcript: usize,
    /// The first message of the other side's flight.
    sequence: u16,
}

impl Exchange {
    /// The next of our own messages has the number `next_sequence`, the other side's next one `awaited`.
    pub(crate) fn new(records: Records, next_sequence: u16, awaited: u16, mtu: usize) -> Self {
        Self {
            records,
            transcript: Vec::new(),
            reassembly: Reassembly::starting_at(awaited),
            mark: Mark { transcript: 0, sequence: awaited },
            rewinds: 0,
            rewound_at: None,
            next_sequence,
            flight: None,
            mtu: mtu.max(SHORTEST_MTU),
            datagrams: VecDeque::new(),
        }
    }

    /// The number of our own next message.
    pub(crate) fn next_sequence(&self) -> u16 {
        self.next_sequence
    }

    /// The next of our own messages.
    pub(crate) fn message(&mut self, message_type: MessageType, body: Vec<u8>) -> Item {
        let sequence = self.next_sequence;
        self.next_sequence = sequence.wrapping_add(1);
        Header::encode_whole(message_type, sequence, &body, &mut self.transcript);
        Item::Message { message_type, sequence, body }
    }

    /// Sends messages, again and again until the other side's next flight is there.
    pub(crate) fn send_flight(&mut self, now: Instant, items: Vec<Item>) -> Result<(), Error> {
        self.flight = Some(Flight::new(items));
        let sequence = self.reassembly.next_sequence();
        self.mark = Mark { transcript: self.transcript.len(), sequence };
        self.repeat(now)
    }

    /// Whether a fragment says something else than a message of the present flight that was taken before.
    pub(crate) fn contradicts(&self, header: &Header, fragment: &[u8]) -> bool {
        let mut reader = Reader(self.transcript.get(self.mark.transcript..).unwrap_or_default());
        while let Some((taken, body)) = Header::parse(&mut reader) {
            if taken.sequence == header.sequence {
                let begin = header.fragment_offset;
                let same = body.get(begin..begin + fragment.len()) == Some(fragment)
                    && taken.message_type == header.message_type
                    && taken.length == header.length;
                return !same;
            }
        }
        false
    }

    /// Whether a flight may begin again now: each time may cost a job.
    pub(crate) fn may_rewind(&self, now: Instant) -> bool {
        self.rewinds < MOST_REWINDS
            || self.rewound_at.is_none_or(|at| now.saturating_duration_since(at) >= REWIND_INTERVAL)
    }

    /// Forgets all of the other side's flight: some of it was forged. It is repeated.
    pub(crate) fn rewind(&mut self, now: Instant) {
        self.transcript.truncate(self.mark.transcript);
        self.reassembly.restart(self.mark.sequence);
        self.records.forget_keys();
        self.rewinds = self.rewinds.saturating_add(1);
        self.rewound_at = Some(now);
    }

    /// How often the other side's flight has begun again. Each time, keys that were agreed are forgotten.
    pub(crate) fn rewinds(&self) -> u32 {
        self.rewinds
    }

    /// Has the other side repeat itself soon.
    pub(crate) fn ask_again(&mut self, now: Instant) {
        if let Some(flight) = &mut self.flight {
            flight.hurry(now + ASK_AGAIN);
        }
    }

    /// Whether our flight was sent more than once.
    pub(crate) fn was_repeated(&self) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.times() > 1)
    }

    /// Whether the other side was sent anything.
    pub(crate) fn has_flight(&self) -> bool {
        self.flight.is_some()
    }

    /// Does not repeat the flight while its answer is worked on.
    pub(crate) fn postpone(&mut self, now: Instant) {
        if let Some(flight) = &mut self.flight {
            flight.postpone(now);
        }
    }

    /// [Sends](Self::send_flight) messages with the end of the handshake behind them.
    pub(crate) fn send_finished(
        &mut self,
        now: Instant,
        mut items: Vec<Item>,
        verify_data: &[u8],
    ) -> Result<(), Error> {
        items.push(Item::ChangeCipherSpec);
        items.push(self.message(MessageType::Finished, verify_data.to_vec()));
        self.send_flight(now, items)
    }

    /// Nothing answers the flight: it is repeated only when the other side repeats itself.
    pub(crate) fn answered(&mut self) {
        if let Some(flight) = &mut self.flight {
            flight.rest();
        }
    }

    /// When the flight is to be repeated.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.flight.as_ref()?.due()
    }

    /// Sends the flight once more.
    pub(crate) fn repeat(&mut self, now: Instant) -> Result<(), Error> {
        let Some(flight) = &mut self.flight else { return Ok(()) };
        let mut datagrams = Vec::new();
        flight.send(now, &mut self.records, self.mtu, &mut datagrams)?;
        self.datagrams.extend(datagrams);
        Ok(())
    }

    /// The other side has repeated itself: it has not seen our flight.
    pub(crate) fn was_asked(&mut self, now: Instant) -> Result<(), Error> {
        if !self.flight.as_ref().is_some_and(|flight| flight.is_asked_for(now)) {
            return Ok(());
        }
        let rests = self.due().is_none();
        self.repeat(now)?;
        if rests {
            self.answered();
        }
        Ok(())
    }

    /// The other side has seen the last flight.
    pub(crate) fn forget_flight(&mut self) {
        self.flight = None;
    }

    pub(crate) fn set_keys(&mut self, block: &KeyBlock, side: Side) -> Result<(), Error> {
        self.records.set_keys(block, side)
    }

    /// Sends a record as a datagram of its own.
    pub(crate) fn send(
        &mut self,
        sealed: bool,
        content_type: ContentType,
        content: &[u8],
    ) -> Result<(), Error> {
        let mut datagram = Vec::with_capacity(self.records.overhead(sealed) + content.len());
        self.records.write(sealed, content_type, content, &mut datagram)?;
        self.datagrams.push_back(datagram);
        Ok(())
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("flight", &self.flight).finish_non_exhaustive()
    }
}
