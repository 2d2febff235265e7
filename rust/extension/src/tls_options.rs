//! `TLSOptions` of the engine, as the network takes them.

use crate::pem::{certificate_text, key_text};
use godot::classes::{FileAccess, Os, ProjectSettings, TlsOptions, X509Certificate};
use godot::prelude::*;
use lodewire_net::certificates::{Pin, Rules, Trust};
use lodewire_net::dtls::{ClientSetup, ServerSetup};
use lodewire_net::tls::TlsError;

/// The authorities that the project names or, if it names none, those of the operating system, as PEM.
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

/// What a certificate is held against beyond what the engine can say.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    pub(crate) pins: Vec<Pin>,
    pub(crate) revocation_lists: String,
}

impl Extra {
    /// Reads what the script gives.
    ///
    /// # Errors
    /// The text that is no SHA-256.
    pub(crate) fn read(pins: &PackedStringArray, lists: &GString) -> Result<Self, String> {
        let read = |pin: &GString| {
            let pin = pin.to_string();
            pin.parse().map_err(|_| {
                format!(
                    "{pin:?} is no SHA-256. Write 64 hexadecimal digits, with or without colons."
                )
            })
        };
        let pins = pins.as_slice().iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { pins, revocation_lists: lists.to_string() })
    }

    pub(crate) fn rules<'a>(&'a self, trust: Trust<'a>) -> Rules<'a> {
        Rules { trust, revocation_lists: &self.revocation_lists, pins: &self.pins }
    }
}

/// A server as `options` say.
///
/// # Errors
/// What to do, in a line for the script.
pub(crate) fn server_setup(
    options: &Gd<TlsOptions>,
    chain: Option<&Gd<X509Certificate>>,
    clients: Option<Rules<'_>>,
) -> Result<ServerSetup, String> {
    let pair = options.get_private_key().zip(options.get_own_certificate());
    let (key, certificate) = pair
        .filter(|_| options.is_server())
        .ok_or("the options are a client's. Use TLSOptions.server(key, certificate).")?;
    let key = key_text(&key).map_err(|why| format!("the private key {why}"))?;
    let chain = chain.map(certificate_text).unwrap_or_default();
    ServerSetup::new(&key, &certificate_text(&certificate), &chain, clients).map_err(advice)
}

/// A client of the server `hostname`, as `options` say.
///
/// # Errors
/// What to do, in a line for the script.
pub(crate) fn client_setup(
    options: Option<&Gd<TlsOptions>>,
    hostname: &str,
    extra: &Extra,
) -> Result<ClientSetup, String> {
    let Some(options) = options else {
        let authorities = authorities();
        let rules = extra.rules(Trust::Authorities(&authorities));
        return ClientSetup::new(rules, hostname, true).map_err(advice);
    };
    if options.is_server() {
        return Err(
            "the options are a server's. Use TLSOptions.client() or TLSOptions.client_unsafe()."
                .to_owned(),
        );
    }
    let given = options.get_trusted_ca_chain().map(|chain| certificate_text(&chain));
    let is_unsafe = options.is_unsafe_client();
    let trust_text;
    let trust = match &given {
        Some(given) => Trust::Given(given),
        None if is_unsafe => Trust::Anyone,
        None => {
            trust_text = authorities();
            Trust::Authorities(&trust_text)
        }
    };
    let instead = options.get_common_name_override().to_string();
    let name = if instead.is_empty() { hostname } else { &instead };
    ClientSetup::new(extra.rules(trust), name, !is_unsafe).map_err(advice)
}

/// What to do about what does not fit.
pub(crate) fn advice(error: TlsError) -> String {
    match error {
        TlsError::NoKey => "the key cannot be read: load an RSA or EC key into it.".to_owned(),
        TlsError::NoCertificate => "a certificate cannot be read, or is empty.".to_owned(),
        TlsError::BadRevocationList => {
            "revocation_lists cannot be read: give the text of PEM files.".to_owned()
        }
        error => format!("{error}."),
    }
}
