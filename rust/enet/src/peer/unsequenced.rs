//! Duplicate detection of unsequenced packets (`enet_protocol_handle_send_unsequenced`).

/// `ENET_PEER_UNSEQUENCED_WINDOW_SIZE`.
const WINDOW: u16 = 1024;
/// `ENET_PEER_FREE_UNSEQUENCED_WINDOWS`: the number of windows that a group may be ahead.
const FREE_WINDOWS: u16 = 32;

/// The window of unsequenced groups.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unsequenced {
    /// The first group of the window.
    first: u16,
    /// Allocated with the first packet: most connections have none.
    seen: Option<Box<[u64; WINDOW as usize / 64]>>,
}

impl Unsequenced {
    /// Returns true if `group` is new, and marks it as received.
    pub(crate) fn is_new(&mut self, group: u16) -> bool {
        let index = group % WINDOW;
        if group.wrapping_sub(self.first) >= FREE_WINDOWS * WINDOW {
            return false;
        }
        let seen = self.seen.get_or_insert_default();
        if group - index != self.first {
            self.first = group - index;
            **seen = Default::default();
        }
        let (word, bit) = (usize::from(index / 64), 1 << (index % 64));
        let new = seen[word] & bit == 0;
        seen[word] |= bit;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::Unsequenced;

    #[test]
    fn group_is_new_once_and_windows_advance_across_wraparound() {
        let mut window = Unsequenced::default();
        assert!(window.is_new(1));
        assert!(!window.is_new(1));
        assert!(window.is_new(1023));
        assert!(window.is_new(1024), "the next window");
        assert!(!window.is_new(1022), "behind");
        assert!(!window.is_new(1024 + 32 * 1024), "too far ahead");
        let mut group = 1024_u16;
        for _ in 0..70_000 {
            group = group.wrapping_add(1);
            assert!(window.is_new(group));
            assert!(!window.is_new(group));
        }
    }
}
