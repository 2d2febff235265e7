use super::*;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
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

fn check(
    anchors: Anchors,
    leaf: &CertificateDer<'_>,
    name: &str,
    at: Duration,
) -> Result<(), CertificateError> {
    let provider = super::super::provider();
    let verifier = KnownServer::new(anchors, provider.signature_verification_algorithms);
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let now = UnixTime::since_unix_epoch(at);
    match verifier.verify_server_cert(leaf, &[], &name, &[], now) {
        Ok(_) => Ok(()),
        Err(Error::InvalidCertificate(error)) => Err(error),
        Err(error) => Err(CertificateError::Other(OtherError(Arc::new(error)))),
    }
}

#[test]
fn a_certificate_that_the_game_ships_is_trusted_for_its_name_and_time() {
    let made = engine_made();
    let given = || Anchors::Given(vec![made.der.clone()]);
    assert_eq!(check(given(), &made.der, "game.example", NOON), Ok(()));
    let wrong = Err(CertificateError::NotValidForName);
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
    let result = check(Anchors::Given(vec![made.der]), &other.der, "game.example", NOON);
    assert!(result.is_err(), "{result:?}");
}

#[test]
fn alternative_names_come_before_the_common_one() {
    let made = self_signed(params(&["alt.example", "127.0.0.1"], "game.example"));
    let given = || Anchors::Given(vec![made.der.clone()]);
    assert_eq!(check(given(), &made.der, "alt.example", NOON), Ok(()));
    assert_eq!(check(given(), &made.der, "127.0.0.1", NOON), Ok(()));
    let wrong = Err(CertificateError::NotValidForName);
    assert_eq!(check(given(), &made.der, "game.example", NOON), wrong);
}

#[test]
fn an_authority_vouches_for_others_and_its_own_words_count() {
    let authority = engine_made();
    let named = signed(&params(&["game.example"], "x"), &authority);
    let common = signed(&params(&[], "game.example"), &authority);
    let given = || Anchors::Given(vec![authority.der.clone()]);
    let bundle = || Anchors::Bundle(vec![authority.der.clone()]);
    assert_eq!(check(given(), &named, "game.example", NOON), Ok(()));
    assert_eq!(check(bundle(), &named, "game.example", NOON), Ok(()));
    assert_eq!(check(given(), &common, "game.example", NOON), Ok(()));
    // Nobody checks a common name any more before signing it.
    let wrong = Err(CertificateError::NotValidForName);
    assert_eq!(check(bundle(), &common, "game.example", NOON), wrong);
    assert_eq!(
        check(Anchors::Mozilla, &named, "game.example", NOON),
        Err(CertificateError::UnknownIssuer)
    );
}
