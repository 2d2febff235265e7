//! TLS 1.2 and 1.3 with rustls on AWS-LC: server and client configurations, and the stream.
//!
//! AWS-LC (`aws-lc-rs`) signs with RSA-2048 in half the time of `ring`, needs only a C compiler too, and is what DTLS uses:
//! a second cryptographic library would only add size.

mod client;
mod error;
mod server;
mod stream;
mod verify;

pub use client::ClientTls;
pub use error::TlsError;
pub use server::ServerTls;
pub(crate) use stream::{HandshakeStep, TlsStream};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use std::sync::Arc;

/// A TLS session of a client or a server.
pub(crate) type Session = Box<rustls::Connection>;

/// The output of a worker: the session, and the result of its processing.
pub(crate) type Processed = (Session, Result<(), rustls::Error>);

/// Processes the packets that a session has read, which takes up to a millisecond.
pub(crate) fn process_packets(mut session: Session) -> Processed {
    let result = session.process_new_packets().map(drop);
    (session, result)
}

/// Returns the cryptographic provider.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
