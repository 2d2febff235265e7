//! The receive path: from the stream to the handshake or the frame decoder.

use super::open::{CloseOutcome, CloseState};
use super::{
    CLOSE_HANDSHAKE_TIMEOUT, COMPRESSED_READ, Connection, HANDSHAKE_READ, MAX_UNSENT_FOR_PONG,
    PeerHandshake, Phase, Progress, READS_PER_TURN, THROTTLED_READ, Turn,
};
use crate::tls::HandshakeStep;
use crate::websocket::Failure;
use std::io::{self, ErrorKind};
use std::time::Instant;

impl Connection {
    pub(super) fn proceed(&mut self, turn: &mut Turn<'_>) -> Progress {
        match self.read_proxy_header(turn.buffer) {
            Ok(true) => {}
            Ok(false) => return Progress::Waiting,
            Err(_) => return Progress::Closed,
        }
        if self.transport.is_handshaking() {
            match self.transport.drive_handshake() {
                Ok(HandshakeStep::Complete) => {}
                Ok(HandshakeStep::Blocked) => return Progress::Waiting,
                Ok(HandshakeStep::Process(session)) => return Progress::NeedsWorker(session),
                Err(error) => return self.on_stream_error(&error),
            }
        }
        self.decode_undecoded(turn.now);
        for _ in 0..READS_PER_TURN {
            if !self.readable || !self.wants_input() {
                return self.flush(turn.now);
            }
            if turn.is_spent() {
                break;
            }
            if self.is_throttled() {
                return match self.flush(turn.now) {
                    Progress::Waiting => Progress::Throttled,
                    progress => progress,
                };
            }
            let max_len = self.read_len().min(turn.buffer.len());
            let buffer = &mut turn.buffer[..max_len];
            match self.transport.read(buffer) {
                Ok(0) => return self.on_stream_end(""),
                Ok(len) => {
                    // With edge-triggered readiness, a short read has read everything. (Windows reports nothing more
                    // until a read would block.)
                    self.readable = len == max_len
                        || self.read_closed
                        || cfg!(windows)
                        || !self.transport.short_read_is_last();
                    if let Some(opening) = self.decode(&mut buffer[..len], turn.now) {
                        return Progress::Handshake(opening);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.readable = false;
                    if self.write_failed {
                        return self.on_stream_end("");
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.on_stream_error(&error),
            }
        }
        match self.flush(turn.now) {
            Progress::Waiting => Progress::MoreToRead,
            progress => progress,
        }
    }

    /// Returns the length of a read: data that takes long to decode is read in small chunks, between which other
    /// connections are served.
    fn read_len(&self) -> usize {
        match &self.phase {
            Phase::Open(open) if open.codec.deflate().is_some() => {
                // Each byte may inflate to a thousand.
                if open.peer.endpoint.is_half_full() { THROTTLED_READ } else { COMPRESSED_READ }
            }
            Phase::Open(_) | Phase::Lingering { .. } => usize::MAX,
            Phase::Request(_) | Phase::Response(_) | Phase::Deciding => HANDSHAKE_READ,
        }
    }

    /// Returns true if it must not be read because the total receive buffer is half full.
    fn is_throttled(&self) -> bool {
        matches!(&self.phase, Phase::Open(open) if open.is_throttled())
    }

    /// Returns the memory of its incomplete message.
    pub(in crate::websocket) fn incomplete(&self) -> usize {
        if let Phase::Open(open) = &self.phase { open.incomplete() } else { 0 }
    }

    /// Drops the incomplete message, because the total receive buffer is half full and this message is the longest.
    pub(in crate::websocket) fn drop_incomplete(&mut self, now: Instant) -> Progress {
        if let Phase::Open(open) = &mut self.phase
            && matches!(open.close_state, CloseState::Open)
        {
            open.drop_incomplete();
            self.deadline = Some(now + open.peer.endpoint.settings.close_timeout);
            self.undecoded = Box::default();
            open.count_incomplete(0);
        }
        Progress::Waiting
    }

    /// Decodes bytes that were read before there was space in the inbox, or before the connection was open.
    fn decode_undecoded(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Open(_)) && !self.undecoded.is_empty() && self.wants_input()
        {
            let mut undecoded = std::mem::take(&mut self.undecoded);
            self.decode(&mut undecoded, now);
        }
    }

    pub(super) fn wants_input(&self) -> bool {
        match &self.phase {
            Phase::Open(open) => {
                !open.read_paused && !matches!(open.close_state, CloseState::PeerCloseReported(_))
            }
            Phase::Deciding => false,
            _ => true,
        }
    }

    /// Handles an error of the stream.
    pub(super) fn on_stream_error(&mut self, error: &io::Error) -> Progress {
        // A TLS error helps to fix the configuration; a system error of a lost connection does not.
        let message =
            if error.kind() == ErrorKind::InvalidData { error.to_string() } else { String::new() };
        self.on_stream_end(&message)
    }

    /// Handles the end of the stream, with the message of an error, if any.
    pub(super) fn on_stream_end(&mut self, message: &str) -> Progress {
        // The peer may have closed only its write side, and still read.
        let _ = self.write();
        match &mut self.phase {
            Phase::Open(open) => {
                let outcome = match std::mem::take(&mut open.close_state) {
                    CloseState::PeerCloseReported(outcome) | CloseState::CloseQueued(outcome) => {
                        *outcome
                    }
                    CloseState::Open => CloseOutcome::abnormal(message),
                };
                self.report_end(&outcome);
                Progress::Closed
            }
            Phase::Response(handshake) => {
                let default = if self.transport.is_plain() {
                    "the server ended the connection without an answer; if it expects TLS, connect with wss://"
                } else {
                    "the server ended the connection during the handshake"
                };
                let message = if message.is_empty() { default } else { message };
                let failure =
                    handshake.handle_end().map_or_else(|| Failure::new(message), Failure::from);
                Progress::Handshake(PeerHandshake::Failed(failure))
            }
            _ => Progress::Closed,
        }
    }

    /// Decodes bytes from the peer. Returns the peer's handshake once it is complete; the rest of the bytes is kept.
    pub(super) fn decode(&mut self, input: &mut [u8], now: Instant) -> Option<PeerHandshake> {
        let (used, opening) = match &mut self.phase {
            Phase::Request(pending) => match pending.0.receive(input) {
                Ok((used, request)) => {
                    (used, request.map(|request| PeerHandshake::Request(request, pending.1)))
                }
                Err(rejection) => {
                    rejection.encode(&mut self.out);
                    self.linger(now);
                    return None;
                }
            },
            Phase::Response(handshake) => match handshake.receive(input) {
                Ok((used, response)) => (used, response.map(PeerHandshake::Response)),
                Err(error) => (input.len(), Some(PeerHandshake::Failed(error.into()))),
            },
            Phase::Open(_) => {
                self.decode_frames(input, now);
                return None;
            }
            Phase::Deciding | Phase::Lingering { .. } => return None,
        };
        if opening.is_some() {
            self.keep(&input[used..]);
            self.phase = Phase::Deciding;
        }
        opening
    }

    fn decode_frames(&mut self, input: &mut [u8], now: Instant) {
        let Phase::Open(open) = &mut self.phase else {
            return;
        };
        let pong_limit = self.written + if self.blocked { 0 } else { MAX_UNSENT_FOR_PONG };
        let was_closing = !matches!(open.close_state, CloseState::Open);
        let used = open.decode(input, now, pong_limit, &mut self.out);
        match &open.close_state {
            CloseState::Open => {
                open.count_incomplete(input.len() - used);
                self.keep(&input[used..]);
            }
            _ if was_closing => {}
            CloseState::PeerCloseReported(_) => {
                self.deadline = Some(now + open.peer.endpoint.settings.close_timeout);
            }
            CloseState::CloseQueued(_) => self.deadline = Some(now + CLOSE_HANDSHAKE_TIMEOUT),
        }
    }

    /// Keeps bytes that cannot be decoded now. The socket is not read until they are decoded.
    fn keep(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            self.undecoded = [&self.undecoded, rest].concat().into();
        }
    }
}
