//! The opening handshake (RFC 6455 section 4): an HTTP/1.1 request and its response.

mod accept;
mod client;
mod client_request;
mod error;
mod extension;
mod header_reader;
mod headers;
mod health_check;
mod rejection;
mod request;
mod response;
mod server;
mod syntax;

pub use client::ClientHandshake;
pub use client_request::{ClientRequest, InvalidRequest};
pub use error::HandshakeError;
pub(crate) use extension::Extension;
pub use headers::Headers;
pub use health_check::{HealthCheck, is_health_path};
pub use rejection::{HandshakeRejection, StatusCode};
pub use request::Request;
pub use response::Response;
pub use server::{IncomingRequest, ServerHandshake};
pub use syntax::{is_handshake_header, is_token, is_valid_header};

/// Maximum length of the header section of a request or a response, in bytes. A browser with many cookies sends about
/// 4 KiB.
pub const MAX_HEADER_SECTION: usize = 8 * 1024;

/// Maximum number of headers in a request or a response.
pub const MAX_HEADERS: usize = 64;
