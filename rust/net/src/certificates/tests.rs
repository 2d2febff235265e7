use super::pin::NotAPin;
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

/// Noon of a day on which all certificates below are in force.
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

/// As `Crypto.generate_self_signed_certificate` of the engine makes them: an authority of its own, with no more than a
/// common name.
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
    rules: Rules<'_>,
    chain: &[CertificateDer<'static>],
    name: Option<&str>,
) -> Result<(), CertificateError> {
    let verifier = Verifier::new(rules).expect("rules");
    verifier.verify(&chain[0], &chain[1..], Usage::Server, name, at(NOON))
}

fn check(
    trust: Trust<'_>,
    leaf: &CertificateDer<'static>,
    name: &str,
    time: Duration,
) -> Result<(), CertificateError> {
    let verifier = Verifier::new(Rules::of(trust)).expect("rules");
    verifier.verify(leaf, &[], Usage::Server, Some(name), at(time))
}

#[test]
fn a_certificate_that_the_game_ships_is_trusted_for_its_name_and_time() {
    let made = engine_made();
    let pem = pem(&[&made.der]);
    let given = || Trust::Given(&pem);
    assert_eq!(check(given(), &made.der, "game.example", NOON), Ok(()));
    let wrong = Err(CertificateError::WrongName);
    assert_eq!(check(given(), &made.der, "other.example", NOON), wrong);
    let late = NOON + Duration::from_hours(10 * 365 * 24);
    assert_eq!(check(given(), &made.der, "game.example", late), Err(CertificateError::Expired));
    let early = Duration::from_hours(416_000);
    let not_yet = Err(CertificateError::NotValidYet);
    assert_eq!(check(given(), &made.der, "game.example", early), not_yet);
}

#[test]
fn another_certificate_of_the_same_name_is_not_trusted() {
    let (made, other) = (engine_made(), engine_made());
    let result = check(Trust::Given(&pem(&[&made.der])), &other.der, "game.example", NOON);
    assert!(result.is_err(), "{result:?}");
}

#[test]
fn alternative_names_come_before_the_common_one() {
    let made = self_signed(params(&["alt.example", "127.0.0.1"], "game.example"));
    let pem = pem(&[&made.der]);
    let given = || Trust::Given(&pem);
    assert_eq!(check(given(), &made.der, "alt.example", NOON), Ok(()));
    assert_eq!(check(given(), &made.der, "127.0.0.1", NOON), Ok(()));
    let wrong = Err(CertificateError::WrongName);
    assert_eq!(check(given(), &made.der, "game.example", NOON), wrong);
}

#[test]
fn an_authority_vouches_for_others_and_its_own_words_count() {
    let authority = engine_made();
    let named = signed(&params(&["game.example"], "x"), &authority);
    let common = signed(&params(&[], "game.example"), &authority);
    let pem = pem(&[&authority.der]);
    let given = || Trust::Given(&pem);
    let bundle = || Trust::Authorities(&pem);
    assert_eq!(check(given(), &named, "game.example", NOON), Ok(()));
    assert_eq!(check(bundle(), &named, "game.example", NOON), Ok(()));
    assert_eq!(check(given(), &common, "game.example", NOON), Ok(()));
    // Nobody checks a common name any more before signing it.
    let wrong = Err(CertificateError::WrongName);
    assert_eq!(check(bundle(), &common, "game.example", NOON), wrong);
    assert_eq!(
        check(Trust::Authorities(""), &named, "game.example", NOON),
        Err(CertificateError::UnknownAuthority)
    );
}

/// A chain by an authority, an intermediate one and a server.
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

    fn shown(&self) -> Vec<CertificateDer<'static>> {
        vec![self.leaf.clone(), self.intermediate.der.clone()]
    }

    /// A list of the intermediate's that revokes this serial number.
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
fn a_chain_with_an_intermediate_is_followed() {
    let chain = Chain::new(&numbered(7));
    let pem = pem(&[&chain.authority.der]);
    let rules = || Rules::of(Trust::Given(&pem));
    assert_eq!(check_by(rules(), &chain.shown(), Some("game.example")), Ok(()));
    let alone = [chain.leaf.clone()];
    assert_eq!(
        check_by(rules(), &alone, Some("game.example")),
        Err(CertificateError::UnknownAuthority)
    );
}

#[test]
fn what_is_revoked_is_not_accepted() {
    let chain = Chain::new(&numbered(7));
    let pem = pem(&[&chain.authority.der]);
    for (serial, wanted) in [(7, Err(CertificateError::Revoked)), (8, Ok(()))] {
        let lists = chain.revocation_list(serial);
        let rules = Rules { revocation_lists: &lists, ..Rules::of(Trust::Given(&pem)) };
        assert_eq!(check_by(rules, &chain.shown(), Some("game.example")), wanted);
    }
    let broken = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    for unreadable in [broken, "res://revoked.crl", &pem] {
        let rules = Rules { revocation_lists: unreadable, ..Rules::of(Trust::Given(&pem)) };
        assert_eq!(Verifier::new(rules).err(), Some(TlsError::BadRevocationList), "{unreadable}");
    }
}

#[test]
fn a_pin_is_asked_for_beside_the_rest() {
    let (made, other) = (engine_made(), engine_made());
    let hex = |data: &[u8]| -> Pin {
        let digits: Vec<_> =
            digest(&SHA256, data).as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        digits.join(":").parse().expect("a pin")
    };
    let (_, read) = x509_parser::parse_x509_certificate(&made.der).expect("a certificate");
    let pins = [hex(&made.der), hex(read.tbs_certificate.subject_pki.raw)];
    for pin in pins {
        let anyone = Rules { pins: &[pin], ..Rules::of(Trust::Anyone) };
        assert_eq!(check_by(anyone, from_ref(&made.der), Some("any")), Ok(()));
        let result = check_by(anyone, from_ref(&other.der), Some("any"));
        assert_eq!(result, Err(CertificateError::NotPinned));
        let pem = pem(&[&made.der, &other.der]);
        let given = Rules { pins: &[pin], ..Rules::of(Trust::Given(&pem)) };
        assert_eq!(check_by(given, from_ref(&made.der), Some("game.example")), Ok(()));
        let wrong = check_by(given, from_ref(&made.der), Some("other.example"));
        assert_eq!(wrong, Err(CertificateError::WrongName));
        let result = check_by(given, from_ref(&other.der), Some("game.example"));
        assert_eq!(result, Err(CertificateError::NotPinned));
    }
    for text in ["", "00", &"0".repeat(63), &"g".repeat(64), &"0".repeat(66), &"é".repeat(64)] {
        assert_eq!(text.parse::<Pin>(), Err(NotAPin), "{text}");
    }
}

#[test]
fn without_a_name_only_the_chain_counts() {
    let made = engine_made();
    let text = pem(&[&made.der]);
    let rules = Rules::of(Trust::Given(&text));
    assert_eq!(check_by(rules, from_ref(&made.der), None), Ok(()));
    for name in ["", "a b", "other.example"] {
        let result = check_by(rules, from_ref(&made.der), Some(name));
        assert_eq!(result, Err(CertificateError::WrongName), "{name:?}");
    }
    assert!(check_by(rules, &[engine_made().der], None).is_err());
}
