use super::*;

const KEY: MaskKey = [0xA1, 0x05, 0x7F, 0xE0];
const LIMIT: usize = 100_000;

/// An owned event or error of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
    ProtocolError(ProtocolError),
}

/// Passes `bytes` to a new connection in chunks of at most `step` bytes.
fn feed(role: Role, bytes: &[u8], step: usize) -> Vec<Seen> {
    let mut connection = match role {
        Role::Client => Connection::client(LIMIT, || Some(KEY)),
        Role::Server => Connection::server(LIMIT),
    };
    let mut seen = Vec::new();
    for chunk in bytes.chunks(step) {
        let mut chunk = chunk.to_vec();
        let mut at = 0;
        while at < chunk.len() {
            match connection.receive(&mut chunk[at..]) {
                Ok((used, event)) => {
                    assert!(used > 0 || event.is_some(), "no progress");
                    at += used;
                    seen.extend(event.map(|event| match event {
                        Event::Message { kind: MessageKind::Text, payload } => {
                            Seen::Text(String::from_utf8(payload.into_owned()).expect("checked"))
                        }
                        Event::Message { payload, .. } => Seen::Binary(payload.into_owned()),
                        Event::Ping(payload) => Seen::Ping(payload.to_vec()),
                        Event::Pong(payload) => Seen::Pong(payload.to_vec()),
                        Event::Close(close) => Seen::Close(close.code.0, close.reason),
                    }));
                }
                Err(error) => {
                    seen.push(Seen::ProtocolError(error));
                    return seen;
                }
            }
        }
    }
    seen
}

/// Returns what a server receives, and checks that it does not depend on the chunks.
fn server_sees(bytes: &[u8]) -> Vec<Seen> {
    let whole = feed(Role::Server, bytes, usize::MAX);
    for step in [1, 2, 3, 7, 1000] {
        assert_eq!(feed(Role::Server, bytes, step), whole, "in chunks of {step}");
    }
    whole
}

fn frame(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_frame(fin, opcode, Some(KEY), payload, &mut out);
    out
}

#[test]
fn messages_of_every_length_form_arrive() {
    for len in [0, 1, 125, 126, 127, 1000, 65_535, 65_536, LIMIT] {
        let payload: Vec<u8> = (0..=255).cycle().take(len).collect();
        let mut bytes = frame(true, Opcode::Binary, &payload);
        bytes.extend(frame(true, Opcode::Text, b"after"));
        assert_eq!(
            server_sees(&bytes),
            [Seen::Binary(payload), Seen::Text("after".into())],
            "{len} bytes"
        );
    }
}

#[test]
fn control_frames_between_fragments_do_not_change_the_message() {
    let bytes = [
        frame(false, Opcode::Text, "h\u{e9}l".as_bytes()),
        frame(true, Opcode::Ping, b"are you there"),
        frame(false, Opcode::Continuation, b""),
        frame(true, Opcode::Pong, b""),
        frame(true, Opcode::Continuation, b"lo"),
    ]
    .concat();
    assert_eq!(
        server_sees(&bytes),
        [
            Seen::Ping(b"are you there".to_vec()),
            Seen::Pong(Vec::new()),
            Seen::Text("h\u{e9}llo".into()),
        ]
    );
}

#[test]
fn a_character_may_be_split_between_fragments() {
    let text = "κόσμε".as_bytes();
    for cut in 0..=text.len() {
        let bytes = [
            frame(false, Opcode::Text, &text[..cut]),
            frame(true, Opcode::Continuation, &text[cut..]),
        ]
        .concat();
        assert_eq!(server_sees(&bytes), [Seen::Text("κόσμε".into())], "cut at {cut}");
    }
}

#[test]
fn invalid_utf8_is_rejected_before_the_end_of_its_frame() {
    let bytes = frame(true, Opcode::Text, b"ab\xFFcdefgh");
    let rejected = [Seen::ProtocolError(ProtocolError::InvalidUtf8)];
    assert_eq!(server_sees(&bytes), rejected);
    assert_eq!(feed(Role::Server, &bytes[..9], 1), rejected, "the ninth byte is invalid");
    assert_eq!(feed(Role::Server, &bytes[..8], 1), []);
    let cut_short = frame(true, Opcode::Text, b"\xE2\x82");
    assert_eq!(server_sees(&cut_short), rejected);
    let fragment =
        [frame(false, Opcode::Text, b"\xE2\x82"), frame(true, Opcode::Continuation, b"")];
    assert_eq!(server_sees(&fragment.concat()), rejected);
}

#[test]
fn only_clients_mask() {
    let mut unmasked = Vec::new();
    encode_frame(true, Opcode::Text, None, b"x", &mut unmasked);
    assert_eq!(server_sees(&unmasked), [Seen::ProtocolError(ProtocolError::Unmasked)]);
    assert_eq!(feed(Role::Client, &unmasked, 99), [Seen::Text("x".into())]);
    let masked = frame(true, Opcode::Text, b"x");
    assert_eq!(feed(Role::Client, &masked, 99), [Seen::ProtocolError(ProtocolError::Masked)]);
}

#[test]
fn fragments_must_be_in_order() {
    let lone = frame(true, Opcode::Continuation, b"x");
    assert_eq!(server_sees(&lone), [Seen::ProtocolError(ProtocolError::UnexpectedContinuation)]);
    let nested = [frame(false, Opcode::Text, b"x"), frame(true, Opcode::Binary, b"y")].concat();
    assert_eq!(server_sees(&nested), [Seen::ProtocolError(ProtocolError::ExpectedContinuation)]);
}

