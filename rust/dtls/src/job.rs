//! The slow steps of a handshake: signatures, key agreements and the verification of certificate chains.

use crate::crypto::{KeyBlock, KeyShare, MasterSecret};
use crate::error::Error;
use crate::handshake::MessageType;
use rustls_pki_types::CertificateDer;
use std::fmt;
use zeroize::Zeroizing;

/// A slow step of a handshake, to be [run](Self::run) on any thread. Pass its output to
/// [`Connection::handle_job_output`](crate::Connection::handle_job_output).
pub struct Job(Box<dyn FnOnce() -> Result<Completed, JobError> + Send>);

/// The output of a [`Job`].
#[derive(Debug)]
pub struct JobOutput(pub(crate) Result<Completed, JobError>);

/// A completed job.
#[derive(Debug)]
pub(crate) enum Completed {
    /// The client has derived the master secret, and must send these messages.
    Client { messages: Vec<(MessageType, Vec<u8>)>, master: MasterSecret },
    /// The server has generated and signed its key share.
    ServerKey { share: KeyShare, key_exchange: Vec<u8> },
    /// The server has derived the keys, with a client that presented this chain.
    ServerSecret { keys: KeyBlock, finished: FinishedData, chain: Vec<CertificateDer<'static>> },
}

/// The error of a job.
#[derive(Debug)]
pub(crate) enum JobError {
    /// The cause may be forged.
    Provisional(Error),
    /// The cause was signed by the peer for this handshake, or is a local fault.
    Fatal(Error),
}

impl From<Error> for JobError {
    fn from(error: Error) -> Self {
        match error {
            Error::Internal(_) | Error::AeadLimitReached => Self::Fatal(error),
            _ => Self::Provisional(error),
        }
    }
}

/// The `verify_data` of both Finished messages.
#[derive(Debug)]
pub(crate) struct FinishedData {
    pub(crate) client: Zeroizing<[u8; 12]>,
    pub(crate) server: Zeroizing<[u8; 12]>,
}

impl Job {
    pub(crate) fn new(work: impl FnOnce() -> Result<Completed, JobError> + Send + 'static) -> Self {
        Self(Box::new(work))
    }

    /// Runs the job. This takes up to a few milliseconds.
    pub fn run(self) -> JobOutput {
        JobOutput((self.0)())
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}
