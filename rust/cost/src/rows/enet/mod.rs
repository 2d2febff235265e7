//! ENet: a host, strangers that ask for connections, and peers that send anything.

mod compression;
mod flood;
mod fragments;
mod opening;
mod sockets;
mod victim;

use crate::row::Row;

/// The rows of ENet.
pub(super) fn rows() -> Vec<Row> {
    [opening::rows(), fragments::rows(), flood::rows(), compression::rows(), sockets::rows()]
        .into_iter()
        .flatten()
        .collect()
}