#[test]
fn a_message_over_the_limit_is_rejected_by_its_header() {
    let too_big = [Seen::ProtocolError(ProtocolError::MessageTooBig { limit: LIMIT })];
    let mut header = Vec::new();
    for payload_len in [LIMIT as u64 + 1, u64::MAX >> 1] {
        header.clear();
        FrameHeader {
            fin: true,
            rsv1: false,
            opcode: Opcode::Binary,
            mask: Some(KEY),
            payload_len,
        }
        .encode(&mut header);
        assert_eq!(server_sees(&header), too_big);
    }
    let fragments = [
        frame(false, Opcode::Binary, &vec![0; LIMIT]),
        frame(false, Opcode::Continuation, b""),
        frame(true, Opcode::Continuation, b"x"),
    ];
    assert_eq!(server_sees(&fragments.concat()), too_big);
}

#[test]
fn memory_grows_with_received_bytes_not_with_the_claimed_length() {
    let mut connection = Connection::server(1 << 30);
    let mut header = Vec::new();
    FrameHeader {
        fin: true,
        rsv1: false,
        opcode: Opcode::Binary,
        mask: Some(KEY),
        payload_len: 1 << 30,
    }
    .encode(&mut header);
    header.push(0);
    let used = connection.receive(&mut header).expect("within the limit").0;
    assert_eq!(used, header.len());
    let held = connection.message.as_ref().expect("a message is being received").capacity();
    assert!(held <= 64, "{held} bytes for one that came");
}

#[test]
fn nothing_is_received_after_a_close() {
    let bytes = [
        frame(true, Opcode::Text, b"last"),
        frame(true, Opcode::Close, b"\x03\xE8done"),
        frame(true, Opcode::Text, b"too late"),
        vec![0xFF; 20],
    ]
    .concat();
    assert_eq!(server_sees(&bytes), [Seen::Text("last".into()), Seen::Close(1000, "done".into())]);
    assert_eq!(server_sees(&frame(true, Opcode::Close, b"")), [Seen::Close(1005, String::new())]);
    assert_eq!(
        server_sees(&frame(true, Opcode::Close, b"\x03\xED")),
        [Seen::ProtocolError(ProtocolError::InvalidCloseCode(1005))]
    );
}

#[test]
fn nothing_is_sent_after_a_close() {
    let mut server = Connection::server(LIMIT);
    let mut out = Vec::new();
    assert!(server.send(Message::Text("hello"), &mut out));
    assert!(server.ping(&[7; 200], &mut out));
    assert!(server.close(CloseCode(4000), &"é".repeat(100), &mut out));
    let len = out.len();
    assert!(!server.send(Message::Text("late"), &mut out));
    assert!(!server.pong(b"", &mut out));
    assert!(!server.close(CloseCode::NORMAL, "", &mut out));
    assert_eq!(out.len(), len);
    // 123 bytes do not end at a character of two bytes: 61 of them fit.
    assert_eq!(
        feed(Role::Client, &out, usize::MAX),
        [Seen::Text("hello".into()), Seen::Ping(vec![7; 125]), Seen::Close(4000, "é".repeat(61)),]
    );
}

#[test]
fn a_client_without_a_masking_key_sends_nothing() {
    let mut client = Connection::client(LIMIT, || None);
    let mut out = Vec::new();
    assert!(!client.send(Message::Text("x"), &mut out));
    assert!(!client.ping(b"", &mut out));
    assert!(!client.send_prepared(&mut PreparedMessage::new(Message::Text("x")), &mut out));
    assert!(!client.close(CloseCode::NORMAL, "", &mut out) && !client.is_close_sent());
    assert_eq!(out, b"");
}

#[test]
fn a_client_masks_each_frame_with_a_new_key() {
    let mut number = 0;
    let mut client = Connection::client(LIMIT, move || {
        number += 1;
        Some([number; 4])
    });
    let mut out = Vec::new();
    client.send(Message::Text("x"), &mut out);
    client.send_prepared(&mut PreparedMessage::new(Message::Text("x")), &mut out);
    client.pong(b"x", &mut out);
    let frame = |first: u8, key: u8| [first, 0x81, key, key, key, key, b'x' ^ key];
    assert_eq!(out, [frame(0x81, 1), frame(0x81, 2), frame(0x8A, 3)].concat());
}

#[test]
fn a_code_that_must_not_be_sent_gives_an_empty_close() {
    let mut client = Connection::client(LIMIT, || Some(KEY));
    let mut out = Vec::new();
    client.close(CloseCode::NO_STATUS, "", &mut out);
    assert_eq!(server_sees(&out), [Seen::Close(1005, String::new())]);
}

/// Random bytes in random chunks: no panic, and the same result for all chunk sizes.
#[test]
fn random_frames_give_the_same_result_in_any_chunks() {
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for _ in 0..2000 {
        let mut bytes = Vec::new();
        for _ in 0..next() % 6 {
            let opcode = [
                Opcode::Continuation,
                Opcode::Text,
                Opcode::Binary,
                Opcode::Close,
                Opcode::Ping,
                Opcode::Pong,
            ][usize::from(next().to_le_bytes()[1]) % 6];
            let payload: Vec<u8> =
                (0..next() % 140).map(|_| next().to_le_bytes()[0] & 0x7F).collect();
            bytes.extend(frame(next() % 4 > 0, opcode, &payload));
        }
        for _ in 0..next() % 3 {
            if !bytes.is_empty() {
                let at = usize::try_from(next()).expect("64 bits") % bytes.len();
                bytes[at] = next().to_le_bytes()[0];
            }
        }
        server_sees(&bytes);
    }
}
