//! The handshake of a connection.
//!
//! Nothing is authentic before the keys exist. A wrong message may be forged, and so may a right one. So a message that does
//! not fit restarts the peer's flight ([`HandshakeContext::rewind`]), and its error counts only if nothing better arrives.

use super::{Connection, State};
use crate::config::ServerConfig;
use crate::error::Error;
use crate::handshake::{Header as MessageHeader, Message, MessageType};
use crate::handshake_context::{HandshakeContext, Progress};
use crate::job::{Completed, Job, JobError, JobOutput};
use crate::record::{Header, Record};
use crate::v1_2::client::Client;
use crate::v1_2::server::Server;
use std::time::{Duration, Instant};

/// Bytes that a buffered record counts for, in addition to its length.
const RECORD_OVERHEAD: usize = 64;
/// Maximum size of the encrypted records that are buffered before the keys exist: a Finished, and what overtakes it
/// (RFC 6347 section 4.1 allows buffering them). Another queue, of packets between the keys and the Finished, has the
/// same limit.
pub(super) const MAX_EARLY_BYTES: usize = 32 << 10;
/// Time for a valid flight to disprove an unauthenticated failure.
const UNAUTHENTICATED_FAILURE_DELAY: Duration = Duration::from_secs(2);

/// State that a connection needs only during the handshake.
#[derive(Debug)]
pub(super) struct Handshake {
    role: Role,
    job: Option<Job>,
    is_job_running: bool,
    /// Encrypted records that arrived before the keys.
    early: Vec<(Header, Vec<u8>)>,
    early_bytes: usize,
    /// The time at which the handshake times out.
    deadline: Option<Instant>,
    pending_failure: Option<PendingFailure>,
}

#[derive(Debug)]
pub(super) enum Role {
    Client(Client),
    /// A server that has received a part of the ClientHello.
    AwaitingClientHello(ServerConfig),
    Server(Server),
}

/// An unauthenticated error, with which the handshake fails unless a valid flight arrives.
#[derive(Debug)]
struct PendingFailure {
    at: Instant,
    error: Error,
}

impl Role {
    /// Handles the next message.
    fn handle_message(
        &mut self,
        now: Instant,
        message: &Message,
        context: &mut HandshakeContext,
    ) -> Result<Progress, Error> {
        match self {
            Self::Client(client) => client.handle_message(now, message, context),
            Self::Server(server) => server.handle_message(now, message, context),
            Self::AwaitingClientHello(_) if message.kind != MessageType::ClientHello => {
                Err(Error::UNEXPECTED)
            }
            Self::AwaitingClientHello(config) => {
                let (server, job) = Server::start(config.clone(), message, context)?;
                *self = Self::Server(server);
                Ok(Progress::Job(job))
            }
        }
    }

    /// Continues after a job.
    fn handle_job_output(
        &mut self,
        now: Instant,
        completed: Completed,
        context: &mut HandshakeContext,
    ) -> Result<(), Error> {
        match self {
            Self::Client(client) => client.handle_job_output(now, completed, context),
            Self::Server(server) => server.handle_job_output(now, completed, context),
            Self::AwaitingClientHello(_) => Err(Error::Internal("unexpected job output")),
        }
    }
}

impl Handshake {
    pub(super) fn new(role: Role, deadline: Option<Instant>) -> Self {
        Self {
            role,
            job: None,
            is_job_running: false,
            early: Vec::new(),
            early_bytes: 0,
            deadline,
            pending_failure: None,
        }
    }

    pub(super) fn start(&mut self, job: Job) {
        self.job = Some(job);
        self.is_job_running = true;
    }

    pub(super) fn poll_job(&mut self) -> Option<Job> {
        self.job.take()
    }

    /// Buffers an encrypted record until the keys exist (RFC 6347 section 4.1).
    pub(super) fn buffer_early_record(&mut self, header: Header, encrypted: &[u8]) {
        let cost = encrypted.len() + RECORD_OVERHEAD;
        if self.early_bytes + cost <= MAX_EARLY_BYTES {
            self.early_bytes += cost;
            self.early.push((header, encrypted.to_vec()));
        }
    }

    /// Records an unauthenticated error, and requests a retransmission that may disprove it.
    pub(super) fn defer_failure(
        &mut self,
        now: Instant,
        error: Error,
        context: &mut HandshakeContext,
    ) {
        if self.pending_failure.is_none() {
            let at = now + UNAUTHENTICATED_FAILURE_DELAY;
            self.pending_failure = Some(PendingFailure { at, error });
            context.hasten_retransmission(now);
        }
    }

    /// Restarts the peer's flight.
    fn rewind(&mut self, now: Instant, context: &mut HandshakeContext) {
        context.rewind(now);
        match &mut self.role {
            Role::Client(client) => client.rewind(),
            Role::Server(server) => server.rewind(),
            Role::AwaitingClientHello(_) => {}
        }
    }

