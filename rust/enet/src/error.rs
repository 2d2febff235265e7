//! Errors of a host.

use std::error::Error;
use std::fmt::{Display, Formatter, Result};

/// The reason why a connection cannot be requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectError {
    /// All slots are in use: see [`HostConfig::peers`](crate::HostConfig::peers).
    Full,
}

impl Display for ConnectError {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Full => {
                "cannot connect: all peer slots are in use; release ended peers or raise HostConfig::peers"
            }
        })
    }
}

impl Error for ConnectError {}

/// The reason why a packet cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The peer does not exist or is not [connected](crate::PeerState::Connected).
    NotConnected,
    /// The connection has fewer channels.
    NoSuchChannel,
    /// The packet is longer than [`MAX_PACKET_SIZE`](crate::wire::MAX_PACKET_SIZE), or has too many fragments.
    TooLong,
    /// More than 1 GiB is queued already.
    Full,
}

impl Display for SendError {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::NotConnected => "cannot send the packet: the peer is not connected",
            Self::NoSuchChannel => {
                "cannot send the packet: the connection has fewer channels; connect with more of them"
            }
            Self::TooLong => {
                "cannot send the packet: it is longer than 32 MiB or needs too many fragments; send it in parts"
            }
            Self::Full => {
                "cannot send the packet: more than 1 GiB is queued for the peer; wait until it receives some"
            }
        })
    }
}

impl Error for SendError {}
