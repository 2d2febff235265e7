//! HelloVerifyRequest (RFC 6347 section 4.2.1).

use crate::reader::Reader;
use crate::record::{VERSION, VERSION_1_0};
use crate::writer;

/// The server's request for a cookie.
#[derive(Debug)]
pub(crate) struct HelloVerifyRequest<'a> {
    pub(crate) cookie: &'a [u8],
}

impl<'a> HelloVerifyRequest<'a> {
    /// Decodes a request. The version is not significant: servers of both versions send DTLS 1.0.
    pub(crate) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(body);
        let version = reader.u16()?;
        let cookie = reader.vector8()?;
        (reader.is_empty() && matches!(version, VERSION | VERSION_1_0)).then_some(Self { cookie })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(3 + self.cookie.len());
        writer::u16(&mut out, VERSION_1_0);
        writer::vector::<1>(&mut out, |out| out.extend_from_slice(self.cookie));
        out
    }
}
