//! Implementations of ENet.

mod alone;
mod c_enet;
mod charts;
mod command_line;
mod driven;
mod figure;
mod host;
mod load;
mod lodewire;
mod measure;
mod report;
mod rusty;
mod server;
mod socket;
mod subject;
mod targets;
mod wire;

pub(crate) use alone::{AloneOptions, run as run_alone};
pub(crate) use command_line::{Options, ServerOptions, run, serve};
