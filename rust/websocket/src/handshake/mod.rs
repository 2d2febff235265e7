//! The opening handshake (§4): an HTTP/1.1 request and its answer.

mod accept;
mod client;
mod client_request;
mod error;
mod extension;
mod headers;
mod health;
mod refusal;
mod request;
mod response;
mod section;
mod server;
mod syntax;

pub use client::ClientHandshake;
pub use client_request::{ClientRequest, InvalidRequest};
pub use error::HandshakeError;
pub(crate) use extension::Extension;
pub use headers::Headers;
pub use health::{HealthRequest, is_health_path};
pub use refusal::{Refusal, Status};
pub use request::Request;
pub use response::Response;
pub use server::{Asked, ServerHandshake};
pub use syntax::{is_handshake_header, is_header, is_token};

/// The longest request, or answer, that is read, in bytes, to the empty line that ends its header section. A browser with
/// many cookies sends some 4 KiB.
pub const MAX_HEADER_SECTION: usize = 8 * 1024;

/// The most header lines in a request or an answer.
pub const MAX_HEADERS: usize = 64;
