//! DTLS 1.2 (RFC 6347).

pub(crate) mod client;
pub(crate) mod server;
