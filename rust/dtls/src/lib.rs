//! DTLS 1.2 (RFC 6347), client and server, without sockets or a clock of its own.
//!
//! A [`Connection`] is one end of a connection. The caller hands it datagrams and the time, and takes from it datagrams,
//! packets, and [jobs](Job): the steps of a handshake that take long, to be run on any thread. A server looks at datagrams
//! of strangers with [`Cookies`], which keep nothing of anybody.
//!
//! # What it speaks
//! ECDHE with P-256, P-384 or X25519; RSA (PKCS #1) and ECDSA certificates; AES-GCM and ChaCha20-Poly1305; the extended
//! master secret (RFC 7627). No version below 1.2, no renegotiation, no compression, no resumption.
//!
//! # Limits
//! Peers' bytes are hostile. Nothing is kept of a client before it has proven its address; what a handshake may make this
//! end keep is limited; what is not authentic is dropped, or delays a handshake at most. Secrets are wiped when they are dropped.
#![forbid(unsafe_code)]

mod alert;
mod config;
mod connection;
mod cookie;
mod crypto;
mod error;
mod exchange;
mod handshake;
mod job;
mod messages;
mod reader;
mod record;
mod v1_2;
mod writer;

pub use alert::Alert;
pub use config::{CertificateVerifier, ClientConfig, Identity, Limits, ServerConfig};
pub use connection::{Connection, Refusal, SendError, State};
pub use cookie::{Cookies, Greeting, Hello};
pub use crypto::{KeyError, SigningKey};
pub use error::{CertificateError, Error};
pub use job::{Job, Outcome};
