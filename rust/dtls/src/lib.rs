//! DTLS 1.2 (RFC 6347), client and server, without I/O: sockets and the clock belong to the caller.
//!
//! A [`Connection`] is one end of a connection. The caller passes it datagrams and the time, and takes from it datagrams,
//! packets, and [jobs](Job): the slow steps of a handshake, to be run on any thread. A server verifies the addresses of
//! clients with a [`CookieGenerator`], which keeps no state for them.
//!
//! # Supported
//! ECDHE with P-256, P-384 or X25519; RSA (PKCS #1) and ECDSA certificates; AES-GCM and ChaCha20-Poly1305; the extended
//! master secret (RFC 7627). No version below 1.2, no renegotiation, no compression, no resumption.
//!
//! # Security
//! All input is treated as hostile. A server keeps no state for a client before its address is verified, and the memory of
//! a handshake is bounded. Records that are not authentic are dropped; they may delay a handshake, but not end it. Secrets
//! are zeroized on drop.
#![forbid(unsafe_code)]

mod alert;
mod config;
mod connection;
mod cookie;
mod crypto;
mod error;
mod handshake;
mod handshake_context;
mod job;
mod messages;
mod reader;
mod record;
mod v1_2;
mod writer;

pub use alert::Alert;
pub use config::{CertificateVerifier, CertifiedKey, ClientConfig, Limits, ServerConfig};
pub use connection::{AcceptError, Connection, SendError, State};
pub use cookie::{ClientHelloVerification, CookieGenerator, VerifiedClientHello};
pub use crypto::{KeyError, SigningKey};
pub use error::{CertificateError, Error};
pub use job::{Job, JobOutput};
