//! The shutdown of a server: queued messages are written, each peer is sent a Close frame, and the sockets are closed.
//! Other drivers are served in between.

use super::ServerDriver;
use crate::reactor::Context;
use crate::websocket::connection::{SHUTDOWN_DRAIN_TIMEOUT, SHUTDOWN_FLUSH_TIMEOUT};
use std::time::Instant;

/// The progress of the shutdown.
pub(super) struct Shutdown {
    /// Until when messages of the game are written.
    flush_deadline: Instant,
    /// Until when data of the peers is read.
    drain_deadline: Option<Instant>,
    /// Number of slots whose connections are closed.
    closed: usize,
    /// Number of slots whose connections are dropped.
    dropped: usize,
}

impl ServerDriver {
    /// Continues the shutdown within the time slice. Returns true if it is complete.
    pub(super) fn shut_down(&mut self, cx: &mut Context<'_>) -> bool {
        let now = Instant::now();
        let mut shutdown = self.shutdown.take().unwrap_or_else(|| Shutdown {
            flush_deadline: now + SHUTDOWN_FLUSH_TIMEOUT,
            drain_deadline: None,
            closed: 0,
            dropped: 0,
        });
        let has_sent = shutdown.drain_deadline.is_some()
            || self.run_commands(cx)
            || now >= shutdown.flush_deadline;
        let is_complete = has_sent && self.close_all(cx, &mut shutdown);
        self.shutdown = Some(shutdown);
        is_complete
    }

    /// Sends each peer a Close frame, and then drops all, so that the peers have time to read it.
    fn close_all(&mut self, cx: &mut Context<'_>, shutdown: &mut Shutdown) -> bool {
        let end =
            *shutdown.drain_deadline.get_or_insert_with(|| Instant::now() + SHUTDOWN_DRAIN_TIMEOUT);
        let slots = self.connections.capacity();
        while shutdown.dropped < slots {
            if shutdown.closed < slots {
                if let Some(entry) = self.connections.get_mut(shutdown.closed) {
                    entry.connection.close_gracefully(cx.buffer, end);
                }
                shutdown.closed += 1;
            } else {
                self.remove(shutdown.dropped);
                shutdown.dropped += 1;
            }
            if cx.is_spent() {
                return false;
            }
        }
        true
    }
}
