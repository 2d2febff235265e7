//! How a connection begins.
//!
//! Until there are keys nothing is authentic. A message that is wrong may be forged, and so may one that is right: so what
//! does not fit makes the other side's flight begin again ([`Exchange::rewind`]), and counts only if nothing better comes.

use super::{Connection, State};
use crate::config::ServerConfig;
use crate::error::Error;
use crate::exchange::{Exchange, Progress};
use crate::handshake::{Header as MessageHeader, Message, MessageType};
use crate::job::{Done, Failure, Job, Outcome};
use crate::record::{Header, Record};
use crate::v1_2::client::Client;
use crate::v1_2::server::Server;
use std::time::{Duration, Instant};

/// What a record counts for beside its bytes while it waits.
const RECORD_OVERHEAD: usize = 64;
/// How many bytes of sealed records may come before the keys are there: a Finished and what overtakes it. As many of packets may
/// come between the keys and the Finished.
pub(super) const MOST_EARLY: usize = 32 << 10;
/// How long the other side has to show that what stands against it was forged.
const DOUBT_TIMEOUT: Duration = Duration::from_secs(2);

/// What a connection needs only while it begins.
#[derive(Debug)]
pub(super) struct Handshake {
    role: Role,
    job: Option<Job>,
    /// A job is under way.
    is_working: bool,
    /// Sealed records that came before the keys.
    early: Vec<(Header, Vec<u8>)>,
    early_bytes: usize,
    /// When it is given up.
    deadline: Option<Instant>,
    doubt: Option<Doubt>,
}

#[derive(Debug)]
pub(super) enum Role {
    Client(Client),
    /// A server that has a part of the client's hello.
    Arriving(ServerConfig),
    Server(Server),
}

/// Something that anybody may have sent stands against the handshake. It fails if nothing better comes.
#[derive(Debug)]
struct Doubt {
    until: Instant,
    error: Error,
}

impl Role {
    /// Takes the next message.
    fn take(
        &mut self,
        now: Instant,
        message: &Message,
        exchange: &mut Exchange,
    ) -> Result<Progress, Error> {
        match self {
            Self::Client(client) => client.take(now, message, exchange),
            Self::Server(server) => server.take(now, message, exchange),
            Self::Arriving(_) if message.kind != MessageType::ClientHello => {
                Err(Error::OUT_OF_TURN)
            }
            Self::Arriving(config) => {
                let (server, job) = Server::begin(config.clone(), message, exchange)?;
                *self = Self::Server(server);
                Ok(Progress::Job(job))
            }
        }
    }

    /// Goes on when a job is done.
    fn resume(&mut self, now: Instant, done: Done, exchange: &mut Exchange) -> Result<(), Error> {
        match self {
            Self::Client(client) => client.resume(now, done, exchange),
            Self::Server(server) => server.resume(now, done, exchange),
            Self::Arriving(_) => Err(Error::Internal("an outcome that nobody waits for")),
        }
    }
}

impl Handshake {
    pub(super) fn new(role: Role, deadline: Option<Instant>) -> Self {
        Self {
            role,
            job: None,
            is_working: false,
            early: Vec::new(),
            early_bytes: 0,
            deadline,
            doubt: None,
        }
    }

    pub(super) fn start(&mut self, job: Job) {
        self.job = Some(job);
        self.is_working = true;
    }

    pub(super) fn take_job(&mut self) -> Option<Job> {
        self.job.take()
    }

    /// Keeps a sealed record until there are keys.
    pub(super) fn keep_early(&mut self, header: Header, sealed: &[u8]) {
        let cost = sealed.len() + RECORD_OVERHEAD;
        if self.early_bytes + cost <= MOST_EARLY {
            self.early_bytes += cost;
            self.early.push((header, sealed.to_vec()));
        }
    }

    /// Something that anybody may have sent says that the handshake fails.
    pub(super) fn doubt(&mut self, now: Instant, error: Error, exchange: &mut Exchange) {
        if self.doubt.is_none() {
            self.doubt = Some(Doubt { until: now + DOUBT_TIMEOUT, error });
            exchange.ask_again(now);
        }
    }

    /// The other side's flight begins again.
    fn rewind(&mut self, now: Instant, exchange: &mut Exchange) {
        exchange.rewind(now);
        match &mut self.role {
            Role::Client(client) => client.rewind(),
            Role::Server(server) => server.rewind(),
            Role::Arriving(_) => {}
        }
    }

