//! What is sent arrives, under every agreement.

use super::*;

fn agreements() -> Vec<Deflate> {
    let mut all = Vec::new();
    for window_bits in 9..=15 {
        for context_takeover in [true, false] {
            for level in [1, 2, 6, 9] {
                all.push(Deflate { window_bits, context_takeover, level, ..agreed() });
            }
        }
    }
    all
}

/// The same agreement, from the other end.
fn other_end(ours: &Deflate) -> Deflate {
    Deflate {
        peer_window_bits: ours.window_bits,
        peer_context_takeover: ours.context_takeover,
        window_bits: ours.peer_window_bits,
        context_takeover: ours.peer_context_takeover,
        ..ours.clone()
    }
}

#[test]
fn messages_arrive_under_every_agreement() {
    let messages = [json(300), json(10), noise(5000), json(70_000), vec![], json(300), noise(300)];
    for ours in agreements() {
        let mut sender = connection(Role::Client, &ours);
        let mut bytes = Vec::new();
        for message in &messages {
            assert!(sender.send(MessageKind::Binary, message, Some(KEY), &mut bytes));
        }
        let plain: usize = messages.iter().map(Vec::len).sum();
        assert!(bytes.len() < plain * 2 / 3, "{} of {plain} bytes: {ours:?}", bytes.len());
        let expected: Vec<_> = messages.iter().map(binary).collect();
        for step in [usize::MAX, 11] {
            let mut receiver = connection(Role::Server, &other_end(&ours));
            assert_eq!(feed(&mut receiver, &bytes, step).as_ref(), Ok(&expected), "{ours:?}");
        }
    }
}

/// With a window of 2^n, no distance is over 2^n: a receiver with a window that small reads it.
#[test]
fn the_window_is_kept_to() {
    for window_bits in 9..=15_u8 {
        for level in 1..=9 {
            let mut compressor = compressor::Compressor::new(window_bits, level);
            let mut inflate = flate2::Decompress::new_with_window_bits(false, window_bits);
            let block = noise(1 << (window_bits - 1));
            for _ in 0..6 {
                let mut bytes = Vec::new();
                assert!(compressor.compress(&[&block[..], &json(100)].concat(), &mut bytes));
                bytes.extend_from_slice(&TAIL);
                // A byte at a time, so that the window is all that the inflater can refer to.
                let mut plain = Vec::new();
                for byte in bytes {
                    let mut out = Vec::with_capacity(1 << 16);
                    inflate
                        .decompress_vec(&[byte], &mut out, flate2::FlushDecompress::Sync)
                        .unwrap_or_else(|error| panic!("{window_bits}, {level}: {error}"));
                    plain.extend(out);
                }
                assert_eq!(plain, [&block[..], &json(100)].concat());
            }
        }
    }
}

#[test]
fn a_context_makes_repeated_messages_short() {
    let len_of_second = |agreed: &Deflate| {
        let mut sender = connection(Role::Server, agreed);
        let mut out = Vec::new();
        sender.send(MessageKind::Text, &json(1000), None, &mut out);
        let first = out.len();
        sender.send(MessageKind::Text, &json(1000), None, &mut out);
        out.len() - first
    };
    let with = len_of_second(&agreed());
    let without = len_of_second(&Deflate { context_takeover: false, ..agreed() });
    assert!(with < 30 && without > 100, "{with} with a context, {without} without");
}

#[test]
fn short_messages_and_those_that_get_no_shorter_go_as_they_are() {
    let mut sender = connection(Role::Server, &Deflate { threshold: 256, ..agreed() });
    let mut out = Vec::new();
    for message in [json(255), noise(1000), vec![]] {
        out.clear();
        sender.send(MessageKind::Binary, &message, None, &mut out);
        assert_eq!(out, frame(true, false, Opcode::Binary, &message));
    }
    out.clear();
    sender.send(MessageKind::Binary, &json(256), None, &mut out);
    assert_eq!(out[0], 0xC2);
}

#[test]
fn a_window_of_256_bytes_is_never_compressed_with() {
    let mut sender = connection(Role::Client, &Deflate { window_bits: 8, ..agreed() });
    let mut out = Vec::new();
    sender.send(MessageKind::Binary, &json(1000), Some(KEY), &mut out);
    assert_eq!(out[0], 0x82);
}

#[test]
fn a_released_compressor_refers_to_nothing_and_is_understood() {
    let mut sender = connection(Role::Server, &agreed());
    let mut bytes = Vec::new();
    let mut lens = Vec::new();
    for round in 0..4 {
        let before = bytes.len();
        sender.send(MessageKind::Binary, &json(1000), None, &mut bytes);
        lens.push(bytes.len() - before);
        if round == 1 {
            sender.release_compressor();
        }
    }
    assert_eq!(lens[0], lens[2]);
    assert_eq!(lens[1], lens[3]);
    assert_eq!(client_sees(&agreed(), &bytes), Ok(vec![binary(json(1000)); 4]));
}

#[test]
fn control_frames_between_compressed_fragments() {
    let payload = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    for cut in 0..=payload.len() {
        let bytes = [
            frame(false, true, Opcode::Binary, &payload[..cut]),
            frame(true, false, Opcode::Ping, b"ping"),
            frame(false, false, Opcode::Continuation, b""),
            frame(true, false, Opcode::Continuation, &payload[cut..]),
            frame(true, false, Opcode::Binary, b"plain"),
        ]
        .concat();
        assert_eq!(client_sees(&agreed(), &bytes), Ok(vec![binary("Hello"), binary("plain")]));
    }
}

#[test]
fn the_reserved_bit_is_for_the_first_frame_of_a_message() {
    let refused = Err(Violation::ReservedBits);
    let again = [
        frame(false, true, Opcode::Binary, &[0xf2]),
        frame(true, true, Opcode::Continuation, &[0x00]),
    ];
    assert_eq!(client_sees(&agreed(), &again.concat()), refused);
    assert_eq!(client_sees(&agreed(), &frame(true, true, Opcode::Ping, b"")), refused);
    assert_eq!(client_sees(&agreed(), &[0xA2, 0x00]), refused);
    assert_eq!(client_sees(&agreed(), &[0xD2, 0x00]), refused);
    let mut without = Connection::new(Role::Client, LIMIT);
    assert_eq!(feed(&mut without, &[0xC2], 1), refused, "at its first byte");
}

#[test]
fn an_idle_connection_is_small() {
    assert!(size_of::<Connection>() <= 160, "{} bytes", size_of::<Connection>());
    assert!(size_of::<DeflateState>() <= 48, "{} bytes", size_of::<DeflateState>());
}

#[test]
fn a_connection_can_go_to_another_thread() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&connection(Role::Server, &agreed()));
}
