//! What the records that come carry. Within the sealed epoch, what breaks the protocol ends the connection; outside it, it is
//! dropped.

use super::handshake::MOST_EARLY;
use super::{Connection, PACKET_OVERHEAD, State};
use crate::alert::Alert;
use crate::error::Error;
use crate::handshake::{Header as MessageHeader, MessageType};
use crate::reader::Reader;
use crate::record::{ContentType, Record, Unsealed};
use std::time::Instant;

const UNREADABLE: Error =
    Error::Protocol(Alert::DECODE_ERROR, "a handshake message that cannot be read");

impl Connection {
    pub(super) fn take_record(&mut self, now: Instant, record: Record<'_>) -> Result<(), Error> {
        let header = record.header;
        match self.exchange.records.open(record)? {
            Unsealed::Content(content) if header.epoch > 0 => {
                self.take_sealed(now, header.content_type, content)
            }
            Unsealed::Content(content) => self.take_plain(now, header.content_type, content),
            Unsealed::Early(sealed) => {
                if let Some(handshake) = &mut self.handshake {
                    handshake.keep_early(header, sealed);
                }
                Ok(())
            }
            Unsealed::Nothing => Ok(()),
        }
    }

    /// Takes what anybody may have sent.
    fn take_plain(
        &mut self,
        now: Instant,
        content_type: ContentType,
        content: &[u8],
    ) -> Result<(), Error> {
        let Some(handshake) = &mut self.handshake else { return Ok(()) };
        match content_type {
            ContentType::Alert => {
                if let Ok((alert, true)) = Alert::parse(content) {
                    handshake.doubt(now, Error::Alert(alert), &mut self.exchange);
                }
                return Ok(());
            }
            ContentType::Handshake => {}
            // What a ChangeCipherSpec changes is told by the epochs.
            _ => return Ok(()),
        }
        let mut reader = Reader(content);
        let mut repeated = false;
        while let Some((header, fragment)) = MessageHeader::parse(&mut reader) {
            // A HelloRequest asks for what is under way, and a Finished comes sealed.
            if !matches!(header.message_type, MessageType::HelloRequest | MessageType::Finished) {
                repeated |= handshake.take_fragment(now, &header, fragment, &mut self.exchange);
            }
        }
        if repeated { self.exchange.was_asked(now) } else { Ok(()) }
    }

    /// Takes what the other side has sealed.
    fn take_sealed(
        &mut self,
        now: Instant,
        content_type: ContentType,
        content: &[u8],
    ) -> Result<(), Error> {
        match content_type {
            ContentType::Handshake => self.take_sealed_messages(now, content),
            ContentType::ApplicationData => {
                self.take_data(content);
                Ok(())
            }
            ContentType::Alert => {
                match Alert::parse(content)? {
                    (Alert::CLOSE_NOTIFY, _) => self.close(),
                    (alert, true) => self.end(State::Failed(Error::Alert(alert))),
                    (_, false) => {}
                }
                Ok(())
            }
            ContentType::ChangeCipherSpec | ContentType::Other(_) => Err(Error::OUT_OF_TURN),
        }
    }

    fn take_sealed_messages(&mut self, now: Instant, content: &[u8]) -> Result<(), Error> {
        let mut reader = Reader(content);
        let mut repeated = false;
        loop {
            let known = reader.0.first().and_then(|kind| MessageType::from_number(*kind));
            if known.is_none() && !reader.is_empty() {
                return Err(Error::OUT_OF_TURN);
            }
            let (header, fragment) = MessageHeader::parse(&mut reader).ok_or(UNREADABLE)?;
            match header.message_type {
                MessageType::Finished if self.handshake.is_some() => {
                    self.exchange.reassembly.add(&header, fragment);
                }
                // The other side has not seen our end of the handshake, or it came late.
                MessageType::Finished if self.exchange.reassembly.is_behind(&header) => {
                    repeated |= self.is_server;
                }
                MessageType::ClientHello if self.is_server && self.handshake.is_none() => {
                    let refusal = Alert::NO_RENEGOTIATION.encode();
                    self.exchange.send(true, ContentType::Alert, &refusal)?;
                }
                MessageType::HelloRequest if !self.is_server => {}
                _ => return Err(Error::OUT_OF_TURN),
            }
            if reader.is_empty() {
                break;
            }
        }
        if repeated { self.exchange.was_asked(now) } else { Ok(()) }
    }

    fn take_data(&mut self, content: &[u8]) {
        let limit = if self.state == State::Connected {
            self.exchange.forget_flight();
            self.waiting_limit
        } else {
            self.drop_data_of_earlier_keys();
            self.waiting_limit.min(MOST_EARLY)
        };
        let cost = content.len() + PACKET_OVERHEAD;
        if self.waiting > 0 && self.waiting + cost > limit {
            self.dropped += 1;
            return;
        }
        self.waiting += cost;
        self.received.push_back(content.to_vec());
    }

    /// Drops what was sealed with keys that were forgotten: they were agreed with somebody else than the one whose Finished comes.
    pub(super) fn drop_data_of_earlier_keys(&mut self) {
        let rewinds = self.exchange.rewinds();
        if std::mem::replace(&mut self.received_after, rewinds) != rewinds {
            self.received.clear();
            self.waiting = 0;
        }
    }
}
