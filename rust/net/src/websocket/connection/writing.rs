//! What goes out: from the buffer to the stream, and the end of this side.

use super::open::Ending;
use super::{CLOSE_TIMEOUT, Connection, LEAST_PROGRESS, LINGER, Life, Phase, TLS_PATIENCE};
use std::io::{self, ErrorKind};
use std::time::Instant;

impl Connection {
    pub(super) fn linger(&mut self, now: Instant) {
        self.phase = Phase::Lingering { shut: false };
        self.deadline = Some(now + if self.transport.is_plain() { LINGER } else { TLS_PATIENCE });
    }

    /// Ends this side of the stream.
    pub(super) fn shut(&mut self, now: Instant) {
        self.transport.shutdown();
        self.phase = Phase::Lingering { shut: true };
        self.deadline = Some(now + LINGER);
    }

    /// Writes what is encoded, and goes on to what waits for that.
    pub(in crate::websocket) fn flush(&mut self, now: Instant) -> Life {
        if self.write().is_err() {
            // What the peer sent before the fault is still to be read; the read will tell the end.
            self.broken = true;
            self.out = Vec::new();
            self.written = 0;
            self.blocked = false;
            self.readable = true;
            return if !self.wants_input() {
                // Nothing more is read from a peer whose end is told: this is it.
                match &self.phase {
                    Phase::Open(open) if open.stalled => Life::Waiting,
                    _ => self.lost(""),
                }
            } else if self.undecoded.is_empty() {
                Life::Ready
            } else {
                Life::Waiting
            };
        }
        self.renew_close(now);
        if self.written < self.out.len() || self.transport.has_pending() {
            return Life::Waiting;
        }
        self.out.clear();
        self.written = 0;
        if let Phase::Open(open) = &mut self.phase {
            if let Some(payload) = open.pong.take() {
                open.answer_ping(&payload, &mut self.out);
                return self.flush(now);
            }
            match std::mem::take(&mut open.ending) {
                Ending::Said(end) => {
                    self.tell_end(&end);
                    self.linger(now);
                }
                ending => open.ending = ending,
            }
        }
        if let Phase::Lingering { shut } = self.phase {
            if self.ended {
                return Life::Over;
            }
            if !shut && self.transport.is_plain() {
                self.shut(now);
            }
        }
        Life::Waiting
    }

    /// A peer that takes what was queued before a Close has its time for the rest again, and for its answer.
    fn renew_close(&mut self, now: Instant) {
        let closing = matches!(&self.phase, Phase::Open(open) if open.codec.is_close_sent());
        let done = self.progress > 0 && self.written >= self.out.len();
        if closing && (done || self.progress >= LEAST_PROGRESS) {
            self.progress = 0;
            self.deadline = Some(now + CLOSE_TIMEOUT);
        }
    }

    pub(super) fn write(&mut self) -> io::Result<()> {
        if self.transport.is_handshaking() {
            return Ok(());
        }
        while self.written < self.out.len() && !self.blocked {
            match self.transport.write(&self.out[self.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(len) => {
                    self.written += len;
                    self.progress = self.progress.saturating_add(len);
                    if let Phase::Open(open) = &self.phase {
                        open.peer.unqueue(len);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.blocked = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // What is written is moved out of the way once it is the larger part, so that each byte moves at most once.
        if self.written > self.out.len() / 2 {
            self.out.drain(..self.written);
            self.written = 0;
        }
        match self.transport.flush() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.blocked = true,
            result => return result,
        }
        Ok(())
    }

    /// Exchanges the buffer of what is to be written for another: idle connections need none.
    pub(in crate::websocket) fn lend(&mut self, spare: &mut Vec<u8>) {
        if self.out.is_empty() && self.out.capacity() < spare.capacity() {
            std::mem::swap(&mut self.out, spare);
        }
    }

    /// Gives the buffer back, if all of it is written.
    pub(in crate::websocket) fn reclaim(&mut self, spare: &mut Vec<u8>) {
        if self.out.is_empty() {
            let out = std::mem::take(&mut self.out);
            if out.capacity() > spare.capacity() {
                *spare = out;
            }
        }
    }
}
