//! The rows: hostile sequences for each parser, host, table and server.
//!
//! To add one, write a function that builds the input first, sets up what receives it, and hands the work to
//! [`Meter::run`](crate::meter::Meter::run) with the number of bytes that come from the network. Then add it to the list of
//! its file, with limits of about twice what it takes.

mod deflate;
mod dtls;
mod enet;
mod websocket;
mod websocket_server;

use crate::row::Row;

/// The rows whose name contains `filter`.
pub(crate) fn matching(filter: &str) -> Vec<Row> {
    [enet::rows(), dtls::rows(), websocket::rows(), websocket_server::rows(), deflate::rows()]
        .into_iter()
        .flatten()
        .filter(|row| row.name.contains(filter))
        .collect()
}
