//! Parses a URL and starts the connection.

use super::{LodeWebSocketClient, Stage};
use crate::name_lookup::NameLookup;
use crate::pem::certificate_text;
use crate::strings::{headers_of, protocols_of};
use crate::tls_options::authorities;
use crate::websocket_settings::{Properties, timeout};
use godot::global::Error;
use godot::prelude::*;
use lodewire_net::certificates::TrustAnchors;
use lodewire_net::tls::ClientTls;
use lodewire_net::websocket::{Client, ClientConfig, ConnectError, WebSocketUrl};
use std::net::IpAddr;

/// A connection attempt that waits for the address of its host.
pub(super) struct Resolving {
    lookup: NameLookup,
    target: WebSocketUrl,
    config: ClientConfig,
}

fn invalid(why: impl Into<String>) -> (Error, String) {
    (Error::ERR_INVALID_PARAMETER, why.into())
}

impl LodeWebSocketClient {
    /// Starts to connect, with the arguments and the properties.
    pub(super) fn begin(
        &self,
        url: &GString,
        protocols: &PackedStringArray,
        custom_headers: &PackedStringArray,
    ) -> Result<Stage, (Error, String)> {
        // A connection that the script has closed may still wait for the server's Close: it is dropped, as in Godot 3.
        let is_closing = self.peer().is_some_and(|peer| peer.is_discarding());
        if !is_closing && !matches!(self.stage, Stage::Idle) {
            let why = "the client is connected, or connecting. Call disconnect_from_host() first.";
            return Err((Error::ERR_ALREADY_IN_USE, why.to_owned()));
        }
        let url = url.to_string();
        let target = WebSocketUrl::parse(&url).map_err(|why| {
            invalid(format!(
                "{url:?} is not a WebSocket URL: {why}. Use ws://host:port/path or wss://host:port/path."
            ))
        })?;
        let protocols = protocols_of(protocols)
            .map_err(|name| invalid(format!("{name:?} is not a valid sub-protocol.")))?;
        let headers = headers_of(custom_headers).map_err(|line| {
            invalid(format!("{line:?} is not a header that can be added. Write \"Name: value\"."))
        })?;
        let config = ClientConfig {
            settings: self.properties().settings().map_err(invalid)?,
            protocols,
            headers,
            tls: if target.tls { Some(self.tls()?) } else { None },
            timeout: timeout(self.handshake_timeout)
                .ok_or_else(|| invalid("handshake_timeout must be more than 0 seconds."))?,
        };
        if let Some(address) = target.address() {
            return connect(&target, &[address], config);
        }
        let lookup = NameLookup::begin(&target.host, Some(config.timeout))
            .map_err(|why| (Error::ERR_CANT_CREATE, why))?;
        Ok(Stage::Resolving(Box::new(Resolving { lookup, target, config })))
    }

    fn properties(&self) -> Properties {
        Properties {
            limits: self.limits,
            permessage_deflate: self.permessage_deflate,
            deflate_threshold: self.deflate_threshold,
            deflate_window_bits: self.deflate_window_bits,
            deflate_context_takeover: self.deflate_context_takeover,
            heartbeat_interval: self.heartbeat_interval,
            close_timeout: self.close_timeout,
            disconnect_on_overflow: self.disconnect_on_overflow,
        }
    }

    /// Returns the trust settings, from the properties, the project and the system.
    fn tls(&self) -> Result<ClientTls, (Error, String)> {
        let pem;
        let trust = match &self.trusted_ssl_certificate {
            _ if !self.verify_ssl => TrustAnchors::Insecure,
            Some(certificate) => {
                pem = certificate_text(certificate);
                TrustAnchors::Custom(&pem)
            }
            None => {
                pem = authorities();
                TrustAnchors::Roots(&pem)
            }
        };
        ClientTls::new(trust).map_err(|error| invalid(format!("trusted_ssl_certificate: {error}.")))
    }

    /// Starts to connect once the engine has resolved the host. Returns the cause if it has failed.
    pub(super) fn resolve(&mut self) -> Result<(), String> {
        let Stage::Resolving(resolving) = &self.stage else {
            return Ok(());
        };
        let Some(addresses) = resolving.lookup.answer().transpose()? else {
            return Ok(());
        };
        self.stage = connect(&resolving.target, &addresses, resolving.config.clone())
            .map_err(|(_, why)| why)?;
        Ok(())
    }
}

fn connect(
    target: &WebSocketUrl,
    addresses: &[IpAddr],
    config: ClientConfig,
) -> Result<Stage, (Error, String)> {
    match Client::connect(target, addresses, config) {
        Ok(client) => Ok(Stage::Running(Box::new(client))),
        Err(error @ ConnectError::System(_)) => Err((Error::ERR_CANT_CREATE, format!("{error}."))),
        Err(error) => Err(invalid(format!("{error}."))),
    }
}
