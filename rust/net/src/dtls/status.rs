//! The status of a peer.

use super::CloseReason;
use lodewire_dtls::{CertificateError, Error};

/// The status of a connection, with the reason why it was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// The handshake is in progress.
    Handshaking,
    /// The connection is established.
    Connected,
    /// The connection was closed.
    Disconnected(String),
    /// The connection failed.
    Failed(String),
    /// The connection failed because the peer's certificate is not valid for the requested name.
    HostnameMismatch(String),
}

impl Status {
    /// Returns true if the connection is closed.
    pub fn is_closed(&self) -> bool {
        !matches!(self, Self::Handshaking | Self::Connected)
    }

    /// Returns the reason why the connection was closed. Empty if it was not, or was closed by the game or by
    /// `close_notify`.
    pub fn reason(&self) -> &str {
        match self {
            Self::Handshaking | Self::Connected => "",
            Self::Disconnected(reason) | Self::Failed(reason) | Self::HostnameMismatch(reason) => {
                reason
            }
        }
    }
}

impl From<CloseReason> for Status {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::Closed => Self::Disconnected(String::new()),
            CloseReason::Superseded => {
                Self::Disconnected("the other side has connected again".to_owned())
            }
            CloseReason::IdleTimeout => {
                Self::Disconnected("the other side was silent for too long".to_owned())
            }
            CloseReason::Failed(error @ Error::Certificate(CertificateError::NotValidForName)) => {
                Self::HostnameMismatch(error.to_string())
            }
            CloseReason::Failed(error) => Self::Failed(error.to_string()),
        }
    }
}
