//! Certificate (RFC 5246 section 7.4.2).

use crate::error::{CertificateError, Error};
use crate::reader::Reader;
use crate::writer;
use rustls_pki_types::CertificateDer;

/// Maximum number of certificates in a chain.
const MAX_CHAIN: usize = 10;

/// A chain of certificates, the sender's own first. Empty if it has none.
#[derive(Debug)]
pub(crate) struct Certificate;

impl Certificate {
    /// Decodes a chain of at least one certificate.
    pub(crate) fn parse(body: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
        match Self::read(body) {
            None => Err(Error::Certificate(CertificateError::Malformed)),
            Some(chain) if chain.is_empty() => Err(Error::Certificate(CertificateError::Missing)),
            Some(chain) => Ok(chain),
        }
    }

    fn read(body: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
        let mut reader = Reader(body);
        let mut list = Reader(reader.vector24()?);
        let mut chain = Vec::new();
        while !list.is_empty() {
            let certificate = list.vector24()?;
            if certificate.is_empty() || chain.len() == MAX_CHAIN {
                return None;
            }
            chain.push(CertificateDer::from(certificate.to_vec()));
        }
        reader.is_empty().then_some(chain)
    }

    pub(crate) fn encode(chain: &[CertificateDer<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        writer::vector::<3>(&mut out, |out| {
            for certificate in chain {
                writer::vector::<3>(out, |out| out.extend_from_slice(certificate));
            }
        });
        out
    }
}
