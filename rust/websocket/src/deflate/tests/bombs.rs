//! Decompression bombs.

use super::*;

/// Returns `len` zeros, compressed.
fn zeros(len: usize) -> Vec<u8> {
    let mut compressor = compressor::Compressor::new(15, 9);
    let mut bytes = Vec::new();
    assert!(compressor.compress(&vec![0; len], &mut bytes));
    bytes
}

#[test]
fn a_message_may_inflate_to_the_limit_and_not_beyond() {
    for limit in [0, 1, 255, 256, 257, 5000, 65_536, LIMIT] {
        let seen = |len: usize, step| {
            let mut client = Connection::client(limit, || Some(KEY));
            client.set_deflate(negotiated());
            feed(&mut client, &compressed(&zeros(len)), step)
        };
        for step in [1, 13, usize::MAX] {
            assert_eq!(seen(limit, step), Ok(vec![binary(vec![0; limit])]), "{limit}");
            let rejected = Err(ProtocolError::MessageTooBig { limit });
            assert_eq!(seen(limit + 1, step), rejected);
            assert_eq!(seen(limit + 100_000, step), rejected);
        }
    }
}

#[test]
fn a_bomb_is_rejected_before_memory_is_allocated() {
    let bomb = zeros(100_000_000);
    assert!(bomb.len() < 200_000);
    let mut payload = Vec::new();
    let mut inflating = InflateOutput { payload: &mut payload, utf8: None, limit: LIMIT };
    let rejected = inflater::Inflater::new().inflate(&bomb, &mut inflating);
    assert_eq!(rejected, Err(ProtocolError::MessageTooBig { limit: LIMIT }));
    assert!(payload.capacity() <= LIMIT + 64, "{} bytes", payload.capacity());
}

#[test]
fn a_fragmented_bomb_is_rejected_with_the_fragment_over_the_limit() {
    let bytes = zeros(LIMIT + 1);
    let (head, tail) = bytes.split_at(bytes.len() - 2);
    let mut client = connection(Role::Client, &negotiated());
    assert_eq!(feed(&mut client, &frame(false, true, Opcode::Binary, head), 5), Ok(vec![]));
    let rest = frame(true, false, Opcode::Continuation, tail);
    assert_eq!(feed(&mut client, &rest, 5), Err(ProtocolError::MessageTooBig { limit: LIMIT }));
}

#[test]
fn too_long_compressed_messages_are_rejected_by_their_header() {
    let too_long = LIMIT + LIMIT / 8 + 1025;
    let header = frame(true, true, Opcode::Binary, &vec![0; too_long]);
    let rejected = Err(ProtocolError::MessageTooBig { limit: LIMIT });
    assert_eq!(feed(&mut connection(Role::Client, &negotiated()), &header[..10], 1), rejected);
    // Empty blocks count as well.
    let mut client = connection(Role::Client, &negotiated());
    let empty = [0x00, 0x00, 0x00, 0xFF, 0xFF].repeat(1000);
    let mut bytes = frame(false, true, Opcode::Binary, &empty);
    for _ in 0..(too_long / empty.len()) {
        bytes.extend(frame(false, false, Opcode::Continuation, &empty));
    }
    assert_eq!(feed(&mut client, &bytes, usize::MAX), rejected);
}

#[test]
fn incompressible_messages_fit_into_the_compressed_limit() {
    let message = noise(LIMIT);
    for level in [0, 1, 2, 6] {
        let mut compressor = compressor::Compressor::new(15, level);
        let mut bytes = Vec::new();
        assert!(compressor.compress(&message, &mut bytes));
        assert!(bytes.len() > LIMIT);
        assert_eq!(
            feed(&mut connection(Role::Client, &negotiated()), &compressed(&bytes), usize::MAX),
            Ok(vec![binary(&message)])
        );
    }
}

#[test]
fn a_short_message_holds_little_memory() {
    let mut client = connection(Role::Client, &negotiated());
    let mut bytes = compressed(&zeros(3));
    let (_, event) = client.receive(&mut bytes).expect("valid");
    let Some(Event::Message { payload: std::borrow::Cow::Owned(payload), .. }) = event else {
        panic!("no owned message: {event:?}");
    };
    assert_eq!(payload, [0; 3]);
    assert!(payload.capacity() <= 8, "{} bytes", payload.capacity());
}
