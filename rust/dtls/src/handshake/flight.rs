//! Flights: the messages that one side sends together, and retransmits until they are answered (RFC 6347 section 4.2.4).

use super::header::{Header, MessageType};
use crate::error::Error;
use crate::record::{ContentType, RecordLayer};
use std::time::{Duration, Instant};

/// Timeout before the first retransmission, and the maximum that it grows to (RFC 6347 section 4.2.4.1).
const INITIAL_TIMEOUT: Duration = Duration::from_secs(1);
const MAX_TIMEOUT: Duration = Duration::from_mins(1);
/// MTU from the second retransmission on, since datagrams may be lost because of their length (RFC 6347 section 4.1.1.1):
/// what IPv4 guarantees, without the headers, as in mbedTLS.
const SAFE_MTU: usize = 508;
/// Number of transmissions in one copy. Later ones are sent twice: with that much loss, the doubled timeouts would leave
/// few attempts.
const SINGLE_TRANSMISSIONS: u32 = 3;
/// Minimum interval between retransmissions that answer those of the peer, which may be forged.
const MIN_ANSWER_INTERVAL: Duration = Duration::from_millis(250);
/// Minimum length of a fragment, other than the last one of a message.
const MIN_FRAGMENT: usize = 32;

/// An item of a flight.
#[derive(Debug)]
pub(crate) enum FlightItem {
    Message { message_type: MessageType, sequence: u16, body: Vec<u8> },
    ChangeCipherSpec,
}

/// The last flight that was sent.
#[derive(Debug)]
pub(crate) struct Flight {
    items: Vec<FlightItem>,
    timeout: Duration,
    /// The time of the next retransmission; `None` if the flight is not answered, or was.
    retransmit_at: Option<Instant>,
    sent_at: Option<Instant>,
    transmissions: u32,
}

impl Flight {
    pub(crate) fn new(items: Vec<FlightItem>) -> Self {
        Self {
            items,
            timeout: INITIAL_TIMEOUT,
            retransmit_at: None,
            sent_at: None,
            transmissions: 0,
        }
    }

    /// Returns when the flight is retransmitted.
    pub(crate) fn retransmit_at(&self) -> Option<Instant> {
        self.retransmit_at
    }

    /// Stops the timer: the flight is retransmitted only when the peer retransmits its own.
    pub(crate) fn stop_retransmission(&mut self) {
        self.retransmit_at = None;
    }

    /// Returns how often the flight was sent.
    pub(crate) fn transmissions(&self) -> u32 {
        self.transmissions
    }

    /// Retransmits no later than `at`, unless the timer is stopped.
    pub(crate) fn retransmit_by(&mut self, at: Instant) {
        self.retransmit_at = self.retransmit_at.map(|current| current.min(at));
    }

    /// Restarts the timer.
    pub(crate) fn postpone_retransmission(&mut self, now: Instant) {
        self.retransmit_at = Some(now + self.timeout);
    }

    /// Returns true if a retransmission of the peer may be answered with this flight.
    pub(crate) fn may_answer_retransmission(&self, now: Instant) -> bool {
        self.sent_at.is_some_and(|at| now.saturating_duration_since(at) >= MIN_ANSWER_INTERVAL)
    }

    /// Encodes the flight into datagrams of at most `mtu` bytes, and starts the timer. A ClientHello is never fragmented: a
    /// stateless server could not reassemble it.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        records: &mut RecordLayer,
        mtu: usize,
        datagrams: &mut Vec<Vec<u8>>,
    ) -> Result<(), Error> {
        if self.transmissions > 0 {
            self.timeout = (self.timeout * 2).min(MAX_TIMEOUT);
        }
        let mtu = if self.transmissions > 1 { mtu.min(SAFE_MTU) } else { mtu };
        let copies = if self.transmissions >= SINGLE_TRANSMISSIONS { 2 } else { 1 };
        self.transmissions = self.transmissions.saturating_add(1);
        self.sent_at = Some(now);
        self.retransmit_at = Some(now + self.timeout);
        for _ in 0..copies {
            let mut builder =
                DatagramBuilder { records, mtu, datagram: Vec::new(), datagrams, encrypted: false };
            builder.items(&self.items)?;
            builder.flush();
        }
        Ok(())
    }
}

/// Packs the items of a flight into datagrams.
struct DatagramBuilder<'a> {
    records: &'a mut RecordLayer,
    mtu: usize,
    datagram: Vec<u8>,
    datagrams: &'a mut Vec<Vec<u8>>,
    /// True after the `ChangeCipherSpec`: the next records are encrypted.
    encrypted: bool,
}

impl DatagramBuilder<'_> {
    fn items(&mut self, items: &[FlightItem]) -> Result<(), Error> {
        for item in items {
            match item {
                FlightItem::ChangeCipherSpec => {
                    self.record(ContentType::ChangeCipherSpec, &[1])?;
                    self.encrypted = true;
                }
                FlightItem::Message { message_type, sequence, body } => {
                    self.message(*message_type, *sequence, body)?;
                }
            }
        }
        Ok(())
    }

    /// Returns how many bytes the next record may carry in this datagram.
    fn remaining(&self) -> usize {
        let used = self.datagram.len() + self.records.overhead(self.encrypted);
        self.mtu.saturating_sub(used).min(self.records.max_fragment_len())
    }

    fn flush(&mut self) {
        if !self.datagram.is_empty() {
            self.datagrams.push(std::mem::take(&mut self.datagram));
        }
    }

    fn record(&mut self, content_type: ContentType, content: &[u8]) -> Result<(), Error> {
        if content.len() > self.remaining() {
            self.flush();
        }
        self.records.write(self.encrypted, content_type, content, &mut self.datagram)
    }

    fn message(
        &mut self,
        message_type: MessageType,
        sequence: u16,
        body: &[u8],
    ) -> Result<(), Error> {
        let is_unfragmented = message_type == MessageType::ClientHello;
        let mut fragment_offset = 0;
        loop {
            let rest = &body[fragment_offset..];
            let min_len = rest.len().min(MIN_FRAGMENT) + Header::LEN;
            if self.remaining() < min_len {
                self.flush();
            }
            let max_len = if is_unfragmented {
                rest.len()
            } else {
                self.remaining().saturating_sub(Header::LEN)
            };
            let fragment = &rest[..rest.len().min(max_len.max(1))];
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
