//! Prepared messages for several peers.

use super::*;

#[test]
fn a_prepared_message_is_encoded_for_the_parameters_of_each_peer() {
    let mut message = PreparedMessage::new(text_message(&json(1000)));
    assert_eq!(message.payload(), json(1000));
    assert_eq!(message.kind(), MessageKind::Text);
    let mut frames = Vec::new();
    for window_bits in [0, 8, 9, 12, 15, 15] {
        let mut server = Connection::server(LIMIT);
        if window_bits > 0 {
            server.set_deflate(NegotiatedDeflate { window_bits, ..negotiated() });
        }
        let mut out = Vec::new();
        assert!(server.send_prepared(&mut message, &mut out));
        let expected = Ok(vec![(MessageKind::Text, json(1000))]);
        assert_eq!(client_sees(&negotiated(), &out), expected, "{window_bits}");
        frames.push(out);
    }
    assert_eq!(frames[0], frame(true, false, Opcode::Text, &json(1000)));
    assert_eq!(frames[0], frames[1]);
    assert!(frames[2].len() < 500);
    assert_eq!(frames[4], frames[5]);
}

#[test]
fn short_or_incompressible_messages_are_sent_uncompressed() {
    let mut server =
        connection(Role::Server, &NegotiatedDeflate { threshold: 100, ..negotiated() });
    for payload in [json(99), noise(1000), vec![]] {
        let mut out = Vec::new();
        let mut message = PreparedMessage::new(Message::Binary(&payload));
        assert!(server.send_prepared(&mut message, &mut out));
        assert_eq!(out, frame(true, false, Opcode::Binary, &payload));
    }
}

#[test]
fn prepared_messages_and_others_can_be_mixed() {
    for context_takeover in [true, false] {
        let ours = NegotiatedDeflate { context_takeover, ..negotiated() };
        let theirs = NegotiatedDeflate { peer_context_takeover: context_takeover, ..negotiated() };
        let mut server = connection(Role::Server, &ours);
        let mut message = PreparedMessage::new(Message::Binary(&json(700)));
        let mut out = Vec::new();
        for _ in 0..3 {
            server.send(Message::Binary(&json(500)), &mut out);
            server.send_prepared(&mut message, &mut out);
            server.send(Message::Binary(&json(600)), &mut out);
        }
        let round = [binary(json(500)), binary(json(700)), binary(json(600))];
        assert_eq!(client_sees(&theirs, &out), Ok([&round[..]; 3].concat()));
    }
}

#[test]
fn nothing_is_sent_after_a_close() {
    let mut server = connection(Role::Server, &negotiated());
    let mut out = Vec::new();
    server.close(crate::CloseCode::NORMAL, "", &mut out);
    let len = out.len();
    let mut message = PreparedMessage::new(Message::Binary(&json(700)));
    assert!(!server.send_prepared(&mut message, &mut out));
    assert!(!server.send(Message::Binary(&json(700)), &mut out));
    assert_eq!(out.len(), len);
}
