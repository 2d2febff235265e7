//! One connection on the I/O thread, from its first byte to its last.

mod heartbeat;
mod mask_keys;
mod open;
mod reading;
mod writing;

use super::client::Failure;
use super::endpoint::Command;
use super::peer_shared::{Arrival, PeerShared};
use super::proxies;
use crate::reactor::{Context, Readiness};
use crate::tls::Session;
use crate::transport::Transport;
use lodewire_websocket::{
    ClientHandshake, CloseCode, HandshakeRejection, HealthCheck, IncomingRequest,
    NegotiatedDeflate, PreparedMessage, Response, Role, ServerHandshake, StatusCode,
};
use open::{End, Ending, Open};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many times a socket is read before the others have their turn, if that time is not spent earlier.
const READS_PER_TURN: usize = 16;

/// How much is read at once while the opening handshake is under way: no request is longer.
const HANDSHAKE_READ: usize = 8 * 1024;

/// How much is read at once where messages may be compressed: a byte of hostile ones takes some 100 ns, so that this is
/// as long as a turn.
const COMPRESSED_READ: usize = 4 * 1024;

/// The same when as much waits for the game as may.
const CROWDED_READ: usize = 64;

/// How many bytes may be encoded until the next write so that a further ping is still answered at once. Beyond it, and while
/// the network takes nothing, only the latest is.
const PONGS_AT_ONCE: usize = 4 * 1024;

/// How long the peer may take to answer a Close (§7.1.1 leaves it open), once it is written, and to take
/// [some](LEAST_PROGRESS) of what was queued before it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// How many bytes before a Close a peer has to take so that its time begins again: who takes less has a place for too long.
const LEAST_PROGRESS: usize = 16 << 10;

/// How long a connection that is over lingers so that the peer reads its last words: closing with unread bytes would
/// reset it, and what was sent with it.
const LINGER: Duration = Duration::from_secs(1);

/// How long an endpoint that ends turns what the game has sent into frames, and gives the system what it takes at once: the
/// game waits for that.
pub(super) const LAST_SENDS: Duration = Duration::from_secs(1);

/// How long an endpoint that ends takes what its peers have sent: the game waits for that.
pub(super) const GOODBYE: Duration = Duration::from_millis(50);

/// How long a peer over TLS has to read the last words before this side ends: the engine's TLS (4.6.3) forgets a Close that
/// comes together with the end. Most peers end the stream themselves before that.
const TLS_PATIENCE: Duration = Duration::from_millis(100);

/// What a connection works with while it is served.
pub(super) struct Turn<'a> {
    pub(super) now: Instant,
    /// Room to read into.
    pub(super) buffer: &'a mut [u8],
    /// When this connection's share of the thread's time ends.
    pub(super) end: Instant,
}

impl<'a> Turn<'a> {
    pub(super) fn new(cx: &'a mut Context<'_>) -> Self {
        Self { now: cx.now, end: cx.end(), buffer: &mut *cx.buffer }
    }

    /// Returns whether this connection has taken its share.
    fn is_spent(&self) -> bool {
        Instant::now() >= self.end
    }
}

/// Whether, and how, a connection goes on.
pub(super) enum Life {
    /// It waits for its socket, its deadline or the game.
    Waiting,
    /// It has more to read, and let the others go first.
    Ready,
    /// It has more to read, for which there is no room now: all peers together hold too much.
    Crowded,
    /// Its TLS handshake needs a worker, and waits for [`Connection::worked`].
    Work(Session),
    /// The opening handshake is read, and waits for a decision.
    Opening(Opening),
    /// It is over: drop it.
    Over,
}

/// What the other end's part of the opening handshake says.
pub(super) enum Opening {
    /// A client's request, and where it comes from.
    Request(IncomingRequest, SocketAddr),
    Response(Response),
    Failed(Failure),
}

/// What an opening handshake came to.
pub(super) struct Opened {
    pub(super) peer: Arc<PeerShared>,
    pub(super) deflate: Option<NegotiatedDeflate>,
}

