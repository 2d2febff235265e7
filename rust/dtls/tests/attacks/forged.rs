//! Unauthenticated messages may delay a handshake, but not end it.

use super::*;
use crate::foreign::server::{ForeignServer, ServerParameters};
use crate::foreign::wire::{message, vector};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};

const KINDS: [u8; 13] = [0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 20, 77];

/// Forge for both the client and the server.
const BOTH: [bool; 2] = [true, true];

impl Pair {
    fn forge(&mut self, to: [bool; 2], datagram: &[u8]) {
        for (end, is_target) in [&mut self.client, &mut self.server].into_iter().zip(to) {
            if is_target {
                end.handle_datagram(self.now, &mut datagram.to_vec());
            }
        }
    }
}

#[test]
fn unexpected_plaintext_messages_do_not_end_a_handshake() {
    for kind in KINDS {
        for sequence in 0..7 {
            for body in [&b""[..], &[0; 13], &[3; 40]] {
                let forged = record(HANDSHAKE, 0, 9, &message(kind, sequence, body));
                let what = format!("kind {kind}, number {sequence}, {} bytes", body.len());
                // Before the server's flight.
                let mut pair = Pair::begin();
                pair.forge(BOTH, &forged);
                pair.assert_connected(&what);
                // After it, and before the client's flight.
                let mut pair = Pair::begin();
                run_jobs(&mut pair.server, pair.now);
                pair.forge(BOTH, &forged);
                while let Some(mut datagram) = pair.server.poll_transmit() {
                    pair.client.handle_datagram(pair.now, &mut datagram);
                    pair.forge(BOTH, &forged);
                }
                run_jobs(&mut pair.client, pair.now);
                pair.forge(BOTH, &forged);
                pair.assert_connected(&what);
            }
        }
    }
}

#[test]
fn malformed_fragments_do_not_end_a_handshake() {
    for kind in [2, 11, 12, 14, 16] {
        for (length, offset, len) in [(40, 0, 10), (40, 30, 10), (30_000, 0, 1000), (1, 0, 1)] {
            let mut pair = Pair::begin();
            for sequence in 0..7 {
                let forged = fragment(kind, length, sequence, offset, &vec![7; len]);
                pair.forge(BOTH, &record(HANDSHAKE, 0, 9, &forged));
            }
            pair.assert_connected(&format!("{kind}: {len} of {length} at {offset}"));
        }
    }
}

#[test]
fn forged_alert_does_not_end_a_valid_handshake() {
    for content in [&[2, 40][..], &[2, 80], &[1, 0], &[2], &[3, 3], &[]] {
        let mut pair = Pair::begin();
        // The server's flight is lost, so the handshake takes another second.
        run_jobs(&mut pair.server, pair.now);
        while pair.server.poll_transmit().is_some() {}
        pair.forge(BOTH, &record(ALERT, 0, 9, content));
        pair.assert_connected(&format!("{content:?}"));
    }
}

