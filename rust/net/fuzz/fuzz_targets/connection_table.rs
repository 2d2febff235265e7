//! A DTLS server's table, clients that connect by the rules, and many addresses that send anything: what is allocated for a
//! byte received and how many handshakes are under way stay within limits, and no stranger gets more than it sent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lodewire_cost::{Counting, spent};
use lodewire_dtls::{CertificateError, CertificateVerifier, ClientConfig, Connection, State};
use lodewire_net::dtls::{Limits, ServerConfig, SocketlessServer};
use lodewire_net::workers::Workers;
use rustls_pki_types::CertificateDer;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that may be allocated for a byte received, and once.
const ALLOCATED: u64 = 64;
const ALLOCATED_ONCE: u64 = 128 << 10;
const HANDSHAKES: usize = 8;
const HANDSHAKES_PER_ADDRESS: usize = 3;
const PEERS: usize = 12;
/// The types of records, of which most are handshake messages.
const TYPES: [u8; 8] = [22, 22, 22, 22, 20, 21, 23, 24];
const HELLO_VERIFY_REQUEST: u8 = 3;

#[derive(Debug)]
struct Anybody;

impl CertificateVerifier for Anybody {
    fn verify(&self, _: &[CertificateDer<'static>]) -> Result<(), CertificateError> {
        Ok(())
    }
}

struct Common {
    setup: ServerConfig,
    /// So that their threads do not come and go with each table.
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
        verifier: Arc::new(Anybody),
        server_name: None,
        certified_key: None,
        limits: lodewire_dtls::Limits::default(),
    };
    Connection::connect(now, config).unwrap()
}

/// A record without keys, with a piece of a handshake message if it is for one.
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

struct World {
    now: Instant,
    table: SocketlessServer,
    clients: HashMap<SocketAddr, Connection>,
    received: usize,
    allocated: u64,
}

impl World {
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
            assert!(!is_request || to == from && answer.len() <= len, "a stranger gets more");
            if let Some(client) = clients.get_mut(&to) {
                client.handle_datagram(now, &mut answer.to_vec());
            }
        });
    }

    /// Has a client send what it has.
    fn serve(&mut self, at: SocketAddr, most: usize) {
        for _ in 0..most {
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
    let table = SocketlessServer::new(&common().setup, limits).unwrap();
    let clients = HashMap::new();
    let mut world = World { now, table, clients, received: 0, allocated: 0 };
    let mut rest = data;
    while let Some((&[what, who, len], after)) = rest.split_first_chunk() {
        let from = SocketAddr::from(([10, 0, 0, who >> 4], 1000 + u16::from(who & 15)));
        let (bytes, after) = after.split_at(after.len().min(usize::from(len) / 2));
        rest = after;
        match what >> 4 {
            0 => {
                world.clients.insert(from, client(world.now));
                world.serve(from, 1);
            }
            1 => world.serve(from, 1),
            2 => world.serve(from, 8),
            3 => {
                if let Some(client) = world.clients.get_mut(&from)
                    && *client.state() == State::Connected
                {
                    let _ = client.send(bytes);
                }
                world.serve(from, 1);
            }
            4 => {
                if let Some(mut client) = world.clients.remove(&from) {
                    client.close();
                    while let Some(datagram) = client.poll_transmit() {
                        world.deliver(from, datagram);
                    }
                }
            }
            5 => {
                world.now += Duration::from_millis(u64::from(len) * 50);
                let before = spent();
                world.table.handle_timeout(world.now);
                world.table.run_jobs(world.now);
                world.table.poll_events();
                world.allocated += spent().since(before).bytes;
                world.table.transmit(|_, _| {});
                for client in world.clients.values_mut() {
                    client.handle_timeout(world.now);
                }
            }
            6 => {
                // A client's datagram with a byte changed.
                if let Some(client) = world.clients.get_mut(&from)
                    && let Some(mut datagram) = client.poll_transmit()
                {
                    let at = usize::from(len) * 3 % datagram.len();
                    datagram[at] ^= what | 1;
                    world.deliver(from, datagram);
                }
            }
            7 => world.deliver(from, bytes.to_vec()),
            _ => world.deliver(from, record(what, len, bytes)),
        }
        let most = world.received as u64 * ALLOCATED + ALLOCATED_ONCE;
        let World { allocated, received, .. } = world;
        assert!(allocated <= most, "{allocated} bytes were allocated for {received}");
        assert!(world.table.handshakes() <= HANDSHAKES);
    }
});
