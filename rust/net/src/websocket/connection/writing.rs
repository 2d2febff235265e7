//! The send path: from the buffer to the stream, and closing the write side.

use super::open::CloseState;
use super::{
    CLOSE_HANDSHAKE_TIMEOUT, Connection, LINGER, MIN_PROGRESS, Phase, Progress, TLS_CLOSE_DELAY,
};
use std::io::{self, ErrorKind};
use std::time::Instant;

impl Connection {
    pub(super) fn linger(&mut self, now: Instant) {
        self.phase = Phase::Lingering { shut: false };
        self.deadline =
            Some(now + if self.transport.is_plain() { LINGER } else { TLS_CLOSE_DELAY });
    }

    /// Closes the write side of the stream.
    pub(super) fn shut(&mut self, now: Instant) {
        self.transport.shutdown();
        self.phase = Phase::Lingering { shut: true };
        self.deadline = Some(now + LINGER);
    }

    /// Writes encoded bytes; once all are written, sends a pending pong or reports a pending close.
    pub(in crate::websocket) fn flush(&mut self, now: Instant) -> Progress {
        if self.write().is_err() {
            // Data that the peer sent before the error is still read; the read reports the end.
            self.write_failed = true;
            self.out = Vec::new();
            self.written = 0;
            self.blocked = false;
            self.readable = true;
            return if !self.wants_input() {
                // Nothing more is read from a peer whose close was reported: this is the end.
                match &self.phase {
                    Phase::Open(open) if open.read_paused => Progress::Waiting,
                    _ => self.on_stream_end(""),
                }
            } else if self.undecoded.is_empty() {
                Progress::MoreToRead
            } else {
                Progress::Waiting
            };
        }
        self.restart_close_timeout(now);
        if self.written < self.out.len() || self.transport.has_pending() {
            return Progress::Waiting;
        }
        self.out.clear();
        self.written = 0;
        if let Phase::Open(open) = &mut self.phase {
            if let Some(payload) = open.pong.take() {
                open.answer_ping(&payload, &mut self.out);
                return self.flush(now);
            }
            match std::mem::take(&mut open.close_state) {
                CloseState::CloseQueued(outcome) => {
                    self.report_end(&outcome);
                    self.linger(now);
                }
                state => open.close_state = state,
            }
        }
        if let Phase::Lingering { shut } = self.phase {
            if self.read_closed {
                return Progress::Closed;
            }
            if !shut && self.transport.is_plain() {
                self.shut(now);
            }
        }
        Progress::Waiting
    }

    /// Restarts the timeout for the answer to a Close frame while the peer reads the data queued before it.
    fn restart_close_timeout(&mut self, now: Instant) {
        let closing = matches!(&self.phase, Phase::Open(open) if open.codec.is_close_sent());
        let done = self.close_progress > 0 && self.written >= self.out.len();
        if closing && (done || self.close_progress >= MIN_PROGRESS) {
            self.close_progress = 0;
            self.deadline = Some(now + CLOSE_HANDSHAKE_TIMEOUT);
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
                    self.close_progress = self.close_progress.saturating_add(len);
                    if let Phase::Open(open) = &self.phase {
                        open.peer.release_out(len);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.blocked = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // Written bytes are removed once they are the larger part, so that each byte is moved at most once.
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

    /// Swaps the output buffer for a larger one: idle connections have none.
    pub(in crate::websocket) fn take_buffer(&mut self, spare_buffer: &mut Vec<u8>) {
        if self.out.is_empty() && self.out.capacity() < spare_buffer.capacity() {
            std::mem::swap(&mut self.out, spare_buffer);
        }
    }

    /// Returns the output buffer if everything is written.
    pub(in crate::websocket) fn return_buffer(&mut self, spare_buffer: &mut Vec<u8>) {
        if self.out.is_empty() {
            let out = std::mem::take(&mut self.out);
            if out.capacity() > spare_buffer.capacity() {
                *spare_buffer = out;
            }
        }
    }
}
