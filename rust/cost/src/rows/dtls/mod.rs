//! DTLS: a server's look at strangers, a handshake after the cookie, and a connection that is open.

mod ends;
mod handshake;
mod open;
mod strangers;
mod table;

use crate::row::Row;

/// The rows of DTLS.
pub(super) fn rows() -> Vec<Row> {
    [strangers::rows(), handshake::rows(), open::rows(), table::rows()]
        .into_iter()
        .flatten()
        .collect()
}
