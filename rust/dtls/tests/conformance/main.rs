//! What the specifications say, with a peer that is not ours.

#![expect(clippy::expect_used, clippy::panic, reason = "a test")]

mod alerts;
mod certificates;
#[path = "../certified_keys/mod.rs"]
mod certified_keys;
mod extensions;
#[path = "../foreign/mod.rs"]
mod foreign;
mod hello;
mod points;
mod sealed;

use certified_keys::{Kind, make};
use foreign::client::{ForeignClient, Hello};
use foreign::server::{ForeignServer, Offer};
use lodewire_dtls::{
    Alert, CertificateError, CertificateVerifier, ClientConfig, Connection, Error, Limits,
    ServerConfig, State,
};
use rustls_pki_types::CertificateDer;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What stands against a handshake without being authentic counts after this time.
const DOUBT: Duration = Duration::from_secs(2);

/// Accepts everybody.
#[derive(Debug)]
struct Anybody;

impl CertificateVerifier for Anybody {
    fn verify(&self, _: &[CertificateDer<'static>]) -> Result<(), CertificateError> {
        Ok(())
    }
}

fn server_config() -> ServerConfig {
    let certified_key = make(Kind::P256).certified_key;
    ServerConfig { certified_key, client_verifier: None, limits: Limits::default() }
}

fn client_config() -> ClientConfig {
    ClientConfig {
        verifier: Arc::new(Anybody),
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

/// Lets a connection fail by what is not authentic.
fn handle_job_failure(connection: &mut Connection, now: Instant) -> Alert {
    assert_eq!(connection.state(), &State::Handshaking, "it may be forged");
    connection.handle_timeout(now + DOUBT);
    told(connection)
}

/// Why a connection has failed, as the other side is told.
fn told(connection: &Connection) -> Alert {
    match connection.state() {
        State::Failed(Error::PeerMisbehaved(alert, _)) => *alert,
        other => panic!("{other:?}"),
    }
}

/// What a client says to an offer that does not fit.
fn refused(config: ClientConfig, offer: &Offer) -> Alert {
    let mut server = foreign_server(config);
    server.offer(offer);
    let alert = handle_job_failure(&mut server.client, server.now);
    assert_eq!(server.alert(), Some((0, 2, alert.0)));
    alert
}

/// What a server says to a hello that does not fit.
fn refused_hello(hello: &Hello) -> Alert {
    let rejection = ForeignClient::begin(server_config(), hello).err().expect("a rejection");
    let Error::PeerMisbehaved(alert, _) = rejection.cause else { panic!("{:?}", rejection.cause) };
    let datagram = rejection.response.expect("an alert");
    assert_eq!((datagram[0], &datagram[13..]), (21, &[2, alert.0][..]));
    alert
}

#[test]
fn the_foreign_peer_connects_in_both_roles() {
    let mut client = ForeignClient::connected(server_config());
    client.send_sealed(23, b"there");
    assert_eq!(client.server.receive().as_deref(), Some(&b"there"[..]));
    let mut server = foreign_server(client_config());
    server.offer(&Offer::new());
    server.finish();
    server.send_sealed(23, b"back");
    assert_eq!(server.client.receive().as_deref(), Some(&b"back"[..]));
}
