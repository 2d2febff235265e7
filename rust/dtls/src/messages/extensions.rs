//! Extensions of the hellos (RFC 5246 section 7.4.1.4), by their numbers.

use crate::reader::Reader;
use crate::writer;

/// RFC 6066 section 3.
pub(super) const SERVER_NAME: u16 = 0;
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

/// Points are written uncompressed.
pub(super) const UNCOMPRESSED: u8 = 0;

/// The extensions at the end of a hello, each with its number; none if there are none. `None` if they are not whole.
pub(super) fn read<'a>(reader: &mut Reader<'a>) -> Option<Vec<(u16, &'a [u8])>> {
    let mut extensions = Vec::new();
    if reader.is_empty() {
        return Some(extensions);
    }
    let mut list = Reader(reader.vector16()?);
    while !list.is_empty() {
        let (number, content) = (list.u16()?, list.vector16()?);
        // None may come twice.
        if extensions.iter().any(|(other, _)| *other == number) {
            return None;
        }
        extensions.push((number, content));
    }
    reader.is_empty().then_some(extensions)
}

/// Writes an extension.
pub(super) fn write(out: &mut Vec<u8>, number: u16, content: impl FnOnce(&mut Vec<u8>)) {
    writer::u16(out, number);
    writer::vector::<2>(out, content);
}
