//! How far a connection has come.

/// How far a connection has come: ENet's peer states, as Godot numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// There is none.
    Disconnected = 0,
    /// This host has asked for it.
    Connecting = 1,
    /// The remote host has asked for it; its address is not proven.
    AcknowledgingConnect = 2,
    /// The remote host's address is proven, and the caller is not told yet.
    ConnectionPending = 3,
    /// The remote host has accepted it, and the caller is not told yet.
    ConnectionSucceeded = 4,
    /// Packets go both ways.
    Connected = 5,
    /// It ends once what waits has arrived.
    DisconnectLater = 6,
    /// This host has ended it, and waits for the remote host to confirm that.
    Disconnecting = 7,
    /// The remote host has ended it, and this one is about to confirm that.
    AcknowledgingDisconnect = 8,
    /// It has ended, and the caller is not told yet.
    Zombie = 9,
}

impl PeerState {
    /// Whether packets may come.
    pub(crate) fn takes_packets(self) -> bool {
        matches!(self, Self::Connected | Self::DisconnectLater)
    }
}
