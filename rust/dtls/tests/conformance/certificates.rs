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
fn certificate_without_digital_signature_usage_is_rejected() {
    for (usages, accepted) in [
        (&[][..], true),
        (&[KeyUsagePurpose::DigitalSignature], true),
        (&[KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature], true),
        (&[KeyUsagePurpose::KeyEncipherment], false),
        (&[KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign], false),
    ] {
        let (certificate, key) = certificate(usages);
        let mut server = ForeignServer::begin(client_config(), vec![certificate.to_vec()], &key);
        server.send_flight(&ServerParameters::new());
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
fn client_certificate_without_digital_signature_usage_is_rejected() {
    let (certificate, key) = certificate(&[KeyUsagePurpose::KeyAgreement]);
    let config = ServerConfig { client_verifier: Some(Arc::new(AcceptAny)), ..server_config() };
    let mut client = ForeignClient::begin(config, &Hello::new()).expect("a server");
    client.send_message(11, &vector::<3>(&vector::<3>(&certificate)));
    client.exchange_keys();
    let algorithm = &aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING;
    let key = aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(algorithm, &key).expect("a key");
    let random = aws_lc_rs::rand::SystemRandom::new();
    let signature = key.sign(&random, &client.transcript).expect("signed");
    client.send_message(15, &[&[4, 3][..], &vector::<2>(signature.as_ref())].concat());
    let why = Error::Certificate(CertificateError::NotForSignatures);
    assert_eq!(client.server.state(), &State::Failed(why));
}

#[test]
fn client_certificate_is_sent_only_for_requested_types() {
    for (types, shown) in [(&[1_u8][..], false), (&[64], true), (&[1, 64], true), (&[2, 3], false)]
    {
        let certified_key = Some(cached_key(Kind::P256).certified_key);
        let mut server = foreign_server(ClientConfig { certified_key, ..client_config() });
        let request = [&vector::<1>(types)[..], &vector::<2>(&[4, 1, 4, 3]), &[0, 0]].concat();
        server.send_flight(&ServerParameters { request: Some(request), ..ServerParameters::new() });
        let flight = foreign::wire::messages(
            &std::iter::from_fn(|| server.client.poll_transmit()).collect::<Vec<_>>(),
        );
        let certificate = flight.iter().find(|(kind, ..)| *kind == 11).expect("a Certificate");
        assert_eq!(certificate.2.len() > 3, shown, "{types:?}");
        assert_eq!(flight.iter().any(|(kind, ..)| *kind == 15), shown);
    }
}

#[test]
fn certificate_request_without_types_or_schemes_is_malformed() {
    for (types, schemes) in [(&[][..], &[4, 3][..]), (&[64], &[]), (&[64], &[4])] {
        let request = [&vector::<1>(types)[..], &vector::<2>(schemes), &[0, 0]].concat();
        let server_flight = ServerParameters { request: Some(request), ..ServerParameters::new() };
        assert_eq!(flight_rejection(client_config(), &server_flight), Alert::DECODE_ERROR);
    }
}
