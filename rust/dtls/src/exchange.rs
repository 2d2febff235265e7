//! What both sides of a handshake share: the messages that were sent and have come, and the records that they travel in.

use crate::crypto::{KeyBlock, Side};
use crate::error::Error;
use crate::handshake::{Flight, Header, Item, MessageType};
use crate::job::Job;
use crate::record::{ContentType, Records};
use rustls_pki_types::CertificateDer;
use std::collections::VecDeque;
use std::time::Instant;

/// Every path takes datagrams of this length.
const SHORTEST_MTU: usize = 296;

/// What a message has led to.
#[derive(Debug)]
pub(crate) enum Progress {
    None,
    /// The next message waits for this.
    Job(Job),
    /// The handshake is over; the other side has shown these certificates.
    Connected(Vec<CertificateDer<'static>>),
}

/// The messages and records of a connection.
pub(crate) struct Exchange {
    pub(crate) records: Records,
    /// All messages so far, as they go into the hashes. They are kept until the suite, and so the hash, is known, and all
    /// that is signed was signed.
    pub(crate) transcript: Vec<u8>,
    next_sequence: u16,
    flight: Option<Flight>,
    mtu: usize,
    pub(crate) datagrams: VecDeque<Vec<u8>>,
}

impl Exchange {
    pub(crate) fn new(records: Records, next_sequence: u16, mtu: usize) -> Self {
        Self {
            records,
            transcript: Vec::new(),
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

    /// Sends messages, again and again until they are [answered](Self::answered).
    pub(crate) fn send_flight(&mut self, now: Instant, items: Vec<Item>) -> Result<(), Error> {
        self.flight = Some(Flight::new(items));
        self.repeat(now)
    }

    /// The same, with the end of the handshake behind them.
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

    /// The flight was answered, or nothing answers it.
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
