//! CertificateRequest (RFC 5246 section 7.4.4).

use super::client_hello::encode_schemes;
use crate::reader::Reader;
use crate::writer;

/// `rsa_sign` and `ecdsa_sign`.
const TYPES: [u8; 2] = [64, 1];

/// The server wants a certificate of the client's.
#[derive(Debug)]
pub(crate) struct CertificateRequest {
    /// How the client may sign.
    pub(crate) schemes: Vec<u16>,
}

impl CertificateRequest {
    /// Whom the server trusts is of no account: a client has one certificate, or none.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let mut reader = Reader(body);
        reader.vector8()?;
        let schemes = reader.list16()?.collect();
        reader.vector16()?;
        reader.is_empty().then_some(Self { schemes })
    }

    pub(crate) fn encode() -> Vec<u8> {
        let mut out = Vec::new();
        writer::vector::<1>(&mut out, |out| out.extend_from_slice(&TYPES));
        encode_schemes(&mut out);
        // Certificates of any authority.
        writer::u16(&mut out, 0);
        out
    }
}
