//! ServerKeyExchange (RFC 8422 section 5.4).

use super::DigitallySigned;
use crate::alert::Alert;
use crate::crypto::NamedGroup;
use crate::error::Error;
use crate::reader::Reader;
use crate::writer;

/// `ECCurveType.named_curve`.
const NAMED_CURVE: u8 = 3;

/// The server's ephemeral public key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EcdheParams<'a> {
    pub(crate) group: NamedGroup,
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

/// A received ServerKeyExchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerKeyExchange<'a> {
    pub(crate) params: EcdheParams<'a>,
    /// `params` as encoded, which the signature covers.
    pub(crate) signed: &'a [u8],
    pub(crate) signature: DigitallySigned<'a>,
}

const MALFORMED: Error = Error::PeerMisbehaved(Alert::DECODE_ERROR, "malformed ServerKeyExchange");

impl<'a> ServerKeyExchange<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader(body);
        let kind = reader.u8().ok_or(MALFORMED)?;
        let group = reader.u16().ok_or(MALFORMED)?;
        let group = NamedGroup::from_number(group).filter(|_| kind == NAMED_CURVE).ok_or(
            Error::PeerMisbehaved(
                Alert::ILLEGAL_PARAMETER,
                "the server selected a group that was not offered",
            ),
        )?;
        let public = reader.vector8().ok_or(MALFORMED)?;
        let signed = &body[..body.len() - reader.0.len()];
        let signature = DigitallySigned::parse(reader, MALFORMED)?;
        Ok(Self { params: EcdheParams { group, public }, signed, signature })
    }
}
