//! Fragmented `ClientHello`s, and `max_fragment_length`.

use super::*;
use foreign::client::{address, cookie, run_jobs, take_datagrams};
use foreign::wire::{HANDSHAKE, extension, fragment, message, record, records};
use lodewire_dtls::{ClientHelloVerification, CookieGenerator};

/// Splits a ClientHello into fragments of `len` bytes, each in one datagram. Returns the whole message too.
fn fragments(hello: &Hello, sequence: u16, cookie: &[u8], len: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    let body = hello.body(cookie);
    let datagrams = body.chunks(len).enumerate().map(|(index, part)| {
        let message = fragment(1, body.len(), sequence, index * len, part);
        record(HANDSHAKE, 0, index as u64, &message)
    });
    (message(1, sequence, &body), datagrams.collect())
}

fn large() -> Hello {
    let mut hello = Hello::new();
    // A key share of TLS 1.3 as long as a post-quantum one.
    hello.extensions.insert(0, extension(51, &[7; 1700]));
    hello
}

#[test]
fn fragmented_client_hello_is_answered_and_reassembled() {
    for (len, order) in [(1200, [0, 1]), (900, [1, 0]), (200, [0, 1])] {
        let now = Instant::now();
        let mut cookies = CookieGenerator::new(now).expect("random bytes");
        let (_, first) = fragments(&large(), 0, &[], len);
        let answer = cookies.verify_client_hello(now, address(), &first[0]);
        assert!(
            matches!(&answer, ClientHelloVerification::HelloVerifyRequest(answer) if answer.len() <= first[0].len())
        );
        for datagram in &first[1..] {
            let verification = cookies.verify_client_hello(now, address(), datagram);
            assert!(
                matches!(verification, ClientHelloVerification::Ignored),
                "the first one is enough"
            );
        }
        let (transcript, second) = fragments(&large(), 1, &cookie(&answer), len);
        let ClientHelloVerification::Verified(hello) =
            cookies.verify_client_hello(now, address(), &second[0])
        else {
            panic!("the cookie is wrong")
        };
        let mut server = Connection::accept(now, server_config(), hello).expect("a part");
        assert_eq!(server.poll_transmit(), None);
        assert_eq!(server.state(), &State::Handshaking);
        let mut rest: Vec<_> = second[1..].to_vec();
        if order[0] == 1 {
            rest.reverse();
        }
        for datagram in &rest {
            server.handle_datagram(now, &mut datagram.clone());
        }
        run_jobs(&mut server, now);
        let mut client = ForeignClient::of(now, server, transcript);
        client.receive_server_flight();
        client.exchange_keys();
        client.finish();
        assert_eq!(client.server.state(), &State::Connected);
    }
}

#[test]
fn forged_client_hello_fragments_are_replaced_by_retransmissions() {
    let now = Instant::now();
    let mut cookies = CookieGenerator::new(now).expect("random bytes");
    let (_, first) = fragments(&large(), 0, &[], 600);
    let cookie = cookie(&cookies.verify_client_hello(now, address(), &first[0]));
    let (transcript, second) = fragments(&large(), 1, &cookie, 600);
    let ClientHelloVerification::Verified(hello) =
        cookies.verify_client_hello(now, address(), &second[0])
    else {
        panic!("the cookie is wrong")
    };
    let mut server = Connection::accept(now, server_config(), hello).expect("a part");
    // Forged fragments with another length, with other content, and of another message, each in the place of a valid one.
    for forged in [
        fragment(1, 5000, 1, 600, &[1; 100]),
        fragment(1, transcript.len() - 12, 1, 600, &[1; 1200]),
        fragment(1, transcript.len() - 12, 1, 1200, &vec![1; transcript.len() - 1212]),
        message(16, 1, &[1; 66]),
    ] {
        server.handle_datagram(now, &mut record(HANDSHAKE, 0, 3, &forged));
    }
    for datagram in second.iter().chain(&second) {
        server.handle_datagram(now, &mut datagram.clone());
    }
    run_jobs(&mut server, now);
    let mut client = ForeignClient::of(now, server, transcript);
    client.receive_server_flight();
    client.exchange_keys();
    client.finish();
    assert_eq!(client.server.state(), &State::Connected);
}

#[test]
fn client_hello_over_8_kib_is_ignored() {
    let now = Instant::now();
    let mut cookies = CookieGenerator::new(now).expect("random bytes");
    let mut hello = Hello::new();
    hello.extensions.push(extension(51, &[7; 9000]));
    let (_, datagrams) = fragments(&hello, 0, &[], 1200);
    assert!(matches!(
        cookies.verify_client_hello(now, address(), &datagrams[0]),
        ClientHelloVerification::Ignored
    ));
}

#[test]
fn server_respects_max_fragment_length() {
    for (number, most) in [(1, 512), (2, 1024), (3, 2048), (4, 4096)] {
        let config = ServerConfig {
            certified_key: cached_key(Kind::Rsa2048).certified_key,
            ..server_config()
        };
        let limits = Limits { mtu: 9000, ..Limits::default() };
        let config = ServerConfig { limits, ..config };
        // An RSA certificate is longer than the shortest record.
        let mut hello = Hello::with(1, &[number]);
        hello.extensions[1] = extension(13, &[0, 2, 4, 1]);
        let now = Instant::now();
        let mut cookies = CookieGenerator::new(now).expect("random bytes");
        let body = |cookie: &[u8]| {
            let mut body = hello.body(cookie);
            let suite = 2 + 32 + 1 + 1 + cookie.len() + 2;
            body[suite..suite + 2].copy_from_slice(&[0xC0, 0x2F]);
            body
        };
        let datagram = record(HANDSHAKE, 0, 0, &message(1, 0, &body(&[])));
        let cookie = cookie(&cookies.verify_client_hello(now, address(), &datagram));
        let second = message(1, 1, &body(&cookie));
        let datagram = record(HANDSHAKE, 0, 1, &second);
        let ClientHelloVerification::Verified(verified) =
            cookies.verify_client_hello(now, address(), &datagram)
        else {
            panic!("the cookie is wrong")
        };
        let mut server =
            Connection::accept(now, config, verified).expect("an acceptable ClientHello");
        run_jobs(&mut server, now);
        let flight = take_datagrams(&mut server);
        assert!(records(&flight).iter().all(|record| record.content.len() <= most), "{most}");
        server.handle_timeout(now + Duration::from_secs(1));
        assert_eq!(
            take_datagrams(&mut server).concat().len(),
            flight.concat().len(),
            "the same again"
        );
        let hello = &foreign::wire::messages(&flight)[0].2;
        assert!(hello.windows(5).any(|bytes| bytes == [0, 1, 0, 1, number]), "it is echoed");

        let mut client =
            ForeignClient::begin(server_config(), &Hello::with(1, &[number])).expect("a server");
        client.exchange_keys();
        client.finish();
        assert_eq!(client.server.max_packet_size(), most);
        let too_long = lodewire_dtls::SendError::TooLong;
        assert_eq!(client.server.send(&vec![7; most + 1]), Err(too_long));
        assert_eq!(client.server.send(&vec![7; most]), Ok(()));
        client.send_encrypted(23, &vec![7; most]);
        assert_eq!(client.server.receive(), Some(vec![7; most]));
        client.send_encrypted(23, &vec![7; most + 1]);
        assert_eq!(failure_alert(&client.server), Alert::RECORD_OVERFLOW);
    }
}
