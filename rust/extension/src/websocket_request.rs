//! `LodeWebSocketRequest`.

use crate::strings::headers_of;
use godot::global::Error;
use godot::prelude::*;
use lodewire_net::websocket::{PendingRequest, Refusal, Request, Status};
use std::net::SocketAddr;
use std::rc::Rc;

/// What a client asked for when it connected: a path, a query, header lines.
///
/// While [member LodeWebSocketServer.hold_requests] is on, [signal LodeWebSocketServer.client_request] hands you one for
/// each client, and nothing goes on until you call [method accept] or [method refuse]: at once, or later if you keep the
/// object. One that you let go of without an answer is refused. Of a client that is connected, [method
/// LodeWebSocketPeer.get_request] gives it.
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
    /// Not there once the client is connected.
    pending: Option<Rc<PendingRequest>>,
}

impl LodeWebSocketRequest {
    /// A request that waits for its answer.
    pub(crate) fn pending(pending: Rc<PendingRequest>) -> Gd<Self> {
        Gd::from_object(Self {
            request: pending.request().clone(),
            remote: pending.remote(),
            pending: Some(pending),
        })
    }

    /// The request of a client that is connected.
    pub(crate) fn answered(request: Request, remote: SocketAddr) -> Gd<Self> {
        Gd::from_object(Self { request, remote, pending: None })
    }
}

#[godot_api]
impl LodeWebSocketRequest {
    /// The path, such as [code]/lobby[/code]; percent-encoded, as the client sent it: see [method String.uri_decode].
    #[func]
    fn get_path(&self) -> GString {
        GString::from(self.request.path())
    }

    /// What follows the question mark, such as [code]room=1&name=me[/code]; empty if nothing does. Percent-encoded.
    #[func]
    fn get_query(&self) -> GString {
        GString::from(self.request.query())
    }

    /// The value of the first header line with this name, whatever its case; empty if there is none.
    #[func]
    fn get_header(&self, name: GString) -> GString {
        self.request.header(&name.to_string()).map_or_else(GString::new, GString::from)
    }

    /// All header lines, each as [code]Name: value[/code], in their order.
    #[func]
    fn get_headers(&self) -> PackedStringArray {
        let line = |(name, value): (&str, &str)| GString::from(&format!("{name}: {value}"));
        self.request.headers().iter().map(line).collect()
    }

    /// The page that opened the connection, such as [code]https://game.example[/code], as a browser tells it; empty if it
    /// is no browser. Anything but a browser can claim any origin.
    #[func]
    fn get_origin(&self) -> GString {
        self.request.origin().map_or_else(GString::new, GString::from)
    }

    /// The sub-protocols that the client offers, the preferred one first.
    #[func]
    fn get_protocols(&self) -> PackedStringArray {
        self.request.protocols().map(GString::from).collect()
    }

    /// The IP address of the client.
    #[func]
    fn get_address(&self) -> GString {
        GString::from(&self.remote.ip().to_string())
    }

    /// The port of the client.
    #[func]
    fn get_port(&self) -> i32 {
        self.remote.port().into()
    }

    /// Whether it still waits for [method accept] or [method refuse]. A client that has given up does not wait.
    #[func]
    fn is_pending(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.is_waiting())
    }

    /// Lets the client in; [signal LodeWebSocketServer.client_connected] follows. [param extra_headers] are lines such as
    /// [code]Set-Cookie: id=1[/code] that are sent with the answer.
    ///
    /// Returns [constant ERR_UNAVAILABLE] if it does not wait any more, and [constant ERR_INVALID_PARAMETER] for a line
    /// that is no header, or one of those that the handshake itself writes; it still waits then.
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

    /// Refuses the client with a status of HTTP from 400 to 599, such as 401, 403, 404 or 503, and a [param reason] that
    /// is sent as text.
    ///
    /// Returns [constant ERR_UNAVAILABLE] if it does not wait any more, and [constant ERR_INVALID_PARAMETER] for another
    /// status or a reason of more than 1024 bytes; it still waits then.
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
                "LodeWebSocketRequest.refuse: a status is 400 to 599, and a reason at most {MAX_REASON} bytes."
            );
            return Error::ERR_INVALID_PARAMETER;
        };
        let status = if status == 403 { Status::Forbidden } else { Status::Other(status) };
        let refusal = Refusal::new(status, reason);
        answered(self.pending.as_ref().is_some_and(|pending| pending.refuse(refusal)))
    }
}

/// The longest reason of a refusal, in bytes.
const MAX_REASON: usize = 1024;

fn answered(done: bool) -> Error {
    if done { Error::OK } else { Error::ERR_UNAVAILABLE }
}
