//! Record headers (RFC 6347 section 4.1).

use crate::reader::Reader;

/// The type of a record's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentType {
    ChangeCipherSpec,
    Alert,
    Handshake,
    ApplicationData,
    /// A type that DTLS 1.2 does not define.
    Other(u8),
}

impl ContentType {
    fn from_number(number: u8) -> Self {
        match number {
            20 => Self::ChangeCipherSpec,
            21 => Self::Alert,
            22 => Self::Handshake,
            23 => Self::ApplicationData,
            other => Self::Other(other),
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::ChangeCipherSpec => 20,
            Self::Alert => 21,
            Self::Handshake => 22,
            Self::ApplicationData => 23,
            Self::Other(other) => other,
        }
    }
}

/// The version of DTLS 1.2.
pub(crate) const VERSION: u16 = 0xFEFD;
/// The version of DTLS 1.0, which the first ClientHello may have.
pub(crate) const VERSION_1_0: u16 = 0xFEFF;

/// Maximum content of a record, in bytes (RFC 5246 section 6.2.1).
pub(crate) const MAX_PLAINTEXT: usize = 1 << 14;

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) content_type: ContentType,
    pub(crate) version: u16,
    /// The epoch of the keys; 0 is unencrypted.
    pub(crate) epoch: u16,
    /// The sequence number in the epoch, 48 bits.
    pub(crate) sequence: u64,
}

impl Header {
    pub(crate) const LEN: usize = 13;

    /// Encodes the header of a record of `len` bytes.
    pub(crate) fn encode(&self, len: usize) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[0] = self.content_type.number();
        bytes[1..3].copy_from_slice(&self.version.to_be_bytes());
        bytes[3..11].copy_from_slice(&self.epoch_and_sequence().to_be_bytes());
        let len = len.to_be_bytes();
        bytes[11..].copy_from_slice(&len[len.len() - 2..]);
        bytes
    }

    /// Returns epoch and sequence number, as used in nonces and additional data.
    pub(crate) fn epoch_and_sequence(&self) -> u64 {
        u64::from(self.epoch) << 48 | self.sequence
    }
}

/// A received record, which is decrypted in place.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) header: Header,
    pub(crate) fragment: &'a mut [u8],
}

/// Iterates over the records of a datagram, up to the first truncated one. Records of unknown versions are skipped.
pub(crate) fn records(mut datagram: &mut [u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        loop {
            let (header, len) = parse(datagram)?;
            let (record, rest) = std::mem::take(&mut datagram).split_at_mut(Header::LEN + len);
            datagram = rest;
            if let Some(header) = header {
                return Some(Record { header, fragment: &mut record[Header::LEN..] });
            }
        }
    })
}

/// Returns the header and the content of the first record of a datagram.
pub(crate) fn first_record(datagram: &[u8]) -> Option<(Header, &[u8])> {
    let (header, len) = parse(datagram)?;
    Some((header?, &datagram[Header::LEN..Header::LEN + len]))
}

/// Decodes the header of a record that is not truncated, with the length of its content. The header is `None` if the
/// version is unknown.
fn parse(datagram: &[u8]) -> Option<(Option<Header>, usize)> {
    let mut reader = Reader(datagram);
    let (content_type, version) = (reader.u8()?, reader.u16()?);
    let number = u64::from_be_bytes(reader.array()?);
    let fragment = reader.vector16()?;
    let is_known = matches!(version, VERSION | VERSION_1_0);
    let header = is_known.then(|| {
        let content_type = ContentType::from_number(content_type);
        let [a, b, ..] = number.to_be_bytes();
        let epoch = u16::from_be_bytes([a, b]);
        Header { content_type, version, epoch, sequence: number & 0xFFFF_FFFF_FFFF }
    });
    Some((header, fragment.len()))
}
