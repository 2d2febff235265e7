use super::pin::ParsePinError;
use super::*;
use aws_lc_rs::digest::{SHA256, digest};
use lodewire_dtls::CertificateError;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
};
use rustls_pki_types::UnixTime;
use std::slice::from_ref;
use std::time::Duration;

/// A time at which all certificates below are valid.
const NOON: Duration = Duration::from_hours(500_000);

struct Made {
    der: CertificateDer<'static>,
    params: CertificateParams,
    key: KeyPair,
}

fn params(names: &[&str], common_name: &str) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2030, 1, 1);
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

fn self_signed(params: CertificateParams) -> Made {
    let key = KeyPair::generate().expect("a key");
    let der = params.self_signed(&key).expect("signed").der().clone();
    Made { der, params, key }
}

/// Generates a certificate like `Crypto.generate_self_signed_certificate` of Godot: marked as an authority, with only a common
/// name.
fn engine_made() -> Made {
    let mut params = params(&[], "game.example");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    self_signed(params)
}

fn signed(params: &CertificateParams, by: &Made) -> CertificateDer<'static> {
    let key = KeyPair::generate().expect("a key");
    let issuer = Issuer::from_params(&by.params, &by.key);
    params.signed_by(&key, &issuer).expect("signed").der().clone()
}

