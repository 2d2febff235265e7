//! Messages of any type and content, properly framed, for either side.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lodewire_cost::{Counting, spent};
use lodewire_dtls::{ClientHelloVerification, Connection, CookieGenerator, State};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

mod pair;

const KINDS: [u8; 12] = [0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 20];

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Maximum number of bytes allocated for a byte received, and once.
const ALLOCATED: u64 = 64;
const ALLOCATED_ONCE: u64 = 256 << 10;

fn record(content_type: u8, epoch: u8, sequence: u8, content: &[u8]) -> Vec<u8> {
    let mut record = vec![content_type, 0xFE, 0xFD, 0, epoch, 0, 0, 0, 0, 0, sequence];
    record.extend_from_slice(&(content.len() as u16).to_be_bytes());
    record.extend_from_slice(content);
    record
}

fn message(kind: u8, sequence: u8, body: &[u8]) -> Vec<u8> {
    let len = (body.len() as u32).to_be_bytes();
    let mut message = vec![kind, len[1], len[2], len[3], 0, sequence, 0, 0, 0];
    message.extend_from_slice(&len[1..]);
    message.extend_from_slice(body);
    message
}

fn serve(now: Instant, connection: &mut Connection) {
    while let Some(job) = connection.poll_job() {
        connection.handle_job_output(now, job.run());
    }
    while connection.poll_transmit().is_some() {}
}

/// Returns a server that has received a ClientHello, or its first fragment.
fn server(now: Instant, asks: bool, in_part: bool, short: bool) -> Connection {
    let mut client = Connection::connect(now, pair::client()).unwrap();
    let mut cookies = CookieGenerator::new(now).unwrap();
    let from = SocketAddr::from(([10, 0, 0, 1], 1234));
    loop {
        let mut hello = client.poll_transmit().unwrap();
        if short {
            hello = pair::with_short_records(&hello);
        }
        if in_part {
            [hello, _] = pair::halves(&hello, 120).unwrap();
        }
        match cookies.verify_client_hello(now, from, &hello) {
            ClientHelloVerification::HelloVerifyRequest(answer) => {
                client.handle_datagram(now, &mut answer.to_vec())
            }
            ClientHelloVerification::Verified(hello) => {
                return Connection::accept(now, pair::server(asks), hello).unwrap();
            }
            ClientHelloVerification::Ignored => unreachable!(),
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&role, mut input)) = input.split_first() else { return };
    let mut now = Instant::now();
    let (mut connection, mut sequence) = if role & 1 == 0 {
        (Connection::connect(now, pair::client()).unwrap(), 0)
    } else {
        let in_part = role & 4 != 0;
        // The rest of the ClientHello is still expected.
        (server(now, role & 2 != 0, in_part, role & 8 != 0), if in_part { 1 } else { 2 })
    };
    serve(now, &mut connection);
    let mut records = 10_u8;
    let (mut received, mut allocated) = (0, 0);
    while let Some((&[how, len, more], rest)) = input.split_first_chunk() {
        let len = usize::from(len) + 256 * usize::from(more & 7);
        let body = &rest[..len.min(rest.len())];
        input = &rest[body.len()..];
        records = records.wrapping_add(1);
        let datagram = match how >> 4 {
            0..=11 => {
                let message = message(KINDS[usize::from(how >> 4)], sequence, body);
                sequence = sequence.wrapping_add(u8::from(how & 1 == 0));
                record(22, how >> 3 & 1, records, &message)
            }
            12 => record(20 + (how & 3), more >> 7, records, body),
            13 => body.to_vec(),
            _ => {
                now += Duration::from_millis(len as u64 * 100);
                connection.handle_timeout(now);
                continue;
            }
        };
        received += datagram.len();
        let mut copy = datagram.clone();
        let before = spent();
        connection.handle_datagram(now, &mut copy);
        allocated += spent().since(before).bytes;
        let max = received as u64 * ALLOCATED + ALLOCATED_ONCE;
        assert!(allocated <= max, "{allocated} bytes were allocated for {received}");
        serve(now, &mut connection);
        assert_ne!(connection.state(), &State::Connected, "the keys are secret");
        assert_eq!(connection.receive(), None);
    }
});
