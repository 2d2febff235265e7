//! Implementations of DTLS.

mod charts;
mod clients;
mod command_line;
mod dimpl;
mod figure;
mod game_thread;
mod in_memory;
mod keys;
mod lodewire;
mod memory;
#[cfg(feature = "openssl")]
mod openssl;
mod report;
mod subject;
mod targets;

pub(crate) use clients::Client;
pub(crate) use command_line::{Options, run};
pub(crate) use keys::Kind;
pub(crate) use lodewire::client_config;
pub(crate) use memory::{MemoryOptions, run as run_memory};
