//! Extensions and parameters of ClientHello, ServerHello and ServerKeyExchange.

use super::*;

#[test]
fn unsolicited_extension_gets_unsupported_extension_alert() {
    // A server name that was not sent, max_fragment_length, ALPN, a session ticket, encrypt-then-MAC.
    for number in [0, 1, 16, 35, 22, 0x4A4A] {
        let server_flight = ServerParameters::with(number, &[]);
        assert_eq!(
            flight_rejection(client_config(), &server_flight),
            Alert::UNSUPPORTED_EXTENSION,
            "{number}"
        );
    }
    let named = ClientConfig { server_name: Some("game.example".to_owned()), ..client_config() };
    let mut server = foreign_server(named);
    server.send_flight(&ServerParameters::with(0, &[]));
    server.finish();
}

#[test]
fn invalid_server_parameters_get_their_alerts() {
    let with = |number, content: &[u8]| {
        flight_rejection(client_config(), &ServerParameters::with(number, content))
    };
    assert_eq!(with(0xFF01, &[1, 7]), Alert::HANDSHAKE_FAILURE, "a renegotiation");
    assert_eq!(with(0xFF01, &[]), Alert::DECODE_ERROR);
    assert_eq!(with(0xFF01, &[0, 0]), Alert::DECODE_ERROR, "trailing data");
    assert_eq!(with(11, &[1, 1]), Alert::ILLEGAL_PARAMETER, "compressed points only");
    assert_eq!(with(11, &[0]), Alert::DECODE_ERROR);
    assert_eq!(with(11, &[1, 0, 0]), Alert::DECODE_ERROR, "trailing data");
    assert_eq!(with(23, &[]), Alert::DECODE_ERROR, "twice the same");
    let rejection =
        |server_flight: ServerParameters| flight_rejection(client_config(), &server_flight);
    let trailing = ServerParameters { trailing: vec![0], ..ServerParameters::new() };
    assert_eq!(rejection(trailing), Alert::DECODE_ERROR, "trailing data");
    for curve in [[3, 0, 25], [3, 0, 30], [1, 0, 23]] {
        assert_eq!(
            rejection(ServerParameters { curve, ..ServerParameters::new() }),
            Alert::ILLEGAL_PARAMETER,
            "{curve:?}"
        );
    }
    for scheme in [[2, 3], [8, 4], [4, 1]] {
        assert_eq!(
            rejection(ServerParameters { scheme, ..ServerParameters::new() }),
            Alert::ILLEGAL_PARAMETER,
            "{scheme:?}"
        );
    }
}

#[test]
fn invalid_client_parameters_get_their_alerts() {
    let with = |number, content: &[u8]| client_hello_rejection(&Hello::with(number, content));
    assert_eq!(with(0xFF01, &[1, 7]), Alert::HANDSHAKE_FAILURE, "a renegotiation");
    assert_eq!(with(0xFF01, &[0, 0]), Alert::DECODE_ERROR, "trailing data");
    assert_eq!(with(11, &[1, 1]), Alert::ILLEGAL_PARAMETER, "compressed points only");
    assert_eq!(with(11, &[0]), Alert::DECODE_ERROR);
    assert_eq!(with(10, &[0, 0]), Alert::DECODE_ERROR, "no group");
    assert_eq!(with(13, &[0, 0]), Alert::DECODE_ERROR, "no signature");
    assert_eq!(with(13, &[0, 3, 4, 3, 4]), Alert::DECODE_ERROR, "half a signature");
    assert_eq!(with(23, &[0]), Alert::DECODE_ERROR, "trailing data");
    for number in [0, 5] {
        assert_eq!(with(1, &[number]), Alert::ILLEGAL_PARAMETER, "no such length");
    }
    let hello = Hello { trailing: vec![0], ..Hello::new() };
    assert_eq!(client_hello_rejection(&hello), Alert::DECODE_ERROR, "trailing data");
    let hello = Hello { compressions: vec![1], ..Hello::new() };
    assert_eq!(client_hello_rejection(&hello), Alert::ILLEGAL_PARAMETER, "compression only");
    let hello = Hello { compressions: Vec::new(), ..Hello::new() };
    assert_eq!(client_hello_rejection(&hello), Alert::DECODE_ERROR);
    let mut hello = Hello::new();
    hello.extensions.push(hello.extensions[0].clone());
    assert_eq!(client_hello_rejection(&hello), Alert::DECODE_ERROR, "twice the same");
}
