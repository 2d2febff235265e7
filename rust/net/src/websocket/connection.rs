//! One connection on the I/O thread, from its first byte to its last.

use super::peer::Message;
use super::peers::Peers;
use super::shared::{Arrival, PeerShared};
use crate::reactor::Readiness;
use lodewire_websocket::{
    CloseCode, CloseFrame, Connection as Codec, Event, MessageKind, Refusal, Role, ServerHandshake,
    Status, Violation,
};
use mio::net::TcpStream;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
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
    pub(super) peers: &'a mut Peers,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// It waits for its socket, its deadline or the game.
    Waiting,
    /// It has more to read, and let the others go first.
    Ready,
    /// It is over: drop it.
    Over,
}

pub(super) struct Connection {
    stream: TcpStream,
    remote: SocketAddr,
    phase: Phase,
    /// What is encoded and not yet with the kernel, from `written` on.
    out: Vec<u8>,
    written: usize,
    /// The kernel took less than was offered.
    blocked: bool,
    /// What was read and waits for room in the inbox.
    undecoded: Vec<u8>,
    /// The socket may have something to read.
    readable: bool,
    /// The peer has ended its side.
    ended: bool,
    /// Nothing can be written any more; what the peer sent before may still be read.
    broken: bool,
    /// When the connection is given up if nothing happens.
    pub(super) deadline: Option<Instant>,
}

enum Phase {
    Handshake(ServerHandshake),
    Open(Box<Open>),
    /// The last words are said: what still comes is thrown away.
    Lingering,
}

struct Open {
    codec: Codec,
    peer: Arc<PeerShared>,
    /// The inbox is full.
    stalled: bool,
    /// The answer to the latest ping, while earlier bytes wait for the network (§5.5.3 allows to answer that one alone).
    pong: Option<Vec<u8>>,
    /// How it ended, once that is decided; it is told when the last bytes are out.
    end: Option<End>,
}

#[derive(Clone)]
struct End {
    clean: bool,
    close: CloseFrame,
}

impl End {
    fn abnormal() -> Self {
        Self {
            clean: false,
            close: CloseFrame { code: CloseCode::ABNORMAL, reason: String::new() },
        }
    }
}

impl Connection {
    /// A connection that has just been accepted.
    pub(super) fn new(stream: TcpStream, remote: SocketAddr, deadline: Instant) -> Self {
        Self {
            stream,
            remote,
            phase: Phase::Handshake(ServerHandshake::new()),
            out: Vec::new(),
            written: 0,
            blocked: false,
            undecoded: Vec::new(),
            readable: true,
            ended: false,
            broken: false,
            deadline: Some(deadline),
        }
    }

