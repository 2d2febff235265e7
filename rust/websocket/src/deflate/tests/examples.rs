//! The examples of RFC 7692 section 7.2.3, byte for byte.

use super::*;

#[test]
fn one_block() {
    let bytes = [0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(
        client_sees(&negotiated(), &bytes),
        Ok(vec![(MessageKind::Text, b"Hello".to_vec())])
    );
    let fragments = [0x41, 0x03, 0xf2, 0x48, 0xcd, 0x80, 0x04, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(
        client_sees(&negotiated(), &fragments),
        Ok(vec![(MessageKind::Text, b"Hello".to_vec())])
    );
}

#[test]
fn a_shared_window() {
    let bytes = [
        &[0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
        &[0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00],
    ]
    .concat();
    let hello = (MessageKind::Text, b"Hello".to_vec());
    assert_eq!(client_sees(&negotiated(), &bytes), Ok(vec![hello.clone(), hello]));
    // Without the first message, the second refers to nothing.
    let apart = NegotiatedDeflate { peer_context_takeover: false, ..negotiated() };
    assert_eq!(client_sees(&apart, &bytes), Err(ProtocolError::CorruptDeflate));
}

#[test]
fn a_block_without_compression() {
    let bytes = [0xc1, 0x0b, 0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
    assert_eq!(
        client_sees(&negotiated(), &bytes),
        Ok(vec![(MessageKind::Text, b"Hello".to_vec())])
    );
}

#[test]
fn a_final_block() {
    let bytes = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    for peer_context_takeover in [true, false] {
        let negotiated = NegotiatedDeflate { peer_context_takeover, ..negotiated() };
        let hello = binary("Hello");
        let twice = [compressed(&bytes), compressed(&bytes)].concat();
        assert_eq!(client_sees(&negotiated, &twice), Ok(vec![hello.clone(), hello.clone()]));
        // The byte after the final block is missing; a valid message follows.
        let short = [compressed(&bytes[..7]), compressed(&bytes)].concat();
        assert_eq!(client_sees(&negotiated, &short), Ok(vec![hello.clone(), hello]));
        // Several final blocks in a message.
        let both = compressed(&[&bytes[..7], &bytes[..]].concat());
        assert_eq!(client_sees(&negotiated, &both), Ok(vec![binary("HelloHello")]));
    }
}

#[test]
fn two_blocks() {
    let bytes = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(client_sees(&negotiated(), &compressed(&bytes)), Ok(vec![binary("Hello")]));
}

#[test]
fn an_empty_message() {
    for negotiated in
        [negotiated(), NegotiatedDeflate { peer_context_takeover: false, ..negotiated() }]
    {
        // The last one flushes nothing.
        let bytes = [
            compressed(&[0x00]),
            compressed(&[0x02, 0x00]),
            compressed(&[]),
            compressed(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
        ]
        .concat();
        let empty = binary("");
        assert_eq!(
            client_sees(&negotiated, &bytes),
            Ok(vec![empty.clone(), empty.clone(), empty, binary("Hello")])
        );
    }
}

#[test]
fn hello_is_compressed_as_in_the_rfc() {
    let mut out = Vec::new();
    let mut server = connection(Role::Server, &negotiated());
    // "Hello" itself does not become shorter: five bytes become seven.
    assert!(server.send(text_message(b"Hello"), &mut out));
    assert_eq!(out, b"\x81\x05Hello");
    out.clear();
    assert!(server.send(text_message(&b"Hello".repeat(3)), &mut out));
    assert_eq!(out[0], 0xC1);
    assert!(out.len() < 17);
}
