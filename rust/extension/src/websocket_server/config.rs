//! Builds the server's configuration from its properties.

use super::{LodeWebSocketServer, ProxyHeader};
use crate::pem::{certificate_text, key_text};
use crate::strings::{protocols_of, texts_of};
use crate::websocket_settings::{Properties, timeout};
use godot::global::Error;
use godot::prelude::*;
use lodewire_net::Bind;
use lodewire_net::tls::{ServerTls, TlsError};
use lodewire_net::websocket::{Config, Origins, Proxies, is_health_path};
use std::sync::Arc;

/// The error that `listen()` returns, and the message for the log.
pub(super) struct ConfigError(pub(super) Error, pub(super) String);

fn invalid(why: impl Into<String>) -> ConfigError {
    ConfigError(Error::ERR_INVALID_PARAMETER, why.into())
}

impl LodeWebSocketServer {
    /// Returns where and how to listen, from the arguments and the properties.
    pub(super) fn configure(
        &self,
        port: i32,
        protocols: &PackedStringArray,
    ) -> Result<(Bind, u16, Config), ConfigError> {
        if self.is_listening() {
            let why = "the server is already listening. Call stop() first.";
            return Err(ConfigError(Error::ERR_ALREADY_IN_USE, why.to_owned()));
        }
        let protocols = protocols_of(protocols).map_err(|name| {
            invalid(format!(
                "{name:?} is not a valid sub-protocol: use only letters, digits and !#$%&'*+-.^_`|~."
            ))
        })?;
        let port = u16::try_from(port).map_err(|_| {
            invalid(format!("invalid port {port}. Use 1 to 65535, or 0 for a free port."))
        })?;
        let address = self.bind_ip.to_string();
        let bind = Bind::parse(&address).ok_or_else(|| {
            invalid(format!("bind_ip {address:?} is not an IP address. Use * for all addresses."))
        })?;
        let origins = texts_of(&self.allowed_origins);
        let origins = Origins::new(&origins, self.allow_missing_origin, self.allow_null_origin)
            .map_err(|text| {
                invalid(format!(
                    "allowed_origins contains {text:?}. Use scheme://host or scheme://host:port."
                ))
            })?;
        let positive = |number: i32, name: &str| {
            usize::try_from(number)
                .ok()
                .filter(|number| *number > 0)
                .ok_or_else(|| invalid(format!("{name} must be at least 1.")))
        };
        let config = Config {
            settings: self.properties().settings().map_err(invalid)?,
            protocols,
            headers: self.extra_headers.clone(),
            origins,
            handshake_timeout: timeout(self.handshake_timeout)
                .ok_or_else(|| invalid("handshake_timeout must be more than 0 seconds."))?,
            tls: self.tls()?,
            max_clients: positive(self.max_clients, "max_clients")?,
            hold_requests: self.hold_requests,
            max_pending_requests: positive(self.max_pending_requests, "max_pending_requests")?,
            proxies: self.proxies()?,
            health_path: self.health_path()?,
            health_timeout: if self.health_timeout == 0.0 {
                None
            } else {
                let why = "health_timeout must be 0 or more seconds.";
                Some(timeout(self.health_timeout).ok_or_else(|| invalid(why))?)
            },
            reuse_port: self.reuse_port,
        };
        Ok((bind, port, config))
    }

    fn proxies(&self) -> Result<Proxies, ConfigError> {
        if self.proxy_header != ProxyHeader::None && self.trusted_proxies.is_empty() {
            return Err(invalid(
                "proxy_header requires trusted_proxies. Add the addresses of the load balancers.",
            ));
        }
        let trusted = texts_of(&self.trusted_proxies);
        Proxies::new(self.proxy_header.into(), &trusted).map_err(|text| {
            invalid(format!(
                "trusted_proxies contains {text:?}. Use an IP address, or a network such as 10.0.0.0/8."
            ))
        })
    }

    fn health_path(&self) -> Result<Option<Arc<str>>, ConfigError> {
        let path = self.health_path.to_string();
        if path.is_empty() || is_health_path(&path) {
            return Ok((!path.is_empty()).then(|| path.into()));
        }
        Err(invalid(format!("health_path {path:?} is not a path. Use one such as /health.")))
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

    /// Returns the key and certificates, if they are set.
    fn tls(&self) -> Result<Option<ServerTls>, ConfigError> {
        let (key, certificate) = match (&self.private_key, &self.ssl_certificate) {
            (None, None) if self.ca_chain.is_none() => return Ok(None),
            (Some(key), Some(certificate)) => (key, certificate),
            _ => {
                return Err(invalid(
                    "wss:// requires both private_key and ssl_certificate; for ws://, set neither of them nor ca_chain.",
                ));
            }
        };
        let key = key_text(key).map_err(|why| invalid(format!("private_key {why}")))?;
        let chain = self.ca_chain.as_ref().map(certificate_text).unwrap_or_default();
        let tls = ServerTls::from_pem(&key, &certificate_text(certificate), &chain);
        tls.map(Some).map_err(|error| {
            let why = match error {
                TlsError::NoKey => "private_key cannot be read: load an RSA or EC key into it.",
                TlsError::NoCertificate => {
                    "ssl_certificate or ca_chain cannot be read, or is empty."
                }
                TlsError::Mismatch => "private_key does not belong to ssl_certificate.",
                _ => return invalid(format!("{error}.")),
            };
            invalid(why)
        })
    }
}
