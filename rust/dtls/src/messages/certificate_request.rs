//! CertificateRequest (RFC 5246 section 7.4.4).

use super::client_hello::encode_signature_schemes;
use crate::crypto::{SignatureAlgorithm, SignatureScheme};
use crate::reader::Reader;
use crate::writer;

/// `rsa_sign` and `ecdsa_sign` (RFC 5246 section 7.4.4, RFC 8422 section 5.5).
const RSA_SIGN: u8 = 1;
const ECDSA_SIGN: u8 = 64;

/// The server's request for a client certificate.
#[derive(Debug)]
pub(crate) struct CertificateRequest {
    /// The schemes that the client may sign with, limited to the `certificate_types`.
    pub(crate) schemes: Vec<u16>,
}

impl CertificateRequest {
    /// Decodes a request. `certificate_authorities` is ignored: a client has one certificate, or none.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let mut reader = Reader(body);
        let types = reader.vector8().filter(|types| !types.is_empty())?;
        let schemes = reader.list16()?;
        let mut authorities = Reader(reader.vector16()?);
        while !authorities.is_empty() {
            authorities.vector16()?;
        }
        let is_allowed = |scheme: SignatureScheme| {
            types.contains(match scheme.signature_algorithm() {
                SignatureAlgorithm::Rsa => &RSA_SIGN,
                SignatureAlgorithm::Ecdsa => &ECDSA_SIGN,
            })
        };
        let is_usable =
            |number: &u16| SignatureScheme::from_number(*number).is_some_and(is_allowed);
        reader.is_empty().then(|| Self { schemes: schemes.filter(is_usable).collect() })
    }

    pub(crate) fn encode() -> Vec<u8> {
        let mut out = Vec::new();
        writer::vector::<1>(&mut out, |out| out.extend_from_slice(&[ECDSA_SIGN, RSA_SIGN]));
        encode_signature_schemes(&mut out);
        // No `certificate_authorities`: any are allowed.
        writer::u16(&mut out, 0);
        out
    }
}
