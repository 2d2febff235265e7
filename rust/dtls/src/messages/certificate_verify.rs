//! CertificateVerify, and what a signature is wherever one stands (RFC 5246 sections 4.7 and 7.4.8).

use crate::crypto::Scheme;
use crate::reader::Reader;
use crate::writer;

/// A signature, and how it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DigitallySigned<'a> {
    pub(crate) scheme: Scheme,
    pub(crate) signature: &'a [u8],
}

impl<'a> DigitallySigned<'a> {
    /// Reads one to the end of `reader`.
    pub(crate) fn parse(mut reader: Reader<'a>) -> Option<Self> {
        let scheme = Scheme::from_number(reader.u16()?)?;
        let signature = reader.vector16()?;
        reader.is_empty().then_some(Self { scheme, signature })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        writer::u16(out, self.scheme as u16);
        writer::vector::<2>(out, |out| out.extend_from_slice(self.signature));
    }
}
