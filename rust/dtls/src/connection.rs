//! A connection, from its first datagram to its last.

use crate::alert::Alert;
use crate::config::{ClientConfig, Limits, ServerConfig};
use crate::cookie::Hello;
use crate::error::Error;
use crate::exchange::{Exchange, Progress};
use crate::handshake::{Header as MessageHeader, Message, MessageType, Reassembly};
use crate::job::{Job, Outcome};
use crate::messages::Random;
use crate::reader::Reader;
use crate::record::{ContentType, Header, MAXIMUM_PLAINTEXT, Record, Records, Unsealed, records};
use crate::v1_2::client::Client;
use crate::v1_2::server::Server;
use aws_lc_rs::rand;
use rustls_pki_types::CertificateDer;
use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

/// What a packet counts for beside its bytes while it waits.
const PACKET_OVERHEAD: usize = 64;
/// How many bytes of sealed records may come before the keys are there: a Finished and what overtakes it.
const MOST_EARLY: usize = 32 << 10;
/// After an alert that anybody may have forged, the other side has so long to show that it was.
const ALERT_PATIENCE: Duration = Duration::from_secs(2);

/// How far a connection has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It begins.
    Handshaking,
    /// It is there.
    Connected,
    /// One of the two sides has ended it.
    Closed,
    /// It has failed.
    Failed(Error),
}

/// Why a packet is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The connection is not [there](State::Connected).
    NotConnected,
    /// The packet is longer than 16,384 bytes.
    TooLong,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotConnected => "the connection is not there",
            Self::TooLong => "the packet is longer than 16384 bytes",
        })
    }
}

impl std::error::Error for SendError {}

/// One end of a connection.
///
/// The caller hands it datagrams ([`handle`](Self::handle)) and the time ([`expire`](Self::expire) when it is
/// [due](Self::deadline)), and takes from it datagrams ([`transmit`](Self::transmit)), [jobs](Self::take_job) and packets
/// ([`receive`](Self::receive)).
#[derive(Debug)]
pub struct Connection {
    state: State,
    exchange: Exchange,
    /// While it begins.
    handshake: Option<Box<Handshake>>,
    /// The other side's certificates.
    chain: Vec<CertificateDer<'static>>,
    received: VecDeque<Vec<u8>>,
    /// What they count for.
    waiting: usize,
    waiting_limit: usize,
    dropped: u64,
    is_server: bool,
    was_connected: bool,
}

/// What a connection needs only while it begins.
#[derive(Debug)]
struct Handshake {
    role: Role,
    reassembly: Reassembly,
    job: Option<Job>,
    /// A job is under way.
    is_working: bool,
    /// Sealed records that came before the keys.
    early: Vec<(Header, Vec<u8>)>,
    early_bytes: usize,
    /// When it is given up.
    deadline: Option<Instant>,
    /// An alert that anybody may have forged.
    alerted: Option<Alert>,
}

#[derive(Debug)]
enum Role {
    Client(Client),
    Server(Server),
}

impl Handshake {
    fn new(role: Role, reassembly: Reassembly, deadline: Option<Instant>) -> Self {
        Self {
            role,
            reassembly,
            job: None,
            is_working: false,
            early: Vec::new(),
            early_bytes: 0,
            deadline,
            alerted: None,
        }
    }

    fn start(&mut self, job: Job) {
        self.job = Some(job);
        self.is_working = true;
    }
}

fn random() -> Result<Random, Error> {
    let mut random = [0; 32];
    rand::fill(&mut random).map_err(|_| Error::Internal("the system has no randomness"))?;
    Ok(random)
}

/// When a handshake that begins now is given up.
fn deadline_of(limits: &Limits, now: Instant) -> Option<Instant> {
    now.checked_add(limits.handshake_timeout?)
}

