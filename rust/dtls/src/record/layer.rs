//! The record layer of a connection, in both directions.

use super::header::{ContentType, Header, MAX_PLAINTEXT, Record, VERSION};
use super::protection::{RecordDecrypter, RecordEncrypter};
use super::replay::ReplayWindow;
use crate::alert::Alert;
use crate::crypto::{KeyBlock, Side};
use crate::error::Error;

/// The result of [`RecordLayer::open`].
pub(crate) enum Opened<'a> {
    /// The record is forged, replayed, or of an unknown epoch.
    Discarded,
    /// The record is encrypted with keys that do not exist yet.
    NoKeysYet(&'a [u8]),
    /// The content of the record.
    Plaintext(&'a [u8]),
}

/// The records of a connection: epoch 0 without keys, epoch 1 with them. There are no others, since renegotiation is not
/// supported.
pub(crate) struct RecordLayer {
    decrypter: Option<RecordDecrypter>,
    replay: ReplayWindow,
    encrypter: Option<RecordEncrypter>,
    /// Sequence number of the next own record of epoch 0.
    plaintext_sequence: u64,
    /// Maximum content of a record (RFC 6066 section 4).
    max_fragment_len: usize,
}

impl RecordLayer {
    /// Creates a record layer whose first own record has this sequence number.
    pub(crate) fn starting_at(plaintext_sequence: u64) -> Self {
        Self {
            decrypter: None,
            replay: ReplayWindow::default(),
            encrypter: None,
            plaintext_sequence,
            max_fragment_len: MAX_PLAINTEXT,
        }
    }

    /// Returns the maximum content of a record, in bytes.
    pub(crate) fn max_fragment_len(&self) -> usize {
        self.max_fragment_len
    }

    /// Sets the maximum content of a record.
    pub(crate) fn set_max_fragment_len(&mut self, len: usize) {
        self.max_fragment_len = len;
    }

    /// Sets the keys of epoch 1, for this side.
    pub(crate) fn set_keys(&mut self, block: &KeyBlock, side: Side) -> Result<(), Error> {
        self.encrypter = Some(RecordEncrypter::new(block, side)?);
        self.decrypter = Some(RecordDecrypter::new(block, side.other())?);
        Ok(())
    }

    /// Discards the keys. Nothing may have been sent with them.
    pub(crate) fn discard_keys(&mut self) {
        self.encrypter = None;
        self.decrypter = None;
        self.replay = ReplayWindow::default();
    }

    /// Returns true if the keys of epoch 1 are set.
    pub(crate) fn has_keys(&self) -> bool {
        self.encrypter.is_some()
    }

    /// Decrypts a record in place.
    ///
    /// Epoch 0 has no replay protection: without authentication it would be pointless.
    pub(crate) fn open<'a>(&mut self, record: Record<'a>) -> Result<Opened<'a>, Error> {
        let Record { header, fragment } = record;
        let Header { epoch, sequence, .. } = header;
        match (epoch, &mut self.decrypter) {
            (0, _) if fragment.len() <= MAX_PLAINTEXT => Ok(Opened::Plaintext(fragment)),
            (1, None) => Ok(Opened::NoKeysYet(fragment)),
            (1, Some(decrypter)) if self.replay.is_new(sequence) => {
                let Some(content) = decrypter.decrypt(&header, fragment)? else {
                    return Ok(Opened::Discarded);
                };
                self.replay.mark_received(sequence);
                if content.len() > self.max_fragment_len {
                    return Err(Error::PeerMisbehaved(Alert::RECORD_OVERFLOW, "record too long"));
                }
                Ok(Opened::Plaintext(content))
            }
            _ => Ok(Opened::Discarded),
        }
    }

    /// Returns how much longer a record is than its content.
    pub(crate) fn overhead(&self, encrypted: bool) -> usize {
        match &self.encrypter {
            Some(keys) if encrypted => keys.overhead(),
            _ => Header::LEN,
        }
    }

    /// Appends a record to `out`.
    pub(crate) fn write(
        &mut self,
        encrypted: bool,
        content_type: ContentType,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if encrypted {
            let keys = self.encrypter.as_mut().ok_or(Error::Internal("no keys yet"))?;
            return keys.encrypt(content_type, content, out);
        }
        let sequence = self.plaintext_sequence;
        let header = Header { content_type, version: VERSION, epoch: 0, sequence };
        self.plaintext_sequence += 1;
        out.extend_from_slice(&header.encode(content.len()));
        out.extend_from_slice(content);
        Ok(())
    }
}
