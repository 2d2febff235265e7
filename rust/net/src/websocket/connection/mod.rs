//! A connection on the I/O thread, from the first byte to the last.

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
use open::{CloseOutcome, CloseState, Open};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Maximum number of reads of a socket per turn, unless the time slice ends earlier.
const READS_PER_TURN: usize = 16;

/// Length of a read during the opening handshake: the maximum length of a request.
const HANDSHAKE_READ: usize = 8 * 1024;

/// Length of a read if messages may be compressed: a hostile byte takes about 100 ns to inflate, so this takes one time
/// slice.
const COMPRESSED_READ: usize = 4 * 1024;

/// Length of a read if messages may be compressed and the server's receive buffer is half full.
const THROTTLED_READ: usize = 64;

/// Maximum number of encoded and unwritten bytes with which a ping is answered at once. Beyond it, and while the socket
/// is blocked, only the last ping is answered.
const MAX_UNSENT_FOR_PONG: usize = 4 * 1024;

/// Timeout for the peer's answer to a written Close frame (RFC 6455 section 7.1.1 does not set one), and for reading
/// [some](MIN_PROGRESS) of the data queued before it.
const CLOSE_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(3);

/// Number of bytes queued before a Close frame that a peer must read to restart the timeout, so that a slow reader
/// cannot keep its slot for long.
const MIN_PROGRESS: usize = 16 << 10;

/// Time for which a closed connection lingers so that the peer can read the last bytes: closing a socket with unread
/// input resets the connection, and discards what was sent.
const LINGER: Duration = Duration::from_secs(1);

/// During shutdown: maximum time to encode and write the game's messages. The game waits for it.
pub(super) const SHUTDOWN_FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// During shutdown: maximum time to read what the peers have sent. The game waits for it.
pub(super) const SHUTDOWN_DRAIN_TIMEOUT: Duration = Duration::from_millis(50);

/// Delay between a Close frame and the end of a TLS stream: the engine's TLS (4.6.3) drops a Close frame that arrives
/// together with the end. Most peers end the stream earlier themselves.
const TLS_CLOSE_DELAY: Duration = Duration::from_millis(100);

/// The context of a call that serves a connection.
pub(super) struct Turn<'a> {
    pub(super) now: Instant,
    /// The buffer to read into.
    pub(super) buffer: &'a mut [u8],
    /// The end of the time slice.
    pub(super) end: Instant,
}

impl<'a> Turn<'a> {
    pub(super) fn new(cx: &'a mut Context<'_>) -> Self {
        Self { now: cx.now, end: cx.end(), buffer: &mut *cx.buffer }
    }

    /// Returns true if the time slice has ended.
    fn is_spent(&self) -> bool {
        Instant::now() >= self.end
    }
}

/// The state of a connection after it was served.
pub(super) enum Progress {
    /// Waiting for the socket, the deadline or the game.
    Waiting,
    /// More to read, after the other connections have been served.
    MoreToRead,
    /// More to read, but paused: the total receive buffer is half full.
    Throttled,
    /// The TLS handshake needs a worker, and continues with [`Connection::on_job_done`].
    NeedsWorker(Session),
    /// The peer's part of the opening handshake is complete and waits for a decision.
    Handshake(PeerHandshake),
    /// Closed: the connection must be dropped.
    Closed,
}

/// The peer's part of the opening handshake.
pub(super) enum PeerHandshake {
    /// The request of a client, and the client's address.
    Request(IncomingRequest, SocketAddr),
    Response(Response),
    Failed(Failure),
}

/// The result of a successful opening handshake.
pub(super) struct Opened {
    pub(super) peer: Arc<PeerShared>,
    pub(super) deflate: Option<NegotiatedDeflate>,
}

pub(super) struct Connection {
    transport: Transport,
    /// The connection starts with a PROXY protocol header that has not been read yet.
    expects_proxy_header: bool,
    phase: Phase,
    /// Encoded bytes; those from `written` on have not been written to the socket.
    out: Vec<u8>,
    written: usize,
    /// Number of bytes written since the timeout for the answer to a Close frame was started.
    close_progress: usize,
    /// The socket would block.
    blocked: bool,
    /// Bytes that were read and wait for space in the inbox, for the connection to open, or for the rest of a proxy
    /// header.
    undecoded: Box<[u8]>,
    /// The socket may be readable.
    readable: bool,
    /// The peer has closed its side.
    read_closed: bool,
    /// Writing has failed; data that the peer has sent before can still be read.
    write_failed: bool,
    /// The time at which the connection times out or has something to do.
    pub(super) deadline: Option<Instant>,
}

enum Phase {
    /// The client's request, which is being received, and the client's address.
    Request(Box<(ServerHandshake, SocketAddr)>),
    Response(Box<ClientHandshake>),
    /// The peer's part of the handshake is complete; the decision is pending.
    Deciding,
    Open(Box<Open>),
    /// The last bytes are written, and input is discarded. `shut` is set after the write side has been closed.
    Lingering {
        shut: bool,
    },
}

