//! Compressed messages arrive with all negotiated parameters.

use super::*;

fn all_parameters() -> Vec<NegotiatedDeflate> {
    let mut all = Vec::new();
    for window_bits in 9..=15 {
        for context_takeover in [true, false] {
            for level in [1, 2, 6, 9] {
                all.push(NegotiatedDeflate {
                    window_bits,
                    context_takeover,
                    level,
                    ..negotiated()
                });
            }
        }
    }
    all
}

/// Returns the same parameters from the view of the peer.
fn peer_parameters(ours: &NegotiatedDeflate) -> NegotiatedDeflate {
    NegotiatedDeflate {
        peer_window_bits: ours.window_bits,
        peer_context_takeover: ours.context_takeover,
        window_bits: ours.peer_window_bits,
        context_takeover: ours.peer_context_takeover,
        ..ours.clone()
    }
}

#[test]
fn messages_arrive_with_all_parameters() {
    let messages = [json(300), json(10), noise(5000), json(70_000), vec![], json(300), noise(300)];
    for ours in all_parameters() {
        let mut sender = connection(Role::Client, &ours);
        let mut bytes = Vec::new();
        for message in &messages {
            assert!(sender.send(Message::Binary(message), &mut bytes));
        }
        let plain: usize = messages.iter().map(Vec::len).sum();
        assert!(bytes.len() < plain * 2 / 3, "{} of {plain} bytes: {ours:?}", bytes.len());
        let expected: Vec<_> = messages.iter().map(binary).collect();
        for step in [usize::MAX, 11] {
            let mut receiver = connection(Role::Server, &peer_parameters(&ours));
            assert_eq!(feed(&mut receiver, &bytes, step).as_ref(), Ok(&expected), "{ours:?}");
        }
    }
}

/// With a window of 2^n no distance exceeds 2^n: an inflater with that window can read the message.
#[test]
fn the_compressor_keeps_to_its_window() {
    for window_bits in 9..=15_u8 {
        for level in 1..=9 {
            let mut compressor = compressor::Compressor::new(window_bits, level);
            let mut inflate = flate2::Decompress::new_with_window_bits(false, window_bits);
            let block = noise(1 << (window_bits - 1));
            for _ in 0..6 {
                let mut bytes = Vec::new();
                assert!(compressor.compress(&[&block[..], &json(100)].concat(), &mut bytes));
                bytes.extend_from_slice(&TAIL);
                // One byte at a time, so that the inflater can only refer to the window.
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
fn context_takeover_shortens_repeated_messages() {
    let len_of_second = |negotiated: &NegotiatedDeflate| {
        let mut sender = connection(Role::Server, negotiated);
        let mut out = Vec::new();
        sender.send(text_message(&json(1000)), &mut out);
        let first = out.len();
        sender.send(text_message(&json(1000)), &mut out);
        out.len() - first
    };
    let with = len_of_second(&negotiated());
    let without = len_of_second(&NegotiatedDeflate { context_takeover: false, ..negotiated() });
    assert!(with < 30 && without > 100, "{with} with a context, {without} without");
}

#[test]
fn short_or_incompressible_messages_are_sent_uncompressed() {
    let mut sender =
        connection(Role::Server, &NegotiatedDeflate { threshold: 256, ..negotiated() });
    let mut out = Vec::new();
    for message in [json(255), noise(1000), vec![]] {
        out.clear();
        sender.send(Message::Binary(&message), &mut out);
        assert_eq!(out, frame(true, false, Opcode::Binary, &message));
    }
    out.clear();
    sender.send(Message::Binary(&json(256)), &mut out);
    assert_eq!(out[0], 0xC2);
}

#[test]
fn a_window_of_256_bytes_disables_compression() {
    let mut sender =
        connection(Role::Client, &NegotiatedDeflate { window_bits: 8, ..negotiated() });
    let mut out = Vec::new();
    sender.send(Message::Binary(&json(1000)), &mut out);
    assert_eq!(out[0], 0x82);
}

#[test]
fn messages_after_a_released_compressor_are_inflated() {
    let mut sender = connection(Role::Server, &negotiated());
    let mut bytes = Vec::new();
    let mut lens = Vec::new();
    for round in 0..4 {
        let before = bytes.len();
        sender.send(Message::Binary(&json(1000)), &mut bytes);
        lens.push(bytes.len() - before);
        if round == 1 {
            sender.release_compressor();
        }
    }
    assert_eq!(lens[0], lens[2]);
    assert_eq!(lens[1], lens[3]);
    assert_eq!(client_sees(&negotiated(), &bytes), Ok(vec![binary(json(1000)); 4]));
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
        assert_eq!(client_sees(&negotiated(), &bytes), Ok(vec![binary("Hello"), binary("plain")]));
    }
}

#[test]
fn rsv1_is_only_allowed_in_the_first_frame_of_a_message() {
    let rejected = Err(ProtocolError::ReservedBits);
    let again = [
        frame(false, true, Opcode::Binary, &[0xf2]),
        frame(true, true, Opcode::Continuation, &[0x00]),
    ];
    assert_eq!(client_sees(&negotiated(), &again.concat()), rejected);
    assert_eq!(client_sees(&negotiated(), &frame(true, true, Opcode::Ping, b"")), rejected);
    assert_eq!(client_sees(&negotiated(), &[0xA2, 0x00]), rejected);
    assert_eq!(client_sees(&negotiated(), &[0xD2, 0x00]), rejected);
    let mut without = Connection::client(LIMIT, || Some(KEY));
    assert_eq!(feed(&mut without, &[0xC2], 1), rejected, "at its first byte");
}

#[test]
fn an_idle_connection_is_small() {
    assert!(size_of::<Connection>() <= 160, "{} bytes", size_of::<Connection>());
    assert!(size_of::<DeflateState>() <= 48, "{} bytes", size_of::<DeflateState>());
}

#[test]
fn a_connection_can_go_to_another_thread() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&connection(Role::Server, &negotiated()));
}
