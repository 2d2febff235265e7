//! The verification of names (RFC 6125).

use lodewire_dtls::CertificateError;
use rustls_pki_types::{CertificateDer, ServerName};
use webpki::EndEntityCert;
use x509_parser::prelude::{GeneralName, X509Certificate};

/// Checks that a certificate is valid for a name, by its subject alternative names. With `allow_common_name`, a certificate
/// without any is matched by its common name, as Godot's self-signed certificates need. This is safe only for certificates
/// that the game trusts explicitly, since public authorities no longer verify common names.
pub(super) fn check(
    der: &CertificateDer<'_>,
    certificate: &X509Certificate<'_>,
    name: &str,
    allow_common_name: bool,
) -> Result<(), CertificateError> {
    let mismatch = || CertificateError::NotValidForName;
    let server_name = ServerName::try_from(name).map_err(|_| mismatch())?;
    let has_names = match certificate.subject_alternative_name() {
        Ok(Some(names)) => names
            .value
            .general_names
            .iter()
            .any(|name| matches!(name, GeneralName::DNSName(_) | GeneralName::IPAddress(_))),
        Ok(None) => false,
        Err(_) => return Err(mismatch()),
    };
    if has_names {
        let leaf = EndEntityCert::try_from(der).map_err(|_| CertificateError::Malformed)?;
        return leaf.verify_is_valid_for_subject_name(&server_name).map_err(|_| mismatch());
    }
    let mut names = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    if allow_common_name && names.any(|common| common.eq_ignore_ascii_case(name)) {
        Ok(())
    } else {
        Err(mismatch())
    }
}
