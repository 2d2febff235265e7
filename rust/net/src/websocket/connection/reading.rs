//! What comes in: from the stream to the handshake or to the frames.

use super::open::{End, Ending};
use super::{
    CLOSE_TIMEOUT, COMPRESSED_READ, CROWDED_READ, Connection, HANDSHAKE_READ, Life, Opening,
    PONGS_AT_ONCE, Phase, READS_PER_TURN, Turn,
};
use crate::tls::Step;
use crate::websocket::Failure;
use std::io::{self, ErrorKind};
use std::time::Instant;

impl Connection {
    pub(super) fn proceed(&mut self, turn: &mut Turn<'_>) -> Life {
        match self.meet_proxy(turn.buffer) {
            Ok(true) => {}
            Ok(false) => return Life::Waiting,
            Err(_) => return Life::Over,
        }
        if self.transport.is_handshaking() {
            match self.transport.drive_handshake() {
                Ok(Step::Done) => {}
                Ok(Step::Wait) => return Life::Waiting,
                Ok(Step::Work(session)) => return Life::Work(session),
                Err(error) => return self.fail(&error),
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
            if self.is_crowded() {
                return match self.flush(turn.now) {
                    Life::Waiting => Life::Crowded,
                    life => life,
                };
            }
            let room = self.read_at_once().min(turn.buffer.len());
            let buffer = &mut turn.buffer[..room];
            match self.transport.read(buffer) {
                Ok(0) => return self.lost(""),
                Ok(len) => {
                    // Where readiness is told at an edge, less than was asked for is all there was. (Windows tells
                    // nothing more until a read would block.)
                    self.readable = len == room
                        || self.ended
                        || cfg!(windows)
                        || !self.transport.short_read_is_last();
                    if let Some(opening) = self.decode(&mut buffer[..len], turn.now) {
                        return Life::Opening(opening);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.readable = false;
                    if self.broken {
                        return self.lost("");
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.fail(&error),
            }
        }
        match self.flush(turn.now) {
            Life::Waiting => Life::Ready,
            life => life,
        }
    }

    /// How much is read at once: what takes long to decode comes in small pieces, between which the others have their turn.
    fn read_at_once(&self) -> usize {
        match &self.phase {
            Phase::Open(open) if open.codec.deflate().is_some() => {
                // What may inflate to a thousand times as much.
                if open.peer.endpoint.is_full() { CROWDED_READ } else { COMPRESSED_READ }
            }
            Phase::Open(_) | Phase::Lingering { .. } => usize::MAX,
            Phase::Request(_) | Phase::Response(_) | Phase::Deciding => HANDSHAKE_READ,
        }
    }

    /// Returns whether it is not read since all peers together hold too much.
    fn is_crowded(&self) -> bool {
        matches!(&self.phase, Phase::Open(open) if open.is_crowded())
    }

    /// What its incomplete message holds.
    pub(in crate::websocket) fn incomplete(&self) -> usize {
        if let Phase::Open(open) = &self.phase { open.incomplete() } else { 0 }
    }

    /// All peers together hold too much, and this one's incomplete message most.
    pub(in crate::websocket) fn give_up_incomplete(&mut self, now: Instant) -> Life {
        if let Phase::Open(open) = &mut self.phase
            && matches!(open.ending, Ending::None)
        {
            open.give_up_incomplete();
            self.deadline = Some(now + open.peer.endpoint.settings.close_timeout);
            self.undecoded = Box::default();
            open.count_incomplete(0);
        }
        Life::Waiting
    }

    /// Decodes what was read before there was room for it, or before the connection was open.
    fn decode_undecoded(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Open(_)) && !self.undecoded.is_empty() && self.wants_input()
        {
            let mut undecoded = std::mem::take(&mut self.undecoded);
            self.decode(&mut undecoded, now);
        }
    }

    pub(super) fn wants_input(&self) -> bool {
        match &self.phase {
            Phase::Open(open) => !open.stalled && !matches!(open.ending, Ending::Told(_)),
            Phase::Deciding => false,
            _ => true,
        }
    }

    /// The stream has a fault.
    pub(super) fn fail(&mut self, error: &io::Error) -> Life {
        // What the other end said in TLS helps whoever set it up; what the system says of a lost connection helps nobody.
        let why =
            if error.kind() == ErrorKind::InvalidData { error.to_string() } else { String::new() };
        self.lost(&why)
    }

    /// The stream has ended, by the peer's will or by a fault.
    pub(super) fn lost(&mut self, why: &str) -> Life {
        // The peer may have ended its own side alone, and read on.
        let _ = self.write();
        match &mut self.phase {
            Phase::Open(open) => {
                let end = match std::mem::take(&mut open.ending) {
                    Ending::Told(end) | Ending::Said(end) => *end,
                    Ending::None => End::abnormal(why),
                };
                self.tell_end(&end);
                Life::Over
            }
            Phase::Response(handshake) => {
                let ended = if self.transport.is_plain() {
                    "the server ended the connection without an answer; if it is one of wss://, connect with wss://"
                } else {
                    "the server ended the connection during the handshake"
                };
                let why = if why.is_empty() { ended } else { why };
                let failure =
                    handshake.handle_end().map_or_else(|| Failure::new(why), Failure::from);
                Life::Opening(Opening::Failed(failure))
            }
            _ => Life::Over,
        }
    }

    /// Works through bytes from the peer. Whatever completes the opening handshake is told; the rest waits then.
    pub(super) fn decode(&mut self, input: &mut [u8], now: Instant) -> Option<Opening> {
        let (used, opening) = match &mut self.phase {
            Phase::Request(asking) => match asking.0.receive(input) {
                Ok((used, request)) => {
                    (used, request.map(|request| Opening::Request(request, asking.1)))
                }
                Err(refusal) => {
                    refusal.encode(&mut self.out);
                    self.linger(now);
                    return None;
                }
            },
            Phase::Response(handshake) => match handshake.receive(input) {
                Ok((used, response)) => (used, response.map(Opening::Response)),
                Err(error) => (input.len(), Some(Opening::Failed(error.into()))),
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
        let room = self.written + if self.blocked { 0 } else { PONGS_AT_ONCE };
        let was_ending = !matches!(open.ending, Ending::None);
        let used = open.decode(input, now, room, &mut self.out);
        match &open.ending {
            Ending::None => {
                open.count_incomplete(input.len() - used);
                self.keep(&input[used..]);
            }
            _ if was_ending => {}
            Ending::Told(_) => {
                self.deadline = Some(now + open.peer.endpoint.settings.close_timeout);
            }
            Ending::Said(_) => self.deadline = Some(now + CLOSE_TIMEOUT),
        }
    }

    /// Keeps what was read and cannot be decoded now. Nothing is kept then: it is read on only when that is decoded.
    fn keep(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            self.undecoded = [&self.undecoded, rest].concat().into();
        }
    }
}
