//! The steps of a handshake that take long: signatures, key agreements, chains of certificates.

use crate::crypto::{KeyBlock, KeyShare, MasterSecret};
use crate::error::Error;
use crate::handshake::MessageType;
use rustls_pki_types::CertificateDer;
use std::fmt;
use zeroize::Zeroizing;

/// A step of a handshake that takes long, to be [run](Self::run) on whatever thread has time for it. Its outcome goes to
/// [`Connection::resume`](crate::Connection::resume).
pub struct Job(Box<dyn FnOnce() -> Result<Done, Failure> + Send>);

/// What a [`Job`] has come to.
#[derive(Debug)]
pub struct Outcome(pub(crate) Result<Done, Failure>);

/// What was done.
#[derive(Debug)]
pub(crate) enum Done {
    /// The client has agreed on a secret, and has these messages to send.
    Client { messages: Vec<(MessageType, Vec<u8>)>, master: MasterSecret },
    /// The server has a key for this handshake, and has signed it.
    ServerKey { share: KeyShare, exchange: Vec<u8> },
    /// The server has agreed on a secret, with a client that has shown this.
    ServerSecret { keys: KeyBlock, ends: Ends, chain: Vec<CertificateDer<'static>> },
}

/// Why a job has failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What has led to it may be forged.
    Doubtful(Error),
    /// The other side has signed for this handshake what has led to it; or it is a fault on this side.
    Certain(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Internal(_) | Error::KeyExhausted => Self::Certain(error),
            _ => Self::Doubtful(error),
        }
    }
}

/// What the Finished of both sides say.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) client: Zeroizing<[u8; 12]>,
    pub(crate) server: Zeroizing<[u8; 12]>,
}

impl Job {
    pub(crate) fn new(work: impl FnOnce() -> Result<Done, Failure> + Send + 'static) -> Self {
        Self(Box::new(work))
    }

    /// Does it. This takes up to a few milliseconds.
    pub fn run(self) -> Outcome {
        Outcome((self.0)())
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}
