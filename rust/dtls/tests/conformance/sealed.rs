//! Within the sealed epoch, what breaks the protocol ends the connection, and the other side is told why.

use super::*;
use foreign::wire::{DATA, fragment, message};

/// What a connected server, and a connected client, say to a sealed record.
fn answers(content_type: u8, content: &[u8]) -> [Alert; 2] {
    let mut client = ForeignClient::connected(server_config());
    client.send_sealed(content_type, content);
    let by_server = told(&client.server);
    assert_eq!(client.alert(), Some((1, 2, by_server.0)), "it is sealed");
    let mut server = foreign_server(client_config());
    server.offer(&Offer::new());
    server.finish();
    server.send_sealed(content_type, content);
    let by_client = told(&server.client);
    assert_eq!(server.alert(), Some((1, 2, by_client.0)), "it is sealed");
    [by_server, by_client]
}

#[test]
fn what_breaks_the_protocol_gets_its_alert() {
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
fn before_the_end_of_the_handshake_as_well() {
    let sealed = |content_type, content: &[u8]| {
        let mut client = ForeignClient::begin(server_config(), &Hello::new()).expect("a server");
        client.exchange_keys();
        client.send_sealed(content_type, content);
        let alert = told(&client.server);
        assert_eq!(client.alert(), Some((0, 2, alert.0)));
        alert
    };
    assert_eq!(sealed(22, &message(16, 3, &[0; 66])), Alert::UNEXPECTED_MESSAGE);
    assert_eq!(sealed(20, &[1]), Alert::UNEXPECTED_MESSAGE);
    assert_eq!(sealed(21, &[2]), Alert::DECODE_ERROR);
    assert_eq!(sealed(23, &vec![0; 16_385]), Alert::RECORD_OVERFLOW);
}

#[test]
fn who_begins_again_within_a_connection_is_told_that_there_is_no_renegotiation() {
    let mut client = ForeignClient::connected(server_config());
    client.send_sealed(22, &message(1, 5, &Hello::new().body(&[])));
    assert_eq!(client.alert(), Some((1, 1, Alert::NO_RENEGOTIATION.0)));
    assert_eq!(client.server.state(), &State::Connected);
    let mut server = foreign_server(client_config());
    server.offer(&Offer::new());
    server.finish();
    server.send_sealed(22, &message(0, 7, &[]));
    assert_eq!(server.client.state(), &State::Connected);
}

#[test]
fn the_longest_record_is_taken() {
    let mut client = ForeignClient::connected(server_config());
    client.send_sealed(23, &vec![7; 16_384]);
    assert_eq!(client.server.receive(), Some(vec![7; 16_384]));
}

#[test]
fn packets_before_the_finished_take_no_more_than_32_kib() {
    let mut client = ForeignClient::begin(server_config(), &Hello::new()).expect("a server");
    client.exchange_keys();
    for _ in 0..1000 {
        client.send_sealed(DATA, &[7; 1000]);
    }
    client.finish();
    assert_eq!(client.server.state(), &State::Connected);
    let held: usize =
        std::iter::from_fn(|| client.server.receive()).map(|packet| packet.len()).sum();
    assert!((1..=32 << 10).contains(&held), "{held} bytes");
    client.send_sealed(DATA, b"next");
    assert_eq!(client.server.receive().as_deref(), Some(&b"next"[..]));
}

#[test]
fn what_a_forged_key_has_sealed_is_not_taken_for_the_clients() {
    for honest in [None, Some(b"honest")] {
        let mut client = ForeignClient::begin(server_config(), &Hello::new()).expect("a server");
        // Somebody between the two says which key the client has, and seals with it.
        client.exchange_keys();
        client.send_sealed(DATA, b"forged");
        // The client's own message contradicts that: the keys are made again.
        client.exchange_other_keys();
        if let Some(packet) = honest {
            client.send_sealed(DATA, packet);
        }
        client.finish();
        assert_eq!(client.server.state(), &State::Connected);
        assert_eq!(client.server.receive().as_deref(), honest.map(|packet| &packet[..]));
        assert_eq!(client.server.receive(), None);
    }
}
