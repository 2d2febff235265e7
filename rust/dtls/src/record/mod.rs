//! The record layer (RFC 6347 section 4.1).

mod header;
mod layer;
mod protection;
mod replay;

pub(crate) use header::{ContentType, Header, Record, VERSION, VERSION_1_0, first_record, records};
pub(crate) use layer::{Opened, RecordLayer};
