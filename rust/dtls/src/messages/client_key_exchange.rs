//! ClientKeyExchange (RFC 8422 section 5.7).

use crate::reader::Reader;
use crate::writer;

/// The client's ephemeral public key.
#[derive(Debug)]
pub(crate) struct ClientKeyExchange<'a> {
    pub(crate) public: &'a [u8],
}

impl<'a> ClientKeyExchange<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(body);
        let public = reader.vector8()?;
        reader.is_empty().then_some(Self { public })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 + self.public.len());
        writer::vector::<1>(&mut out, |out| out.extend_from_slice(self.public));
        out
    }
}
