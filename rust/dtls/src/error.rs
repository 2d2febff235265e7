//! Errors of a connection.

use crate::alert::Alert;
use std::fmt;

/// The cause of a failed connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The peer sent a fatal alert.
    Alert(Alert),
    /// The peer's certificate was not accepted.
    Certificate(CertificateError),
    /// The peer violated the protocol: the alert that it is sent, and the violation.
    PeerMisbehaved(Alert, &'static str),
    /// The peers have no parameters in common.
    PeerIncompatible(&'static str),
    /// The peer did not answer in time.
    TimedOut,
    /// The AEAD usage limit of a key was reached, for encryption or for failed decryptions (RFC 9147 section 4.5.3).
    AeadLimitReached,
    /// The operating system or the cryptographic library failed.
    Internal(&'static str),
}

/// The reason why a certificate was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// The peer presented no certificate.
    Missing,
    /// The certificate is malformed.
    Malformed,
    /// The certificate is not valid for the requested name.
    NotValidForName,
    /// The certificate has expired.
    Expired,
    /// The certificate is not valid yet.
    NotValidYet,
    /// The chain does not end at a trusted issuer.
    UnknownIssuer,
    /// The issuer has revoked the certificate.
    Revoked,
    /// The key usage does not allow signatures.
    NotForSignatures,
    /// The certificate matches none of the pins.
    NotPinned,
    /// Another reason, in words.
    Other(String),
}

impl Error {
    /// Reports an unexpected message.
    pub(crate) const UNEXPECTED: Self =
        Self::PeerMisbehaved(Alert::UNEXPECTED_MESSAGE, "unexpected message");

    /// Returns the alert that the peer is sent, if any.
    pub(crate) fn alert(&self) -> Option<Alert> {
        Some(match self {
            Self::Alert(_) | Self::TimedOut => return None,
            Self::Certificate(error) => match error {
                CertificateError::Missing => Alert::HANDSHAKE_FAILURE,
                CertificateError::Malformed => Alert::BAD_CERTIFICATE,
                CertificateError::Expired | CertificateError::NotValidYet => {
                    Alert::CERTIFICATE_EXPIRED
                }
                CertificateError::UnknownIssuer => Alert::UNKNOWN_CA,
                CertificateError::Revoked => Alert::CERTIFICATE_REVOKED,
                CertificateError::NotForSignatures => Alert::UNSUPPORTED_CERTIFICATE,
                CertificateError::NotValidForName
                | CertificateError::NotPinned
                | CertificateError::Other(_) => Alert::CERTIFICATE_UNKNOWN,
            },
            Self::PeerMisbehaved(alert, _) => *alert,
            Self::PeerIncompatible(_) => Alert::HANDSHAKE_FAILURE,
            Self::AeadLimitReached | Self::Internal(_) => Alert::INTERNAL_ERROR,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert(alert) => write!(f, "received alert: {alert}"),
            Self::Certificate(error) => write!(f, "the certificate is not accepted: {error}"),
            Self::PeerMisbehaved(_, what) => write!(f, "peer violated the protocol: {what}"),
            Self::PeerIncompatible(what) => {
                write!(f, "no mutually supported parameters: {what}")
            }
            Self::TimedOut => f.write_str("the other side does not answer"),
            Self::AeadLimitReached => f.write_str("AEAD usage limit reached; reconnect"),
            Self::Internal(what) => write!(f, "internal error: {what}"),
        }
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "no certificate presented",
            Self::Malformed => "malformed",
            Self::NotValidForName => "not valid for the requested name",
            Self::Expired => "expired",
            Self::NotValidYet => "not valid yet",
            Self::UnknownIssuer => "unknown issuer",
            Self::Revoked => "revoked",
            Self::NotForSignatures => "key usage lacks digitalSignature",
            Self::NotPinned => "does not match any pinned certificate",
            Self::Other(reason) => reason,
        })
    }
}

impl std::error::Error for Error {}
impl std::error::Error for CertificateError {}
