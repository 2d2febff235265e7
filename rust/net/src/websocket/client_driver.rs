//! The driver of a client on the I/O thread: connects, and serves the connection.

use super::client::Failure;
use super::connection::{
    Connection, Opened, PeerHandshake, Progress, SHUTDOWN_DRAIN_TIMEOUT, SHUTDOWN_FLUSH_TIMEOUT,
    Turn,
};
use super::endpoint::{Command, EndpointShared, Key};
use super::peer_shared::PeerShared;
use crate::jobs::{self, Jobs};
use crate::reactor::{Context, Driver, Readiness, lock};
use crate::tcp::canonical;
use crate::tls::{ClientTls, Processed, process_packets};
use crate::transport::Transport;
use lodewire_websocket::{ClientHandshake, Response, Role};
use mio::Interest;
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Connection attempt delay (RFC 8305 section 5): how long an attempt runs alone before the next one starts.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Maximum number of addresses that are tried.
const MAX_ADDRESSES: usize = 16;

/// The server's id, as in the engine's multiplayer.
const SERVER_ID: i32 = 1;

/// The key of the only connection.
const KEY: Key = Key { slot: 0, generation: 0 };

pub(super) struct ClientDriver {
    endpoint: Arc<EndpointShared>,
    /// The host and port, for messages.
    authority: String,
    /// Addresses that have not been tried yet.
    addresses: VecDeque<SocketAddr>,
    /// The attempts; the index of each is the key of its socket.
    attempts: Vec<Option<(TcpStream, SocketAddr)>>,
    next_attempt: Option<Instant>,
    timeout: Duration,
    /// The time at which connecting times out.
    deadline: Option<Instant>,
    tls: Option<(ClientTls, String)>,
    /// The handshake and its encoded request, until the connection takes them.
    request: Option<(ClientHandshake, Vec<u8>)>,
    handshakes: Jobs<(), Processed>,
    active: Option<ActiveConnection>,
    started: bool,
    /// Commands of the game that have not been run yet.
    commands: VecDeque<Command>,
    /// During shutdown: until when data that the game has sent is written.
    flush_deadline: Option<Instant>,
}

/// The established TCP connection.
struct ActiveConnection {
    /// The key of its socket.
    key: usize,
    remote: SocketAddr,
    connection: Connection,
    alive: jobs::Alive,
}

impl ClientDriver {
    pub(super) fn new(
        endpoint: Arc<EndpointShared>,
        authority: String,
        addresses: Vec<SocketAddr>,
        tls: Option<(ClientTls, String)>,
        request: (ClientHandshake, Vec<u8>),
        timeout: Duration,
    ) -> Self {
        Self {
            endpoint,
            authority,
            addresses: interleave(addresses),
            attempts: Vec::new(),
            next_attempt: None,
            timeout,
            deadline: None,
            tls,
            request: Some(request),
            handshakes: Jobs::new(),
            active: None,
            started: false,
            commands: VecDeque::new(),
            flush_deadline: None,
        }
    }

    /// Starts an attempt at the next address.
    fn attempt(&mut self, cx: &mut Context<'_>) {
        self.next_attempt = None;
        let mut last = None;
        while let Some(address) = self.addresses.pop_front() {
            let key = self.attempts.len();
            let tried = TcpStream::connect(address).and_then(|mut stream| {
                cx.register(&mut stream, key, Interest::READABLE | Interest::WRITABLE)?;
                Ok(stream)
            });
            match tried {
                Ok(stream) => {
                    self.attempts.push(Some((stream, address)));
                    if !self.addresses.is_empty() {
                        self.next_attempt = Some(cx.now + ATTEMPT_DELAY);
                    }
                    return;
                }
                Err(error) => last = Some(error),
            }
        }
        if self.attempts.iter().all(Option::is_none) {
            let message = match last {
                None => format!("no address found for {}", self.authority),
                Some(error) => self.describe(&error),
            };
            self.fail(Failure::new(message));
        }
    }

    /// Handles readiness of the socket of an attempt.
    fn on_attempt_ready(&mut self, cx: &mut Context<'_>, key: usize, readiness: Readiness) {
        let Some((stream, address)) = self.attempts.get_mut(key).and_then(Option::take) else {
            return;
        };
        let result = match stream.take_error() {
            Ok(None) => stream.peer_addr().map(drop),
            Ok(Some(error)) | Err(error) => Err(error),
        };
        match result {
            Ok(()) => self.connect(cx, key, stream, address),
            Err(error) if error.kind() == ErrorKind::NotConnected && !readiness.read_closed => {
                self.attempts[key] = Some((stream, address));
            }
            Err(error) => {
                drop(stream);
                if !self.addresses.is_empty() {
                    self.attempt(cx);
                } else if self.attempts.iter().all(Option::is_none) {
                    let message = self.describe(&error);
                    self.fail(Failure::new(message));
                }
            }
        }
    }

    /// Uses the first socket that connects, and drops the other attempts.
    fn connect(&mut self, cx: &mut Context<'_>, key: usize, stream: TcpStream, to: SocketAddr) {
        self.attempts.clear();
        self.addresses.clear();
        self.next_attempt = None;
        let session = match &self.tls {
            None => None,
            Some((tls, host)) => match tls.session(host) {
                Ok(session) => Some(session),
                Err(error) => return self.fail(Failure::new(error.to_string())),
            },
        };
        let (Some((handshake, request)), Some(deadline)) =
            (self.request.take(), self.deadline.take())
        else {
            return;
        };
        let transport = Transport::new(stream, session);
        let connection = Connection::connected(transport, handshake, request, deadline);
        self.active = Some(ActiveConnection {
            key,
            remote: canonical(to),
            connection,
            alive: jobs::Alive::default(),
        });
        let readiness = Readiness { readable: true, read_closed: false, writable: true };
        self.serve(cx, |connection, turn| connection.on_ready(readiness, turn));
    }