impl Connection {
    /// Asks for a connection.
    ///
    /// # Errors
    /// [`Error::Internal`], if the system has no randomness.
    pub fn connect(now: Instant, config: ClientConfig) -> Result<Self, Error> {
        let limits = config.limits;
        let mut exchange = Exchange::new(Records::default(), 0, limits.mtu);
        let client = Client::begin(config, random()?, now, &mut exchange)?;
        let deadline = deadline_of(&limits, now);
        let role = Role::Client(client);
        let handshake = Handshake::new(role, Reassembly::starting_at(0), deadline);
        Ok(Self::new(exchange, handshake, &limits, false))
    }

    /// Accepts the connection of a client that has [proven](crate::Greeting::Proven) its address.
    ///
    /// # Errors
    /// The client offers nothing that this side takes: it is told so by the datagram that comes with it.
    pub fn accept(now: Instant, config: ServerConfig, hello: Hello) -> Result<Self, Refusal> {
        let Hello { record_sequence, message_sequence, body } = hello;
        let limits = config.limits;
        // The first record has the number of the hello that it answers (RFC 6347 section 4.2.1).
        let records = Records::starting_at(record_sequence);
        let mut exchange = Exchange::new(records, message_sequence, limits.mtu);
        let message = Message { kind: MessageType::ClientHello, sequence: message_sequence, body };
        let begun =
            random().and_then(|random| Server::begin(config, random, &message, &mut exchange));
        let (server, job) = begun.map_err(|error| Refusal::new(error, &mut exchange))?;
        let reassembly = Reassembly::starting_at(message_sequence.wrapping_add(1));
        let deadline = deadline_of(&limits, now);
        let mut handshake = Handshake::new(Role::Server(server), reassembly, deadline);
        handshake.start(job);
        Ok(Self::new(exchange, handshake, &limits, true))
    }

    fn new(exchange: Exchange, handshake: Handshake, limits: &Limits, is_server: bool) -> Self {
        Self {
            state: State::Handshaking,
            exchange,
            handshake: Some(Box::new(handshake)),
            chain: Vec::new(),
            received: VecDeque::new(),
            waiting: 0,
            waiting_limit: limits.waiting,
            dropped: 0,
            is_server,
            was_connected: false,
        }
    }

    /// How far it has come.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether it is [there](State::Connected), or was.
    pub fn was_connected(&self) -> bool {
        self.was_connected
    }

    /// The certificates that the other side has shown, its own first; none before it is connected, or if it had to show none.
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// How many packets were dropped since too many waited.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Takes a datagram that came from the other side, and opens it where it is: nobody else can read it afterwards. What is
    /// not an authentic part of the connection is dropped without a word.
    pub fn handle(&mut self, now: Instant, datagram: &mut [u8]) {
        for record in records(datagram) {
            if matches!(self.state, State::Closed | State::Failed(_)) {
                return;
            }
            let taken = self.take_record(now, record);
            self.check(taken);
        }
    }

    fn check(&mut self, result: Result<(), Error>) {
        if let Err(error) = result {
            self.fail(error);
        }
    }

    fn take_record(&mut self, now: Instant, record: Record<'_>) -> Result<(), Error> {
        let header = record.header;
        match self.exchange.records.open(record)? {
            Unsealed::Content(content) => self.take(now, &header, content),
            Unsealed::Early(sealed) => {
                self.keep_early(header, sealed);
                Ok(())
            }
            Unsealed::Nothing => Ok(()),
        }
    }

    fn keep_early(&mut self, header: Header, sealed: &[u8]) {
        let Some(handshake) = &mut self.handshake else { return };
        let cost = sealed.len() + PACKET_OVERHEAD;
        if handshake.early_bytes + cost <= MOST_EARLY {
            handshake.early_bytes += cost;
            handshake.early.push((header, sealed.to_vec()));
        }
    }

    fn take(&mut self, now: Instant, header: &Header, content: &[u8]) -> Result<(), Error> {
        let sealed = header.epoch > 0;
        match header.content_type {
            ContentType::Handshake => self.take_handshake(now, sealed, content),
            ContentType::Alert => {
                self.take_alert(now, sealed, content);
                Ok(())
            }
            ContentType::ApplicationData if sealed => {
                self.take_data(content);
                Ok(())
            }
            // What it changes is told by the epochs.
            ContentType::ChangeCipherSpec | ContentType::ApplicationData => Ok(()),
        }
    }

