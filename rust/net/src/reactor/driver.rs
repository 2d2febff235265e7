//! The interface between the I/O thread and the driver of a protocol.

use super::ready::Ready;
use mio::event::Source;
use mio::{Interest, Registry, Token};
use std::io;
use std::time::Instant;

/// Serves one object of the game on the I/O thread. No call may block, and each must return soon after its
/// [time slice](Context::is_spent) has ended.
pub trait Driver: Send {
    /// Handles readiness of the source registered under `key`. Readiness is edge-triggered: the driver reads or writes
    /// until the socket would block, or requests [another turn](Context::reschedule).
    fn on_ready(&mut self, cx: &mut Context<'_>, key: usize, readiness: Readiness);

    /// Handles one or more wakes by the game's side since the last call.
    fn on_wake(&mut self, cx: &mut Context<'_>);

    /// Handles the timeout that [`deadline`](Self::deadline) returned.
    fn on_timeout(&mut self, cx: &mut Context<'_>);

    /// Returns when the driver must next be called, if nothing else happens.
    fn deadline(&self) -> Option<Instant>;

    /// Shuts the driver down before it is dropped; it may still send. Returns true if it is done; if not, it is called
    /// again after the other drivers, and served as before until then. The game thread waits for it, so the shutdown
    /// must take a bounded time.
    fn close(&mut self, cx: &mut Context<'_>) -> bool;
}

/// The readiness of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// There is something to read, which includes an end of the stream and an error.
    pub readable: bool,
    /// The peer has closed its side, or the connection has failed: a read returns that after the data before it.
    pub read_closed: bool,
    /// There is buffer space to write.
    pub writable: bool,
}

/// The I/O thread's resources that a driver may use during a call.
#[derive(Debug)]
pub struct Context<'a> {
    /// The start of this turn of the loop.
    pub now: Instant,
    /// A buffer to read into, shared by all connections: the driver copies what it keeps.
    pub buffer: &'a mut [u8],
    /// A larger buffer, for many datagrams that are read at once.
    pub datagrams: &'a mut [u8],
    pub(super) registry: &'a Registry,
    pub(super) slot: usize,
    pub(super) ready: &'a mut Ready,
    /// The end of this call's time slice.
    pub(super) end: Instant,
    pub(super) may_coalesce: &'a mut bool,
}

/// Number of bits of a token that identify the source within a driver; the other bits identify the driver.
const KEY_BITS: u32 = usize::BITS / 2;

/// Returns the driver's slot and the source's key within it.
pub(super) fn split(token: Token) -> (usize, usize) {
    (token.0 >> KEY_BITS, token.0 & ((1 << KEY_BITS) - 1))
}

fn join(slot: usize, key: usize) -> Token {
    Token(slot << KEY_BITS | key)
}

impl Context<'_> {
    /// Registers `source`, under `key` in [`Driver::on_ready`].
    ///
    /// # Errors
    /// The system cannot watch the source, or `key` does not fit into a token.
    pub fn register(
        &mut self,
        source: &mut dyn Source,
        key: usize,
        interest: Interest,
    ) -> io::Result<()> {
        if key >> KEY_BITS != 0 {
            return Err(io::Error::other("too many sources"));
        }
        // Drops readiness of an earlier source with this key.
        self.ready.forget(key);
        self.registry.register(source, join(self.slot, key), interest)
    }

    /// Allows the thread to sleep for 0.2 ms if it is busy, because little was read: a system call costs as much for
    /// one datagram as for many. A wake by the game ends the sleep.
    pub fn coalesce(&mut self) {
        *self.may_coalesce = true;
    }

    /// Requests another [`Driver::on_ready`] for `key`, as readable, after the other sources have been served. Repeated
    /// requests count once.
    pub fn reschedule(&mut self, key: usize) {
        self.ready.reschedule(key);
    }

    /// Returns the end of this call's time slice.
    pub(crate) fn end(&self) -> Instant {
        self.end
    }

    /// Returns true if this call's time slice has ended: the rest of the work must wait for
    /// [another turn](Self::reschedule).
    pub fn is_spent(&self) -> bool {
        Instant::now() >= self.end
    }
}
