//! ServerKeyExchange (RFC 8422 section 5.4).

use super::DigitallySigned;
use crate::alert::Alert;
use crate::crypto::Group;
use crate::error::Error;
use crate::reader::Reader;
use crate::writer;

/// The curve is told by its number.
const NAMED_CURVE: u8 = 3;

/// The server's public key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EcdheParams<'a> {
    pub(crate) group: Group,
    pub(crate) public: &'a [u8],
}

impl EcdheParams<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![NAMED_CURVE];
        writer::u16(&mut out, self.group as u16);
        writer::vector::<1>(&mut out, |out| out.extend_from_slice(self.public));
        out
    }
}

/// The server's public key, signed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerKeyExchange<'a> {
    pub(crate) params: EcdheParams<'a>,
    /// The same as it was signed.
    pub(crate) signed: &'a [u8],
    pub(crate) signature: DigitallySigned<'a>,
}

const UNREADABLE: Error =
    Error::Protocol(Alert::DECODE_ERROR, "a ServerKeyExchange that cannot be read");

impl<'a> ServerKeyExchange<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader(body);
        let kind = reader.u8().ok_or(UNREADABLE)?;
        let group = reader.u16().ok_or(UNREADABLE)?;
        let group =
            Group::from_number(group).filter(|_| kind == NAMED_CURVE).ok_or(Error::Protocol(
                Alert::ILLEGAL_PARAMETER,
                "the server has chosen a curve that was not offered",
            ))?;
        let public = reader.vector8().ok_or(UNREADABLE)?;
        let signed = &body[..body.len() - reader.0.len()];
        let signature = DigitallySigned::parse(reader, UNREADABLE)?;
        Ok(Self { params: EcdheParams { group, public }, signed, signature })
    }
}
