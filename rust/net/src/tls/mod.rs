//! TLS 1.2 and 1.3 by rustls, on AWS-LC: what a server shows, whom a client trusts, and the stream itself.
//!
//! AWS-LC (`aws-lc-rs`) signs with RSA-2048 in half the time of `ring`, builds with no more than a C compiler as well, and is
//! what DTLS runs on: a library has room for one.

mod client;
mod error;
mod server;
mod stream;
mod verify;

pub use client::ClientTls;
pub use error::TlsError;
pub use server::ServerTls;
pub(crate) use stream::{Step, TlsStream};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use std::sync::Arc;

/// A session of either end.
pub(crate) type Session = Box<rustls::Connection>;

/// What a worker brings back of a session: the session, and what it came to.
pub(crate) type Processed = (Session, Result<(), rustls::Error>);

/// Processes what a session has read: up to a millisecond of work.
pub(crate) fn process(mut session: Session) -> Processed {
    let result = session.process_new_packets().map(drop);
    (session, result)
}

/// What does the cryptography.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
