//! `LodeWebSocketRequest`.

use crate::strings::headers_of;
use godot::global::Error;
use godot::prelude::*;
use lodewire_net::websocket::{HandshakeRejection, PendingRequest, Request, StatusCode};
use std::net::SocketAddr;
use std::rc::Rc;

/// The opening request of a client: its path, query and headers.
///
/// While [member LodeWebSocketServer.hold_requests] is [code]true[/code], [signal LodeWebSocketServer.client_request]
/// passes one for each client, and the client waits until you call [method accept] or [method refuse], immediately or
/// later if you keep the object. A request that is freed without a decision is refused. For a connected client, use
/// [method LodeWebSocketPeer.get_request].
/// ```gdscript
/// var token = "of the lobby"
///
/// func _on_client_request(request):
///     if request.get_path() == "/lobby" and request.get_header("Authorization") == "Bearer " + token:
///         request.accept()
///     else:
///         request.refuse(403, "This is not your lobby.")
/// ```
#[derive(GodotClass)]
#[class(base=RefCounted, no_init)]
pub(crate) struct LodeWebSocketRequest {
    request: Request,
    remote: SocketAddr,
    /// `None` once the client is connected.
    pending: Option<Rc<PendingRequest>>,
}

impl LodeWebSocketRequest {
    /// Creates the object for a request that waits for a decision.
    pub(crate) fn pending(pending: Rc<PendingRequest>) -> Gd<Self> {
        Gd::from_object(Self {
            request: pending.request().clone(),
            remote: pending.remote(),
            pending: Some(pending),
        })
    }

    /// Creates the object for the request of a connected client.
    pub(crate) fn answered(request: Request, remote: SocketAddr) -> Gd<Self> {
        Gd::from_object(Self { request, remote, pending: None })
    }
}

#[godot_api]
impl LodeWebSocketRequest {
    /// Returns the path, for example [code]/lobby[/code], percent-encoded as the client sent it: see
    /// [method String.uri_decode].
    #[func]
    fn get_path(&self) -> GString {
        GString::from(self.request.path())
    }

    /// Returns the part after the question mark, for example [code]room=1&name=me[/code], percent-encoded; empty if
    /// there is none.
    #[func]
    fn get_query(&self) -> GString {
        GString::from(self.request.query())
    }

    /// Returns the value of the first header with this name, ignoring case; empty if there is none.
    #[func]
    fn get_header(&self, name: GString) -> GString {
        self.request.header(&name.to_string()).map_or_else(GString::new, GString::from)
    }

    /// Returns all header lines in order, each as [code]Name: value[/code].
    #[func]
    fn get_headers(&self) -> PackedStringArray {
        let line = |(name, value): (&str, &str)| GString::from(&format!("{name}: {value}"));
        self.request.headers().iter().map(line).collect()
    }

    /// Returns the page that opened the connection, for example [code]https://game.example[/code], as sent by a
    /// browser; empty if the client is not a browser. Programs other than browsers can send any origin.
    #[func]
    fn get_origin(&self) -> GString {
        self.request.origin().map_or_else(GString::new, GString::from)
    }

    /// Returns the sub-protocols that the client offers, in order of preference.
    #[func]
    fn get_protocols(&self) -> PackedStringArray {
        self.request.protocols().map(GString::from).collect()
    }

    /// Returns the IP address of the client.
    #[func]
    fn get_address(&self) -> GString {
        GString::from(&self.remote.ip().to_string())
    }

    /// Returns the port of the client.
    #[func]
    fn get_port(&self) -> i32 {
        self.remote.port().into()
    }

    /// Returns [code]true[/code] while the request waits for [method accept] or [method refuse]. It is
    /// [code]false[/code] if the client has disconnected meanwhile.
    #[func]
    fn is_pending(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.is_pending())
    }

    /// Accepts the client; [signal LodeWebSocketServer.client_connected] follows. [param extra_headers] are lines such
    /// as [code]Set-Cookie: id=1[/code] that are added to the response.
    ///
    /// Returns [constant ERR_UNAVAILABLE] if the request is no longer pending, and [constant ERR_INVALID_PARAMETER] if
    /// a line is not a valid header or is one that the handshake itself writes; the request remains pending then.
    #[func]
    fn accept(
        &mut self,
        #[opt(default = &PackedStringArray::new())] extra_headers: PackedStringArray,
    ) -> Error {
        let headers = match headers_of(&extra_headers) {
            Ok(headers) => headers,
            Err(line) => {
                godot_error!(
                    "LodeWebSocketRequest.accept: {line:?} is not a header that can be added. Write \"Name: value\"."
                );
                return Error::ERR_INVALID_PARAMETER;
            }
        };
        answered(self.pending.as_ref().is_some_and(|pending| pending.accept(headers)))
    }

    /// Refuses the client with an HTTP status from 400 to 599, for example 401, 403, 404 or 503, and a [param reason]
    /// that is sent as text.
    ///
    /// Returns [constant ERR_UNAVAILABLE] if the request is no longer pending, and [constant ERR_INVALID_PARAMETER] if
    /// the status is invalid or the reason is longer than 1024 bytes; the request remains pending then.
    #[func]
    fn refuse(
        &mut self,
        #[opt(default = 403)] status: i32,
        #[opt(default = "")] reason: GString,
    ) -> Error {
        let reason = reason.to_string();
        let status = u16::try_from(status).ok().filter(|status| (400..600).contains(status));
        let Some(status) = status.filter(|_| reason.len() <= MAX_REASON) else {
            godot_error!(
                "LodeWebSocketRequest.refuse: the status must be 400 to 599, and the reason at most {MAX_REASON} bytes."
            );
            return Error::ERR_INVALID_PARAMETER;
        };
        let status = if status == 403 { StatusCode::Forbidden } else { StatusCode::Other(status) };
        let rejection = HandshakeRejection::new(status, reason);
        answered(self.pending.as_ref().is_some_and(|pending| pending.reject(rejection)))
    }
}

/// Maximum length of the reason of a refusal, in bytes.
const MAX_REASON: usize = 1024;

fn answered(done: bool) -> Error {
    if done { Error::OK } else { Error::ERR_UNAVAILABLE }
}