pub(super) struct Connection {
    transport: Transport,
    /// A proxy has yet to tell whose connection this is, before anything else.
    awaits_proxy: bool,
    phase: Phase,
    /// What is encoded and not yet with the kernel, from `written` on.
    out: Vec<u8>,
    written: usize,
    /// How much was written since the time to answer a Close began.
    progress: usize,
    /// The kernel took less than was offered.
    blocked: bool,
    /// What was read and waits for room in the inbox, for the connection to open, or for the rest of a proxy's header.
    undecoded: Box<[u8]>,
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
    /// The client's request, as it comes, and where from.
    Request(Box<(ServerHandshake, SocketAddr)>),
    Response(Box<ClientHandshake>),
    /// The other end's part of the handshake is read; it is not decided yet what becomes of it.
    Deciding,
    Open(Box<Open>),
    /// The last words are said: what still comes is thrown away. `shut` once this side of the stream has ended.
    Lingering {
        shut: bool,
    },
}

impl Connection {
    /// A connection that has just been accepted. With `awaits_proxy`, it begins with a header of the PROXY protocol.
    pub(super) fn accepted(
        transport: Transport,
        handshake: ServerHandshake,
        remote: SocketAddr,
        awaits_proxy: bool,
        deadline: Instant,
    ) -> Self {
        let phase = Phase::Request(Box::new((handshake, remote)));
        Self { awaits_proxy, ..Self::new(transport, phase, Vec::new(), deadline) }
    }

    /// A connection that a client has made, with the request to send.
    pub(super) fn connected(
        transport: Transport,
        handshake: ClientHandshake,
        request: Vec<u8>,
        deadline: Instant,
    ) -> Self {
        Self::new(transport, Phase::Response(Box::new(handshake)), request, deadline)
    }

    fn new(transport: Transport, phase: Phase, out: Vec<u8>, deadline: Instant) -> Self {
        Self {
            transport,
            awaits_proxy: false,
            phase,
            out,
            written: 0,
            progress: 0,
            blocked: false,
            undecoded: Box::default(),
            readable: true,
            ended: false,
            broken: false,
            deadline: Some(deadline),
        }
    }

