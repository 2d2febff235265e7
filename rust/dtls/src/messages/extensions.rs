//! The extensions of ClientHello and ServerHello (RFC 5246 section 7.4.1.4).

use crate::alert::Alert;
use crate::error::Error;
use crate::reader::Reader;
use crate::writer;

/// RFC 6066 section 3.
pub(super) const SERVER_NAME: u16 = 0;
/// RFC 6066 section 4.
pub(super) const MAX_FRAGMENT_LENGTH: u16 = 1;
/// RFC 8422 section 5.1.1.
pub(super) const SUPPORTED_GROUPS: u16 = 10;
/// RFC 8422 section 5.1.2.
pub(super) const EC_POINT_FORMATS: u16 = 11;
/// RFC 5246 section 7.4.1.4.1.
pub(super) const SIGNATURE_ALGORITHMS: u16 = 13;
/// RFC 7627.
pub(super) const EXTENDED_MASTER_SECRET: u16 = 23;
/// RFC 5746.
pub(super) const RENEGOTIATION_INFO: u16 = 0xFF01;

/// The `uncompressed` point format (RFC 8422 section 5.1.2).
pub(super) const UNCOMPRESSED: u8 = 0;

/// Decodes the optional extensions at the end of a hello, each with its number. Returns `None` if they are truncated, or if
/// one is duplicated.
pub(super) fn read<'a>(reader: &mut Reader<'a>) -> Option<Vec<(u16, &'a [u8])>> {
    let mut extensions = Vec::new();
    if reader.is_empty() {
        return Some(extensions);
    }
    let mut list = Reader(reader.vector16()?);
    while !list.is_empty() {
        extensions.push((list.u16()?, list.vector16()?));
    }
    let mut numbers: Vec<u16> = extensions.iter().map(|(number, _)| *number).collect();
    numbers.sort_unstable();
    (reader.is_empty() && numbers.is_sorted_by(|a, b| a < b)).then_some(extensions)
}

/// A `max_fragment_length`: 512, 1024, 2048 or 4096 bytes (RFC 6066 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaxFragmentLength(u8);

impl MaxFragmentLength {
    pub(super) fn from_number(number: u8) -> Option<Self> {
        matches!(number, 1..=4).then_some(Self(number))
    }

    pub(super) fn number(self) -> u8 {
        self.0
    }

    pub(crate) fn bytes(self) -> usize {
        256 << self.0
    }
}

/// Decodes `ec_point_formats`, which must contain `uncompressed` (RFC 8422 section 5.1.2).
pub(super) fn read_point_formats(reader: &mut Reader<'_>, malformed: Error) -> Result<(), Error> {
    let formats = reader.vector8().filter(|formats| !formats.is_empty()).ok_or(malformed)?;
    if formats.contains(&UNCOMPRESSED) {
        return Ok(());
    }
    Err(Error::PeerMisbehaved(Alert::ILLEGAL_PARAMETER, "ec_point_formats without uncompressed"))
}

/// Decodes `renegotiation_info`, which must be empty in an initial handshake (RFC 5746 sections 3.4 and 3.6).
pub(super) fn read_renegotiation_info(
    reader: &mut Reader<'_>,
    malformed: Error,
) -> Result<(), Error> {
    if reader.vector8().ok_or(malformed)?.is_empty() {
        return Ok(());
    }
    Err(Error::PeerMisbehaved(
        Alert::HANDSHAKE_FAILURE,
        "non-empty renegotiation_info in the initial handshake",
    ))
}

/// Encodes an extension.
pub(super) fn write(out: &mut Vec<u8>, number: u16, content: impl FnOnce(&mut Vec<u8>)) {
    writer::u16(out, number);
    writer::vector::<2>(out, content);
}
