//! CertificateVerify, and digitally-signed elements in general (RFC 5246 sections 4.7 and 7.4.8).

use crate::alert::Alert;
use crate::crypto::SignatureScheme;
use crate::error::Error;
use crate::reader::Reader;
use crate::writer;

/// A signature with its scheme.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DigitallySigned<'a> {
    pub(crate) scheme: SignatureScheme,
    pub(crate) signature: &'a [u8],
}

impl<'a> DigitallySigned<'a> {
    /// Decodes a signature that extends to the end of `reader`.
    ///
    /// # Errors
    /// `malformed`, or a scheme that was not offered.
    pub(crate) fn parse(mut reader: Reader<'a>, malformed: Error) -> Result<Self, Error> {
        let scheme = reader.u16().ok_or(malformed.clone())?;
        let signature = reader.vector16().filter(|_| reader.is_empty()).ok_or(malformed)?;
        let scheme = SignatureScheme::from_number(scheme).ok_or(Error::PeerMisbehaved(
            Alert::ILLEGAL_PARAMETER,
            "signature scheme was not offered",
        ))?;
        Ok(Self { scheme, signature })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        writer::u16(out, self.scheme as u16);
        writer::vector::<2>(out, |out| out.extend_from_slice(self.signature));
    }
}
