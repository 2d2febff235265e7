//! One connection on the I/O thread, from its first byte to its last.

mod heartbeat;
mod mask_keys;
mod open;

use super::endpoint::Command;
use super::peer_shared::{Arrival, PeerShared};
use crate::reactor::Readiness;
use crate::tls::{Session, Step};
use crate::transport::Transport;
use lodewire_websocket::{
    ClientHandshake, CloseCode, Deflate, PreparedMessage, Refusal, Request, Response, Role,
    ServerHandshake, Status,
};
use open::{End, Ending, Open};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How many times a socket is read before the others have their turn.
const READS_PER_TURN: usize = 16;

/// How long the peer may take to answer a Close (§7.1.1 leaves it open).
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a connection that is over lingers so that the peer reads its last words: closing with unread bytes would
/// reset it, and what was sent with it.
const LINGER: Duration = Duration::from_secs(1);

/// What a connection works with while it is served.
pub(super) struct Turn<'a> {
    pub(super) now: Instant,
    /// Room to read into.
    pub(super) buffer: &'a mut [u8],
}

/// Whether, and how, a connection goes on.
pub(super) enum Life {
    /// It waits for its socket, its deadline or the game.
    Waiting,
    /// It has more to read, and let the others go first.
    Ready,
    /// Its TLS handshake needs a worker, and waits for [`Connection::worked`].
    Work(Session),
    /// The opening handshake is read, and waits for a decision.
    Opening(Opening),
    /// It is over: drop it.
    Over,
}

/// What the other end's part of the opening handshake says.
pub(super) enum Opening {
    Request(Request),
    Response(Response),
    Failed(String),
}

/// What an opening handshake came to.
pub(super) struct Opened {
    pub(super) peer: Arc<PeerShared>,
    pub(super) deflate: Option<Deflate>,
}

pub(super) struct Connection {
    transport: Transport,
    remote: SocketAddr,
    phase: Phase,
    /// What is encoded and not yet with the kernel, from `written` on.
    out: Vec<u8>,
    written: usize,
    /// The kernel took less than was offered.
    blocked: bool,
    /// What was read and waits for room in the inbox, or for the connection to open.
    undecoded: Vec<u8>,
    /// The socket may have something to read.
    readable: bool,
    /// The peer has ended its side.
    ended: bool,
    /// Nothing can be written any more; what the peer sent before may still be read.
    broken: bool,
    /// When the connection is given up if nothing happens, or has something to do.
    pub(super) deadline: Option<Instant>,
}

enum Phase {
    Request(ServerHandshake),
    Response(Box<ClientHandshake>),
    /// The other end's part of the handshake is read; it is not decided yet what becomes of it.
    Deciding,
    Open(Box<Open>),
    /// The last words are said: what still comes is thrown away.
    Lingering,
}

impl Connection {
    /// A connection that has just been accepted.
    pub(super) fn accepted(transport: Transport, remote: SocketAddr, deadline: Instant) -> Self {
        Self::new(transport, remote, Phase::Request(ServerHandshake::new()), Vec::new(), deadline)
    }

    /// A connection that a client has made, with the request to send.
    pub(super) fn connected(
        transport: Transport,
        remote: SocketAddr,
        handshake: ClientHandshake,
        request: Vec<u8>,
        deadline: Instant,
    ) -> Self {
        Self::new(transport, remote, Phase::Response(Box::new(handshake)), request, deadline)
    }

    fn new(
        transport: Transport,
        remote: SocketAddr,
        phase: Phase,
        out: Vec<u8>,
        deadline: Instant,
    ) -> Self {
        Self {
            transport,
            remote,
            phase,
            out,
            written: 0,
            blocked: false,
            undecoded: Vec::new(),
            readable: true,
            ended: false,
            broken: false,
            deadline: Some(deadline),
        }
    }

