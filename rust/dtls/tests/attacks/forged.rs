//! What is not authentic may delay a handshake, but not end it.

use super::*;
use crate::foreign::server::{ForeignServer, Offer};
use crate::foreign::wire::{message, vector};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};

const KINDS: [u8; 13] = [0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 20, 77];

/// Which ends are told something false.
const BOTH: [bool; 2] = [true, true];

impl Ends {
    fn forge(&mut self, to: [bool; 2], datagram: &[u8]) {
        for (end, told) in [&mut self.client, &mut self.server].into_iter().zip(to) {
            if told {
                end.handle_datagram(self.now, &mut datagram.to_vec());
            }
        }
    }
}

#[test]
fn a_message_out_of_turn_does_not_end_a_handshake() {
    for kind in KINDS {
        for sequence in 0..7 {
            for body in [&b""[..], &[0; 13], &[3; 40]] {
                let forged = record(HANDSHAKE, 0, 9, &message(kind, sequence, body));
                let what = format!("kind {kind}, number {sequence}, {} bytes", body.len());
                // Before the server's offer.
                let mut ends = Ends::begin();
                ends.forge(BOTH, &forged);
                ends.assert_connected(&what);
                // Behind it, and before the client's answer.
                let mut ends = Ends::begin();
                work(&mut ends.server, ends.now);
                ends.forge(BOTH, &forged);
                while let Some(mut datagram) = ends.server.poll_transmit() {
                    ends.client.handle_datagram(ends.now, &mut datagram);
                    ends.forge(BOTH, &forged);
                }
                work(&mut ends.client, ends.now);
                ends.forge(BOTH, &forged);
                ends.assert_connected(&what);
            }
        }
    }
}

#[test]
fn damaged_lengths_and_fragments_do_not_end_a_handshake() {
    for kind in [2, 11, 12, 14, 16] {
        for (length, offset, len) in [(40, 0, 10), (40, 30, 10), (30_000, 0, 1000), (1, 0, 1)] {
            let mut ends = Ends::begin();
            for sequence in 0..7 {
                let forged = fragment(kind, length, sequence, offset, &vec![7; len]);
                ends.forge(BOTH, &record(HANDSHAKE, 0, 9, &forged));
            }
            ends.assert_connected(&format!("{kind}: {len} of {length} at {offset}"));
        }
    }
}

#[test]
fn a_forged_alert_does_not_end_a_handshake_that_goes_on() {
    for content in [&[2, 40][..], &[2, 80], &[1, 0], &[2], &[3, 3], &[]] {
        let mut ends = Ends::begin();
        // The offer is lost, so that it takes another second.
        work(&mut ends.server, ends.now);
        while ends.server.poll_transmit().is_some() {}
        ends.forge(BOTH, &record(ALERT, 0, 9, content));
        ends.assert_connected(&format!("{content:?}"));
    }
}