impl Connection {
    /// Creates an accepted connection. With `expects_proxy_header` it starts with a PROXY protocol header.
    pub(super) fn accepted(
        transport: Transport,
        handshake: ServerHandshake,
        remote: SocketAddr,
        expects_proxy_header: bool,
        deadline: Instant,
    ) -> Self {
        let phase = Phase::Request(Box::new((handshake, remote)));
        Self { expects_proxy_header, ..Self::new(transport, phase, Vec::new(), deadline) }
    }

    /// Creates a client's connection, with the request to send.
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
            expects_proxy_header: false,
            phase,
            out,
            written: 0,
            close_progress: 0,
            blocked: false,
            undecoded: Box::default(),
            readable: true,
            read_closed: false,
            write_failed: false,
            deadline: Some(deadline),
        }
    }

    /// Returns true if the opening handshake is in progress.
    pub(super) fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::Request(_) | Phase::Response(_))
    }

    /// Returns the client's address while its request is being received.
    pub(super) fn remote(&self) -> Option<SocketAddr> {
        match &self.phase {
            Phase::Request(pending) => Some(pending.1),
            _ => None,
        }
    }

    /// Returns true if its TLS handshake, if any, is complete.
    pub(super) fn is_secured(&self) -> bool {
        !self.transport.is_handshaking()
    }

    /// Handles readiness of its socket.
    pub(super) fn on_ready(&mut self, readiness: Readiness, turn: &mut Turn<'_>) -> Progress {
        self.readable |= readiness.readable;
        self.read_closed |= readiness.read_closed;
        if readiness.writable {
            self.blocked = false;
        }
        if self.read_closed && matches!(self.phase, Phase::Deciding) {
            return Progress::Closed;
        }
        self.proceed(turn)
    }

    /// Takes back the TLS session from a worker; `None` if the job was not run.
    pub(super) fn on_job_done(
        &mut self,
        result: Option<(Session, Result<(), rustls::Error>)>,
    ) -> Progress {
        let Some((session, result)) = result else {
            return Progress::Closed;
        };
        match self.transport.put_back(session, result) {
            Ok(()) => {
                // The session may already have read data after the handshake.
                self.readable = true;
                Progress::MoreToRead
            }
            Err(error) => self.on_stream_error(&error),
        }
    }

    /// Opens the connection after the handshake. `response` is sent first.
    pub(super) fn open(
        &mut self,
        role: Role,
        opened: Opened,
        response: &[u8],
        turn: &mut Turn<'_>,
    ) -> Progress {
        self.out.extend_from_slice(response);
        let open = Open::new(role, opened.deflate, opened.peer);
        open.count(response.len());
        self.deadline = open.first_beat(turn.now);
        self.phase = Phase::Open(Box::new(open));
        self.proceed(turn)
    }

    /// Rejects a request and closes the connection.
    pub(super) fn reject(&mut self, rejection: &HandshakeRejection, now: Instant) -> Progress {
        rejection.encode(&mut self.out);
        self.linger(now);
        self.flush(now)
    }

    /// Answers a health check and closes the connection.
    pub(super) fn respond_health(
        &mut self,
        check: HealthCheck,
        healthy: bool,
        now: Instant,
    ) -> Progress {
        check.respond(healthy, &mut self.out);
        self.linger(now);
        self.flush(now)
    }

    /// Reads the PROXY protocol header, if one is expected. Returns true if that is done.
    fn read_proxy_header(&mut self, buffer: &mut [u8]) -> std::io::Result<bool> {
        if self.expects_proxy_header {
            let tcp = self.transport.tcp();
            let Some(source) = proxies::read_header(tcp, &mut self.undecoded, buffer)? else {
                return Ok(false);
            };
            self.expects_proxy_header = false;
            if let (Phase::Request(pending), Some(source)) = (&mut self.phase, source) {
                pending.1 = source;
            }
        }
        Ok(true)
    }

    /// Waits for the game's decision on the request without a timeout, unless the client has already closed.
    pub(super) fn wait_for_game(&mut self) -> Progress {
        self.deadline = None;
        // No further event reports an end that arrived together with the request.
        if self.read_closed { Progress::Closed } else { Progress::Waiting }
    }

    /// Resumes reading after space was freed in the inbox; undecoded bytes are decoded in the connection's next turn.
    fn resume(&mut self) -> Progress {
        if let Phase::Open(open) = &mut self.phase {
            open.read_paused = false;
        }
        Progress::MoreToRead
    }

    /// Handles the deadline.
    pub(super) fn on_timeout(&mut self, now: Instant) -> Progress {
        self.deadline = None;
        match &mut self.phase {
            Phase::Request(_) if self.expects_proxy_header || self.transport.is_handshaking() => {
                Progress::Closed
            }
            Phase::Request(_) => {
                let reason = "the request did not arrive in time";
                self.reject(&HandshakeRejection::new(StatusCode::RequestTimeout, reason), now)
            }
            Phase::Response(handshake) => {
                let late = || Failure::new("the server did not answer in time");
                Progress::Handshake(PeerHandshake::Failed(
                    handshake.handle_end().map_or_else(late, Failure::from),
                ))
            }
            Phase::Open(open) => match std::mem::take(&mut open.close_state) {
                CloseState::PeerCloseReported(end) => {
                    open.close_state = CloseState::PeerCloseReported(end);
                    self.finish_close(now);
                    self.flush(now)
                }
                CloseState::CloseQueued(end) => {
                    self.report_end(&CloseOutcome { clean: false, ..*end });
                    Progress::Closed
                }
                CloseState::Open if open.codec.is_close_sent() => {
                    self.report_end(&CloseOutcome::abnormal(
                        "the peer did not answer the Close frame",
                    ));
                    // Bytes in the socket's send buffer are still delivered, unless unread input resets the connection.
                    self.out = Vec::new();
                    self.written = 0;
                    self.shut(now);
                    Progress::Waiting
                }
                CloseState::Open => self.beat(now),
            },
            Phase::Lingering { shut: false } => {
                self.shut(now);
                Progress::Waiting
            }
            Phase::Deciding | Phase::Lingering { .. } => Progress::Closed,
        }
    }

    /// Performs a beat of the heartbeat.
    fn beat(&mut self, now: Instant) -> Progress {
        let Phase::Open(open) = &mut self.phase else {
            return Progress::Waiting;
        };
        if let Some(next) = open.beat(now, &mut self.out) {
            self.deadline = Some(next);
            return self.flush(now);
        }
        self.report_end(&CloseOutcome::abnormal("the peer did not answer the ping"));
        Progress::Closed
    }

    /// Runs a command of the game. The next [`flush`](Self::flush) writes what it encodes.
    pub(super) fn handle_command(&mut self, command: Command, turn: &mut Turn<'_>) -> Progress {
        match command {
            Command::Send { message, .. } => {
                if let Phase::Open(open) = &mut self.phase {
                    open.send(message.as_message(), &mut self.out);
                }
            }
            Command::Close { code, reason, .. } => self.close(code, &reason, turn.now),
            Command::FinishClose { .. } => self.finish_close(turn.now),
            Command::Drop { .. } => {
                self.report_end(&CloseOutcome::abnormal(""));
                return Progress::Closed;
            }
            Command::Resume { .. } => return self.resume(),
            Command::SetNoDelay { enabled, .. } => self.transport.set_no_delay(enabled),
            // These are handled by the server driver.
            Command::Broadcast { .. } | Command::Accept { .. } | Command::Reject { .. } => {}
        }
        Progress::Waiting
    }

    /// Sends a prepared message.
    pub(super) fn send_prepared(&mut self, message: &mut PreparedMessage) {
        if let Phase::Open(open) = &mut self.phase {
            open.send_prepared(message, &mut self.out);
        }
    }

    /// Returns true if a compressor has been allocated since the last call.
    pub(super) fn has_new_compressor(&mut self) -> bool {
        let Phase::Open(open) = &mut self.phase else {
            return false;
        };
        let has = open.codec.has_compressor();
        !std::mem::replace(&mut open.had_compressor, has) && has
    }

    /// Frees its compressor; the next message does not refer to earlier ones.
    pub(super) fn release_compressor(&mut self) {
        if let Phase::Open(open) = &mut self.phase {
            open.codec.release_compressor();
            open.had_compressor = false;
        }
    }

    /// Starts the closing handshake, or answers a pending Close frame of the peer.
    fn close(&mut self, code: CloseCode, reason: &str, now: Instant) {
        let Phase::Open(open) = &mut self.phase else {
            return;
        };
        if matches!(open.close_state, CloseState::PeerCloseReported(_)) {
            self.finish_close(now);
        } else if open.queue_close(code, reason, &mut self.out) {
            self.close_progress = 0;
            self.deadline = Some(now + CLOSE_HANDSHAKE_TIMEOUT);
        }
    }

    /// Queues the Close frame that has waited for the game.
    fn finish_close(&mut self, now: Instant) {
        if let Phase::Open(open) = &mut self.phase
            && open.finish_close(&mut self.out)
        {
            self.close_progress = 0;
            self.deadline = Some(now + CLOSE_HANDSHAKE_TIMEOUT);
        }
    }

    /// Sends a Close frame and ends the stream, during shutdown.
    pub(super) fn close_gracefully(&mut self, buffer: &mut [u8], end: Instant) {
        if let Phase::Open(open) = &mut self.phase {
            open.queue_close(CloseCode::NORMAL, "", &mut self.out);
            let _ = self.write();
            // Unread input would reset the connection, which can discard the Close frame.
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

    fn report_end(&mut self, outcome: &CloseOutcome) {
        if let Phase::Open(open) = &self.phase {
            let CloseOutcome { clean, close } = outcome.clone();
            open.peer.deliver(Arrival::Closed { clean, close });
            self.phase = Phase::Lingering { shut: true };
        }
    }
}

#[cfg(test)]
mod tests;
