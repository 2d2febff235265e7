//! WebSocket servers.

mod charts;
mod client;
mod command_line;
mod figure;
mod measure;
mod report;
mod servers;
mod subject;
mod targets;
mod tls_client;

pub(crate) use client::REQUEST;
pub(crate) use command_line::{Options, run};
pub(crate) use servers::{Server, run as serve};
pub(crate) use tls_client::{client_config, connect as connect_tls};
