//! Received records. Within the encrypted epoch a protocol violation ends the connection; outside it, it is dropped.

use super::handshake::MAX_EARLY_BYTES;
use super::{Connection, PACKET_OVERHEAD, State};
use crate::alert::Alert;
use crate::error::Error;
use crate::handshake::{Header as MessageHeader, MessageType};
use crate::reader::Reader;
use crate::record::{ContentType, Opened, Record};
use std::time::Instant;

const MALFORMED: Error = Error::PeerMisbehaved(Alert::DECODE_ERROR, "malformed handshake message");

impl Connection {
    pub(super) fn handle_record(&mut self, now: Instant, record: Record<'_>) -> Result<(), Error> {
        let header = record.header;
        match self.context.records.open(record)? {
            Opened::Plaintext(content) if header.epoch > 0 => {
                self.handle_encrypted(now, header.content_type, content)
            }
            Opened::Plaintext(content) => self.handle_plaintext(now, header.content_type, content),
            Opened::NoKeysYet(encrypted) => {
                if let Some(handshake) = &mut self.handshake {
                    handshake.buffer_early_record(header, encrypted);
                }
                Ok(())
            }
            Opened::Discarded => Ok(()),
        }
    }

    /// Handles the content of an unencrypted record, which anyone may have sent.
    fn handle_plaintext(
        &mut self,
        now: Instant,
        content_type: ContentType,
        content: &[u8],
    ) -> Result<(), Error> {
        let Some(handshake) = &mut self.handshake else { return Ok(()) };
        match content_type {
            ContentType::Alert => {
                if let Ok((alert, true)) = Alert::parse(content) {
                    handshake.defer_failure(now, Error::Alert(alert), &mut self.context);
                }
                return Ok(());
            }
            ContentType::Handshake => {}
            // A ChangeCipherSpec carries nothing that the epoch of the next record does not.
            _ => return Ok(()),
        }
        let mut reader = Reader(content);
        let mut is_retransmitted = false;
        while let Some((header, fragment)) = MessageHeader::parse(&mut reader) {
            // A HelloRequest asks for a handshake that is already in progress; a Finished is always encrypted.
            if !matches!(header.message_type, MessageType::HelloRequest | MessageType::Finished) {
                is_retransmitted |=
                    handshake.handle_fragment(now, &header, fragment, &mut self.context);
            }
        }
        if is_retransmitted { self.context.on_peer_retransmit(now) } else { Ok(()) }
    }

    /// Handles the content of an encrypted record.
    fn handle_encrypted(
        &mut self,
        now: Instant,
        content_type: ContentType,
        content: &[u8],
    ) -> Result<(), Error> {
        match content_type {
            ContentType::Handshake => self.handle_encrypted_messages(now, content),
            ContentType::ApplicationData => {
                self.handle_application_data(content);
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
            ContentType::ChangeCipherSpec | ContentType::Other(_) => Err(Error::UNEXPECTED),
        }
    }

    fn handle_encrypted_messages(&mut self, now: Instant, content: &[u8]) -> Result<(), Error> {
        let mut reader = Reader(content);
        let mut is_retransmitted = false;
        loop {
            let known = reader.0.first().and_then(|number| MessageType::from_number(*number));
            if known.is_none() && !reader.is_empty() {
                return Err(Error::UNEXPECTED);
            }
            let (header, fragment) = MessageHeader::parse(&mut reader).ok_or(MALFORMED)?;
            match header.message_type {
                MessageType::Finished if self.handshake.is_some() => {
                    self.context.reassembly.add(&header, fragment);
                }
                // The peer has not received our final flight, or this record was delayed.
                MessageType::Finished if self.context.reassembly.is_retransmission(&header) => {
                    is_retransmitted |= self.is_server;
                }
                MessageType::ClientHello if self.is_server && self.handshake.is_none() => {
                    let warning = Alert::NO_RENEGOTIATION.encode();
                    self.context.send(true, ContentType::Alert, &warning)?;
                }
                MessageType::HelloRequest if !self.is_server => {}
                _ => return Err(Error::UNEXPECTED),
            }
            if reader.is_empty() {
                break;
            }
        }
        if is_retransmitted { self.context.on_peer_retransmit(now) } else { Ok(()) }
    }

    fn handle_application_data(&mut self, content: &[u8]) {
        let limit = if self.state == State::Connected {
            self.context.discard_flight();
            self.max_buffered_bytes
        } else {
            self.discard_data_of_earlier_keys();
            self.max_buffered_bytes.min(MAX_EARLY_BYTES)
        };
        let cost = content.len() + PACKET_OVERHEAD;
        if self.buffered_bytes > 0 && self.buffered_bytes + cost > limit {
            self.dropped += 1;
            return;
        }
        self.buffered_bytes += cost;
        self.received.push_back(content.to_vec());
    }

    /// Discards packets that were encrypted with discarded keys: those may have been agreed with someone other than the
    /// peer whose Finished is verified.
    pub(super) fn discard_data_of_earlier_keys(&mut self) {
        let rewinds = self.context.rewinds();
        if std::mem::replace(&mut self.received_at_rewind, rewinds) != rewinds {
            self.received.clear();
            self.buffered_bytes = 0;
        }
    }
}