    fn take_data(&mut self, content: &[u8]) {
        if self.state == State::Connected {
            self.exchange.forget_flight();
        }
        let cost = content.len() + PACKET_OVERHEAD;
        if self.waiting > 0 && self.waiting + cost > self.waiting_limit {
            self.dropped += 1;
            return;
        }
        self.waiting += cost;
        self.received.push_back(content.to_vec());
    }

    fn take_alert(&mut self, now: Instant, sealed: bool, content: &[u8]) {
        let Some(alert) = Alert::parse(content) else { return };
        if alert.is_harmless() {
            return;
        }
        if sealed {
            if alert == Alert::CLOSE_NOTIFY {
                self.close();
            } else {
                self.end(State::Failed(Error::Alert(alert)));
            }
        } else if let Some(handshake) = &mut self.handshake {
            // Anybody may have sent it: it counts if nothing better comes.
            handshake.alerted.get_or_insert(alert);
            let soon = now + ALERT_PATIENCE;
            handshake.deadline = Some(handshake.deadline.map_or(soon, |at| at.min(soon)));
        }
    }

    fn take_handshake(&mut self, now: Instant, sealed: bool, content: &[u8]) -> Result<(), Error> {
        let mut reader = Reader(content);
        let mut repeated = false;
        while let Some((header, fragment)) = MessageHeader::parse(&mut reader) {
            let is_finished = header.message_type == MessageType::Finished;
            let Some(handshake) = &mut self.handshake else {
                if sealed {
                    repeated |= is_finished && self.is_server;
                    if header.message_type == MessageType::ClientHello {
                        self.refuse_renegotiation()?;
                    }
                }
                continue;
            };
            // A HelloRequest asks for what is under way.
            if is_finished != sealed || header.message_type == MessageType::HelloRequest {
                continue;
            }
            repeated |= if sealed || !self.exchange.records.has_keys() {
                handshake.reassembly.add(&header, fragment)
            } else {
                // Once there are keys, all that is new comes sealed; whoever forges it may not take its place.
                handshake.reassembly.is_behind(&header)
            };
        }
        if repeated {
            self.exchange.was_asked(now)?;
        }
        self.advance(now)
    }

    fn refuse_renegotiation(&mut self) -> Result<(), Error> {
        self.exchange.send(true, ContentType::Alert, &Alert::NO_RENEGOTIATION.encode())
    }

    /// Takes the messages that are complete, as far as nothing waits for a job.
    fn advance(&mut self, now: Instant) -> Result<(), Error> {
        while let Some(handshake) = &mut self.handshake {
            if handshake.is_working {
                return Ok(());
            }
            let Some(message) = handshake.reassembly.next() else { return Ok(()) };
            let progress = match &mut handshake.role {
                Role::Client(client) => client.take(now, &message, &mut self.exchange)?,
                Role::Server(server) => server.take(now, &message, &mut self.exchange)?,
            };
            match progress {
                Progress::None => {}
                Progress::Job(job) => handshake.start(job),
                Progress::Connected(chain) => {
                    self.chain = chain;
                    self.state = State::Connected;
                    self.was_connected = true;
                    self.handshake = None;
                    self.exchange.transcript = Vec::new();
                    if !self.is_server {
                        self.exchange.forget_flight();
                    }
                }
            }
        }
        Ok(())
    }

    /// What the handshake waits for, if that was not taken yet.
    pub fn take_job(&mut self) -> Option<Job> {
        self.handshake.as_mut()?.job.take()
    }

    /// Goes on with what a job has come to.
    pub fn resume(&mut self, now: Instant, outcome: Outcome) {
        let resumed = self.go_on(now, outcome);
        self.check(resumed);
    }

