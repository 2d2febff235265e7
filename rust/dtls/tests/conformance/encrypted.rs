//! Within the encrypted epoch a protocol violation ends the connection, and sends its alert.

use super::*;
use foreign::wire::{DATA, fragment, message};

/// Returns the alerts of a connected server and a connected client for an encrypted record.
fn answers(content_type: u8, content: &[u8]) -> [Alert; 2] {
    let mut client = ForeignClient::connected(server_config());
    client.send_encrypted(content_type, content);
    let by_server = failure_alert(&client.server);
    assert_eq!(client.alert(), Some((1, 2, by_server.0)), "it is encrypted");
    let mut server = foreign_server(client_config());
    server.send_flight(&ServerParameters::new());
    server.finish();
    server.send_encrypted(content_type, content);
    let by_client = failure_alert(&server.client);
    assert_eq!(server.alert(), Some((1, 2, by_client.0)), "it is encrypted");
    [by_server, by_client]
}

#[test]
fn encrypted_protocol_violations_get_their_alerts() {
    let unexpected = [
        (20, vec![1]),
        (24, vec![1, 2, 3]),
        (99, Vec::new()),
        (22, message(2, 7, &[])),
        (22, message(14, 7, &[])),
        (22, message(20, 9, &[0; 12])),
        (22, message(77, 7, &[])),
    ];
    for (content_type, content) in &unexpected {
        let answers = answers(*content_type, content);
        assert_eq!(answers, [Alert::UNEXPECTED_MESSAGE; 2], "{content_type} {content:?}");
    }
    let unreadable = [
        (21, vec![2]),
        (21, Vec::new()),
        (21, vec![2, 40, 0]),
        (22, Vec::new()),
        (22, vec![20, 0, 0]),
        (22, fragment(20, 4, 3, 2, &[0; 12])),
        (22, [&message(20, 0, &[0; 12])[..], &[20]].concat()),
    ];
    for (content_type, content) in &unreadable {
        let answers = answers(*content_type, content);
        assert_eq!(answers, [Alert::DECODE_ERROR; 2], "{content_type} {content:?}");
    }
    assert_eq!(answers(21, &[3, 40]), [Alert::ILLEGAL_PARAMETER; 2]);
    assert_eq!(answers(23, &vec![0; 16_385]), [Alert::RECORD_OVERFLOW; 2]);
}

#[test]
fn encrypted_violations_during_the_handshake_get_their_alerts() {
    let alert = |content_type, content: &[u8]| {
        let mut client = ForeignClient::begin(server_config(), &Hello::new()).expect("a server");
        client.exchange_keys();
        client.send_encrypted(content_type, content);
        let alert = failure_alert(&client.server);
        assert_eq!(client.alert(), Some((0, 2, alert.0)));
        alert
    };
    assert_eq!(alert(22, &message(16, 3, &[0; 66])), Alert::UNEXPECTED_MESSAGE);
    assert_eq!(alert(20, &[1]), Alert::UNEXPECTED_MESSAGE);
    assert_eq!(alert(21, &[2]), Alert::DECODE_ERROR);
    assert_eq!(alert(23, &vec![0; 16_385]), Alert::RECORD_OVERFLOW);
}

#[test]
fn renegotiation_gets_no_renegotiation_alert() {
    let mut client = ForeignClient::connected(server_config());
    client.send_encrypted(22, &message(1, 5, &Hello::new().body(&[])));
    assert_eq!(client.alert(), Some((1, 1, Alert::NO_RENEGOTIATION.0)));
    assert_eq!(client.server.state(), &State::Connected);
    let mut server = foreign_server(client_config());
    server.send_flight(&ServerParameters::new());
    server.finish();
    server.send_encrypted(22, &message(0, 7, &[]));
    assert_eq!(server.client.state(), &State::Connected);
}

#[test]
fn record_of_maximum_size_is_accepted() {
    let mut client = ForeignClient::connected(server_config());
    client.send_encrypted(23, &vec![7; 16_384]);
    assert_eq!(client.server.receive(), Some(vec![7; 16_384]));
}

#[test]
fn packets_before_the_finished_are_limited_to_32_kib() {
    let mut client = ForeignClient::begin(server_config(), &Hello::new()).expect("a server");
    client.exchange_keys();
    for _ in 0..1000 {
        client.send_encrypted(DATA, &[7; 1000]);
    }
    client.finish();
    assert_eq!(client.server.state(), &State::Connected);
    let held: usize =
        std::iter::from_fn(|| client.server.receive()).map(|packet| packet.len()).sum();
    assert!((1..=32 << 10).contains(&held), "{held} bytes");
    client.send_encrypted(DATA, b"next");
    assert_eq!(client.server.receive().as_deref(), Some(&b"next"[..]));
}

#[test]
fn packets_encrypted_with_a_forged_key_are_discarded() {
    for honest in [None, Some(b"honest")] {
        let mut client = ForeignClient::begin(server_config(), &Hello::new()).expect("a server");
        // A man in the middle sends a ClientKeyExchange of its own, and a packet encrypted with its keys.
        client.exchange_keys();
        client.send_encrypted(DATA, b"forged");
        // The client's own ClientKeyExchange contradicts it: the keys are derived again.
        client.exchange_other_keys();
        if let Some(packet) = honest {
            client.send_encrypted(DATA, packet);
        }
        client.finish();
        assert_eq!(client.server.state(), &State::Connected);
        assert_eq!(client.server.receive().as_deref(), honest.map(|packet| &packet[..]));
        assert_eq!(client.server.receive(), None);
    }
}
