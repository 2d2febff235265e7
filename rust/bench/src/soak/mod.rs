//! The soak run: one headless server in the engine with thousands of clients of all three families, for minutes.

mod command_line;
mod dtls;
mod enet;
mod message;
mod report;
mod samples;
mod websocket;

pub(crate) use command_line::{Options, run};