    fn go_on(&mut self, now: Instant, outcome: Outcome) -> Result<(), Error> {
        let Some(handshake) = &mut self.handshake else { return Ok(()) };
        let done = outcome.0?;
        handshake.is_working = false;
        match &mut handshake.role {
            Role::Client(client) => client.resume(now, done, &mut self.exchange)?,
            Role::Server(server) => server.resume(now, done, &mut self.exchange)?,
        }
        if self.exchange.records.has_keys() {
            handshake.reassembly.forget_partial();
            handshake.early_bytes = 0;
            for (header, mut fragment) in std::mem::take(&mut handshake.early) {
                self.take_record(now, Record { header, fragment: &mut fragment })?;
            }
        }
        self.advance(now)
    }

    /// The next datagram to send.
    pub fn transmit(&mut self) -> Option<Vec<u8>> {
        self.exchange.datagrams.pop_front()
    }

    /// When [`expire`](Self::expire) is to be called, if nothing else happens.
    pub fn deadline(&self) -> Option<Instant> {
        let handshake = self.handshake.as_ref()?;
        let due = self.exchange.due();
        due.into_iter().chain(handshake.deadline).min()
    }

    /// Does what is to be done by `now`: repeats what was not answered, gives up what was not for too long.
    pub fn expire(&mut self, now: Instant) {
        let Some(handshake) = &self.handshake else { return };
        if handshake.deadline.is_some_and(|at| at <= now) {
            let error = handshake.alerted.map_or(Error::TimedOut, Error::Alert);
            self.fail(error);
        } else if self.exchange.due().is_some_and(|at| at <= now) {
            let repeated = self.exchange.repeat(now);
            self.check(repeated);
        }
    }

    /// Sends a packet, as a record and a datagram of its own.
    ///
    /// # Errors
    /// [`SendError`]; the connection is as before, unless its key was used up.
    pub fn send(&mut self, packet: &[u8]) -> Result<(), SendError> {
        if self.state != State::Connected {
            return Err(SendError::NotConnected);
        }
        if packet.len() > MAXIMUM_PLAINTEXT {
            return Err(SendError::TooLong);
        }
        if let Err(error) = self.exchange.send(true, ContentType::ApplicationData, packet) {
            self.fail(error);
            return Err(SendError::NotConnected);
        }
        Ok(())
    }

    /// The next packet that has come. What has come is there after the end of the connection too.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        if self.state == State::Handshaking {
            return None;
        }
        let packet = self.received.pop_front()?;
        self.waiting -= packet.len() + PACKET_OVERHEAD;
        Some(packet)
    }

    /// Ends it, and tells the other side so.
    pub fn close(&mut self) {
        self.say_last(Alert::CLOSE_NOTIFY);
        self.end(State::Closed);
    }

    fn fail(&mut self, error: Error) {
        if let Some(alert) = error.alert() {
            self.say_last(alert);
        }
        self.end(State::Failed(error));
    }

    fn say_last(&mut self, alert: Alert) {
        if matches!(self.state, State::Handshaking | State::Connected) {
            let sealed = self.exchange.records.has_keys();
            // If it cannot be said, the other side finds out by itself.
            let _ = self.exchange.send(sealed, ContentType::Alert, &alert.encode());
        }
    }

    fn end(&mut self, state: State) {
        if self.state == State::Handshaking {
            // It came before anybody had shown who he is.
            self.received.clear();
            self.waiting = 0;
        }
        self.state = state;
        self.handshake = None;
        self.exchange.forget_flight();
    }
}

/// A connection that is not accepted.
#[derive(Debug)]
pub struct Refusal {
    /// Why.
    pub error: Error,
    /// What the client is told, if anything.
    pub datagram: Option<Vec<u8>>,
}

impl Refusal {
    fn new(error: Error, exchange: &mut Exchange) -> Self {
        if let Some(alert) = error.alert() {
            let _ = exchange.send(false, ContentType::Alert, &alert.encode());
        }
        Self { error, datagram: exchange.datagrams.pop_front() }
    }
}
