//! Handshake messages on their way (RFC 6347 section 4.2).

mod flight;
mod header;
mod reassembly;

pub(crate) use flight::{Flight, Item};
pub(crate) use header::{Header, MessageType};
pub(crate) use reassembly::{Message, Reassembly};
