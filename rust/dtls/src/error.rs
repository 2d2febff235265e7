//! Why a connection fails.

use crate::alert::Alert;
use std::fmt;

/// Why a connection has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The other side says so.
    Alert(Alert),
    /// The other side's certificate is not accepted.
    Certificate(CertificateError),
    /// The other side does not keep to the protocol: what it is told, and what it has done.
    Protocol(Alert, &'static str),
    /// There is no set of parameters that both sides accept.
    NoCommonParameters(&'static str),
    /// The other side did not answer in time.
    TimedOut,
    /// As much was sent, or forged, as one key is good for.
    KeyExhausted,
    /// The operating system or the library for cryptography has failed.
    Internal(&'static str),
}

/// Why a certificate is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// There is none.
    Missing,
    /// It cannot be read.
    Malformed,
    /// It is for another name.
    WrongName,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotValidYet,
    /// Nobody who is trusted vouches for it.
    UnknownAuthority,
    /// Its authority has revoked it.
    Revoked,
    /// Its key usage does not allow signatures.
    NotForSignatures,
    /// It is none of those that were pinned.
    NotPinned,
    /// Something else, in words.
    Other(String),
}

impl Error {
    /// A message that nobody waits for.
    pub(crate) const OUT_OF_TURN: Self =
        Self::Protocol(Alert::UNEXPECTED_MESSAGE, "a message came out of turn");

    /// What the other side is told.
    pub(crate) fn alert(&self) -> Option<Alert> {
        Some(match self {
            Self::Alert(_) | Self::TimedOut => return None,
            Self::Certificate(why) => match why {
                CertificateError::Missing => Alert::HANDSHAKE_FAILURE,
                CertificateError::Malformed => Alert::BAD_CERTIFICATE,
                CertificateError::Expired | CertificateError::NotValidYet => {
                    Alert::CERTIFICATE_EXPIRED
                }
                CertificateError::UnknownAuthority => Alert::UNKNOWN_CA,
                CertificateError::Revoked => Alert::CERTIFICATE_REVOKED,
                CertificateError::NotForSignatures => Alert::UNSUPPORTED_CERTIFICATE,
                CertificateError::WrongName
                | CertificateError::NotPinned
                | CertificateError::Other(_) => Alert::CERTIFICATE_UNKNOWN,
            },
            Self::Protocol(alert, _) => *alert,
            Self::NoCommonParameters(_) => Alert::HANDSHAKE_FAILURE,
            Self::KeyExhausted | Self::Internal(_) => Alert::INTERNAL_ERROR,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert(alert) => write!(f, "the other side says: {}", alert.meaning()),
            Self::Certificate(why) => write!(f, "the certificate is not accepted: {why}"),
            Self::Protocol(_, what) => write!(f, "the other side breaks the protocol: {what}"),
            Self::NoCommonParameters(what) => write!(f, "nothing in common: {what}"),
            Self::TimedOut => f.write_str("the other side does not answer"),
            Self::KeyExhausted => f.write_str("the keys are used up: connect anew"),
            Self::Internal(what) => write!(f, "an internal error: {what}"),
        }
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is none",
            Self::Malformed => "it cannot be read",
            Self::WrongName => "it is for another name",
            Self::Expired => "it has expired",
            Self::NotValidYet => "it is not valid yet",
            Self::UnknownAuthority => "nobody who is trusted has signed it",
            Self::Revoked => "it was revoked",
            Self::NotForSignatures => "its key usage is without digitalSignature",
            Self::NotPinned => "it is none of the pinned ones",
            Self::Other(why) => why,
        })
    }
}

impl std::error::Error for Error {}
impl std::error::Error for CertificateError {}
