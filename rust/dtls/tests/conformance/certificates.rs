//! Certificates (RFC 5246 sections 7.4.2, 7.4.4 and 7.4.6).

use super::*;
use foreign::wire::vector;
use lodewire_dtls::{CertifiedKey, KeyError, SigningKey};
use rcgen::KeyUsagePurpose;
use rustls_pki_types::PrivateKeyDer;

fn certificate(usages: &[KeyUsagePurpose]) -> (CertificateDer<'static>, Vec<u8>) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).expect("a name");
    params.key_usages = usages.to_vec();
    (params.self_signed(&key).expect("signed").der().clone(), key.serialize_der())
}

#[test]
fn a_certificate_that_forbids_signatures_is_refused() {
    for (usages, accepted) in [
        (&[][..], true),
        (&[KeyUsagePurpose::DigitalSignature], true),
        (&[KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature], true),
        (&[KeyUsagePurpose::KeyEncipherment], false),
        (&[KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign], false),
    ] {
        let (certificate, key) = certificate(usages);
        let mut server = ForeignServer::begin(client_config(), vec![certificate.to_vec()], &key);
        server.offer(&Offer::new());
        if accepted {
            server.finish();
        } else {
            let why = Error::Certificate(CertificateError::NotForSignatures);
            assert_eq!(server.client.state(), &State::Failed(why));
            assert_eq!(server.alert(), Some((0, 2, Alert::UNSUPPORTED_CERTIFICATE.0)));
        }
        let der = PrivateKeyDer::try_from(key).expect("PKCS #8");
        let key = SigningKey::new(&der).expect("a key");
        let own = CertifiedKey::new(vec![certificate], key).err();
        assert_eq!(own, (!accepted).then_some(KeyError::NotForSignatures));
    }
}

#[test]
fn a_client_whose_certificate_forbids_signatures_is_refused() {
    let (certificate, key) = certificate(&[KeyUsagePurpose::KeyAgreement]);
    let config = ServerConfig { client_verifier: Some(Arc::new(Anybody)), ..server_config() };
    let mut client = ForeignClient::begin(config, &Hello::new()).expect("a server");
    client.say(11, &vector::<3>(&vector::<3>(&certificate)));
    client.exchange_keys();
    let algorithm = &aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING;
    let key = aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(algorithm, &key).expect("a key");
    let random = aws_lc_rs::rand::SystemRandom::new();
    let signature = key.sign(&random, &client.transcript).expect("signed");
    client.say(15, &[&[4, 3][..], &vector::<2>(signature.as_ref())].concat());
    let why = Error::Certificate(CertificateError::NotForSignatures);
    assert_eq!(client.server.state(), &State::Failed(why));
}

#[test]
fn a_client_shows_a_certificate_only_of_a_kind_that_is_asked_for() {
    for (types, shown) in [(&[1_u8][..], false), (&[64], true), (&[1, 64], true), (&[2, 3], false)]
    {
        let certified_key = Some(make(Kind::P256).certified_key);
        let mut server = foreign_server(ClientConfig { certified_key, ..client_config() });
        let request = [&vector::<1>(types)[..], &vector::<2>(&[4, 1, 4, 3]), &[0, 0]].concat();
        server.offer(&Offer { request: Some(request), ..Offer::new() });
        let flight = foreign::wire::messages(
            &std::iter::from_fn(|| server.client.poll_transmit()).collect::<Vec<_>>(),
        );
        let certificate = flight.iter().find(|(kind, ..)| *kind == 11).expect("a Certificate");
        assert_eq!(certificate.2.len() > 3, shown, "{types:?}");
        assert_eq!(flight.iter().any(|(kind, ..)| *kind == 15), shown);
    }
}

#[test]
fn a_request_without_kinds_or_signatures_cannot_be_read() {
    for (types, schemes) in [(&[][..], &[4, 3][..]), (&[64], &[]), (&[64], &[4])] {
        let request = [&vector::<1>(types)[..], &vector::<2>(schemes), &[0, 0]].concat();
        let offer = Offer { request: Some(request), ..Offer::new() };
        assert_eq!(refused(client_config(), &offer), Alert::DECODE_ERROR);
    }
}
