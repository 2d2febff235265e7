//! A connection, from its first datagram to its last.

mod handshake;
mod incoming;

use crate::alert::Alert;
use crate::config::{ClientConfig, Limits, ServerConfig};
use crate::cookie::Hello;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::handshake::{Header as MessageHeader, Message, MessageType};
use crate::job::Job;
use crate::messages::new_random;
use crate::record::{ContentType, Records, records};
use crate::v1_2::client::Client;
use crate::v1_2::server::Server;
use handshake::{Handshake, Role};
use rustls_pki_types::CertificateDer;
use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

/// What a packet counts for beside its bytes while it waits.
const PACKET_OVERHEAD: usize = 64;

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
    /// The packet is longer than [a record carries](Connection::longest_packet).
    TooLong,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotConnected => "the connection is not there",
            Self::TooLong => "the packet is longer than a record carries",
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
    /// After how many beginnings of the other side's flight that came.
    received_after: u32,
    /// What they count for.
    waiting: usize,
    waiting_limit: usize,
    dropped: u64,
    is_server: bool,
    was_connected: bool,
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
        let mut exchange = Exchange::new(Records::starting_at(0), 0, 0, limits.mtu);
        let client = Client::begin(config, new_random()?, now, &mut exchange)?;
        let deadline = deadline_of(&limits, now);
        let handshake = Handshake::new(Role::Client(client), deadline);
        Ok(Self::new(exchange, handshake, &limits, false))
    }

    /// Accepts the connection of a client that has [proven](crate::Greeting::Proven) its address.
    ///
    /// Where its hello came in fragments, the first of which proved it, the connection waits for the others.
    ///
    /// # Errors
    /// The client offers nothing that this side takes: it is told so by the datagram that comes with it.
    pub fn accept(now: Instant, config: ServerConfig, hello: Hello) -> Result<Self, Refusal> {
        let Hello { record_sequence, message_sequence, length, body } = hello;
        let limits = config.limits;
        let deadline = deadline_of(&limits, now);
        // The first record has the number of the hello that it answers (RFC 6347 section 4.2.1).
        let records = Records::starting_at(record_sequence);
        let is_whole = body.len() == length;
        let awaited = message_sequence.wrapping_add(u16::from(is_whole));
        let mut exchange = Exchange::new(records, message_sequence, awaited, limits.mtu);
        let kind = MessageType::ClientHello;
        if !is_whole {
            let (sequence, fragment_offset) = (message_sequence, 0);
            let header = MessageHeader { message_type: kind, length, sequence, fragment_offset };
            exchange.reassembly.add(&header, &body);
            let handshake = Handshake::new(Role::Arriving(config), deadline);
            return Ok(Self::new(exchange, handshake, &limits, true));
        }
        let message = Message { kind, sequence: message_sequence, body };
        let begun = Server::begin(config, &message, &mut exchange);
        let (server, job) = begun.map_err(|error| Refusal::new(error, &mut exchange))?;
        let mut handshake = Handshake::new(Role::Server(server), deadline);
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
            received_after: 0,
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

    /// How many bytes a packet may have: 16,384, or fewer if the client has asked for it (RFC 6066 section 4).
    pub fn longest_packet(&self) -> usize {
        self.exchange.records.longest()
    }

    /// How many packets were dropped since too many waited.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Takes a datagram that came from the other side, and opens it where it is: nobody else can read it afterwards. What is
    /// not authentic is dropped; it may delay a handshake, but not end it.
    pub fn handle(&mut self, now: Instant, datagram: &mut [u8]) {
        for record in records(datagram) {
            if self.is_over() {
                return;
            }
            let taken = self.take_record(now, record);
            self.check(now, taken);
        }
        // Only now: of two messages that contradict each other, the later one counts.
        let advanced = self.advance(now);
        self.check(now, advanced);
    }

    fn is_over(&self) -> bool {
        matches!(self.state, State::Closed | State::Failed(_))
    }

    /// What the handshake waits for, if that was not taken yet.
    pub fn take_job(&mut self) -> Option<Job> {
        self.handshake.as_mut()?.take_job()
    }

    /// The next datagram to send.
    pub fn transmit(&mut self) -> Option<Vec<u8>> {
        self.exchange.datagrams.pop_front()
    }

    /// Sends a packet, as a record and a datagram of its own.
    ///
    /// # Errors
    /// [`SendError`]; the connection is as before, unless its key was used up.
    pub fn send(&mut self, packet: &[u8]) -> Result<(), SendError> {
        if self.state != State::Connected {
            return Err(SendError::NotConnected);
        }
        if packet.len() > self.longest_packet() {
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

    /// Gives it up, since a [job](Self::take_job) cannot be done. The other side is told, unless it is a client that was not
    /// answered yet: it repeats its hello, which may find this side with more time.
    pub fn give_up(&mut self) {
        let error = Error::Internal("there is more to do than can be done");
        if self.exchange.has_flight() { self.fail(error) } else { self.end(State::Failed(error)) }
    }

    fn fail(&mut self, error: Error) {
        if let Some(alert) = error.alert() {
            self.say_last(alert);
        }
        self.end(State::Failed(error));
    }

    fn say_last(&mut self, alert: Alert) {
        if matches!(self.state, State::Handshaking | State::Connected) {
            // A server's keys count from its own ChangeCipherSpec on, which is the last that it says in a handshake.
            let sealed =
                if self.is_server { self.was_connected } else { self.exchange.records.has_keys() };
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
