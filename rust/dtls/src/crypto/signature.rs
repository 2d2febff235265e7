//! Signatures: PKCS #1 v1.5 and ECDSA (RFC 5246 section 4.7, RFC 8422 section 5.4). PSS is not TLS 1.2's.

use super::group::{Group, UNCOMPRESSED};
use crate::alert::Alert;
use crate::error::{CertificateError, Error};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, RsaKeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, SignatureVerificationAlgorithm};
use std::fmt;
use webpki::{EndEntityCert, aws_lc_rs as algorithms};
use x509_parser::oid_registry::OID_KEY_TYPE_EC_PUBLIC_KEY;
use x509_parser::prelude::{FromDer, X509Certificate};

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authentication {
    Rsa,
    Ecdsa,
}

/// A hash and a kind of signature (RFC 5246 section 7.4.1.4.1), by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    RsaPkcs1Sha256 = 0x0401,
    EcdsaSha256 = 0x0403,
    RsaPkcs1Sha384 = 0x0501,
    EcdsaSha384 = 0x0503,
    RsaPkcs1Sha512 = 0x0601,
    EcdsaSha512 = 0x0603,
}

/// All, the preferred first.
pub(crate) const SCHEMES: [Scheme; 6] = [
    Scheme::EcdsaSha256,
    Scheme::RsaPkcs1Sha256,
    Scheme::EcdsaSha384,
    Scheme::RsaPkcs1Sha384,
    Scheme::EcdsaSha512,
    Scheme::RsaPkcs1Sha512,
];

impl Scheme {
    pub(crate) fn from_number(number: u16) -> Option<Self> {
        SCHEMES.into_iter().find(|scheme| *scheme as u16 == number)
    }

    pub(crate) fn authentication(self) -> Authentication {
        match self {
            Self::RsaPkcs1Sha256 | Self::RsaPkcs1Sha384 | Self::RsaPkcs1Sha512 => {
                Authentication::Rsa
            }
            Self::EcdsaSha256 | Self::EcdsaSha384 | Self::EcdsaSha512 => Authentication::Ecdsa,
        }
    }

    /// How it is checked, by the keys that there are: in TLS 1.2 a hash may come with any curve.
    fn verification(self) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
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

/// Whether the holder of a certificate's key has signed a message.
pub(crate) fn verify(
    certificate: &CertificateDer<'_>,
    scheme: Scheme,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    let malformed = |_| Error::Certificate(CertificateError::Malformed);
    let certificate = EndEntityCert::try_from(certificate).map_err(malformed)?;
    let is_right = |algorithm: &&dyn SignatureVerificationAlgorithm| {
        certificate.verify_signature(*algorithm, message, signature).is_ok()
    };
    if scheme.verification().iter().any(is_right) {
        Ok(())
    } else {
        Err(Error::Protocol(Alert::DECRYPT_ERROR, "a signature of the handshake is wrong"))
    }
}

/// Whether a certificate's key is one that a handshake may be signed with: its usage allows signatures, if it tells
/// (RFC 5246 section 7.4.2), and a point is uncompressed (RFC 8422 section 5.1.2).
pub(crate) fn check_key(certificate: &CertificateDer<'_>) -> Result<(), CertificateError> {
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

/// Why a private key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// It is damaged, or of another kind than RSA (2048 to 8192 bits), P-256 or P-384.
    Unsupported,
    /// It is not the one of the certificate.
    Mismatch,
    /// The key usage of the certificate does not allow signatures.
    NotForSignatures,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsupported => "the key is neither RSA (2048 to 8192 bits) nor P-256 nor P-384",
            Self::Mismatch => "the key is not the one of the certificate",
            Self::NotForSignatures => "the certificate's key usage is without digitalSignature",
        })
    }
}

impl std::error::Error for KeyError {}

/// A private key.
pub struct SigningKey(Key);

enum Key {
    Rsa(RsaKeyPair),
    /// With the hash that belongs to its curve.
    Ecdsa(Scheme, EcdsaKeyPair),
}

impl SigningKey {
    /// Reads a key: PKCS #8, PKCS #1 for RSA, SEC 1 for elliptic curves.
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
            (Scheme::EcdsaSha256, &signature::ECDSA_P256_SHA256_ASN1_SIGNING),
            (Scheme::EcdsaSha384, &signature::ECDSA_P384_SHA384_ASN1_SIGNING),
        ] {
            if let Ok(pair) = EcdsaKeyPair::from_private_key_der(algorithm, der) {
                return Ok(Self(Key::Ecdsa(scheme, pair)));
            }
        }
        Err(KeyError::Unsupported)
    }

    pub(crate) fn authentication(&self) -> Authentication {
        match &self.0 {
            Key::Rsa(_) => Authentication::Rsa,
            Key::Ecdsa(..) => Authentication::Ecdsa,
        }
    }

    /// The curve of the key, if it is on one.
    pub(crate) fn group(&self) -> Option<Group> {
        match &self.0 {
            Key::Ecdsa(Scheme::EcdsaSha384, _) => Some(Group::Secp384r1),
            Key::Ecdsa(..) => Some(Group::Secp256r1),
            Key::Rsa(_) => None,
        }
    }

    /// The first of the schemes that the other side takes, and that this key is good for.
    pub(crate) fn choose(&self, offered: &[u16]) -> Option<Scheme> {
        let is_offered = |scheme: Scheme| offered.contains(&(scheme as u16));
        match &self.0 {
            Key::Rsa(_) => SCHEMES.into_iter().find(|scheme| {
                scheme.authentication() == Authentication::Rsa && is_offered(*scheme)
            }),
            Key::Ecdsa(scheme, _) => Some(*scheme).filter(|scheme| is_offered(*scheme)),
        }
    }

    /// Whether it is the key of this certificate.
    pub(crate) fn belongs_to(&self, certificate: &CertificateDer<'_>) -> bool {
        let scheme = match &self.0 {
            Key::Rsa(_) => Scheme::RsaPkcs1Sha256,
            Key::Ecdsa(scheme, _) => *scheme,
        };
        let probe = b"whose key";
        let signature = self.sign(scheme, probe);
        signature.is_ok_and(|signature| verify(certificate, scheme, probe, &signature).is_ok())
    }

    /// Signs a message.
    pub(crate) fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = || Error::Internal("the key does not sign");
        let random = SystemRandom::new();
        match &self.0 {
            Key::Rsa(pair) => {
                let padding: &dyn signature::RsaEncoding = match scheme {
                    Scheme::RsaPkcs1Sha256 => &signature::RSA_PKCS1_SHA256,
                    Scheme::RsaPkcs1Sha384 => &signature::RSA_PKCS1_SHA384,
                    Scheme::RsaPkcs1Sha512 => &signature::RSA_PKCS1_SHA512,
                    _ => return Err(failed()),
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature).map_err(|_| failed())?;
                Ok(signature)
            }
            Key::Ecdsa(own, pair) => {
                if *own != scheme {
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
        f.debug_tuple("SigningKey").field(&self.authentication()).finish()
    }
}
