//! Packets and how they are delivered.

/// The delivery mode of a packet: ENet's packet flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// Delivers once, in the order of the channel (`ENET_PACKET_FLAG_RELIABLE`).
    Reliable,
    /// Delivers at most once, and never after a later packet of the channel. A packet longer than a datagram is sent
    /// [reliably](Self::Reliable), unless it is sent [in fragments](Self::UnreliableFragment).
    Unreliable,
    /// Like [`Unreliable`](Self::Unreliable), but sends long packets in fragments; losing one fragment loses the packet
    /// (`ENET_PACKET_FLAG_UNRELIABLE_FRAGMENT`).
    UnreliableFragment,
    /// Delivers at most once, in any order (`ENET_PACKET_FLAG_UNSEQUENCED`). A packet longer than a datagram is sent
    /// [reliably](Self::Reliable).
    Unsequenced,
    /// Like [`Unsequenced`](Self::Unsequenced), or [in fragments](Self::UnreliableFragment) if the packet is longer
    /// than a datagram.
    UnsequencedFragment,
}

/// The bytes of a received packet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Payload<'a> {
    /// Borrowed: the packet arrived in a single command.
    Borrowed(&'a [u8]),
    /// Owned: the packet was reassembled, or was buffered until its turn.
    Owned(Box<[u8]>),
}

impl Payload<'_> {
    /// Converts to owned bytes.
    pub fn into_boxed(self) -> Box<[u8]> {
        match self {
            Self::Borrowed(bytes) => bytes.into(),
            Self::Owned(bytes) => bytes,
        }
    }
}

impl std::ops::Deref for Payload<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl PartialEq for Payload<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Payload<'_> {}

impl Delivery {
    /// `ENET_PACKET_FLAG_RELIABLE`.
    pub const RELIABLE: u8 = 1;
    /// `ENET_PACKET_FLAG_UNSEQUENCED`.
    pub const UNSEQUENCED: u8 = 2;
    /// `ENET_PACKET_FLAG_UNRELIABLE_FRAGMENT`.
    pub const UNRELIABLE_FRAGMENT: u8 = 8;

    /// Decodes ENet's packet flags; unknown bits are ignored.
    pub const fn from_flags(flags: u8) -> Self {
        let fragment = flags & Self::UNRELIABLE_FRAGMENT != 0;
        let unsequenced = flags & Self::UNSEQUENCED != 0;
        match (flags & Self::RELIABLE != 0, unsequenced, fragment) {
            (true, _, _) => Self::Reliable,
            (_, true, true) => Self::UnsequencedFragment,
            (_, true, false) => Self::Unsequenced,
            (_, false, true) => Self::UnreliableFragment,
            (_, false, false) => Self::Unreliable,
        }
    }

    /// Returns ENet's packet flags.
    pub const fn flags(self) -> u8 {
        match self {
            Self::Reliable => Self::RELIABLE,
            Self::Unreliable => 0,
            Self::UnreliableFragment => Self::UNRELIABLE_FRAGMENT,
            Self::Unsequenced => Self::UNSEQUENCED,
            Self::UnsequencedFragment => Self::UNSEQUENCED | Self::UNRELIABLE_FRAGMENT,
        }
    }

    /// Returns true if long packets are sent in unreliable fragments.
    pub(crate) const fn fragments_unreliably(self) -> bool {
        matches!(self, Self::UnreliableFragment | Self::UnsequencedFragment)
    }
}
