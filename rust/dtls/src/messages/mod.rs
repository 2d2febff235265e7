//! The bodies of the handshake messages, one in each file.

mod certificate;
mod certificate_request;
mod certificate_verify;
mod client_hello;
mod client_key_exchange;
mod extensions;
mod hello_verify_request;
mod server_hello;
mod server_key_exchange;

use crate::error::Error;
use aws_lc_rs::rand;

pub(crate) use certificate::Certificate;
pub(crate) use certificate_request::CertificateRequest;
pub(crate) use certificate_verify::DigitallySigned;
pub(crate) use client_hello::{
    ClientHello, ClientHelloBuilder, ClientHelloPrefix, MAX_CLIENT_HELLO,
};
pub(crate) use client_key_exchange::ClientKeyExchange;
pub(crate) use extensions::MaxFragmentLength;
pub(crate) use hello_verify_request::HelloVerifyRequest;
pub(crate) use server_hello::{ServerHello, ServerHelloBuilder};
pub(crate) use server_key_exchange::{EcdheParams, ServerKeyExchange};

/// The random of a hello.
pub(crate) type Random = [u8; 32];

/// Generates a random from the system's randomness.
pub(crate) fn new_random() -> Result<Random, Error> {
    let mut random = [0; 32];
    rand::fill(&mut random).map_err(|_| Error::Internal("failed to obtain random bytes"))?;
    Ok(random)
}

/// Concatenates the randoms of both sides, as signatures cover them.
pub(crate) fn randoms(client: &Random, server: &Random) -> [u8; 64] {
    let mut both = [0; 64];
    both[..32].copy_from_slice(client);
    both[32..].copy_from_slice(server);
    both
}
