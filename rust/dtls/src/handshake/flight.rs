//! A flight: the messages that one side sends at once, and repeats until it is answered (RFC 6347 section 4.2.4).

use super::header::{Header, MessageType};
use crate::error::Error;
use crate::record::{ContentType, Records};
use std::time::{Duration, Instant};

/// The time-out before the first repetition, and the longest one.
const FIRST_TIMEOUT: Duration = Duration::from_secs(1);
const LONGEST_TIMEOUT: Duration = Duration::from_mins(1);
/// From the second repetition on datagrams are as short as every path takes them, since it may be their length that does
/// not get through (RFC 6347 section 4.1.1.1): what IPv4 guarantees, without its own headers, as mbedTLS does.
const SAFE_MTU: usize = 508;
/// From the third repetition on a flight goes twice each time: where so much is lost, the doubled time-outs would leave few
/// tries to come through.
const TIMES_ALONE: u32 = 3;
/// Whoever repeats himself is answered so often at the most: the repetition may be forged.
const ANSWER_INTERVAL: Duration = Duration::from_millis(250);
/// A fragment is no shorter than this, unless it is the last.
const LEAST_FRAGMENT: usize = 32;

/// A part of a flight.
#[derive(Debug)]
pub(crate) enum Item {
    Message { message_type: MessageType, sequence: u16, body: Vec<u8> },
    ChangeCipherSpec,
}

/// The flight that was sent last.
#[derive(Debug)]
pub(crate) struct Flight {
    items: Vec<Item>,
    timeout: Duration,
    /// When it is repeated; never if it is the last of the handshake.
    due: Option<Instant>,
    sent_at: Option<Instant>,
    times: u32,
}

impl Flight {
    /// A flight that is answered.
    pub(crate) fn new(items: Vec<Item>) -> Self {
        Self { items, timeout: FIRST_TIMEOUT, due: None, sent_at: None, times: 0 }
    }

    /// When it is to be repeated.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// It was answered, or nothing answers it: it is repeated only when the other side repeats itself.
    pub(crate) fn rest(&mut self) {
        self.due = None;
    }

    /// How often it was sent.
    pub(crate) fn times(&self) -> u32 {
        self.times
    }

    /// It is repeated no later than at `at`, if it is repeated at all.
    pub(crate) fn hurry(&mut self, at: Instant) {
        self.due = self.due.map(|due| due.min(at));
    }

    /// It is not repeated now, but after its time-out.
    pub(crate) fn postpone(&mut self, now: Instant) {
        self.due = Some(now + self.timeout);
    }

    /// The other side has repeated itself. Says whether the flight is to be sent again.
    pub(crate) fn is_asked_for(&self, now: Instant) -> bool {
        self.sent_at.is_some_and(|at| now.saturating_duration_since(at) >= ANSWER_INTERVAL)
    }

    /// Writes it as datagrams no longer than `mtu`, and sets its timer. The ClientHello is never in pieces: a server without
    /// memory of it could not put it together.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        records: &mut Records,
        mtu: usize,
        datagrams: &mut Vec<Vec<u8>>,
    ) -> Result<(), Error> {
        if self.times > 0 {
            self.timeout = (self.timeout * 2).min(LONGEST_TIMEOUT);
        }
        let mtu = if self.times > 1 { mtu.min(SAFE_MTU) } else { mtu };
        let copies = if self.times >= TIMES_ALONE { 2 } else { 1 };
        self.times = self.times.saturating_add(1);
        self.sent_at = Some(now);
        self.due = Some(now + self.timeout);
        for _ in 0..copies {
            let mut packing =
                Packing { records, mtu, datagram: Vec::new(), datagrams, sealed: false };
            packing.items(&self.items)?;
            packing.flush();
        }
        Ok(())
    }
}

/// Datagrams that are being filled.
struct Packing<'a> {
    records: &'a mut Records,
    mtu: usize,
    datagram: Vec<u8>,
    datagrams: &'a mut Vec<Vec<u8>>,
    /// What follows is sealed.
    sealed: bool,
}

impl Packing<'_> {
    fn items(&mut self, items: &[Item]) -> Result<(), Error> {
        for item in items {
            match item {
                Item::ChangeCipherSpec => {
                    self.record(ContentType::ChangeCipherSpec, &[1])?;
                    self.sealed = true;
                }
                Item::Message { message_type, sequence, body } => {
                    self.message(*message_type, *sequence, body)?;
                }
            }
        }
        Ok(())
    }

    /// How many bytes of content the next record of this datagram may have.
    fn room(&self) -> usize {
        let taken = self.datagram.len() + self.records.overhead(self.sealed);
        self.mtu.saturating_sub(taken).min(self.records.longest())
    }

    fn flush(&mut self) {
        if !self.datagram.is_empty() {
            self.datagrams.push(std::mem::take(&mut self.datagram));
        }
    }

    fn record(&mut self, content_type: ContentType, content: &[u8]) -> Result<(), Error> {
        if content.len() > self.room() {
            self.flush();
        }
        self.records.write(self.sealed, content_type, content, &mut self.datagram)
    }

    fn message(
        &mut self,
        message_type: MessageType,
        sequence: u16,
        body: &[u8],
    ) -> Result<(), Error> {
        let whole = message_type == MessageType::ClientHello;
        let mut fragment_offset = 0;
        loop {
            let rest = &body[fragment_offset..];
            let wanted = rest.len().min(LEAST_FRAGMENT) + Header::LEN;
            if self.room() < wanted {
                self.flush();
            }
            let most = if whole { rest.len() } else { self.room().saturating_sub(Header::LEN) };
            let fragment = &rest[..rest.len().min(most.max(1))];
            let header = Header { message_type, length: body.len(), sequence, fragment_offset };
            let mut content = Vec::with_capacity(Header::LEN + fragment.len());
            header.encode(fragment.len(), &mut content);
            content.extend_from_slice(fragment);
            self.record(ContentType::Handshake, &content)?;
            fragment_offset += fragment.len();
            if fragment_offset == body.len() {
                return Ok(());
            }
        }
    }
}
