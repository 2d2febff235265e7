//! CertificateRequest (RFC 5246 section 7.4.4).

use super::client_hello::encode_schemes;
use crate::crypto::{Authentication, Scheme};
use crate::reader::Reader;
use crate::writer;

/// `rsa_sign` and `ecdsa_sign` (RFC 5246 section 7.4.4, RFC 8422 section 5.5).
const RSA_SIGN: u8 = 1;
const ECDSA_SIGN: u8 = 64;

/// The server wants a certificate of the client's.
#[derive(Debug)]
pub(crate) struct CertificateRequest {
    /// How the client may sign, with a key of a kind that the server takes.
    pub(crate) schemes: Vec<u16>,
}

impl CertificateRequest {
    /// Whom the server trusts is of no account: a client has one certificate, or none.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let mut reader = Reader(body);
        let types = reader.vector8().filter(|types| !types.is_empty())?;
        let schemes = reader.list16()?;
        let mut authorities = Reader(reader.vector16()?);
        while !authorities.is_empty() {
            authorities.vector16()?;
        }
        let is_taken = |scheme: Scheme| {
            types.contains(match scheme.authentication() {
                Authentication::Rsa => &RSA_SIGN,
                Authentication::Ecdsa => &ECDSA_SIGN,
            })
        };
        let taken = |number: &u16| Scheme::from_number(*number).is_some_and(is_taken);
        reader.is_empty().then(|| Self { schemes: schemes.filter(taken).collect() })
    }

    pub(crate) fn encode() -> Vec<u8> {
        let mut out = Vec::new();
        writer::vector::<1>(&mut out, |out| out.extend_from_slice(&[ECDSA_SIGN, RSA_SIGN]));
        encode_schemes(&mut out);
        // Certificates of any authority.
        writer::u16(&mut out, 0);
        out
    }
}
