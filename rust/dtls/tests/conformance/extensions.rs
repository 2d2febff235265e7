//! Extensions and parameters of the hellos and of the key exchange.

use super::*;

#[test]
fn an_extension_that_was_not_asked_for_is_unsupported() {
    // A server name that the hello was without, max_fragment_length, ALPN, a session ticket, encrypt-then-MAC.
    for number in [0, 1, 16, 35, 22, 0x4A4A] {
        let offer = Offer::with(number, &[]);
        assert_eq!(refused(client_config(), &offer), Alert::UNSUPPORTED_EXTENSION, "{number}");
    }
    let named = ClientConfig { server_name: Some("game.example".to_owned()), ..client_config() };
    let mut server = foreign_server(named);
    server.offer(&Offer::with(0, &[]));
    server.finish();
}

#[test]
fn wrong_values_of_a_server_get_their_alerts() {
    let with = |number, content: &[u8]| refused(client_config(), &Offer::with(number, content));
    assert_eq!(with(0xFF01, &[1, 7]), Alert::HANDSHAKE_FAILURE, "a renegotiation");
    assert_eq!(with(0xFF01, &[]), Alert::DECODE_ERROR);
    assert_eq!(with(0xFF01, &[0, 0]), Alert::DECODE_ERROR, "trailing data");
    assert_eq!(with(11, &[1, 1]), Alert::ILLEGAL_PARAMETER, "compressed points alone");
    assert_eq!(with(11, &[0]), Alert::DECODE_ERROR);
    assert_eq!(with(11, &[1, 0, 0]), Alert::DECODE_ERROR, "trailing data");
    assert_eq!(with(23, &[]), Alert::DECODE_ERROR, "twice the same");
    let say = |offer: Offer| refused(client_config(), &offer);
    let trailing = Offer { trailing: vec![0], ..Offer::new() };
    assert_eq!(say(trailing), Alert::DECODE_ERROR, "trailing data");
    for curve in [[3, 0, 25], [3, 0, 30], [1, 0, 23]] {
        assert_eq!(say(Offer { curve, ..Offer::new() }), Alert::ILLEGAL_PARAMETER, "{curve:?}");
    }
    for scheme in [[2, 3], [8, 4], [4, 1]] {
        assert_eq!(say(Offer { scheme, ..Offer::new() }), Alert::ILLEGAL_PARAMETER, "{scheme:?}");
    }
}

#[test]
fn wrong_values_of_a_client_get_their_alerts() {
    let with = |number, content: &[u8]| refused_hello(&Hello::with(number, content));
    assert_eq!(with(0xFF01, &[1, 7]), Alert::HANDSHAKE_FAILURE, "a renegotiation");
    assert_eq!(with(0xFF01, &[0, 0]), Alert::DECODE_ERROR, "trailing data");
    assert_eq!(with(11, &[1, 1]), Alert::ILLEGAL_PARAMETER, "compressed points alone");
    assert_eq!(with(11, &[0]), Alert::DECODE_ERROR);
    assert_eq!(with(10, &[0, 0]), Alert::DECODE_ERROR, "no group");
    assert_eq!(with(13, &[0, 0]), Alert::DECODE_ERROR, "no signature");
    assert_eq!(with(13, &[0, 3, 4, 3, 4]), Alert::DECODE_ERROR, "half a signature");
    assert_eq!(with(23, &[0]), Alert::DECODE_ERROR, "trailing data");
    for number in [0, 5] {
        assert_eq!(with(1, &[number]), Alert::ILLEGAL_PARAMETER, "no such length");
    }
    let hello = Hello { trailing: vec![0], ..Hello::new() };
    assert_eq!(refused_hello(&hello), Alert::DECODE_ERROR, "trailing data");
    let hello = Hello { compressions: vec![1], ..Hello::new() };
    assert_eq!(refused_hello(&hello), Alert::ILLEGAL_PARAMETER, "compression alone");
    let hello = Hello { compressions: Vec::new(), ..Hello::new() };
    assert_eq!(refused_hello(&hello), Alert::DECODE_ERROR);
    let mut hello = Hello::new();
    hello.extensions.push(hello.extensions[0].clone());
    assert_eq!(refused_hello(&hello), Alert::DECODE_ERROR, "twice the same");
}
