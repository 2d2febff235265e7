//! A DTLS server's table, conforming clients, and many addresses that send arbitrary datagrams: the bytes allocated for each
//! byte received and the handshakes in progress are bounded, and an unverified address is never sent more than it sent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lodewire_cost::{Counting, spent};
use lodewire_dtls::{CertificateError, CertificateVerifier, ClientConfig, Connection, State};
use lodewire_net::dtls::{Limits, ServerConfig, TestServer};
use lodewire_net::workers::Workers;
use rustls_pki_types::CertificateDer;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Maximum number of bytes allocated for a byte received, and once.
const ALLOCATED: u64 = 64;
const ALLOCATED_ONCE: u64 = 128 << 10;
const HANDSHAKES: usize = 8;
const HANDSHAKES_PER_ADDRESS: usize = 3;
const PEERS: usize = 12;
/// The types of records, most of which are handshake messages.
const TYPES: [u8; 8] = [22, 22, 22, 22, 20, 21, 23, 24];
const HELLO_VERIFY_REQUEST: u8 = 3;

#[derive(Debug)]
struct AcceptAny;

impl CertificateVerifier for AcceptAny {
    fn verify(&self, _: &[CertificateDer<'static>]) -> Result<(), CertificateError> {
        Ok(())
    }
}

struct Common {
    setup: ServerConfig,
    /// Keeps the worker threads alive between tables.
    _workers: Workers,
}

fn common() -> &'static Common {
    static COMMON: OnceLock<Common> = OnceLock::new();
    COMMON.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed(["game.example".to_owned()]).unwrap();
        let (key, certificate) = (made.signing_key.serialize_pem(), made.cert.pem());
        let setup = ServerConfig::new(&key, &certificate, "", None).unwrap();
        Common { setup, _workers: Workers::new() }
    })
}

fn client(now: Instant) -> Connection {
    let config = ClientConfig {
        verifier: Arc::new(AcceptAny),
        server_name: None,
        certified_key: None,
        limits: lodewire_dtls::Limits::default(),
    };
    Connection::connect(now, config).unwrap()
}

/// Encodes a record, with a fragment of a handshake message if it is of that type.
fn record(what: u8, len: u8, bytes: &[u8]) -> Vec<u8> {
    let content_type = TYPES[usize::from(what & 7)];
    let mut content = Vec::new();
    if content_type == 22
        && let [kind, sequence, more, offset, rest @ ..] = bytes
    {
        let total = (usize::from(*more) << 8 | usize::from(len)) as u32;
        content.push(kind % 24);
        content.extend(&total.to_be_bytes()[1..]);
        content.extend([0, sequence % 6, 0, 0, *offset]);
        content.extend(&(rest.len() as u32).to_be_bytes()[1..]);
        content.extend(rest);
    } else {
        content.extend(bytes);
    }
    let mut record = vec![content_type, 0xFE, 0xFD, 0, what >> 3 & 1, 0, 0, 0, 0, 0, what];
    record.extend((content.len() as u16).to_be_bytes());
    record.extend(content);
    record
}

struct Simulation {
    now: Instant,
    table: TestServer,
    clients: HashMap<SocketAddr, Connection>,
    received: usize,
    allocated: u64,
}

impl Simulation {
    fn deliver(&mut self, from: SocketAddr, mut datagram: Vec<u8>) {
        let len = datagram.len();
        self.received += len;
        let before = spent();
        self.table.handle_datagram(self.now, from, &mut datagram);
        self.table.run_jobs(self.now);
        self.table.poll_events();
        self.allocated += spent().since(before).bytes;
        let (now, clients) = (self.now, &mut self.clients);
        self.table.transmit(|to, answer| {
            let is_request = answer.get(13) == Some(&HELLO_VERIFY_REQUEST) && answer[0] == 22;
            assert!(
                !is_request || to == from && answer.len() <= len,
                "an unverified address is sent more"
            );
            if let Some(client) = clients.get_mut(&to) {
                client.handle_datagram(now, &mut answer.to_vec());
            }
        });
    }

    /// Sends the datagrams of a client.
    fn serve(&mut self, at: SocketAddr, max: usize) {
        for _ in 0..max {
            let Some(client) = self.clients.get_mut(&at) else { return };
            while let Some(job) = client.poll_job() {
                client.handle_job_output(self.now, job.run());
            }
            while client.receive().is_some() {}
            let Some(datagram) = client.poll_transmit() else { return };
            self.deliver(at, datagram);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let now = Instant::now();
    let limits = Limits {
        max_peers: PEERS,
        max_handshakes: HANDSHAKES,
        max_handshakes_per_address: HANDSHAKES_PER_ADDRESS,
        idle_timeout: Some(Duration::from_secs(30)),
        ..Limits::default()
    };
    let table = TestServer::new(&common().setup, limits).unwrap();
    let clients = HashMap::new();
    let mut simulation = Simulation { now, table, clients, received: 0, allocated: 0 };
    let mut rest = data;
    while let Some((&[what, who, len], after)) = rest.split_first_chunk() {
        let from = SocketAddr::from(([10, 0, 0, who >> 4], 1000 + u16::from(who & 15)));
        let (bytes, after) = after.split_at(after.len().min(usize::from(len) / 2));
        rest = after;
        match what >> 4 {
            0 => {
                simulation.clients.insert(from, client(simulation.now));
                simulation.serve(from, 1);
            }
            1 => simulation.serve(from, 1),
            2 => simulation.serve(from, 8),
            3 => {
                if let Some(client) = simulation.clients.get_mut(&from)
                    && *client.state() == State::Connected
                {
                    let _ = client.send(bytes);
                }
                simulation.serve(from, 1);
            }
            4 => {
                if let Some(mut client) = simulation.clients.remove(&from) {
                    client.close();
                    while let Some(datagram) = client.poll_transmit() {
                        simulation.deliver(from, datagram);
                    }
                }
            }
            5 => {
                simulation.now += Duration::from_millis(u64::from(len) * 50);
                let before = spent();
                simulation.table.handle_timeout(simulation.now);
                simulation.table.run_jobs(simulation.now);
                simulation.table.poll_events();
                simulation.allocated += spent().since(before).bytes;
                simulation.table.transmit(|_, _| {});
                for client in simulation.clients.values_mut() {
                    client.handle_timeout(simulation.now);
                }
            }
            6 => {
                // A client's datagram with one byte changed.
                if let Some(client) = simulation.clients.get_mut(&from)
                    && let Some(mut datagram) = client.poll_transmit()
                {
                    let at = usize::from(len) * 3 % datagram.len();
                    datagram[at] ^= what | 1;
                    simulation.deliver(from, datagram);
                }
            }
            7 => simulation.deliver(from, bytes.to_vec()),
            _ => simulation.deliver(from, record(what, len, bytes)),
        }
        let max = simulation.received as u64 * ALLOCATED + ALLOCATED_ONCE;
        let Simulation { allocated, received, .. } = simulation;
        assert!(allocated <= max, "{allocated} bytes were allocated for {received}");
        assert!(simulation.table.handshakes() <= HANDSHAKES);
    }
});
