//! Messages that are much longer than they look, or take longer than they should.

use super::*;

/// So many zeros, compressed.
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
            let mut client = Connection::new(Role::Client, limit);
            client.set_deflate(agreed());
            feed(&mut client, &compressed(&zeros(len)), step)
        };
        for step in [1, 13, usize::MAX] {
            assert_eq!(seen(limit, step), Ok(vec![binary(vec![0; limit])]), "{limit}");
            let refused = Err(Violation::MessageTooBig { limit });
            assert_eq!(seen(limit + 1, step), refused);
            assert_eq!(seen(limit + 100_000, step), refused);
        }
    }
}

#[test]
fn a_bomb_is_refused_before_memory_is_taken_for_it() {
    let bomb = zeros(100_000_000);
    assert!(bomb.len() < 200_000);
    let mut payload = Vec::new();
    let mut inflating = Inflating { payload: &mut payload, utf8: None, limit: LIMIT };
    let refused = inflater::Inflater::new().inflate(&bomb, &mut inflating);
    assert_eq!(refused, Err(Violation::MessageTooBig { limit: LIMIT }));
    assert!(payload.capacity() <= LIMIT + 64, "{} bytes", payload.capacity());
}

#[test]
fn a_bomb_in_fragments_is_refused_with_the_one_that_goes_too_far() {
    let bytes = zeros(LIMIT + 1);
    let (head, tail) = bytes.split_at(bytes.len() - 2);
    let mut client = connection(Role::Client, &agreed());
    assert_eq!(feed(&mut client, &frame(false, true, Opcode::Binary, head), 5), Ok(vec![]));
    let rest = frame(true, false, Opcode::Continuation, tail);
    assert_eq!(feed(&mut client, &rest, 5), Err(Violation::MessageTooBig { limit: LIMIT }));
}

#[test]
fn what_is_longer_compressed_than_it_can_need_to_be_is_refused_by_its_header() {
    let too_long = LIMIT + LIMIT / 8 + 1025;
    let header = frame(true, true, Opcode::Binary, &vec![0; too_long]);
    let refused = Err(Violation::MessageTooBig { limit: LIMIT });
    assert_eq!(feed(&mut connection(Role::Client, &agreed()), &header[..10], 1), refused);
    // Blocks without content count, too.
    let mut client = connection(Role::Client, &agreed());
    let empty = [0x00, 0x00, 0x00, 0xFF, 0xFF].repeat(1000);
    let mut bytes = frame(false, true, Opcode::Binary, &empty);
    for _ in 0..(too_long / empty.len()) {
        bytes.extend(frame(false, false, Opcode::Continuation, &empty));
    }
    assert_eq!(feed(&mut client, &bytes, usize::MAX), refused);
}

#[test]
fn what_was_stored_by_a_sender_that_does_not_look_is_within_the_limit() {
    let message = noise(LIMIT);
    for level in [0, 1, 2, 6] {
        let mut compressor = compressor::Compressor::new(15, level);
        let mut bytes = Vec::new();
        assert!(compressor.compress(&message, &mut bytes));
        assert!(bytes.len() > LIMIT);
        assert_eq!(
            feed(&mut connection(Role::Client, &agreed()), &compressed(&bytes), usize::MAX),
            Ok(vec![binary(&message)])
        );
    }
}

#[test]
fn little_memory_is_kept_for_a_short_message() {
    let mut client = connection(Role::Client, &agreed());
    let mut bytes = compressed(&zeros(3));
    let (_, event) = client.receive(&mut bytes).expect("valid");
    let Some(Event::Message { payload: std::borrow::Cow::Owned(payload), .. }) = event else {
        panic!("no message of its own: {event:?}");
    };
    assert_eq!(payload, [0; 3]);
    assert!(payload.capacity() <= 8, "{} bytes", payload.capacity());
}
