//! Datagrams of clients without a cookie.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lodewire_cost::{Counting, spent};
use lodewire_dtls::{ClientHelloVerification, Connection, CookieGenerator};
use std::net::SocketAddr;
use std::time::Instant;

#[expect(dead_code, reason = "no client here")]
mod pair;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Maximum number of bytes allocated for a byte received, and once.
const ALLOCATED: u64 = 8;
const ALLOCATED_ONCE: u64 = 1 << 10;

fuzz_target!(|datagram: &[u8]| {
    let now = Instant::now();
    let Some(mut cookies) = CookieGenerator::new(now) else { return };
    let from = SocketAddr::from(([10, 0, 0, 1], 1234));
    let before = spent();
    let verification = cookies.verify_client_hello(now, from, datagram);
    let allocated = spent().since(before).bytes;
    let max = datagram.len() as u64 * ALLOCATED + ALLOCATED_ONCE;
    assert!(allocated <= max, "{allocated} bytes were allocated for {}", datagram.len());
    match verification {
        ClientHelloVerification::Ignored => {}
        ClientHelloVerification::HelloVerifyRequest(answer) => {
            assert!(answer.len() <= datagram.len());
            // With the cookie the same ClientHello is verified, unless its lengths do not allow it.
            let cookie = &answer[28..];
            let id = 13 + 12 + 34;
            let at = id + 1 + usize::from(datagram[id]);
            let before = usize::from(datagram[at]);
            let mut hello = datagram.to_vec();
            hello.splice(at..=at + before, std::iter::once(32).chain(cookie.iter().copied()));
            let grown = 32 - before.min(32);
            let add = |bytes: &mut [u8]| {
                let mut number =
                    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
                number = number + 32 - before;
                for byte in bytes.iter_mut().rev() {
                    *byte = number as u8;
                    number >>= 8;
                }
            };
            let claimed = usize::from(datagram[15]) << 8 | usize::from(datagram[16]);
            // Longer messages are ignored.
            if before > 32 || claimed + grown > 8192 {
                return;
            }
            add(&mut hello[11..13]);
            add(&mut hello[14..17]);
            add(&mut hello[22..25]);
            match cookies.verify_client_hello(now, from, &hello) {
                ClientHelloVerification::Verified(verified) => {
                    if let Ok(mut server) = Connection::accept(now, pair::server(true), verified) {
                        // The datagram may contain the other fragments of the ClientHello.
                        server.handle_datagram(now, &mut hello);
                        while let Some(job) = server.poll_job() {
                            server.handle_job_output(now, job.run());
                        }
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        ClientHelloVerification::Verified(_) => panic!("a forged cookie was accepted"),
    }
});
