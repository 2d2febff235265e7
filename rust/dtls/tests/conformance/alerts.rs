//! Alerts (RFC 5246 section 7.2).

use super::*;

const UNRECOGNIZED_NAME: u8 = 112;

#[test]
fn warning_alerts_do_not_end_a_connection() {
    let mut client = ForeignClient::connected(server_config());
    let mut server = foreign_server(client_config());
    server.send_flight(&ServerParameters::new());
    server.finish();
    for description in [10, 40, 90, 100, UNRECOGNIZED_NAME] {
        client.send_encrypted(21, &[1, description]);
        server.send_encrypted(21, &[1, description]);
    }
    assert_eq!(client.server.state(), &State::Connected);
    assert_eq!(server.client.state(), &State::Connected);
    // As a fatal alert, even `user_canceled` ends the connection.
    client.send_encrypted(21, &[2, 90]);
    assert_eq!(client.server.state(), &State::Failed(Error::Alert(Alert(90))));
    for level in [1, 2] {
        let mut client = ForeignClient::connected(server_config());
        client.send_encrypted(21, &[level, 0]);
        assert_eq!(client.server.state(), &State::Closed);
        assert_eq!(client.alert(), Some((1, 1, 0)), "it is answered");
    }
}

#[test]
fn plaintext_warning_does_not_shorten_a_handshake() {
    let mut server = foreign_server(client_config());
    let deadline = server.client.poll_timeout();
    server.send(21, &[1, UNRECOGNIZED_NAME]);
    assert_eq!(server.client.poll_timeout(), deadline);
    server.client.handle_timeout(server.now + 2 * FAILURE_DELAY);
    assert_eq!(server.client.state(), &State::Handshaking);
    let mut client = ForeignClient::begin(server_config(), &Hello::new()).expect("a server");
    client.send(21, &[1, UNRECOGNIZED_NAME]);
    client.server.handle_timeout(client.now + 2 * FAILURE_DELAY);
    assert_eq!(client.server.state(), &State::Handshaking);
}

#[test]
fn server_alert_before_change_cipher_spec_is_plaintext() {
    let mut client = ForeignClient::begin(server_config(), &Hello::new()).expect("a server");
    client.exchange_keys();
    let message = foreign::wire::message(20, client.next_message, &[7; 12]);
    client.send_encrypted(22, &message);
    assert_eq!(failure_alert(&client.server), Alert::DECRYPT_ERROR);
    assert_eq!(client.alert(), Some((0, 2, Alert::DECRYPT_ERROR.0)));
}

#[test]
fn older_versions_get_protocol_version_alert_and_newer_ones_dtls_1_2() {
    for version in [0xFEFF, 0xFEFE, 0xFFFF] {
        let hello = Hello { version, ..Hello::new() };
        assert_eq!(client_hello_rejection(&hello), Alert::PROTOCOL_VERSION, "{version:x}");
        let server_flight = ServerParameters { version, ..ServerParameters::new() };
        assert_eq!(
            flight_rejection(client_config(), &server_flight),
            Alert::PROTOCOL_VERSION,
            "{version:x}"
        );
    }
    for version in [0xFEFC, 0xFE00, 0xFD00] {
        let hello = Hello { version, ..Hello::new() };
        let mut client = ForeignClient::begin(server_config(), &hello).expect("an answer");
        assert_eq!(client.server_flight[0].2[..2], [0xFE, 0xFD], "{version:x}");
        client.exchange_keys();
        client.finish();
        assert_eq!(client.server.state(), &State::Connected);
    }
}
