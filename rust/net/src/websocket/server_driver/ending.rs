//! The end of a server: what the game has sent leaves, each peer gets a Close, and the sockets close. The other servers of
//! the process have their turns between.

use super::ServerDriver;
use crate::reactor::Context;
use crate::websocket::connection::{GOODBYE, LAST_SENDS};
use std::time::Instant;

/// How far a server that ends has come.
pub(super) struct Ending {
    /// Until when what the game has sent is written.
    sends_until: Instant,
    /// Until when what peers have sent is read.
    reads_until: Option<Instant>,
    /// How many slots are past their last words.
    said: usize,
    /// How many slots are dropped.
    dropped: usize,
}

impl ServerDriver {
    /// Goes on with the end, as far as its share of the thread's time goes. Returns whether it has come.
    pub(super) fn end(&mut self, cx: &mut Context<'_>) -> bool {
        let now = Instant::now();
        let mut ending = self.ending.take().unwrap_or_else(|| Ending {
            sends_until: now + LAST_SENDS,
            reads_until: None,
            said: 0,
            dropped: 0,
        });
        let has_sent = ending.reads_until.is_some() || self.work(cx) || now >= ending.sends_until;
        let is_over = has_sent && self.take_leave(cx, &mut ending);
        self.ending = Some(ending);
        is_over
    }

    /// Says the last words to each peer, and then drops them: so they have time to read.
    fn take_leave(&mut self, cx: &mut Context<'_>, ending: &mut Ending) -> bool {
        let end = *ending.reads_until.get_or_insert_with(|| Instant::now() + GOODBYE);
        let slots = self.connections.capacity();
        while ending.dropped < slots {
            if ending.said < slots {
                if let Some(entry) = self.connections.get_mut(ending.said) {
                    entry.connection.say_goodbye(cx.buffer, end);
                }
                ending.said += 1;
            } else {
                self.remove(ending.dropped);
                ending.dropped += 1;
            }
            if cx.is_spent() {
                return false;
            }
        }
        true
    }
}
