//! Alerts (RFC 5246 section 7.2).

use crate::error::Error;
use std::fmt;

/// The description of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert(pub u8);

#[expect(missing_docs, reason = "the names of RFC 5246 section 7.2")]
impl Alert {
    pub const CLOSE_NOTIFY: Self = Self(0);
    pub const UNEXPECTED_MESSAGE: Self = Self(10);
    pub const RECORD_OVERFLOW: Self = Self(22);
    pub const HANDSHAKE_FAILURE: Self = Self(40);
    pub const BAD_CERTIFICATE: Self = Self(42);
    pub const UNSUPPORTED_CERTIFICATE: Self = Self(43);
    pub const CERTIFICATE_REVOKED: Self = Self(44);
    pub const CERTIFICATE_EXPIRED: Self = Self(45);
    pub const CERTIFICATE_UNKNOWN: Self = Self(46);
    pub const ILLEGAL_PARAMETER: Self = Self(47);
    pub const UNKNOWN_CA: Self = Self(48);
    pub const DECODE_ERROR: Self = Self(50);
    pub const DECRYPT_ERROR: Self = Self(51);
    pub const PROTOCOL_VERSION: Self = Self(70);
    pub const INTERNAL_ERROR: Self = Self(80);
    pub const NO_RENEGOTIATION: Self = Self(100);
    pub const UNSUPPORTED_EXTENSION: Self = Self(110);
}

const WARNING: u8 = 1;
const FATAL: u8 = 2;

impl Alert {
    /// Decodes an alert. Returns with it whether it closes the connection, as fatal alerts and `close_notify` do
    /// (RFC 5246 section 7.2).
    pub(crate) fn parse(bytes: &[u8]) -> Result<(Self, bool), Error> {
        match *bytes {
            [level @ (WARNING | FATAL), description] => {
                let alert = Self(description);
                Ok((alert, level == FATAL || alert == Self::CLOSE_NOTIFY))
            }
            [_, _] => {
                Err(Error::PeerMisbehaved(Self::ILLEGAL_PARAMETER, "alert of an unknown level"))
            }
            _ => Err(Error::PeerMisbehaved(Self::DECODE_ERROR, "malformed alert")),
        }
    }

    /// Encodes the alert: `close_notify` and `no_renegotiation` as warnings, all others as fatal.
    pub(crate) fn encode(self) -> [u8; 2] {
        let is_warning = matches!(self, Self::CLOSE_NOTIFY | Self::NO_RENEGOTIATION);
        [if is_warning { WARNING } else { FATAL }, self.0]
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "close_notify: the peer closed the connection",
            10 => "unexpected_message",
            20 => "bad_record_mac: a record was not authentic",
            22 => "record_overflow: a record was too long",
            40 => "handshake_failure: no acceptable parameters, or no certificate",
            42 => "bad_certificate: the certificate is malformed, or its signature is wrong",
            43 => "unsupported_certificate: the kind of certificate is not supported",
            44 => "certificate_revoked",
            45 => "certificate_expired: the certificate has expired, or is not valid yet",
            46 => "certificate_unknown: the certificate is not acceptable",
            47 => "illegal_parameter: a value of the handshake is not allowed",
            48 => "unknown_ca: the issuer of the certificate is not trusted",
            49 => "access_denied",
            50 => "decode_error: a message could not be decoded",
            51 => "decrypt_error: a signature or a Finished did not verify",
            70 => "protocol_version: the version of DTLS is not supported",
            71 => "insufficient_security: the parameters are not secure enough",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            100 => "no_renegotiation",
            109 => "missing_extension",
            110 => "unsupported_extension: an extension that was not requested",
            112 => "unrecognized_name: the server's name is unknown",
            116 => "certificate_required: the client must present a certificate",
            other => return write!(f, "{other}"),
        })
    }
}