    /// Handles an unencrypted fragment. Returns true if it is a retransmission.
    pub(super) fn handle_fragment(
        &mut self,
        now: Instant,
        header: &MessageHeader,
        fragment: &[u8],
        context: &mut HandshakeContext,
    ) -> bool {
        let has_keys = context.records.has_keys();
        let is_client = matches!(self.role, Role::Client(_));
        // A client's keys come from a flight that the server signed; a server's from one that anyone may have sent.
        let is_settled = self.is_job_running || has_keys && is_client;
        if !is_settled && context.contradicts(header, fragment) {
            if context.may_rewind(now) {
                self.rewind(now, context);
                context.reassembly.add(header, fragment);
            }
            return false;
        }
        // Once the keys exist, every new message is encrypted; a forged one must not take its place.
        if has_keys {
            context.reassembly.is_retransmission(header)
        } else {
            context.reassembly.add(header, fragment)
        }
    }

    /// Returns the time of the next timeout.
    fn poll_timeout(&self, context: &HandshakeContext) -> Option<Instant> {
        let failure = self.pending_failure.as_ref().map(|failure| failure.at);
        context.retransmit_at().into_iter().chain(self.deadline).chain(failure).min()
    }
}

impl Connection {
    /// Handles the error of a record or a job: fails the connection, or defers the failure of a handshake without keys.
    pub(super) fn handle_result(&mut self, now: Instant, result: Result<(), Error>) {
        let Err(error) = result else { return };
        let is_local = matches!(error, Error::Internal(_) | Error::AeadLimitReached);
        match &mut self.handshake {
            Some(handshake) if !is_local && !self.context.records.has_keys() => {
                handshake.rewind(now, &mut self.context);
                handshake.defer_failure(now, error, &mut self.context);
            }
            _ => self.fail(error),
        }
    }

    /// Processes complete messages, until one waits for a job.
    pub(super) fn process_messages(&mut self, now: Instant) -> Result<(), Error> {
        while let Some(handshake) = &mut self.handshake {
            if handshake.is_job_running {
                return Ok(());
            }
            let Some(message) = self.context.reassembly.next_message() else { return Ok(()) };
            match handshake.role.handle_message(now, &message, &mut self.context)? {
                Progress::None => {}
                Progress::Ignored => handshake.rewind(now, &mut self.context),
                Progress::Job(job) => handshake.start(job),
                Progress::Connected(chain) => {
                    self.discard_data_of_earlier_keys();
                    self.chain = chain;
                    self.state = State::Connected;
                    self.was_connected = true;
                    self.handshake = None;
                    self.context.transcript = Vec::new();
                    if !self.is_server {
                        self.context.discard_flight();
                    }
                }
            }
        }
        Ok(())
    }

    /// Continues with the output of a job.
    pub fn handle_job_output(&mut self, now: Instant, output: JobOutput) {
        let Some(handshake) = &mut self.handshake else { return };
        handshake.is_job_running = false;
        let handled = match output.0 {
            Ok(completed) => self.advance(now, completed),
            Err(JobError::Provisional(error)) => Err(error),
            Err(JobError::Fatal(error)) => return self.fail(error),
        };
        self.handle_result(now, handled);
    }

    fn advance(&mut self, now: Instant, completed: Completed) -> Result<(), Error> {
        let Some(handshake) = &mut self.handshake else { return Ok(()) };
        handshake.role.handle_job_output(now, completed, &mut self.context)?;
        if self.context.records.has_keys() {
            if !self.is_server {
                // The server has signed its flight: the pending failure was forged.
                handshake.pending_failure = None;
            }
            self.context.reassembly.clear();
            handshake.early_bytes = 0;
            for (header, mut fragment) in std::mem::take(&mut handshake.early) {
                self.handle_record(now, Record { header, fragment: &mut fragment })?;
                self.process_messages(now)?;
            }
        }
        self.process_messages(now)
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) must be called next, unless something else happens first.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.handshake.as_ref()?.poll_timeout(&self.context)
    }

    /// Handles the timeouts that have expired by `now`: retransmits a flight, or fails the handshake.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Some(handshake) = &mut self.handshake else { return };
        let has_timed_out = handshake.deadline.is_some_and(|at| at <= now);
        let expired = |failure: &mut PendingFailure| has_timed_out || failure.at <= now;
        if let Some(failure) = handshake.pending_failure.take_if(expired) {
            self.fail(failure.error);
        } else if has_timed_out {
            self.fail(Error::TimedOut);
        } else if self.context.retransmit_at().is_some_and(|at| at <= now) {
            if handshake.is_job_running {
                return self.context.postpone_retransmission(now);
            }
            let transmitted = self.context.transmit_flight(now);
            if handshake.pending_failure.is_some() {
                self.context.hasten_retransmission(now);
            }
            self.handle_result(now, transmitted);
        }
    }
}
