//! Signatures: PKCS #1 v1.5 and ECDSA (RFC 5246 section 4.7, RFC 8422 section 5.4). TLS 1.2 does not use PSS here.

use super::group::{NamedGroup, UNCOMPRESSED};
use crate::alert::Alert;
use crate::error::{CertificateError, Error};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, RsaKeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, SignatureVerificationAlgorithm};
use std::fmt;
use webpki::{EndEntityCert, aws_lc_rs as algorithms};
use x509_parser::oid_registry::OID_KEY_TYPE_EC_PUBLIC_KEY;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The algorithm of a signing key (RFC 5246 section 7.4.1.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureAlgorithm {
    Rsa,
    Ecdsa,
}

/// A hash and a signature algorithm (RFC 5246 section 7.4.1.4.1), by their common number (RFC 8446 section 4.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureScheme {
    RsaPkcs1Sha256 = 0x0401,
    EcdsaSha256 = 0x0403,
    RsaPkcs1Sha384 = 0x0501,
    EcdsaSha384 = 0x0503,
    RsaPkcs1Sha512 = 0x0601,
    EcdsaSha512 = 0x0603,
}

/// All signature schemes, the preferred first.
pub(crate) const SIGNATURE_SCHEMES: [SignatureScheme; 6] = [
    SignatureScheme::EcdsaSha256,
    SignatureScheme::RsaPkcs1Sha256,
    SignatureScheme::EcdsaSha384,
    SignatureScheme::RsaPkcs1Sha384,
    SignatureScheme::EcdsaSha512,
    SignatureScheme::RsaPkcs1Sha512,
];

impl SignatureScheme {
    pub(crate) fn from_number(number: u16) -> Option<Self> {
        SIGNATURE_SCHEMES.into_iter().find(|scheme| *scheme as u16 == number)
    }

    pub(crate) fn signature_algorithm(self) -> SignatureAlgorithm {
        match self {
            Self::RsaPkcs1Sha256 | Self::RsaPkcs1Sha384 | Self::RsaPkcs1Sha512 => {
                SignatureAlgorithm::Rsa
            }
            Self::EcdsaSha256 | Self::EcdsaSha384 | Self::EcdsaSha512 => SignatureAlgorithm::Ecdsa,
        }
    }

    /// Returns the verification algorithms of all kinds of keys: in TLS 1.2 a hash may be used with any curve.
    fn verification_algorithms(self) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
        match self {
            Self::RsaPkcs1Sha256 => vec![algorithms::RSA_PKCS1_2048_8192_SHA256],
            Self::RsaPkcs1Sha384 => vec![algorithms::RSA_PKCS1_2048_8192_SHA384],
            Self::RsaPkcs1Sha512 => vec![algorithms::RSA_PKCS1_2048_8192_SHA512],
            Self::EcdsaSha256 => vec![
                algorithms::ECDSA_P256_SHA256,
                algorithms::ECDSA_P384_SHA256,
                algorithms::ECDSA_P521_SHA256,
            ],
            Self::EcdsaSha384 => vec![
                algorithms::ECDSA_P256_SHA384,
                algorithms::ECDSA_P384_SHA384,
                algorithms::ECDSA_P521_SHA384,
            ],
            Self::EcdsaSha512 => vec![
                algorithms::ECDSA_P256_SHA512,
                algorithms::ECDSA_P384_SHA512,
                algorithms::ECDSA_P521_SHA512,
            ],
        }
    }
}

/// Verifies the signature of a message with the key of a certificate.
pub(crate) fn verify_signature(
    certificate: &CertificateDer<'_>,
    scheme: SignatureScheme,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    let malformed = |_| Error::Certificate(CertificateError::Malformed);
    let certificate = EndEntityCert::try_from(certificate).map_err(malformed)?;
    let is_valid = |algorithm: &&dyn SignatureVerificationAlgorithm| {
        certificate.verify_signature(*algorithm, message, signature).is_ok()
    };
    if scheme.verification_algorithms().iter().any(is_valid) {
        Ok(())
    } else {
        Err(Error::PeerMisbehaved(Alert::DECRYPT_ERROR, "invalid handshake signature"))
    }
}

/// Checks that a certificate's key may sign a handshake: its key usage, if present, includes digitalSignature
/// (RFC 5246 section 7.4.2), and a point is uncompressed (RFC 8422 section 5.1.2).
pub(crate) fn check_signing_certificate(
    certificate: &CertificateDer<'_>,
) -> Result<(), CertificateError> {
    let malformed = |_| CertificateError::Malformed;
    let (_, certificate) =
        X509Certificate::from_der(certificate).map_err(|_| CertificateError::Malformed)?;
    let usage = certificate.key_usage().map_err(malformed)?;
    if usage.is_some_and(|usage| !usage.value.digital_signature()) {
        return Err(CertificateError::NotForSignatures);
    }
    let key = certificate.public_key();
    let is_point = key.algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY;
    if is_point && key.subject_public_key.data.first() != Some(&UNCOMPRESSED) {
        return Err(CertificateError::Malformed);
    }
    Ok(())
}