    pub(super) fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// Whether the opening handshake is under way.
    pub(super) fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::Request(_) | Phase::Response(_))
    }

    /// The peer that it became.
    pub(super) fn peer(&self) -> Option<&Arc<PeerShared>> {
        match &self.phase {
            Phase::Open(open) => Some(&open.peer),
            _ => None,
        }
    }

    /// Its socket is ready.
    pub(super) fn ready(&mut self, readiness: Readiness, turn: &mut Turn<'_>) -> Life {
        self.readable |= readiness.readable;
        self.ended |= readiness.ended;
        if readiness.writable {
            self.blocked = false;
        }
        if self.ended && matches!(self.phase, Phase::Deciding) {
            return Life::Over;
        }
        self.proceed(turn)
    }

    /// A worker has brought its TLS session on, or given it up.
    pub(super) fn worked(
        &mut self,
        result: Option<(Session, Result<(), rustls::Error>)>,
        turn: &mut Turn<'_>,
    ) -> Life {
        let Some((session, result)) = result else {
            return Life::Over;
        };
        match self.transport.put_back(session, result) {
            Ok(()) => {
                // The session may have read more than the handshake.
                self.readable = true;
                self.proceed(turn)
            }
            Err(error) => self.fail(&error),
        }
    }

    /// Opens the connection: the handshake went well. `answer` is what is still to be said of it.
    pub(super) fn open(
        &mut self,
        role: Role,
        opened: Opened,
        answer: &[u8],
        turn: &mut Turn<'_>,
    ) -> Life {
        self.out.extend_from_slice(answer);
        let open = Open::new(role, opened.deflate, opened.peer);
        open.count(answer.len());
        self.deadline = open.heartbeat.start(turn.now);
        self.phase = Phase::Open(Box::new(open));
        self.transport.set_no_delay(true);
        self.resume(turn)
    }

    /// Answers a request with a refusal, and ends.
    pub(super) fn refuse(&mut self, refusal: &Refusal, now: Instant) -> Life {
        refusal.encode(&mut self.out);
        self.linger(now);
        self.flush(now)
    }

    /// Waits for the game's word on the request, for as long as it takes.
    pub(super) fn wait_for_game(&mut self) {
        self.deadline = None;
    }

    /// There may be room in the inbox again.
    fn resume(&mut self, turn: &mut Turn<'_>) -> Life {
        if let Phase::Open(open) = &mut self.phase {
            open.stalled = false;
        }
        let mut undecoded = std::mem::take(&mut self.undecoded);
        self.decode(&mut undecoded, turn.now);
        self.proceed(turn)
    }

    /// Its deadline has come.
    pub(super) fn expired(&mut self, now: Instant) -> Life {
        self.deadline = None;
        match &mut self.phase {
            Phase::Request(_) if self.transport.is_handshaking() => Life::Over,
            Phase::Request(_) => {
                let why = "the request did not come in time";
                self.refuse(&Refusal::new(Status::RequestTimeout, why), now)
            }
            Phase::Response(_) => {
                Life::Opening(Opening::Failed("the server did not answer in time".to_owned()))
            }
            Phase::Open(open) => match std::mem::take(&mut open.ending) {
                Ending::Told(end) => {
                    open.ending = Ending::Told(end);
                    self.finish(now);
                    self.flush(now)
                }
                Ending::Said(end) => {
                    self.tell_end(&End { clean: false, ..end });
                    Life::Over
                }
                Ending::None if open.codec.is_close_sent() => {
                    self.tell_end(&End::abnormal("the other side did not answer the close"));
                    Life::Over
                }
                Ending::None => self.beat(now),
            },
            Phase::Deciding | Phase::Lingering => Life::Over,
        }
    }

    /// The heart beats: the peer is asked whether it is there.
    fn beat(&mut self, now: Instant) -> Life {
        let Phase::Open(open) = &mut self.phase else {
            return Life::Waiting;
        };
        if let Some(next) = open.beat(now, &mut self.out) {
            self.deadline = Some(next);
            return self.flush(now);
        }
        self.tell_end(&End::abnormal("the other side did not answer the heartbeat"));
        Life::Over
    }

    /// Does what the game asks of it. What that encodes goes out with the next [`flush`](Self::flush).
    pub(super) fn obey(&mut self, command: Command, turn: &mut Turn<'_>) -> Life {
        match command {
            Command::Send { kind, payload, .. } => {
                if let Phase::Open(open) = &mut self.phase {
                    open.send(kind, &payload, &mut self.out);
                }
            }
            Command::Close { code, reason, .. } => self.close(code, &reason, turn.now),
            Command::Finish { .. } => self.finish(turn.now),
            Command::Drop { .. } => {
                self.tell_end(&End::abnormal(""));
                return Life::Over;
            }
            Command::Resume { .. } => return self.resume(turn),
            Command::SetNoDelay { enabled, .. } => self.transport.set_no_delay(enabled),
            // These are the server's.
            Command::Broadcast { .. } | Command::Accept { .. } | Command::Refuse { .. } => {}
        }
        Life::Waiting
    }

    /// Sends a message that goes to many.
    pub(super) fn send_prepared(&mut self, message: &mut PreparedMessage) {
        if let Phase::Open(open) = &mut self.phase {
            open.send_prepared(message, &mut self.out);
        }
    }

    /// Whether it has begun to keep a compressor since it was last asked.
    pub(super) fn has_new_compressor(&mut self) -> bool {
        let Phase::Open(open) = &mut self.phase else {
            return false;
        };
        let has = open.codec.has_compressor();
        !std::mem::replace(&mut open.had_compressor, has) && has
    }

    /// Frees its compressor; its next message refers to nothing before it.
    pub(super) fn release_compressor(&mut self) {
        if let Phase::Open(open) = &mut self.phase {
            open.codec.release_compressor();
            open.had_compressor = false;
        }
    }

    /// Begins the closing handshake, or answers the peer's Close that waits.
    fn close(&mut self, code: CloseCode, reason: &str, now: Instant) {
        let Phase::Open(open) = &mut self.phase else {
            return;
        };
        if matches!(open.ending, Ending::Told(_)) {
            self.finish(now);
        } else if open.say_close(code, reason, &mut self.out) {
            self.deadline = Some(now + CLOSE_TIMEOUT);
        }
    }

    /// Says the Close that has waited for the game.
    fn finish(&mut self, now: Instant) {
        if let Phase::Open(open) = &mut self.phase
            && open.finish(&mut self.out)
        {
            self.deadline = Some(now + CLOSE_TIMEOUT);
        }
    }

    /// Says farewell on the way out of an endpoint that ends.
    pub(super) fn say_goodbye(&mut self, buffer: &mut [u8]) {
        if let Phase::Open(open) = &mut self.phase {
            open.say_close(CloseCode::NORMAL, "", &mut self.out);
            let _ = self.write();
            // Unread bytes would turn the end into a reset, which can take the Close with it.
            for _ in 0..READS_PER_TURN {
                if !matches!(self.transport.read(buffer), Ok(len) if len > 0) {
                    break;
                }
            }
            self.transport.shutdown();
        }
    }

    fn proceed(&mut self, turn: &mut Turn<'_>) -> Life {
        if self.transport.is_handshaking() {
            match self.transport.shake_hands() {
                Ok(Step::Done) => {}
                Ok(Step::Wait) => return Life::Waiting,
                Ok(Step::Work(session)) => return Life::Work(session),
                Err(error) => return self.fail(&error),
            }
        }
        for _ in 0..READS_PER_TURN {
            if !self.readable || !self.wants_input() {
                return self.flush(turn.now);
            }
            match self.transport.read(turn.buffer) {
                Ok(0) => return self.lost(""),
                Ok(len) => {
                    // Where readiness is told at an edge, less than was asked for is all there was. (Windows tells
                    // nothing more until a read would block.)
                    self.readable = len == turn.buffer.len()
                        || self.ended
                        || cfg!(windows)
                        || !self.transport.short_read_is_last();
                    if let Some(opening) = self.decode(&mut turn.buffer[..len], turn.now) {
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

    fn wants_input(&self) -> bool {
        match &self.phase {
            Phase::Open(open) => !open.stalled && !matches!(open.ending, Ending::Told(_)),
            Phase::Deciding => false,
            _ => true,
        }
    }

    /// The stream has a fault.
    fn fail(&mut self, error: &io::Error) -> Life {
        // What the other end said in TLS helps whoever set it up; what the system says of a lost connection helps nobody.
        let why =
            if error.kind() == ErrorKind::InvalidData { error.to_string() } else { String::new() };
        self.lost(&why)
    }

    /// The stream has ended, by the peer's will or by a fault.
    fn lost(&mut self, why: &str) -> Life {
        // The peer may have ended its own side alone, and read on.
        let _ = self.write();
        match &mut self.phase {
            Phase::Open(open) => {
                let end = match std::mem::take(&mut open.ending) {
                    Ending::Told(end) | Ending::Said(end) => end,
                    Ending::None => End::abnormal(why),
                };
                self.tell_end(&end);
                Life::Over
            }
            Phase::Response(_) => {
                let ended = "the server ended the connection during the handshake";
                Life::Opening(Opening::Failed(if why.is_empty() { ended } else { why }.to_owned()))
            }
            _ => Life::Over,
        }
    }

    fn tell_end(&mut self, end: &End) {
        if let Phase::Open(open) = &self.phase {
            let End { clean, close } = end.clone();
            open.peer.deliver(Arrival::Closed { clean, close });
            self.phase = Phase::Lingering;
        }
    }

    /// Works through bytes from the peer. Whatever completes the opening handshake is told; the rest waits then.
    fn decode(&mut self, input: &mut [u8], now: Instant) -> Option<Opening> {
        let (used, opening) = match &mut self.phase {
            Phase::Request(handshake) => match handshake.receive(input) {
                Ok((used, request)) => (used, request.map(Opening::Request)),
                Err(refusal) => {
                    refusal.encode(&mut self.out);
                    self.linger(now);
                    return None;
                }
            },
            Phase::Response(handshake) => match handshake.receive(input) {
                Ok((used, response)) => (used, response.map(Opening::Response)),
                Err(error) => (input.len(), Some(Opening::Failed(error.to_string()))),
            },
            Phase::Open(_) => {
                self.decode_frames(input, now);
                return None;
            }
            Phase::Deciding | Phase::Lingering => return None,
        };
        if opening.is_some() {
            self.undecoded.extend_from_slice(&input[used..]);
            self.phase = Phase::Deciding;
        }
        opening
    }

    fn decode_frames(&mut self, input: &mut [u8], now: Instant) {
        let Phase::Open(open) = &mut self.phase else {
            return;
        };
        let backlog = self.blocked && self.written < self.out.len();
        let was_ending = !matches!(open.ending, Ending::None);
        let used = open.decode(input, now, backlog, &mut self.out);
        match &open.ending {
            Ending::None => self.undecoded.extend_from_slice(&input[used..]),
            _ if was_ending => {}
            Ending::Told(_) => {
                self.deadline = Some(now + open.peer.endpoint.settings.close_delay);
            }
            Ending::Said(_) => self.deadline = Some(now + CLOSE_TIMEOUT),
        }
    }

    fn linger(&mut self, now: Instant) {
        self.phase = Phase::Lingering;
        self.deadline = Some(now + LINGER);
    }

    /// Writes what is encoded, and goes on to what waits for that.
    pub(super) fn flush(&mut self, now: Instant) -> Life {
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
        if matches!(self.phase, Phase::Lingering) {
            if self.ended {
                return Life::Over;
            }
            self.transport.shutdown();
        }
        Life::Waiting
    }

    fn write(&mut self) -> io::Result<()> {
        if self.transport.is_handshaking() {
            return Ok(());
        }
        while self.written < self.out.len() && !self.blocked {
            match self.transport.write(&self.out[self.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(len) => {
                    self.written += len;
                    if let Phase::Open(open) = &self.phase {
                        open.peer.out_bytes.fetch_sub(len, Ordering::Relaxed);
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
    pub(super) fn lend(&mut self, spare: &mut Vec<u8>) {
        if self.out.is_empty() && self.out.capacity() < spare.capacity() {
            std::mem::swap(&mut self.out, spare);
        }
    }

    /// Gives the buffer back, if all of it is written.
    pub(super) fn reclaim(&mut self, spare: &mut Vec<u8>) {
        if self.out.is_empty() {
            let out = std::mem::take(&mut self.out);
            if out.capacity() > spare.capacity() {
                *spare = out;
            }
        }
    }
}
