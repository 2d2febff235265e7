//! Connections, from the first datagram to the last.

mod handshake;
mod incoming;

use crate::alert::Alert;
use crate::config::{ClientConfig, Limits, ServerConfig};
use crate::cookie::VerifiedClientHello;
use crate::error::Error;
use crate::handshake::{Header as MessageHeader, Message, MessageType};
use crate::handshake_context::HandshakeContext;
use crate::job::Job;
use crate::messages::new_random;
use crate::record::{ContentType, RecordLayer, records};
use crate::v1_2::client::Client;
use crate::v1_2::server::Server;
use handshake::{Handshake, Role};
use rustls_pki_types::CertificateDer;
use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

/// Bytes that a buffered packet counts for, in addition to its length.
const PACKET_OVERHEAD: usize = 64;

/// The state of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The handshake is in progress.
    Handshaking,
    /// The connection is established.
    Connected,
    /// The connection was closed, by either side.
    Closed,
    /// The connection failed.
    Failed(Error),
}

/// The reason why a packet was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The connection is not [established](State::Connected).
    NotConnected,
    /// The packet is longer than the [maximum](Connection::max_packet_size).
    TooLong,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotConnected => "not connected",
            Self::TooLong => "the packet is longer than a record",
        })
    }
}

impl std::error::Error for SendError {}

/// One end of a connection.
///
/// Pass it datagrams ([`handle_datagram`](Self::handle_datagram)) and the time
/// ([`handle_timeout`](Self::handle_timeout) at the time of [`poll_timeout`](Self::poll_timeout)). Take from it datagrams
/// ([`poll_transmit`](Self::poll_transmit)), [jobs](Self::poll_job) and packets ([`receive`](Self::receive)).
#[derive(Debug)]
pub struct Connection {
    state: State,
    context: HandshakeContext,
    /// The handshake, while it is in progress.
    handshake: Option<Box<Handshake>>,
    /// The peer's certificates.
    chain: Vec<CertificateDer<'static>>,
    received: VecDeque<Vec<u8>>,
    /// The number of rewinds after which `received` arrived.
    received_at_rewind: u32,
    /// Size of `received`, with the overhead of each packet.
    buffered_bytes: usize,
    max_buffered_bytes: usize,
    dropped: u64,
    is_server: bool,
    was_connected: bool,
}

/// Returns when a handshake that starts now times out.
fn handshake_deadline(limits: &Limits, now: Instant) -> Option<Instant> {
    now.checked_add(limits.handshake_timeout?)
}

impl Connection {
    /// Starts a client's connection.
    ///
    /// # Errors
    /// [`Error::Internal`], if random bytes could not be obtained.
    pub fn connect(now: Instant, config: ClientConfig) -> Result<Self, Error> {
        let limits = config.limits;
        let mut context = HandshakeContext::new(RecordLayer::starting_at(0), 0, 0, limits.mtu);
        let client = Client::start(config, new_random()?, now, &mut context)?;
        let deadline = handshake_deadline(&limits, now);
        let handshake = Handshake::new(Role::Client(client), deadline);
        Ok(Self::new(context, handshake, &limits, false))
    }

    /// Accepts the connection of a client with a [verified](crate::ClientHelloVerification::Verified) address.
    ///
    /// If only the first fragment of its ClientHello has been received, the connection waits for the others.
    ///
    /// # Errors
    /// [`AcceptError`], if the client's parameters are not acceptable. Send its response to the client.
    pub fn accept(
        now: Instant,
        config: ServerConfig,
        hello: VerifiedClientHello,
    ) -> Result<Self, AcceptError> {
        let VerifiedClientHello { record_sequence, message_sequence, length, body } = hello;
        let limits = config.limits;
        let deadline = handshake_deadline(&limits, now);
        // The first record has the sequence number of the ClientHello that it answers (RFC 6347 section 4.2.1).
        let records = RecordLayer::starting_at(record_sequence);
        let is_whole = body.len() == length;
        let expected = message_sequence.wrapping_add(u16::from(is_whole));
        let mut context = HandshakeContext::new(records, message_sequence, expected, limits.mtu);
        let message_type = MessageType::ClientHello;
        if !is_whole {
            let (sequence, fragment_offset) = (message_sequence, 0);
            let header = MessageHeader { message_type, length, sequence, fragment_offset };
            context.reassembly.add(&header, &body);
            let handshake = Handshake::new(Role::AwaitingClientHello(config), deadline);
            return Ok(Self::new(context, handshake, &limits, true));
        }
        let message = Message { kind: message_type, sequence: message_sequence, body };
        let started = Server::start(config, &message, &mut context);
        let (server, job) = started.map_err(|error| AcceptError::new(error, &mut context))?;
        let mut handshake = Handshake::new(Role::Server(server), deadline);
        handshake.start(job);
        Ok(Self::new(context, handshake, &limits, true))
    }

