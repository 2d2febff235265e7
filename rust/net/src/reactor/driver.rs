//! What the I/O thread asks of a protocol's driver, and what it offers to it.

use super::ready::Ready;
use mio::event::Source;
use mio::{Interest, Registry, Token};
use std::io;
use std::time::Instant;

/// Serves one object of the game on the I/O thread. No call may block, and none may work on for long when its
/// [share](Context::is_spent) of the thread's time is spent.
pub trait Driver: Send {
    /// A source that was registered under `key` is ready. Readiness is told once, when it begins: the driver reads or
    /// writes until the socket would block, or asks for [another turn](Context::again).
    fn ready(&mut self, cx: &mut Context<'_>, key: usize, readiness: Readiness);

    /// The game's side has called for attention, at least once since the last time.
    fn woken(&mut self, cx: &mut Context<'_>);

    /// The time that [`deadline`](Self::deadline) told has come.
    fn expired(&mut self, cx: &mut Context<'_>);

    /// When the driver next needs to be called, if nothing else happens.
    fn deadline(&self) -> Option<Instant>;

    /// The driver is about to be dropped: its last chance to send. Returns whether it is done; if not, it is called again
    /// after the others had their turn, and until then served as before. The game's thread waits for it, so that it has to
    /// be done within a bounded time.
    fn close(&mut self, cx: &mut Context<'_>) -> bool;
}

/// What a socket can do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// There is something to read, an end or an error included.
    pub readable: bool,
    /// The peer has ended its side, or the connection is broken: a read will tell, after what came before.
    pub ended: bool,
    /// There is room to write.
    pub writable: bool,
}

/// What the I/O thread lends to a driver for the length of a call.
#[derive(Debug)]
pub struct Context<'a> {
    /// When this turn of the loop began.
    pub now: Instant,
    /// Room to read into, shared by all connections: what is to be kept is copied out.
    pub buffer: &'a mut [u8],
    /// The same for datagrams, of which many are read at once.
    pub datagrams: &'a mut [u8],
    pub(super) registry: &'a Registry,
    pub(super) slot: usize,
    pub(super) ready: &'a mut Ready,
    /// When this call's share of the thread's time ends.
    pub(super) end: Instant,
    pub(super) may_rest: &'a mut bool,
}

/// How many bits of a token tell the source within a driver; the rest tells the driver.
const KEY_BITS: u32 = usize::BITS / 2;

/// The driver's slot and the source's key within it.
pub(super) fn split(token: Token) -> (usize, usize) {
    (token.0 >> KEY_BITS, token.0 & ((1 << KEY_BITS) - 1))
}

fn join(slot: usize, key: usize) -> Token {
    Token(slot << KEY_BITS | key)
}

impl Context<'_> {
    /// Watches `source`, and calls it `key` in [`Driver::ready`].
    ///
    /// # Errors
    /// The system cannot watch it, or `key` is beyond what a token holds.
    pub fn register(
        &mut self,
        source: &mut dyn Source,
        key: usize,
        interest: Interest,
    ) -> io::Result<()> {
        if key >> KEY_BITS != 0 {
            return Err(io::Error::other("too many sources"));
        }
        // What was told of an earlier source with this key does not concern this one.
        self.ready.forget(key);
        self.registry.register(source, join(self.slot, key), interest)
    }

    /// What has come was little, and more of the same is worth a rest of 0.2 ms: the thread takes one if it is busy, and
    /// is called from it by the game. A call of the system costs as much for one datagram as for many.
    pub fn rest(&mut self) {
        *self.may_rest = true;
    }

    /// Asks for another [`Driver::ready`] for `key`, as readable, after the other sources had their turn. Asking twice is
    /// the same as once.
    pub fn again(&mut self, key: usize) {
        self.ready.again(key);
    }

    /// When this call's share of the thread's time ends.
    pub(crate) fn end(&self) -> Instant {
        self.end
    }

    /// Returns whether this call has taken its share of the thread's time: what is left to do is for
    /// [another turn](Self::again).
    pub fn is_spent(&self) -> bool {
        Instant::now() >= self.end
    }
}
