//! Converts the engine's `TLSOptions`.

use crate::pem::{certificate_text, key_text};
use godot::classes::{FileAccess, Os, ProjectSettings, TlsOptions, X509Certificate};
use godot::prelude::*;
use lodewire_net::certificates::{Pin, TrustAnchors, VerificationPolicy};
use lodewire_net::dtls::{ClientConfig, ServerConfig};
use lodewire_net::tls::TlsError;

/// Returns the authorities that the project sets or, if it sets none, those of the operating system, as PEM.
pub(crate) fn authorities() -> String {
    let setting = "network/tls/certificate_bundle_override";
    let settings = ProjectSettings::singleton();
    let path = settings.get_setting(setting).try_to::<GString>().unwrap_or_default();
    if path.is_empty() {
        Os::singleton().get_system_ca_certificates().to_string()
    } else {
        FileAccess::get_file_as_string(&path).to_string()
    }
}

/// Checks of a certificate in addition to those that the engine's options have.
#[derive(Debug, Default)]
pub(crate) struct ExtraChecks {
    pub(crate) pins: Vec<Pin>,
    pub(crate) revocation_lists: String,
}

impl ExtraChecks {
    /// Reads the script's properties.
    ///
    /// # Errors
    /// Returns a message with the text that is not a SHA-256 hash.
    pub(crate) fn read(pins: &PackedStringArray, lists: &GString) -> Result<Self, String> {
        let read = |pin: &GString| {
            let pin = pin.to_string();
            pin.parse().map_err(|_| {
                format!(
                    "{pin:?} is not a SHA-256 hash. Use 64 hexadecimal digits, with or without colons."
                )
            })
        };
        let pins = pins.as_slice().iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { pins, revocation_lists: lists.to_string() })
    }

    pub(crate) fn rules<'a>(&'a self, trust: TrustAnchors<'a>) -> VerificationPolicy<'a> {
        VerificationPolicy {
            anchors: trust,
            revocation_lists: &self.revocation_lists,
            pins: &self.pins,
        }
    }
}

/// Returns the setup of a server from `options`.
///
/// # Errors
/// Returns a message for the script that says what to do.
pub(crate) fn server_setup(
    options: &Gd<TlsOptions>,
    chain: Option<&Gd<X509Certificate>>,
    clients: Option<VerificationPolicy<'_>>,
) -> Result<ServerConfig, String> {
    let pair = options.get_private_key().zip(options.get_own_certificate());
    let (key, certificate) = pair
        .filter(|_| options.is_server())
        .ok_or("the options are for a client. Use TLSOptions.server(key, certificate).")?;
    let key = key_text(&key).map_err(|why| format!("the private key {why}"))?;
    let chain = chain.map(certificate_text).unwrap_or_default();
    ServerConfig::new(&key, &certificate_text(&certificate), &chain, clients).map_err(error_message)
}

/// Returns the setup of a client of the server `hostname` from `options`.
///
/// # Errors
/// Returns a message for the script that says what to do.
pub(crate) fn client_setup(
    options: Option<&Gd<TlsOptions>>,
    hostname: &str,
    extra: &ExtraChecks,
) -> Result<ClientConfig, String> {
    let Some(options) = options else {
        let authorities = authorities();
        let rules = extra.rules(TrustAnchors::Roots(&authorities));
        return ClientConfig::new(rules, hostname, true).map_err(error_message);
    };
    if options.is_server() {
        return Err(
            "the options are for a server. Use TLSOptions.client() or TLSOptions.client_unsafe()."
                .to_owned(),
        );
    }
    let given = options.get_trusted_ca_chain().map(|chain| certificate_text(&chain));
    let is_unsafe = options.is_unsafe_client();
    let trust_text;
    let trust = match &given {
        Some(given) => TrustAnchors::Custom(given),
        None if is_unsafe => TrustAnchors::Insecure,
        None => {
            trust_text = authorities();
            TrustAnchors::Roots(&trust_text)
        }
    };
    let common_name = options.get_common_name_override().to_string();
    let name = if common_name.is_empty() { hostname } else { &common_name };
    ClientConfig::new(extra.rules(trust), name, !is_unsafe).map_err(error_message)
}

/// Returns the message for an invalid setup, with what to do.
pub(crate) fn error_message(error: TlsError) -> String {
    match error {
        TlsError::NoKey => "the key cannot be read: load an RSA or EC key into it.".to_owned(),
        TlsError::NoCertificate => "a certificate cannot be read, or is empty.".to_owned(),
        TlsError::BadRevocationList => {
            "revocation_lists cannot be read: use the text of PEM files.".to_owned()
        }
        error => format!("{error}."),
    }
}
