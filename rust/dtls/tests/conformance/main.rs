//! Conformance to the RFCs, with a scripted peer.

#![expect(clippy::expect_used, clippy::panic, reason = "a test")]

mod alerts;
mod certificates;
#[path = "../certified_keys/mod.rs"]
mod certified_keys;
mod encrypted;
mod extensions;
#[path = "../foreign/mod.rs"]
mod foreign;
mod hello;
mod points;

use certified_keys::{Kind, cached_key};
use foreign::client::{ForeignClient, Hello};
use foreign::server::{ForeignServer, ServerParameters};
use lodewire_dtls::{
    Alert, CertificateError, CertificateVerifier, ClientConfig, Connection, Error, Limits,
    ServerConfig, State,
};
use rustls_pki_types::CertificateDer;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Delay of unauthenticated failures.
const FAILURE_DELAY: Duration = Duration::from_secs(2);

/// Accepts every certificate.
#[derive(Debug)]
struct AcceptAny;

impl CertificateVerifier for AcceptAny {
    fn verify(&self, _: &[CertificateDer<'static>]) -> Result<(), CertificateError> {
        Ok(())
    }
}

fn server_config() -> ServerConfig {
    let certified_key = cached_key(Kind::P256).certified_key;
    ServerConfig { certified_key, client_verifier: None, limits: Limits::default() }
}

fn client_config() -> ClientConfig {
    ClientConfig {
        verifier: Arc::new(AcceptAny),
        server_name: None,
        certified_key: None,
        limits: Limits::default(),
    }
}

fn foreign_server(config: ClientConfig) -> ForeignServer {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(vec!["game.example".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("signed").der().to_vec();
    ForeignServer::begin(config, vec![certificate], &key.serialize_der())
}

/// Lets a connection fail with its pending unauthenticated error.
fn handle_job_failure(connection: &mut Connection, now: Instant) -> Alert {
    assert_eq!(connection.state(), &State::Handshaking, "it may be forged");
    connection.handle_timeout(now + FAILURE_DELAY);
    failure_alert(connection)
}

/// Returns the alert of a failed connection.
fn failure_alert(connection: &Connection) -> Alert {
    match connection.state() {
        State::Failed(Error::PeerMisbehaved(alert, _)) => *alert,
        other => panic!("{other:?}"),
    }
}

/// Returns the alert of a client for an unacceptable server flight.
fn flight_rejection(config: ClientConfig, parameters: &ServerParameters) -> Alert {
    let mut server = foreign_server(config);
    server.send_flight(parameters);
    let alert = handle_job_failure(&mut server.client, server.now);
    assert_eq!(server.alert(), Some((0, 2, alert.0)));
    alert
}

/// Returns the alert of a server for an unacceptable ClientHello.
fn client_hello_rejection(hello: &Hello) -> Alert {
    let rejection = ForeignClient::begin(server_config(), hello).err().expect("a rejection");
    let Error::PeerMisbehaved(alert, _) = rejection.cause else { panic!("{:?}", rejection.cause) };
    let datagram = rejection.response.expect("an alert");
    assert_eq!((datagram[0], &datagram[13..]), (21, &[2, alert.0][..]));
    alert
}

#[test]
fn the_foreign_peer_connects_in_both_roles() {
    let mut client = ForeignClient::connected(server_config());
    client.send_encrypted(23, b"there");
    assert_eq!(client.server.receive().as_deref(), Some(&b"there"[..]));
    let mut server = foreign_server(client_config());
    server.send_flight(&ServerParameters::new());
    server.finish();
    server.send_encrypted(23, b"back");
    assert_eq!(server.client.receive().as_deref(), Some(&b"back"[..]));
}
