//! Both directions of a connection's records.

use super::header::{ContentType, Header, MAXIMUM_PLAINTEXT, Record, VERSION};
use super::protection::{Opener, Sealer};
use super::replay::Replay;
use crate::alert::Alert;
use crate::crypto::{KeyBlock, Side};
use crate::error::Error;

/// What a record has come to.
pub(crate) enum Unsealed<'a> {
    /// Nothing: it is forged, or a repetition, or of an epoch that there is not.
    Nothing,
    /// It is sealed with keys that are yet to come.
    Early(&'a [u8]),
    /// What it carries.
    Content(&'a [u8]),
}

/// Both directions of a connection's records: epoch 0 without keys, epoch 1 with them. There is no other, since nothing is
/// negotiated again.
pub(crate) struct Records {
    opener: Option<Opener>,
    replay: Replay,
    sealer: Option<Sealer>,
    /// The number of the next record of epoch 0 that is sent.
    plain_sequence: u64,
    /// The most bytes that a record carries.
    longest: usize,
}

impl Records {
    /// The records of epoch 0 that are sent are numbered from this on.
    pub(crate) fn starting_at(plain_sequence: u64) -> Self {
        Self {
            opener: None,
            replay: Replay::default(),
            sealer: None,
            plain_sequence,
            longest: MAXIMUM_PLAINTEXT,
        }
    }

    /// The most bytes that a record carries.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    /// From now on a record carries no more than this.
    pub(crate) fn set_longest(&mut self, longest: usize) {
        self.longest = longest;
    }

    /// The keys of epoch 1, for the side that this is.
    pub(crate) fn set_keys(&mut self, block: &KeyBlock, side: Side) -> Result<(), Error> {
        self.sealer = Some(Sealer::new(block, side)?);
        self.opener = Some(Opener::new(block, side.other())?);
        Ok(())
    }

    /// Forgets the keys, with which nothing was sent.
    pub(crate) fn forget_keys(&mut self) {
        self.sealer = None;
        self.opener = None;
        self.replay = Replay::default();
    }

    /// Whether there are keys.
    pub(crate) fn has_keys(&self) -> bool {
        self.sealer.is_some()
    }

    /// Opens a record, where it is.
    ///
    /// Those of epoch 0 may come twice: whoever forges them could as well forge their numbers.
    pub(crate) fn open<'a>(&mut self, record: Record<'a>) -> Result<Unsealed<'a>, Error> {
        let Record { header, fragment } = record;
        let Header { epoch, sequence, .. } = header;
        match (epoch, &mut self.opener) {
            (0, _) if fragment.len() <= MAXIMUM_PLAINTEXT => Ok(Unsealed::Content(fragment)),
            (1, None) => Ok(Unsealed::Early(fragment)),
            (1, Some(opener)) if self.replay.may_come(sequence) => {
                let Some(content) = opener.open(&header, fragment)? else {
                    return Ok(Unsealed::Nothing);
                };
                self.replay.came(sequence);
                if content.len() > self.longest {
                    return Err(Error::Protocol(Alert::RECORD_OVERFLOW, "a record was too long"));
                }
                Ok(Unsealed::Content(content))
            }
            _ => Ok(Unsealed::Nothing),
        }
    }

    /// How many bytes a record of an epoch has beyond what it carries.
    pub(crate) fn overhead(&self, sealed: bool) -> usize {
        match &self.sealer {
            Some(keys) if sealed => keys.overhead(),
            _ => Header::LEN,
        }
    }

    /// Writes a record onto the end of `out`.
    pub(crate) fn write(
        &mut self,
        sealed: bool,
        content_type: ContentType,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if sealed {
            let keys = self.sealer.as_mut().ok_or(Error::Internal("there are no keys yet"))?;
            return keys.seal(content_type, content, out);
        }
        let sequence = self.plain_sequence;
        let header = Header { content_type, version: VERSION, epoch: 0, sequence };
        self.plain_sequence += 1;
        out.extend_from_slice(&header.encode(content.len()));
        out.extend_from_slice(content);
        Ok(())
    }
}