    /// Lets the connection work, and acts on its progress.
    fn serve(
        &mut self,
        cx: &mut Context<'_>,
        work: impl FnOnce(&mut Connection, &mut Turn<'_>) -> Progress,
    ) {
        let Some(ActiveConnection { key, remote, connection, alive }) = &mut self.active else {
            return;
        };
        let mut turn = Turn::new(cx);
        let progress = match work(connection, &mut turn) {
            Progress::Handshake(PeerHandshake::Response(response)) => {
                let Response { protocol, deflate, .. } = response;
                let (remote, protocol) = (*remote, protocol.map(String::into_boxed_str));
                let endpoint = Arc::clone(&self.endpoint);
                let peer = PeerShared::new(SERVER_ID, KEY, remote, protocol, None, endpoint);
                let peer = Arc::new(peer);
                lock(&self.endpoint.poll_batch).connected.push(Arc::clone(&peer));
                connection.open(Role::Client, Opened { peer, deflate }, &[], &mut turn)
            }
            Progress::Handshake(PeerHandshake::Failed(failure)) => return self.fail(failure),
            progress => progress,
        };
        match progress {
            Progress::Waiting | Progress::Handshake(_) | Progress::Throttled => {}
            Progress::MoreToRead => cx.reschedule(*key),
            Progress::NeedsWorker(session) => {
                let work = move || process_packets(session);
                self.handshakes.start((), alive, work, self.endpoint.waker.get());
            }
            Progress::Closed => self.active = None,
        }
    }

    /// Runs commands of the game within the time slice. Returns true if none is left.
    fn run_commands(&mut self, cx: &mut Context<'_>) -> bool {
        self.commands.extend(std::mem::take(&mut *lock(&self.endpoint.commands)));
        let any = !self.commands.is_empty();
        while let Some(command) = self.commands.pop_front() {
            self.serve(cx, |connection, turn| connection.handle_command(command, turn));
            if cx.is_spent() {
                break;
            }
        }
        if any {
            self.serve(cx, |connection, turn| connection.flush(turn.now));
        }
        if !self.commands.is_empty() {
            return false;
        }
        // Frees the capacity that a burst has left behind.
        self.commands = VecDeque::new();
        true
    }

    /// Returns a message for a system error.
    fn describe(&self, error: &io::Error) -> String {
        let authority = &self.authority;
        match error.kind() {
            ErrorKind::ConnectionRefused => {
                format!("connection refused: no server listens at {authority}")
            }
            ErrorKind::TimedOut => format!("{authority} does not answer"),
            _ => format!("{authority} cannot be reached: {error}"),
        }
    }

    fn fail(&mut self, failure: Failure) {
        lock(&self.endpoint.poll_batch).failed = Some(failure);
        self.attempts.clear();
        self.addresses.clear();
        self.next_attempt = None;
        self.deadline = None;
        self.active = None;
    }
}

/// Interleaves the address families, each in its order, starting with the family of the first address
/// (RFC 8305 section 4).
fn interleave(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut a, mut b): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first);
    let mut mixed = VecDeque::new();
    while mixed.len() < MAX_ADDRESSES && !(a.is_empty() && b.is_empty()) {
        mixed.extend(a.pop_front());
        mixed.extend(b.pop_front());
    }
    mixed
}

impl Driver for ClientDriver {
    fn on_ready(&mut self, cx: &mut Context<'_>, key: usize, readiness: Readiness) {
        match &self.active {
            Some(active) if active.key == key => {
                self.serve(cx, |connection, turn| connection.on_ready(readiness, turn));
            }
            Some(_) => {}
            None => self.on_attempt_ready(cx, key, readiness),
        }
    }

    fn on_wake(&mut self, cx: &mut Context<'_>) {
        if !self.started {
            self.started = true;
            self.deadline = Some(cx.now + self.timeout);
            self.attempt(cx);
        }
        for finished in self.handshakes.take_finished(self.endpoint.waker.get()) {
            self.serve(cx, |connection, _| connection.on_job_done(finished.result));
        }
        if !self.run_commands(cx)
            && let Some(waker) = self.endpoint.waker.get()
        {
            // After the other drivers have been served.
            waker.wake();
        }
    }

    fn on_timeout(&mut self, cx: &mut Context<'_>) {
        if self.next_attempt.is_some_and(|at| at <= cx.now) {
            self.attempt(cx);
        }
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= cx.now);
        match &self.active {
            Some(active) if due(active.connection.deadline) => {
                self.serve(cx, |connection, turn| connection.on_timeout(turn.now));
            }
            None if due(self.deadline) => {
                let message = self.describe(&ErrorKind::TimedOut.into());
                self.fail(Failure::new(message));
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.active {
            Some(active) => active.connection.deadline,
            None => self.next_attempt.into_iter().chain(self.deadline).min(),
        }
    }

    fn close(&mut self, cx: &mut Context<'_>) -> bool {
        let now = Instant::now();
        let end = *self.flush_deadline.get_or_insert(now + SHUTDOWN_FLUSH_TIMEOUT);
        if !self.run_commands(cx) && now < end {
            return false;
        }
        if let Some(active) = &mut self.active {
            active.connection.close_gracefully(cx.buffer, now + SHUTDOWN_DRAIN_TIMEOUT);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_families_are_interleaved() {
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let given = ["[::1]:1", "[::2]:1", "1.1.1.1:1", "[::3]:1", "2.2.2.2:1"];
        let mixed: Vec<_> = interleave(given.map(address).to_vec()).into();
        let expected = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"];
        assert_eq!(mixed, expected.map(address));
    }
}
