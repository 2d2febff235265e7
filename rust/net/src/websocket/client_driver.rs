//! A client on the I/O thread: it connects, and serves its connection.

use super::client::Failure;
use super::connection::{Connection, GOODBYE, LAST_SENDS, Life, Opened, Opening, Turn};
use super::endpoint::{Command, Endpoint, Key};
use super::peer_shared::PeerShared;
use crate::jobs::{self, Jobs};
use crate::reactor::{Context, Driver, Readiness, lock};
use crate::tcp::canonical;
use crate::tls::{ClientTls, Processed, process};
use crate::transport::Transport;
use lodewire_websocket::{ClientHandshake, Response, Role};
use mio::Interest;
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an address may stay silent before the next is tried beside it (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The most addresses that are tried.
const MAX_ADDRESSES: usize = 16;

/// The server's id, as in the engine's multiplayer.
const SERVER_ID: i32 = 1;

/// There is one connection, so its key says nothing.
const KEY: Key = Key { slot: 0, serial: 0 };

pub(super) struct ClientDriver {
    endpoint: Arc<Endpoint>,
    /// The host and port, for messages.
    place: String,
    /// Those that are not tried yet.
    addresses: VecDeque<SocketAddr>,
    /// Those that are tried; its place in the list is the key of the socket.
    attempts: Vec<Option<(TcpStream, SocketAddr)>>,
    next_attempt: Option<Instant>,
    timeout: Duration,
    /// When the attempt as a whole is given up.
    deadline: Option<Instant>,
    tls: Option<(ClientTls, String)>,
    /// Taken by the connection.
    request: Option<(ClientHandshake, Vec<u8>)>,
    handshakes: Jobs<(), Processed>,
    active: Option<Active>,
    begun: bool,
    /// What the game asks for and is not done yet.
    commands: VecDeque<Command>,
    /// Until when it writes what the game has sent, once it is to end.
    sends_until: Option<Instant>,
}

/// The connection that was made.
struct Active {
    /// Its socket's key.
    key: usize,
    remote: SocketAddr,
    connection: Connection,
    alive: jobs::Alive,
}

impl ClientDriver {
    pub(super) fn new(
        endpoint: Arc<Endpoint>,
        place: String,
        addresses: Vec<SocketAddr>,
        tls: Option<(ClientTls, String)>,
        request: (ClientHandshake, Vec<u8>),
        timeout: Duration,
    ) -> Self {
        Self {
            endpoint,
            place,
            addresses: interleave(addresses),
            attempts: Vec::new(),
            next_attempt: None,
            timeout,
            deadline: None,
            tls,
            request: Some(request),
            handshakes: Jobs::new(),
            active: None,
            begun: false,
            commands: VecDeque::new(),
            sends_until: None,
        }
    }

    /// Tries the next address.
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
            let why = match last {
                None => format!("no address is known for {}", self.place),
                Some(error) => self.tell(&error),
            };
            self.fail(Failure::new(why));
        }
    }

    /// A socket that was to connect is ready.
    fn attempted(&mut self, cx: &mut Context<'_>, key: usize, readiness: Readiness) {
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
                    let why = self.tell(&error);
                    self.fail(Failure::new(why));
                }
            }
        }
    }

    /// The first socket that connects is the one.
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
        self.active =
            Some(Active { key, remote: canonical(to), connection, alive: jobs::Alive::default() });
        let readiness = Readiness { readable: true, read_closed: false, writable: true };
        self.serve(cx, |connection, turn| connection.ready(readiness, turn));
    }

    /// Lets the connection work, and does what its new state asks for.
    fn serve(
        &mut self,
        cx: &mut Context<'_>,
        work: impl FnOnce(&mut Connection, &mut Turn<'_>) -> Life,
    ) {
        let Some(Active { key, remote, connection, alive }) = &mut self.active else {
            return;
        };
        let mut turn = Turn::new(cx);
        let life = match work(connection, &mut turn) {
            Life::Opening(Opening::Response(response)) => {
                let Response { protocol, deflate, .. } = response;
                let (remote, protocol) = (*remote, protocol.map(String::into_boxed_str));
                let endpoint = Arc::clone(&self.endpoint);
                let peer = PeerShared::new(SERVER_ID, KEY, remote, protocol, None, endpoint);
                let peer = Arc::new(peer);
                lock(&self.endpoint.news).connected.push(Arc::clone(&peer));
                connection.open(Role::Client, Opened { peer, deflate }, &[], &mut turn)
            }
            Life::Opening(Opening::Failed(why)) => return self.fail(why),
            life => life,
        };
        match life {
            Life::Waiting | Life::Opening(_) | Life::Crowded => {}
            Life::Ready => cx.reschedule(*key),
            Life::Work(session) => {
                let work = move || process(session);
                self.handshakes.start((), alive, work, self.endpoint.waker.get());
            }
            Life::Over => self.active = None,
        }
    }

    /// Does what the game asks for, as far as its share of the thread's time goes. Returns whether that is all.
    fn work(&mut self, cx: &mut Context<'_>) -> bool {
        self.commands.extend(std::mem::take(&mut *lock(&self.endpoint.commands)));
        let any = !self.commands.is_empty();
        while let Some(command) = self.commands.pop_front() {
            self.serve(cx, |connection, turn| connection.obey(command, turn));
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
        // A burst's room is not kept for the next one.
        self.commands = VecDeque::new();
        true
    }

    /// Returns an error of the system in words for a developer.
    fn tell(&self, error: &io::Error) -> String {
        let place = &self.place;
        match error.kind() {
            ErrorKind::ConnectionRefused => format!("nobody listens at {place}"),
            ErrorKind::TimedOut => format!("{place} does not answer"),
            _ => format!("{place} cannot be reached: {error}"),
        }
    }

    fn fail(&mut self, failure: Failure) {
        lock(&self.endpoint.news).failed = Some(failure);
        self.attempts.clear();
        self.addresses.clear();
        self.next_attempt = None;
        self.deadline = None;
        self.active = None;
    }
}

/// Both families in turn, each in its order, the first one's first (RFC 8305 §4).
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
                self.serve(cx, |connection, turn| connection.ready(readiness, turn));
            }
            Some(_) => {}
            None => self.attempted(cx, key, readiness),
        }
    }

    fn on_wake(&mut self, cx: &mut Context<'_>) {
        if !self.begun {
            self.begun = true;
            self.deadline = Some(cx.now + self.timeout);
            self.attempt(cx);
        }
        for finished in self.handshakes.take_finished(self.endpoint.waker.get()) {
            self.serve(cx, |connection, _| connection.worked(finished.result));
        }
        if !self.work(cx)
            && let Some(waker) = self.endpoint.waker.get()
        {
            // After the others had their turn.
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
                self.serve(cx, |connection, turn| connection.expired(turn.now));
            }
            None if due(self.deadline) => {
                let why = self.tell(&ErrorKind::TimedOut.into());
                self.fail(Failure::new(why));
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
        let end = *self.sends_until.get_or_insert(now + LAST_SENDS);
        if !self.work(cx) && now < end {
            return false;
        }
        if let Some(active) = &mut self.active {
            active.connection.say_goodbye(cx.buffer, now + GOODBYE);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let given = ["[::1]:1", "[::2]:1", "1.1.1.1:1", "[::3]:1", "2.2.2.2:1"];
        let mixed: Vec<_> = interleave(given.map(address).to_vec()).into();
        let wanted = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"];
        assert_eq!(mixed, wanted.map(address));
    }
}