    /// Whether the opening handshake is under way.
    pub(super) fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::Handshake(_))
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
        self.proceed(turn)
    }

    /// The game has made room in the inbox.
    pub(super) fn resume(&mut self, turn: &mut Turn<'_>) -> Life {
        if let Phase::Open(open) = &mut self.phase {
            open.stalled = false;
        }
        let mut undecoded = std::mem::take(&mut self.undecoded);
        self.decode(&mut undecoded, turn.now, turn.peers);
        self.proceed(turn)
    }

    /// Its deadline has come.
    pub(super) fn expired(&mut self, now: Instant) -> Life {
        self.deadline = None;
        match &mut self.phase {
            Phase::Handshake(_) => {
                let why = "the request did not come in time";
                self.refuse(Refusal::new(Status::RequestTimeout, why), now);
                self.flush(now)
            }
            Phase::Open(open) => {
                let end = open.end.take().unwrap_or_else(End::abnormal);
                self.tell_end(&End { clean: false, ..end });
                Life::Over
            }
            Phase::Lingering => Life::Over,
        }
    }

    /// Sends a message of the game's. It goes out with the next [`flush`](Self::flush).
    pub(super) fn send(&mut self, kind: MessageKind, payload: &[u8]) {
        if let Phase::Open(open) = &mut self.phase {
            open.peer.out_packets.fetch_sub(1, Ordering::Relaxed);
            // The sender has counted its bytes.
            open.codec.send(kind, payload, None, &mut self.out);
        }
    }

    /// Begins the closing handshake.
    pub(super) fn close(&mut self, code: CloseCode, reason: &str, now: Instant) {
        if let Phase::Open(open) = &mut self.phase {
            let before = self.out.len();
            if open.codec.close(code, reason, None, &mut self.out) {
                open.count(self.out.len() - before);
                self.deadline = Some(now + CLOSE_TIMEOUT);
            }
        }
    }

    /// Drops the connection without a word.
    pub(super) fn drop_now(&mut self) -> Life {
        self.tell_end(&End::abnormal());
        Life::Over
    }

    /// Says farewell on the way out of a server that stops.
    pub(super) fn say_goodbye(&mut self, buffer: &mut [u8]) {
        if let Phase::Open(open) = &mut self.phase {
            open.codec.close(CloseCode::NORMAL, "", None, &mut self.out);
            let _ = self.write();
            // Unread bytes would turn the end into a reset, which can take the Close with it.
            for _ in 0..READS_PER_TURN {
                if !matches!(self.stream.read(buffer), Ok(len) if len > 0) {
                    break;
                }
            }
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }

    pub(super) fn set_no_delay(&self, enabled: bool) {
        // It fails only on a socket that is closed already.
        let _ = self.stream.set_nodelay(enabled);
    }

    fn proceed(&mut self, turn: &mut Turn<'_>) -> Life {
        for _ in 0..READS_PER_TURN {
            let stalled = matches!(&self.phase, Phase::Open(open) if open.stalled);
            if !self.readable || stalled {
                return self.flush(turn.now);
            }
            match self.stream.read(turn.buffer) {
                Ok(0) => return self.lost(),
                Ok(len) => {
                    // Where readiness is told at an edge, less than was asked for is all there was. (Windows tells
                    // nothing more until a read would block.)
                    self.readable = len == turn.buffer.len() || self.ended || cfg!(windows);
                    self.decode(&mut turn.buffer[..len], turn.now, turn.peers);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.readable = false;
                    if self.broken {
                        return self.lost();
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.lost(),
            }
        }
        match self.flush(turn.now) {
            Life::Waiting => Life::Ready,
            life => life,
        }
    }

    /// The stream has ended, by the peer's will or by a fault.
    fn lost(&mut self) -> Life {
        // The peer may have ended its own side alone, and read on.
        let _ = self.write();
        if let Phase::Open(open) = &mut self.phase {
            let end = open.end.take().unwrap_or_else(End::abnormal);
            self.tell_end(&end);
        }
        Life::Over
    }

    fn tell_end(&mut self, end: &End) {
        if let Phase::Open(open) = &self.phase {
            let End { clean, close } = end.clone();
            open.peer.deliver(Arrival::Closed { clean, close });
            self.phase = Phase::Lingering;
        }
    }

    /// Works through bytes from the peer.
    fn decode(&mut self, mut input: &mut [u8], now: Instant, peers: &mut Peers) {
        if let Phase::Handshake(handshake) = &mut self.phase {
            match handshake.receive(input) {
                Ok((_, None)) => return,
                Ok((used, Some(request))) => {
                    input = &mut input[used..];
                    match peers.accept(&request, self.remote, &mut self.out) {
                        Ok(peer) => self.open(peer),
                        Err(refusal) => self.refuse(refusal, now),
                    }
                }
                Err(refusal) => self.refuse(refusal, now),
            }
        }
        let Phase::Open(open) = &mut self.phase else {
            return;
        };
        let backlog = self.blocked && self.written < self.out.len();
        match open.decode(input, backlog, &mut self.out) {
            Ok(used) => self.undecoded.extend_from_slice(&input[used..]),
            Err(violation) => {
                let before = self.out.len();
                let close =
                    CloseFrame { code: violation.close_code(), reason: violation.to_string() };
                open.codec.close(close.code, &close.reason, None, &mut self.out);
                open.count(self.out.len() - before);
                open.end = Some(End { clean: false, close });
            }
        }
        if open.end.is_some() {
            self.deadline = Some(now + CLOSE_TIMEOUT);
        }
    }

    fn open(&mut self, peer: Arc<PeerShared>) {
        let open = Open {
            codec: Codec::new(Role::Server, peer.server.limits.in_bytes),
            peer,
            stalled: false,
            pong: None,
            end: None,
        };
        open.count(self.out.len());
        self.phase = Phase::Open(Box::new(open));
        self.deadline = None;
        self.set_no_delay(true);
    }

    fn refuse(&mut self, refusal: Refusal, now: Instant) {
        refusal.encode(&mut self.out);
        self.linger(now);
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
            return if self.undecoded.is_empty() { Life::Ready } else { Life::Waiting };
        }
        if self.written < self.out.len() {
            return Life::Waiting;
        }
        self.out.clear();
        self.written = 0;
        if let Phase::Open(open) = &mut self.phase {
            if let Some(payload) = open.pong.take() {
                open.codec.pong(&payload, None, &mut self.out);
                open.count(self.out.len());
                return self.flush(now);
            }
            if let Some(end) = open.end.take() {
                self.tell_end(&end);
                self.linger(now);
            }
        }
        if matches!(self.phase, Phase::Lingering) {
            if self.ended {
                return Life::Over;
            }
            let _ = self.stream.shutdown(Shutdown::Write);
        }
        Life::Waiting
    }

    fn write(&mut self) -> io::Result<()> {
        while self.written < self.out.len() && !self.blocked {
            match self.stream.write(&self.out[self.written..]) {
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

impl Open {
    /// Decodes until the input or the room in the inbox ends; says how much was used.
    fn decode(
        &mut self,
        input: &mut [u8],
        backlog: bool,
        out: &mut Vec<u8>,
    ) -> Result<usize, Violation> {
        let mut used = 0;
        while used < input.len() && !self.stalled && self.end.is_none() {
            let (len, event) = self.codec.receive(&mut input[used..])?;
            used += len;
            match event {
                None | Some(Event::Pong(_)) => {}
                Some(Event::Message { kind, payload }) => {
                    let message = Message { kind, payload: payload.into_owned() };
                    self.stalled = !self.peer.deliver(Arrival::Message(message));
                }
                Some(Event::Ping(payload)) if backlog => self.pong = Some(payload.to_vec()),
                Some(Event::Ping(payload)) => {
                    let payload = payload.to_vec();
                    let before = out.len();
                    self.codec.pong(&payload, None, out);
                    self.count(out.len() - before);
                }
                Some(Event::Close(close)) => {
                    if !self.codec.is_close_sent() {
                        self.peer.deliver(Arrival::CloseRequest(close.clone()));
                        let before = out.len();
                        self.codec.close(close.code, "", None, out);
                        self.count(out.len() - before);
                    }
                    self.end = Some(End { clean: true, close });
                }
            }
        }
        // After the end nothing is decoded.
        Ok(if self.end.is_some() { input.len() } else { used })
    }

    /// Counts bytes that the game did not send itself.
    fn count(&self, len: usize) {
        self.peer.out_bytes.fetch_add(len, Ordering::Relaxed);
    }
}