fn pem(certificates: &[&CertificateDer<'_>]) -> String {
    certificates.iter().map(|der| to_pem(der)).collect()
}

fn at(time: Duration) -> UnixTime {
    UnixTime::since_unix_epoch(time)
}

fn check_by(
    policy: VerificationPolicy<'_>,
    chain: &[CertificateDer<'static>],
    name: Option<&str>,
) -> Result<(), CertificateError> {
    let verifier = Verifier::new(policy).expect("a policy");
    verifier.verify(&chain[0], &chain[1..], Usage::Server, name, at(NOON))
}

fn check(
    anchors: TrustAnchors<'_>,
    leaf: &CertificateDer<'static>,
    name: &str,
    time: Duration,
) -> Result<(), CertificateError> {
    let verifier = Verifier::new(VerificationPolicy::new(anchors)).expect("a policy");
    verifier.verify(leaf, &[], Usage::Server, Some(name), at(time))
}

#[test]
fn custom_certificate_is_valid_for_its_name_and_period_only() {
    let made = engine_made();
    let pem = pem(&[&made.der]);
    let custom = || TrustAnchors::Custom(&pem);
    assert_eq!(check(custom(), &made.der, "game.example", NOON), Ok(()));
    let wrong = Err(CertificateError::NotValidForName);
    assert_eq!(check(custom(), &made.der, "other.example", NOON), wrong);
    let late = NOON + Duration::from_hours(10 * 365 * 24);
    assert_eq!(check(custom(), &made.der, "game.example", late), Err(CertificateError::Expired));
    let early = Duration::from_hours(416_000);
    let not_yet = Err(CertificateError::NotValidYet);
    assert_eq!(check(custom(), &made.der, "game.example", early), not_yet);
}

#[test]
fn untrusted_certificate_of_the_same_name_is_rejected() {
    let (made, other) = (engine_made(), engine_made());
    let result = check(TrustAnchors::Custom(&pem(&[&made.der])), &other.der, "game.example", NOON);
    assert!(result.is_err(), "{result:?}");
}

#[test]
fn common_name_is_ignored_if_alternative_names_exist() {
    let made = self_signed(params(&["alt.example", "127.0.0.1"], "game.example"));
    let pem = pem(&[&made.der]);
    let custom = || TrustAnchors::Custom(&pem);
    assert_eq!(check(custom(), &made.der, "alt.example", NOON), Ok(()));
    assert_eq!(check(custom(), &made.der, "127.0.0.1", NOON), Ok(()));
    let wrong = Err(CertificateError::NotValidForName);
    assert_eq!(check(custom(), &made.der, "game.example", NOON), wrong);
}

#[test]
fn issued_certificates_are_trusted_and_common_names_only_from_custom_anchors() {
    let authority = engine_made();
    let named = signed(&params(&["game.example"], "x"), &authority);
    let common = signed(&params(&[], "game.example"), &authority);
    let pem = pem(&[&authority.der]);
    let custom = || TrustAnchors::Custom(&pem);
    let roots = || TrustAnchors::Roots(&pem);
    assert_eq!(check(custom(), &named, "game.example", NOON), Ok(()));
    assert_eq!(check(roots(), &named, "game.example", NOON), Ok(()));
    assert_eq!(check(custom(), &common, "game.example", NOON), Ok(()));
    // Public authorities no longer verify common names.
    let wrong = Err(CertificateError::NotValidForName);
    assert_eq!(check(roots(), &common, "game.example", NOON), wrong);
    assert_eq!(
        check(TrustAnchors::Roots(""), &named, "game.example", NOON),
        Err(CertificateError::UnknownIssuer)
    );
}

/// A root, an intermediate and a leaf certificate.
struct Chain {
    authority: Made,
    intermediate: Made,
    leaf: CertificateDer<'static>,
}

impl Chain {
    fn new(leaf: &CertificateParams) -> Self {
        let authority = engine_made();
        let mut params = params(&[], "between");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let der = {
            let issuer = Issuer::from_params(&authority.params, &authority.key);
            params.signed_by(&key, &issuer).expect("signed").der().clone()
        };
        let intermediate = Made { der, params, key };
        let leaf = signed(leaf, &intermediate);
        Self { authority, intermediate, leaf }
    }

    fn presented(&self) -> Vec<CertificateDer<'static>> {
        vec![self.leaf.clone(), self.intermediate.der.clone()]
    }

    /// Returns a list of the intermediate that revokes this serial number.
    fn revocation_list(&self, serial: u64) -> String {
        let revoked = RevokedCertParams {
            serial_number: serial.into(),
            revocation_time: rcgen::date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2021, 1, 1),
            next_update: rcgen::date_time_ymd(2022, 1, 1),
            crl_number: 1u64.into(),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let issuer = Issuer::from_params(&self.intermediate.params, &self.intermediate.key);
        list.signed_by(&issuer).expect("signed").pem().expect("PEM")
    }
}

fn numbered(serial: u64) -> CertificateParams {
    let mut params = params(&["game.example"], "x");
    params.serial_number = Some(serial.into());
    params
}

#[test]
fn chain_with_intermediate_is_verified() {
    let chain = Chain::new(&numbered(7));
    let pem = pem(&[&chain.authority.der]);
    let policy = || VerificationPolicy::new(TrustAnchors::Custom(&pem));
    assert_eq!(check_by(policy(), &chain.presented(), Some("game.example")), Ok(()));
    let alone = [chain.leaf.clone()];
    assert_eq!(
        check_by(policy(), &alone, Some("game.example")),
        Err(CertificateError::UnknownIssuer)
    );
}

#[test]
fn revoked_certificate_is_rejected() {
    let chain = Chain::new(&numbered(7));
    let pem = pem(&[&chain.authority.der]);
    for (serial, wanted) in [(7, Err(CertificateError::Revoked)), (8, Ok(()))] {
        let lists = chain.revocation_list(serial);
        let policy = VerificationPolicy {
            revocation_lists: &lists,
            ..VerificationPolicy::new(TrustAnchors::Custom(&pem))
        };
        assert_eq!(check_by(policy, &chain.presented(), Some("game.example")), wanted);
    }
    let broken = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    for unreadable in [broken, "res://revoked.crl", &pem] {
        let policy = VerificationPolicy {
            revocation_lists: unreadable,
            ..VerificationPolicy::new(TrustAnchors::Custom(&pem))
        };
        assert_eq!(Verifier::new(policy).err(), Some(TlsError::BadRevocationList), "{unreadable}");
    }
}

#[test]
fn pins_are_required_in_addition_to_trust_anchors() {
    let (made, other) = (engine_made(), engine_made());
    let hex = |data: &[u8]| -> Pin {
        let digits: Vec<_> =
            digest(&SHA256, data).as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        digits.join(":").parse().expect("a pin")
    };
    let (_, read) = x509_parser::parse_x509_certificate(&made.der).expect("a certificate");
    let pins = [hex(&made.der), hex(read.tbs_certificate.subject_pki.raw)];
    for pin in pins {
        let insecure =
            VerificationPolicy { pins: &[pin], ..VerificationPolicy::new(TrustAnchors::Insecure) };
        assert_eq!(check_by(insecure, from_ref(&made.der), Some("any")), Ok(()));
        let result = check_by(insecure, from_ref(&other.der), Some("any"));
        assert_eq!(result, Err(CertificateError::NotPinned));
        let pem = pem(&[&made.der, &other.der]);
        let custom = VerificationPolicy {
            pins: &[pin],
            ..VerificationPolicy::new(TrustAnchors::Custom(&pem))
        };
        assert_eq!(check_by(custom, from_ref(&made.der), Some("game.example")), Ok(()));
        let wrong = check_by(custom, from_ref(&made.der), Some("other.example"));
        assert_eq!(wrong, Err(CertificateError::NotValidForName));
        let result = check_by(custom, from_ref(&other.der), Some("game.example"));
        assert_eq!(result, Err(CertificateError::NotPinned));
    }
    for text in ["", "00", &"0".repeat(63), &"g".repeat(64), &"0".repeat(66), &"é".repeat(64)] {
        assert_eq!(text.parse::<Pin>(), Err(ParsePinError), "{text}");
    }
}

#[test]
fn without_a_name_only_the_chain_is_verified() {
    let made = engine_made();
    let text = pem(&[&made.der]);
    let policy = VerificationPolicy::new(TrustAnchors::Custom(&text));
    assert_eq!(check_by(policy, from_ref(&made.der), None), Ok(()));
    for name in ["", "a b", "other.example"] {
        let result = check_by(policy, from_ref(&made.der), Some(name));
        assert_eq!(result, Err(CertificateError::NotValidForName), "{name:?}");
    }
    assert!(check_by(policy, &[engine_made().der], None).is_err());
}
