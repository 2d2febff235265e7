//! Packets: what the game sends, and how it arrives.

/// How a packet is delivered: ENet's packet flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Once, and in the order of its channel (`ENET_PACKET_FLAG_RELIABLE`).
    Reliable,
    /// At most once, and never after a later one of its channel. One that is longer than a datagram is sent
    /// [reliably](Self::Reliable), unless it is [in fragments](Self::UnreliableFragment).
    Unreliable,
    /// As [`Unreliable`](Self::Unreliable), in pieces if need be: it is lost with any of them
    /// (`ENET_PACKET_FLAG_UNRELIABLE_FRAGMENT`).
    UnreliableFragment,
    /// At most once, in any order (`ENET_PACKET_FLAG_UNSEQUENCED`). Longer than a datagram: as
    /// [`Unreliable`](Self::Unreliable).
    Unsequenced,
    /// [`Unsequenced`](Self::Unsequenced), or [in fragments](Self::UnreliableFragment) if it is longer than a datagram.
    UnsequencedFragment,
}

/// The bytes of a packet that has come.
#[derive(Clone, Debug)]
pub enum Payload<'a> {
    /// It came in one piece, which is lent.
    Borrowed(&'a [u8]),
    /// It was put together, or has waited for another, and is the receiver's.
    Owned(Box<[u8]>),
}

impl Payload<'_> {
    /// The bytes, to keep.
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

    /// Reads ENet's flags; other bits do not count.
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

    /// ENet's flags.
    pub const fn flags(self) -> u8 {
        match self {
            Self::Reliable => Self::RELIABLE,
            Self::Unreliable => 0,
            Self::UnreliableFragment => Self::UNRELIABLE_FRAGMENT,
            Self::Unsequenced => Self::UNSEQUENCED,
            Self::UnsequencedFragment => Self::UNSEQUENCED | Self::UNRELIABLE_FRAGMENT,
        }
    }

    /// Whether it goes in pieces, unreliably, when it is longer than a datagram.
    pub(crate) const fn fragments_unreliably(self) -> bool {
        matches!(self, Self::UnreliableFragment | Self::UnsequencedFragment)
    }
}
