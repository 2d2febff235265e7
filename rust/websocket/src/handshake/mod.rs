//! The opening handshake (§4): an HTTP/1.1 request and its answer.

mod accept;
mod refusal;
mod request;
mod server;
mod syntax;

pub use refusal::{Refusal, Status};
pub use request::{Headers, Request};
pub use server::ServerHandshake;
pub use syntax::is_token;

/// The longest request that is read, in bytes, to the empty line that ends its header section. A browser with many
/// cookies sends some 4 KiB.
pub const MAX_HEADER_SECTION: usize = 8 * 1024;

/// The most header lines in a request.
pub const MAX_HEADERS: usize = 64;
