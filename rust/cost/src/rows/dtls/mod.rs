//! DTLS: the cookie exchange, handshakes after the cookie, and established connections.

mod cookies;
mod handshake;
mod open;
mod pair;
mod table;

use crate::row::Row;

/// Returns the rows of DTLS.
pub(super) fn rows() -> Vec<Row> {
    [cookies::rows(), handshake::rows(), open::rows(), table::rows()]
        .into_iter()
        .flatten()
        .collect()
}
