//! TLS 1.2 and 1.3 by rustls, on the provider `ring`: what a server shows, whom a client trusts, and the stream itself.
//!
//! `ring` builds wherever Rust does with no more than a C compiler; its slower RSA runs on the [workers](crate::workers).

mod client;
mod error;
mod handshakes;
mod server;
mod stream;
mod verify;

pub use client::{ClientTls, Trust};
pub use error::TlsError;
pub(crate) use handshakes::{Handshakes, Session};
pub use server::ServerTls;
pub(crate) use stream::{Step, TlsStream};

use rustls::crypto::{CryptoProvider, ring};
use std::sync::Arc;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
