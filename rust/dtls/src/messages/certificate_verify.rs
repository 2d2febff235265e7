//! CertificateVerify, and what a signature is wherever one stands (RFC 5246 sections 4.7 and 7.4.8).

use crate::alert::Alert;
use crate::crypto::Scheme;
use crate::error::Error;
use crate::reader::Reader;
use crate::writer;

/// A signature, and how it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DigitallySigned<'a> {
    pub(crate) scheme: Scheme,
    pub(crate) signature: &'a [u8],
}

impl<'a> DigitallySigned<'a> {
    /// Reads one to the end of `reader`: `unreadable` if it cannot be read.
    pub(crate) fn parse(mut reader: Reader<'a>, unreadable: Error) -> Result<Self, Error> {
        let scheme = reader.u16().ok_or(unreadable.clone())?;
        let signature = reader.vector16().filter(|_| reader.is_empty()).ok_or(unreadable)?;
        let scheme = Scheme::from_number(scheme).ok_or(Error::Protocol(
            Alert::ILLEGAL_PARAMETER,
            "a signature of a kind that was not offered",
        ))?;
        Ok(Self { scheme, signature })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        writer::u16(out, self.scheme as u16);
        writer::vector::<2>(out, |out| out.extend_from_slice(self.signature));
    }
}
