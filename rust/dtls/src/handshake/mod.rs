//! The transport of handshake messages: fragments and flights (RFC 6347 section 4.2).

mod flight;
mod header;
mod reassembly;

pub(crate) use flight::{Flight, FlightItem};
pub(crate) use header::{Header, MessageType};
pub(crate) use reassembly::{Message, Reassembly};
