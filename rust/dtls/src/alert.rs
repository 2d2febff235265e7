//! Alerts: how one side tells the other why it ends the connection (RFC 5246 section 7.2).

use crate::error::Error;

/// What an alert says.
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
    /// Reads an alert, with whether it ends the connection: the fatal ones do, and the end itself (RFC 5246 section 7.2).
    pub(crate) fn parse(bytes: &[u8]) -> Result<(Self, bool), Error> {
        match *bytes {
            [level @ (WARNING | FATAL), description] => {
                let alert = Self(description);
                Ok((alert, level == FATAL || alert == Self::CLOSE_NOTIFY))
            }
            [_, _] => Err(Error::Protocol(Self::ILLEGAL_PARAMETER, "an alert of no known level")),
            _ => Err(Error::Protocol(Self::DECODE_ERROR, "an alert that cannot be read")),
        }
    }

    /// Its bytes. Only the end and the refusal to renegotiate are warnings.
    pub(crate) fn encode(self) -> [u8; 2] {
        let is_warning = matches!(self, Self::CLOSE_NOTIFY | Self::NO_RENEGOTIATION);
        [if is_warning { WARNING } else { FATAL }, self.0]
    }

    /// What it means, for people.
    pub fn meaning(self) -> &'static str {
        match self.0 {
            0 => "it has closed the connection",
            10 => "a message came out of turn",
            20 => "a record was not authentic",
            22 => "a record was too long",
            40 => "there is no set of parameters that both sides accept",
            42 => "the certificate is damaged, or its signature is wrong",
            43 => "it does not support this kind of certificate",
            44 => "the certificate was revoked",
            45 => "the certificate has expired, or is not valid yet",
            46 => "the certificate is not acceptable",
            47 => "a value of the handshake is not allowed",
            48 => "it does not know the authority that signed the certificate",
            49 => "it denies access",
            50 => "a message could not be read",
            51 => "a signature or a check of the handshake was wrong",
            70 => "it does not speak this version of DTLS",
            71 => "the parameters are not secure enough for it",
            80 => "an internal error",
            86 => "the version was lowered",
            90 => "the user has cancelled",
            100 => "it does not renegotiate",
            109 => "an extension is missing",
            110 => "an extension came that nobody asked for",
            112 => "it does not know the server's name",
            116 => "it requires a certificate of the client",
            _ => "for a reason that is not known here",
        }
    }
}
