//! Attacks on a server at a steady rate, and what they cost it, its peers and its neighbours.

mod attack;
mod command_line;
mod dtls;
mod enet;
mod pace;
mod report;
mod server;
mod websocket;
mod witnesses;

pub(crate) use command_line::{Options, run};
pub(crate) use server::{ServerOptions, serve};
