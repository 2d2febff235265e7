//! Attacks on a server at a steady rate, and what they cost it, its peers and its neighbours.

mod attack;
mod command_line;
mod server;
mod witnesses;

pub(crate) use command_line::{Options, run};
pub(crate) use server::serve;