    fn new(
        context: HandshakeContext,
        handshake: Handshake,
        limits: &Limits,
        is_server: bool,
    ) -> Self {
        Self {
            state: State::Handshaking,
            context,
            handshake: Some(Box::new(handshake)),
            chain: Vec::new(),
            received: VecDeque::new(),
            received_at_rewind: 0,
            buffered_bytes: 0,
            max_buffered_bytes: limits.max_buffered_bytes,
            dropped: 0,
            is_server,
            was_connected: false,
        }
    }

    /// Returns the state of the connection.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Returns true if the connection is, or was, [established](State::Connected).
    pub fn was_connected(&self) -> bool {
        self.was_connected
    }

    /// Returns the certificates that the peer presented, its own first. Empty until the connection is established, and if
    /// the peer presented none.
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Returns the maximum size of a packet: 16,384 bytes, or less if the client requested it (RFC 6066 section 4).
    pub fn max_packet_size(&self) -> usize {
        self.context.records.max_fragment_len()
    }

    /// Returns how many packets were dropped because the receive buffer was full.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Processes a datagram from the peer, and decrypts it in place. Records that are not authentic are dropped; they may
    /// delay a handshake, but not end it.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &mut [u8]) {
        for record in records(datagram) {
            if self.is_closed() {
                return;
            }
            let handled = self.handle_record(now, record);
            self.handle_result(now, handled);
        }
        // Only now, after all records: of two messages that contradict each other, the later one counts.
        let processed = self.process_messages(now);
        self.handle_result(now, processed);
    }

    fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed | State::Failed(_))
    }

    /// Takes the job that the handshake waits for, if there is one that was not taken yet.
    pub fn poll_job(&mut self) -> Option<Job> {
        self.handshake.as_mut()?.poll_job()
    }

    /// Takes the next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.context.datagrams.pop_front()
    }

    /// Sends a packet as one record in one datagram.
    ///
    /// # Errors
    /// [`SendError`]. The connection is unchanged, unless the AEAD usage limit was reached.
    pub fn send(&mut self, packet: &[u8]) -> Result<(), SendError> {
        if self.state != State::Connected {
            return Err(SendError::NotConnected);
        }
        if packet.len() > self.max_packet_size() {
            return Err(SendError::TooLong);
        }
        if let Err(error) = self.context.send(true, ContentType::ApplicationData, packet) {
            self.fail(error);
            return Err(SendError::NotConnected);
        }
        Ok(())
    }

    /// Takes the next received packet. Packets remain available after the connection has closed.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        if self.state == State::Handshaking {
            return None;
        }
        let packet = self.received.pop_front()?;
        self.buffered_bytes -= packet.len() + PACKET_OVERHEAD;
        Some(packet)
    }

    /// Closes the connection, and sends `close_notify`.
    pub fn close(&mut self) {
        self.send_final_alert(Alert::CLOSE_NOTIFY);
        self.end(State::Closed);
    }

    /// Fails the connection because a [job](Self::poll_job) could not be run. An alert is sent, except to a client that has
    /// not been answered yet: it retransmits its ClientHello, which may find this server less busy.
    pub fn handle_job_failure(&mut self) {
        let error = Error::Internal("handshake queue full");
        if self.context.has_flight() { self.fail(error) } else { self.end(State::Failed(error)) }
    }

    fn fail(&mut self, error: Error) {
        if let Some(alert) = error.alert() {
            self.send_final_alert(alert);
        }
        self.end(State::Failed(error));
    }

    fn send_final_alert(&mut self, alert: Alert) {
        if matches!(self.state, State::Handshaking | State::Connected) {
            // A server's keys are in use only after its ChangeCipherSpec, which ends its handshake.
            let encrypted =
                if self.is_server { self.was_connected } else { self.context.records.has_keys() };
            // Best effort: without the alert, the peer times out.
            let _ = self.context.send(encrypted, ContentType::Alert, &alert.encode());
        }
    }

    fn end(&mut self, state: State) {
        if self.state == State::Handshaking {
            // Received before the peer was authenticated.
            self.received.clear();
            self.buffered_bytes = 0;
        }
        self.state = state;
        self.handshake = None;
        self.context.discard_flight();
    }
}

/// The error of a connection that was not accepted.
#[derive(Debug)]
pub struct AcceptError {
    /// The cause.
    pub cause: Error,
    /// The datagram to send to the client, if any.
    pub response: Option<Vec<u8>>,
}

impl AcceptError {
    fn new(cause: Error, context: &mut HandshakeContext) -> Self {
        if let Some(alert) = cause.alert() {
            let _ = context.send(false, ContentType::Alert, &alert.encode());
        }
        Self { cause, response: context.datagrams.pop_front() }
    }
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl std::error::Error for AcceptError {}