    /// Whether the opening handshake is under way.
    pub(super) fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::Request(_) | Phase::Response(_))
    }

    /// Where it comes from, while its request is awaited.
    pub(super) fn remote(&self) -> Option<SocketAddr> {
        match &self.phase {
            Phase::Request(asking) => Some(asking.1),
            _ => None,
        }
    }

    /// Returns whether its TLS handshake, if there is one, is done.
    pub(super) fn is_secured(&self) -> bool {
        !self.transport.is_handshaking()
    }

    /// Its socket is ready.
    pub(super) fn ready(&mut self, readiness: Readiness, turn: &mut Turn<'_>) -> Life {
        self.readable |= readiness.readable;
        self.ended |= readiness.read_closed;
        if readiness.writable {
            self.blocked = false;
        }
        if self.ended && matches!(self.phase, Phase::Deciding) {
            return Life::Over;
        }
        self.proceed(turn)
    }

    /// A worker has brought its TLS session on, or given it up.
    pub(super) fn worked(&mut self, result: Option<(Session, Result<(), rustls::Error>)>) -> Life {
        let Some((session, result)) = result else {
            return Life::Over;
        };
        match self.transport.put_back(session, result) {
            Ok(()) => {
                // The session may have read more than the handshake.
                self.readable = true;
                Life::Ready
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
        self.deadline = open.first_beat(turn.now);
        self.phase = Phase::Open(Box::new(open));
        self.proceed(turn)
    }

    /// Answers a request with a refusal, and ends.
    pub(super) fn refuse(&mut self, refusal: &HandshakeRejection, now: Instant) -> Life {
        refusal.encode(&mut self.out);
        self.linger(now);
        self.flush(now)
    }

    /// Answers a load balancer that asks how the server is, and ends.
    pub(super) fn tell_health(&mut self, asked: HealthCheck, well: bool, now: Instant) -> Life {
        asked.respond(well, &mut self.out);
        self.linger(now);
        self.flush(now)
    }

    /// Reads what a proxy says of the client, if it has to: whether that is done.
    fn meet_proxy(&mut self, buffer: &mut [u8]) -> std::io::Result<bool> {
        if self.awaits_proxy {
            let tcp = self.transport.tcp();
            let Some(source) = proxies::read_header(tcp, &mut self.undecoded, buffer)? else {
                return Ok(false);
            };
            self.awaits_proxy = false;
            if let (Phase::Request(asking), Some(source)) = (&mut self.phase, source) {
                asking.1 = source;
            }
        }
        Ok(true)
    }

    /// Waits for the game's word on the request, for as long as it takes, unless the client has gone already.
    pub(super) fn wait_for_game(&mut self) -> Life {
        self.deadline = None;
        // No further event would tell of an end that came with the request.
        if self.ended { Life::Over } else { Life::Waiting }
    }

    /// There may be room in the inbox again: what waits is decoded when it is this connection's turn.
    fn resume(&mut self) -> Life {
        if let Phase::Open(open) = &mut self.phase {
            open.stalled = false;
        }
        Life::Ready
    }

    /// Its deadline has come.
    pub(super) fn expired(&mut self, now: Instant) -> Life {
        self.deadline = None;
        match &mut self.phase {
            Phase::Request(_) if self.awaits_proxy || self.transport.is_handshaking() => Life::Over,
            Phase::Request(_) => {
                let why = "the request did not come in time";
                self.refuse(&HandshakeRejection::new(StatusCode::RequestTimeout, why), now)
            }
            Phase::Response(handshake) => {
                let late = || Failure::new("the server did not answer in time");
                Life::Opening(Opening::Failed(
                    handshake.handle_end().map_or_else(late, Failure::from),
                ))
            }
            Phase::Open(open) => match std::mem::take(&mut open.ending) {
                Ending::Told(end) => {
                    open.ending = Ending::Told(end);
                    self.finish(now);
                    self.flush(now)
                }
                Ending::Said(end) => {
                    self.tell_end(&End { clean: false, ..*end });
                    Life::Over
                }
                Ending::None if open.codec.is_close_sent() => {
                    self.tell_end(&End::abnormal("the other side did not answer the close"));
                    // What the kernel has is still on its way: unread bytes would turn the end into a reset.
                    self.out = Vec::new();
                    self.written = 0;
                    self.shut(now);
                    Life::Waiting
                }
                Ending::None => self.beat(now),
            },
            Phase::Lingering { shut: false } => {
                self.shut(now);
                Life::Waiting
            }
            Phase::Deciding | Phase::Lingering { .. } => Life::Over,
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
            Command::Resume { .. } => return self.resume(),
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
            self.progress = 0;
            self.deadline = Some(now + CLOSE_TIMEOUT);
        }
    }

    /// Says the Close that has waited for the game.
    fn finish(&mut self, now: Instant) {
        if let Phase::Open(open) = &mut self.phase
            && open.finish(&mut self.out)
        {
            self.progress = 0;
            self.deadline = Some(now + CLOSE_TIMEOUT);
        }
    }

    /// Says farewell on the way out of an endpoint that ends.
    pub(super) fn say_goodbye(&mut self, buffer: &mut [u8], end: Instant) {
        if let Phase::Open(open) = &mut self.phase {
            open.say_close(CloseCode::NORMAL, "", &mut self.out);
            let _ = self.write();
            // Unread bytes would turn the end into a reset, which can take the Close with it.
            for _ in 0..READS_PER_TURN {
                if Instant::now() >= end {
                    break;
                }
                match self.transport.read(buffer) {
                    Ok(1..) => {}
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    _ => break,
                }
            }
            self.transport.shutdown();
        }
    }

    fn tell_end(&mut self, end: &End) {
        if let Phase::Open(open) = &self.phase {
            let End { clean, close } = end.clone();
            open.peer.deliver(Arrival::Closed { clean, close });
            self.phase = Phase::Lingering { shut: true };
        }
    }
}

#[cfg(test)]
mod tests;
