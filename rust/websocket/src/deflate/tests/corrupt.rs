//! Corrupt compressed messages.

use super::*;

fn text(payload: &[u8]) -> Vec<u8> {
    frame(true, true, Opcode::Text, payload)
}

#[test]
fn invalid_deflate_data_is_rejected() {
    let rejected = Err(ProtocolError::CorruptDeflate);
    for bytes in [
        &[0x06][..],                           // a reserved kind of block
        &[0x00, 0x05, 0x00, 0x00, 0x00, 0x00], // a length that does not fit its complement
        &[0x02, 0x05],                         // a distance to before the beginning
        &[0xFF; 20],
    ] {
        assert_eq!(client_sees(&negotiated(), &compressed(bytes)), rejected, "{bytes:x?}");
    }
    assert_eq!(ProtocolError::CorruptDeflate.close_code(), crate::CloseCode::INVALID_PAYLOAD);
}

#[test]
fn without_context_takeover_a_message_that_ends_within_a_block_is_rejected() {
    let apart = NegotiatedDeflate { peer_context_takeover: false, ..negotiated() };
    let whole = [0x00, 0x05, 0x00, 0xfa, 0xff, b'H', b'e', b'l', b'l', b'o', 0x00];
    assert_eq!(client_sees(&apart, &compressed(&whole)), Ok(vec![binary("Hello")]));
    // The first byte alone is an empty message; with six, the appended tail completes the block.
    for len in (2..whole.len()).filter(|len| *len != 6) {
        // Without the last byte the block is complete, but the one that the tail ends is not.
        let cut = client_sees(&apart, &compressed(&whole[..len]));
        assert_eq!(cut, Err(ProtocolError::CorruptDeflate), "{len} bytes");
    }
}

#[test]
fn invalid_utf8_is_rejected_as_it_is_inflated() {
    let mut bytes = vec![0x00, 0x05, 0x00, 0xfa, 0xff, b'a', 0xFF];
    let mut client = connection(Role::Client, &negotiated());
    let mut start = vec![0xC1, 0x0B];
    start.append(&mut bytes);
    assert_eq!(feed(&mut client, &start, usize::MAX), Err(ProtocolError::InvalidUtf8));
    let cut_short = [0x00, 0x02, 0x00, 0xfd, 0xff, 0xE2, 0x82, 0x00];
    assert_eq!(client_sees(&negotiated(), &text(&cut_short)), Err(ProtocolError::InvalidUtf8));
}

#[test]
fn a_character_may_be_split_anywhere() {
    let mut sender = connection(Role::Server, &negotiated());
    let mut bytes = Vec::new();
    let message = "κόσμε 𐍈 ".repeat(10);
    sender.send(text_message(message.as_bytes()), &mut bytes);
    assert_eq!(bytes[0], 0xC1);
    for cut in 2..bytes.len() {
        let fragments = [
            frame(false, true, Opcode::Text, &bytes[2..cut]),
            frame(true, false, Opcode::Continuation, &bytes[cut..]),
        ];
        let mut client = connection(Role::Client, &negotiated());
        let seen = feed(&mut client, &fragments.concat(), usize::MAX);
        assert_eq!(seen, Ok(vec![(MessageKind::Text, message.clone().into_bytes())]));
    }
}

/// A corrupted stream is inflated or rejected, with the same result for all chunk sizes.
#[test]
fn corrupt_streams_give_the_same_result_in_any_chunks() {
    let mut sender = connection(Role::Server, &negotiated());
    let mut bytes = Vec::new();
    sender.send(text_message(&json(300)), &mut bytes);
    sender.send(Message::Binary(&json(200)), &mut bytes);
    let mut results = [0, 0];
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            results[usize::from(client_sees(&negotiated(), &changed).is_ok())] += 1;
        }
    }
    assert!(results.iter().all(|count| *count > 100), "{results:?}");
}