/// The reason why a private key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The key is malformed, or neither RSA (2048 to 8192 bits) nor P-256 nor P-384.
    Unsupported,
    /// The key does not belong to the certificate.
    Mismatch,
    /// The key usage of the certificate does not allow signatures.
    NotForSignatures,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsupported => "the key is neither RSA (2048 to 8192 bits) nor P-256 nor P-384",
            Self::Mismatch => "the key does not belong to the certificate",
            Self::NotForSignatures => "the certificate's key usage lacks digitalSignature",
        })
    }
}

impl std::error::Error for KeyError {}

/// A private key.
pub struct SigningKey(Key);

enum Key {
    Rsa(RsaKeyPair),
    /// With the signature scheme of its curve.
    Ecdsa(SignatureScheme, EcdsaKeyPair),
}

impl SigningKey {
    /// Decodes a key: PKCS #8, PKCS #1 for RSA, SEC 1 for elliptic curves.
    ///
    /// # Errors
    /// [`KeyError::Unsupported`].
    pub fn new(key: &PrivateKeyDer<'_>) -> Result<Self, KeyError> {
        let der = key.secret_der();
        let rsa = match key {
            PrivateKeyDer::Pkcs1(_) => RsaKeyPair::from_der(der),
            _ => RsaKeyPair::from_pkcs8(der),
        };
        if let Ok(rsa) = rsa {
            return Ok(Self(Key::Rsa(rsa)));
        }
        for (scheme, algorithm) in [
            (SignatureScheme::EcdsaSha256, &signature::ECDSA_P256_SHA256_ASN1_SIGNING),
            (SignatureScheme::EcdsaSha384, &signature::ECDSA_P384_SHA384_ASN1_SIGNING),
        ] {
            if let Ok(pair) = EcdsaKeyPair::from_private_key_der(algorithm, der) {
                return Ok(Self(Key::Ecdsa(scheme, pair)));
            }
        }
        Err(KeyError::Unsupported)
    }

    pub(crate) fn signature_algorithm(&self) -> SignatureAlgorithm {
        match &self.0 {
            Key::Rsa(_) => SignatureAlgorithm::Rsa,
            Key::Ecdsa(..) => SignatureAlgorithm::Ecdsa,
        }
    }

    /// Returns the curve of the key; `None` for RSA.
    pub(crate) fn group(&self) -> Option<NamedGroup> {
        match &self.0 {
            Key::Ecdsa(SignatureScheme::EcdsaSha384, _) => Some(NamedGroup::Secp384r1),
            Key::Ecdsa(..) => Some(NamedGroup::Secp256r1),
            Key::Rsa(_) => None,
        }
    }

    /// Returns the preferred scheme of this key among those that the peer offers.
    pub(crate) fn choose_scheme(&self, offered: &[u16]) -> Option<SignatureScheme> {
        let is_offered = |scheme: SignatureScheme| offered.contains(&(scheme as u16));
        match &self.0 {
            Key::Rsa(_) => SIGNATURE_SCHEMES.into_iter().find(|scheme| {
                scheme.signature_algorithm() == SignatureAlgorithm::Rsa && is_offered(*scheme)
            }),
            Key::Ecdsa(scheme, _) => Some(*scheme).filter(|scheme| is_offered(*scheme)),
        }
    }

    /// Returns true if the key belongs to this certificate.
    pub(crate) fn belongs_to(&self, certificate: &CertificateDer<'_>) -> bool {
        let scheme = match &self.0 {
            Key::Rsa(_) => SignatureScheme::RsaPkcs1Sha256,
            Key::Ecdsa(scheme, _) => *scheme,
        };
        let probe = b"key check";
        let signature = self.sign(scheme, probe);
        signature
            .is_ok_and(|signature| verify_signature(certificate, scheme, probe, &signature).is_ok())
    }

    /// Signs a message.
    pub(crate) fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = || Error::Internal("signing failed");
        let random = SystemRandom::new();
        match &self.0 {
            Key::Rsa(pair) => {
                let padding: &dyn signature::RsaEncoding = match scheme {
                    SignatureScheme::RsaPkcs1Sha256 => &signature::RSA_PKCS1_SHA256,
                    SignatureScheme::RsaPkcs1Sha384 => &signature::RSA_PKCS1_SHA384,
                    SignatureScheme::RsaPkcs1Sha512 => &signature::RSA_PKCS1_SHA512,
                    _ => return Err(failed()),
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature).map_err(|_| failed())?;
                Ok(signature)
            }
            Key::Ecdsa(curve_scheme, pair) => {
                if *curve_scheme != scheme {
                    return Err(failed());
                }
                let signature = pair.sign(&random, message).map_err(|_| failed())?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.signature_algorithm()).finish()
    }
}
