//! The state of a connection.

/// The state of a connection: ENet's peer states, as Godot numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// There is no connection.
    Disconnected = 0,
    /// This host has sent CONNECT.
    Connecting = 1,
    /// The remote host has sent CONNECT; its address is not validated. Never returned: see
    /// [`Host::half_open_count`](crate::Host::half_open_count).
    AcknowledgingConnect = 2,
    /// The remote host's address is validated. Never returned: the event follows at once.
    ConnectionPending = 3,
    /// The remote host has sent `VERIFY_CONNECT`. Never returned: the event follows at once.
    ConnectionSucceeded = 4,
    /// The connection is established.
    Connected = 5,
    /// The peer disconnects when all queued packets are acknowledged.
    DisconnectLater = 6,
    /// This host has sent DISCONNECT and waits for the acknowledgement.
    Disconnecting = 7,
    /// The remote host has sent DISCONNECT, and the acknowledgement is queued.
    AcknowledgingDisconnect = 8,
    /// The connection has ended, and the event is about to be emitted.
    Zombie = 9,
}

impl PeerState {
    /// Returns true if packets are accepted.
    pub(crate) fn accepts_packets(self) -> bool {
        matches!(self, Self::Connected | Self::DisconnectLater)
    }
}