/// Returns the well-formed flight of another server, signed for another client random.
fn foreign_flight() -> Vec<Vec<u8>> {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(vec!["game.example".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("signed").der().to_vec();
    let config = ClientConfig {
        verifier: PinnedCertificate::of(&cached_key(Kind::P256).certified_key),
        server_name: None,
        certified_key: None,
        limits: Limits::default(),
    };
    let server = ForeignServer::begin(config, vec![certificate], &key.serialize_der());
    let flight = server.flight(&ServerParameters::new());
    let number = |(index, (kind, body)): (usize, (u8, Vec<u8>))| {
        let sequence = u16::try_from(index + 1).expect("few");
        record(HANDSHAKE, 0, 90, &message(kind, sequence, &body))
    };
    flight.into_iter().enumerate().map(number).collect()
}

#[test]
fn forged_server_flight_does_not_end_a_handshake() {
    let flight = foreign_flight();
    for count in 1..=flight.len() {
        for before in [true, false] {
            let mut pair = Pair::begin();
            run_jobs(&mut pair.server, pair.now);
            let server_flight: Vec<_> =
                std::iter::from_fn(|| pair.server.poll_transmit()).collect();
            let (first, second) = if before {
                (&flight[..count], &server_flight[..])
            } else {
                (&server_flight[..], &flight[..count])
            };
            for datagram in first.iter().chain(second) {
                pair.client.handle_datagram(pair.now, &mut datagram.clone());
            }
            pair.assert_connected(&format!("{count} messages, first: {before}"));
        }
    }
}

#[test]
fn forged_client_key_exchange_does_not_end_a_handshake() {
    let private = PrivateKey::generate(&ECDH_P256).expect("a key");
    let point = private.compute_public_key().expect("a key");
    let x25519 = [9; 32];
    for (public, times) in [(point.as_ref(), 1), (&x25519[..], 1), (&x25519[..], 40)] {
        for at in 0..3 {
            let mut pair = Pair::begin();
            run_jobs(&mut pair.server, pair.now);
            while let Some(mut datagram) = pair.server.poll_transmit() {
                pair.client.handle_datagram(pair.now, &mut datagram);
            }
            run_jobs(&mut pair.client, pair.now);
            let answer: Vec<_> = std::iter::from_fn(|| pair.client.poll_transmit()).collect();
            for number in 0..times {
                let mut public = public.to_vec();
                public[1] ^= number;
                let forged = record(HANDSHAKE, 0, 9, &message(16, 2, &vector::<1>(&public)));
                let forge = |pair: &mut Pair| {
                    pair.server.handle_datagram(pair.now, &mut forged.clone());
                    run_jobs(&mut pair.server, pair.now);
                };
                if at == 0 {
                    forge(&mut pair);
                }
                for datagram in &answer {
                    // The last case: between the ClientKeyExchange and the Finished.
                    let (key, rest) = datagram.split_at(13 + 12 + 33);
                    pair.server.handle_datagram(pair.now, &mut key.to_vec());
                    if at == 1 {
                        run_jobs(&mut pair.server, pair.now);
                        forge(&mut pair);
                    } else if at == 2 {
                        forge(&mut pair);
                    }
                    if number + 1 == times {
                        pair.server.handle_datagram(pair.now, &mut rest.to_vec());
                    }
                }
            }
            pair.assert_connected(&format!("{} bytes, {times} times, at {at}", public.len()));
        }
    }
}

#[test]
fn forged_hello_verify_requests_do_not_end_a_handshake() {
    for before in [true, false] {
        let mut pair = Pair::begin();
        run_jobs(&mut pair.server, pair.now);
        let server_flight: Vec<_> = std::iter::from_fn(|| pair.server.poll_transmit()).collect();
        let request = |sequence| {
            let body = [&[0xFE, 0xFF][..], &vector::<1>(&[7; 32])].concat();
            record(HANDSHAKE, 0, 9, &message(3, sequence, &body))
        };
        if !before {
            for datagram in &server_flight[..1] {
                pair.client.handle_datagram(pair.now, &mut datagram.clone());
            }
        }
        for sequence in 0..20 {
            pair.client.handle_datagram(pair.now, &mut request(sequence));
        }
        pair.assert_connected(&format!("first: {before}"));
    }
}

#[test]
fn unauthenticated_failure_ends_the_handshake_after_its_delay() {
    let mut pair = Pair::begin();
    let begin = pair.now;
    pair.server.handle_datagram(begin, &mut record(ALERT, 0, 9, &[2, 40]));
    pair.client.handle_datagram(begin, &mut record(HANDSHAKE, 0, 9, &message(2, 1, b"junk")));
    for end in [&mut pair.server, &mut pair.client] {
        for _ in 0..5 {
            run_jobs(end, pair.now);
            while end.poll_transmit().is_some() {}
            if let Some(deadline) = end.poll_timeout() {
                end.handle_timeout(deadline);
                assert!(deadline <= begin + Duration::from_secs(2));
            }
        }
        assert!(matches!(end.state(), State::Failed(_)), "{:?}", end.state());
    }
}

#[test]
fn repeated_forged_flights_cost_at_most_four_jobs_a_second() {
    let mut pair = Pair::begin();
    run_jobs(&mut pair.server, pair.now);
    let mut jobs = 0;
    for number in 0..10_000_u32 {
        let mut public = [9; 32];
        public[..4].copy_from_slice(&number.to_be_bytes());
        let forged = record(HANDSHAKE, 0, 9, &message(16, 2, &vector::<1>(&public)));
        pair.now += Duration::from_millis(1);
        pair.server.handle_datagram(pair.now, &mut forged.clone());
        while let Some(job) = pair.server.poll_job() {
            jobs += 1;
            pair.server.handle_job_output(pair.now, job.run());
        }
    }
    assert!(jobs <= 16 + 1 + 4 * 10, "{jobs}");
}
