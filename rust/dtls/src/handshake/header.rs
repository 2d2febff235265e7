//! The header of a handshake message, or of a fragment of one (RFC 6347 section 4.2.2).

use crate::reader::Reader;
use crate::writer;

/// The type of a handshake message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageType {
    HelloRequest = 0,
    ClientHello = 1,
    ServerHello = 2,
    HelloVerifyRequest = 3,
    NewSessionTicket = 4,
    Certificate = 11,
    ServerKeyExchange = 12,
    CertificateRequest = 13,
    ServerHelloDone = 14,
    CertificateVerify = 15,
    ClientKeyExchange = 16,
    Finished = 20,
}

impl MessageType {
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::HelloRequest,
            1 => Self::ClientHello,
            2 => Self::ServerHello,
            3 => Self::HelloVerifyRequest,
            4 => Self::NewSessionTicket,
            11 => Self::Certificate,
            12 => Self::ServerKeyExchange,
            13 => Self::CertificateRequest,
            14 => Self::ServerHelloDone,
            15 => Self::CertificateVerify,
            16 => Self::ClientKeyExchange,
            20 => Self::Finished,
            _ => return None,
        })
    }
}

/// The header of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) message_type: MessageType,
    /// Length of the whole message.
    pub(crate) length: usize,
    /// Sequence number of the message.
    pub(crate) sequence: u16,
    pub(crate) fragment_offset: usize,
}

impl Header {
    pub(crate) const LEN: usize = 12;

    /// Decodes a fragment; `None` if it is truncated, inconsistent, or of an unknown type.
    pub(crate) fn parse<'a>(reader: &mut Reader<'a>) -> Option<(Self, &'a [u8])> {
        let message_type = MessageType::from_number(reader.u8()?)?;
        let length = reader.u24()?;
        let sequence = reader.u16()?;
        let fragment_offset = reader.u24()?;
        let fragment = reader.vector24()?;
        let header = Self { message_type, length, sequence, fragment_offset };
        (fragment_offset + fragment.len() <= length).then_some((header, fragment))
    }

    /// Encodes the header of a fragment of `len` bytes.
    pub(crate) fn encode(&self, len: usize, out: &mut Vec<u8>) {
        out.push(self.message_type as u8);
        writer::u24(out, self.length);
        writer::u16(out, self.sequence);
        writer::u24(out, self.fragment_offset);
        writer::u24(out, len);
    }

    /// Encodes a whole message, as it is hashed.
    pub(crate) fn encode_whole(
        message_type: MessageType,
        sequence: u16,
        body: &[u8],
        out: &mut Vec<u8>,
    ) {
        let header = Self { message_type, length: body.len(), sequence, fragment_offset: 0 };
        header.encode(body.len(), out);
        out.extend_from_slice(body);
    }
}