    /// Takes a fragment that came without a seal. Returns whether the other side repeats itself.
    pub(super) fn take_fragment(
        &mut self,
        now: Instant,
        header: &MessageHeader,
        fragment: &[u8],
        exchange: &mut Exchange,
    ) -> bool {
        let has_keys = exchange.records.has_keys();
        let is_client = matches!(self.role, Role::Client(_));
        // A client's keys come of a flight that the server has signed; a server's of one that anybody may have sent.
        let is_settled = self.is_working || has_keys && is_client;
        if !is_settled && exchange.contradicts(header, fragment) {
            if exchange.may_rewind(now) {
                self.rewind(now, exchange);
                exchange.reassembly.add(header, fragment);
            }
            return false;
        }
        // Once there are keys, all that is new comes sealed; whoever forges it may not take its place.
        if has_keys {
            exchange.reassembly.is_behind(header)
        } else {
            exchange.reassembly.add(header, fragment)
        }
    }

    /// When something is to be done.
    fn deadline(&self, exchange: &Exchange) -> Option<Instant> {
        let doubt = self.doubt.as_ref().map(|doubt| doubt.until);
        exchange.due().into_iter().chain(self.deadline).chain(doubt).min()
    }
}

impl Connection {
    /// Looks at what a record, or a job, has come to.
    pub(super) fn check(&mut self, now: Instant, result: Result<(), Error>) {
        let Err(error) = result else { return };
        let is_fault = matches!(error, Error::Internal(_) | Error::KeyExhausted);
        match &mut self.handshake {
            Some(handshake) if !is_fault && !self.exchange.records.has_keys() => {
                handshake.rewind(now, &mut self.exchange);
                handshake.doubt(now, error, &mut self.exchange);
            }
            _ => self.fail(error),
        }
    }

    /// Takes the messages that are complete, as far as nothing waits for a job.
    pub(super) fn advance(&mut self, now: Instant) -> Result<(), Error> {
        while let Some(handshake) = &mut self.handshake {
            if handshake.is_working {
                return Ok(());
            }
            let Some(message) = self.exchange.reassembly.next() else { return Ok(()) };
            match handshake.role.take(now, &message, &mut self.exchange)? {
                Progress::None => {}
                Progress::Ignored => handshake.rewind(now, &mut self.exchange),
                Progress::Job(job) => handshake.start(job),
                Progress::Connected(chain) => {
                    self.drop_data_of_earlier_keys();
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

    /// Goes on with what a job has come to.
    pub fn resume(&mut self, now: Instant, outcome: Outcome) {
        let Some(handshake) = &mut self.handshake else { return };
        handshake.is_working = false;
        let resumed = match outcome.0 {
            Ok(done) => self.go_on(now, done),
            Err(Failure::Doubtful(error)) => Err(error),
            Err(Failure::Certain(error)) => return self.fail(error),
        };
        self.check(now, resumed);
    }

    fn go_on(&mut self, now: Instant, done: Done) -> Result<(), Error> {
        let Some(handshake) = &mut self.handshake else { return Ok(()) };
        handshake.role.resume(now, done, &mut self.exchange)?;
        if self.exchange.records.has_keys() {
            if !self.is_server {
                // The server has signed its flight: what stood against it was forged.
                handshake.doubt = None;
            }
            self.exchange.reassembly.forget_partial();
            handshake.early_bytes = 0;
            for (header, mut fragment) in std::mem::take(&mut handshake.early) {
                self.take_record(now, Record { header, fragment: &mut fragment })?;
                self.advance(now)?;
            }
        }
        self.advance(now)
    }

    /// When [`expire`](Self::expire) is to be called, if nothing else happens.
    pub fn deadline(&self) -> Option<Instant> {
        self.handshake.as_ref()?.deadline(&self.exchange)
    }

    /// Does what is to be done by `now`: repeats what was not answered, gives up what was not for too long.
    pub fn expire(&mut self, now: Instant) {
        let Some(handshake) = &mut self.handshake else { return };
        let is_over = handshake.deadline.is_some_and(|at| at <= now);
        if let Some(doubt) = handshake.doubt.take_if(|doubt| is_over || doubt.until <= now) {
            self.fail(doubt.error);
        } else if is_over {
            self.fail(Error::TimedOut);
        } else if self.exchange.due().is_some_and(|at| at <= now) {
            if handshake.is_working {
                return self.exchange.postpone(now);
            }
            let repeated = self.exchange.repeat(now);
            if handshake.doubt.is_some() {
                self.exchange.ask_again(now);
            }
            self.check(now, repeated);
        }
    }
}