/// The flight of another server, well-formed and well signed, but for another random.
fn foreign_flight() -> Vec<Vec<u8>> {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(vec!["game.example".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("signed").der().to_vec();
    let config = ClientConfig {
        verifier: Only::of(&make(Kind::P256).certified_key),
        server_name: None,
        certified_key: None,
        limits: Limits::default(),
    };
    let server = ForeignServer::begin(config, vec![certificate], &key.serialize_der());
    let flight = server.flight(&Offer::new());
    let number = |(index, (kind, body)): (usize, (u8, Vec<u8>))| {
        let sequence = u16::try_from(index + 1).expect("few");
        record(HANDSHAKE, 0, 90, &message(kind, sequence, &body))
    };
    flight.into_iter().enumerate().map(number).collect()
}

#[test]
fn a_forged_flight_of_a_server_does_not_end_a_handshake() {
    let flight = foreign_flight();
    for count in 1..=flight.len() {
        for before in [true, false] {
            let mut ends = Ends::begin();
            work(&mut ends.server, ends.now);
            let offer: Vec<_> = std::iter::from_fn(|| ends.server.poll_transmit()).collect();
            let (first, second) = if before {
                (&flight[..count], &offer[..])
            } else {
                (&offer[..], &flight[..count])
            };
            for datagram in first.iter().chain(second) {
                ends.client.handle_datagram(ends.now, &mut datagram.clone());
            }
            ends.assert_connected(&format!("{count} messages, first: {before}"));
        }
    }
}

#[test]
fn a_forged_key_of_a_client_does_not_end_a_handshake() {
    let private = PrivateKey::generate(&ECDH_P256).expect("a key");
    let point = private.compute_public_key().expect("a key");
    let x25519 = [9; 32];
    for (public, times) in [(point.as_ref(), 1), (&x25519[..], 1), (&x25519[..], 40)] {
        for at in 0..3 {
            let mut ends = Ends::begin();
            work(&mut ends.server, ends.now);
            while let Some(mut datagram) = ends.server.poll_transmit() {
                ends.client.handle_datagram(ends.now, &mut datagram);
            }
            work(&mut ends.client, ends.now);
            let answer: Vec<_> = std::iter::from_fn(|| ends.client.poll_transmit()).collect();
            for number in 0..times {
                let mut public = public.to_vec();
                public[1] ^= number;
                let forged = record(HANDSHAKE, 0, 9, &message(16, 2, &vector::<1>(&public)));
                let forge = |ends: &mut Ends| {
                    ends.server.handle_datagram(ends.now, &mut forged.clone());
                    work(&mut ends.server, ends.now);
                };
                if at == 0 {
                    forge(&mut ends);
                }
                for datagram in &answer {
                    // The last: between the key and the Finished.
                    let (key, rest) = datagram.split_at(13 + 12 + 33);
                    ends.server.handle_datagram(ends.now, &mut key.to_vec());
                    if at == 1 {
                        work(&mut ends.server, ends.now);
                        forge(&mut ends);
                    } else if at == 2 {
                        forge(&mut ends);
                    }
                    if number + 1 == times {
                        ends.server.handle_datagram(ends.now, &mut rest.to_vec());
                    }
                }
            }
            ends.assert_connected(&format!("{} bytes, {times} times, at {at}", public.len()));
        }
    }
}

#[test]
fn forged_requests_for_a_cookie_do_not_end_a_handshake() {
    for before in [true, false] {
        let mut ends = Ends::begin();
        work(&mut ends.server, ends.now);
        let offer: Vec<_> = std::iter::from_fn(|| ends.server.poll_transmit()).collect();
        let request = |sequence| {
            let body = [&[0xFE, 0xFF][..], &vector::<1>(&[7; 32])].concat();
            record(HANDSHAKE, 0, 9, &message(3, sequence, &body))
        };
        if !before {
            for datagram in &offer[..1] {
                ends.client.handle_datagram(ends.now, &mut datagram.clone());
            }
        }
        for sequence in 0..20 {
            ends.client.handle_datagram(ends.now, &mut request(sequence));
        }
        ends.assert_connected(&format!("first: {before}"));
    }
}

#[test]
fn what_is_true_counts_in_time() {
    let mut ends = Ends::begin();
    let begin = ends.now;
    ends.server.handle_datagram(begin, &mut record(ALERT, 0, 9, &[2, 40]));
    ends.client.handle_datagram(begin, &mut record(HANDSHAKE, 0, 9, &message(2, 1, b"junk")));
    for end in [&mut ends.server, &mut ends.client] {
        for _ in 0..5 {
            work(end, ends.now);
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
fn who_repeats_a_forged_flight_costs_no_more_than_four_jobs_a_second() {
    let mut ends = Ends::begin();
    work(&mut ends.server, ends.now);
    let mut jobs = 0;
    for number in 0..10_000_u32 {
        let mut public = [9; 32];
        public[..4].copy_from_slice(&number.to_be_bytes());
        let forged = record(HANDSHAKE, 0, 9, &message(16, 2, &vector::<1>(&public)));
        ends.now += Duration::from_millis(1);
        ends.server.handle_datagram(ends.now, &mut forged.clone());
        while let Some(job) = ends.server.poll_job() {
            jobs += 1;
            ends.server.handle_job_output(ends.now, job.run());
        }
    }
    assert!(jobs <= 16 + 1 + 4 * 10, "{jobs}");
}
