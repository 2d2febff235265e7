//! Handshakes over a lossy link, on a virtual clock, with seeds. The seed determines the link and the clock; keys and
//! randoms come from the system.
//!
//! `LODEWIRE_DTLS_SEEDS` sets the number of seeds of each test.

#![expect(clippy::expect_used, reason = "a test")]

mod certified_keys;

use certified_keys::{Kind, PinnedCertificate, cached_key, new_key};
use lodewire_dtls::{
    CertifiedKey, ClientConfig, ClientHelloVerification, Connection, CookieGenerator, Limits,
    ServerConfig, State,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The conditions of a simulated link.
#[derive(Clone, Copy, Debug)]
struct LinkConditions {
    /// Per thousand datagrams each.
    lost: u32,
    duplicated: u32,
    cut: u32,
    flipped: u32,
    /// Maximum delay, in milliseconds: datagrams may be reordered.
    delay: u64,
    /// Longer datagrams are lost.
    mtu: usize,
}

const LOSSLESS: LinkConditions =
    LinkConditions { lost: 0, duplicated: 0, cut: 0, flipped: 0, delay: 20, mtu: 1500 };

/// `xorshift64*`, which is enough for a simulation.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit.max(1)
    }

    fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("below a length")
    }

    fn happens(&mut self, of_thousand: u32) -> bool {
        self.below(1000) < of_thousand.into()
    }
}

struct Simulation {
    random: Random,
    conditions: LinkConditions,
    begin: Instant,
    now: Instant,
    client: Connection,
    server: Option<Connection>,
    server_config: ServerConfig,
    cookies: CookieGenerator,
    /// The datagrams in flight with their destinations, by arrival time.
    link: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    count: u64,
}

const CLIENT: usize = 0;
const SERVER: usize = 1;

impl Simulation {
    fn new(
        seed: u64,
        conditions: LinkConditions,
        client: ClientConfig,
        server_config: ServerConfig,
    ) -> Self {
        let now = Instant::now();
        Self {
            random: Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            conditions,
            begin: now,
            now,
            client: Connection::connect(now, client).expect("random bytes"),
            server: None,
            server_config,
            cookies: CookieGenerator::new(now).expect("random bytes"),
            link: BTreeMap::new(),
            count: 0,
        }
    }

    fn put(&mut self, to: usize, mut datagram: Vec<u8>) {
        let LinkConditions { lost, duplicated, cut, flipped, delay, mtu } = self.conditions;
        let times = if self.random.happens(duplicated) { 2 } else { 1 };
        for _ in 0..times {
            if datagram.len() > mtu || self.random.happens(lost) {
                continue;
            }
            if self.random.happens(cut) {
                let len = self.random.index(datagram.len());
                datagram.truncate(len);
            }
            if self.random.happens(flipped) && !datagram.is_empty() {
                let index = self.random.index(datagram.len());
                datagram[index] ^= 1 << self.random.below(8);
            }
            let late = Duration::from_millis(1 + self.random.below(delay));
            self.count += 1;
            self.link.insert((self.now + late, self.count), (to, datagram.clone()));
        }
    }

    /// Handles expired timeouts and jobs, and sends datagrams.
    fn serve(&mut self) {
        loop {
            let mut sent = Vec::new();
            for (from, connection) in
                [(CLIENT, Some(&mut self.client)), (SERVER, self.server.as_mut())]
            {
                let Some(connection) = connection else { continue };
                if connection.poll_timeout().is_some_and(|at| at <= self.now) {
                    connection.handle_timeout(self.now);
                }
                while let Some(job) = connection.poll_job() {
                    connection.handle_job_output(self.now, job.run());
                }
                sent.extend(
                    std::iter::from_fn(|| connection.poll_transmit())
                        .map(|datagram| (1 - from, datagram)),
                );
            }
            if sent.is_empty() {
                return;
            }
            for (to, datagram) in sent {
                self.put(to, datagram);
            }
        }
    }

    fn take(&mut self, to: usize, datagram: &[u8]) {
        if to == CLIENT {
            self.client.handle_datagram(self.now, &mut datagram.to_vec());
        } else if let Some(server) = &mut self.server {
            server.handle_datagram(self.now, &mut datagram.to_vec());
        } else {
            let from = SocketAddr::from(([10, 0, 0, 1], 1234));
            match self.cookies.verify_client_hello(self.now, from, datagram) {
                ClientHelloVerification::Ignored => {}
                ClientHelloVerification::HelloVerifyRequest(answer) => self.put(CLIENT, answer),
                ClientHelloVerification::Verified(hello) => {
                    let accepted = Connection::accept(self.now, self.server_config.clone(), hello);
                    self.server = accepted.ok();
                }
            }
        }
    }

    /// Advances the time until `done`, at most by `limit` since the start. Returns true if it was done.
    fn run(&mut self, limit: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.begin + limit;
        loop {
            self.serve();
            if done(self) {
                return true;
            }
            let arrival = self.link.first_key_value().map(|(at, _)| at.0);
            let deadlines = [Some(&self.client), self.server.as_ref()];
            let deadlines = deadlines.into_iter().flatten().filter_map(Connection::poll_timeout);
            let Some(next) = deadlines.chain(arrival).min().filter(|at| *at <= end) else {
                return false;
            };
            self.now = self.now.max(next);
            while let Some(entry) =
                self.link.first_entry().filter(|entry| entry.key().0 <= self.now)
            {
                let (to, datagram) = entry.remove();
                self.take(to, &datagram);
            }
        }
    }

    fn is_connected(&self) -> bool {
        let server = self.server.as_ref().map(Connection::state);
        self.client.state() == &State::Connected && server == Some(&State::Connected)
    }
}

fn seeds() -> u64 {
    std::env::var("LODEWIRE_DTLS_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(40)
}

fn configs(certified_key: &Arc<CertifiedKey>, mtu: usize) -> (ClientConfig, ServerConfig) {
    let limits = Limits { mtu, handshake_timeout: None, ..Limits::default() };
    let client = ClientConfig {
        verifier: PinnedCertificate::of(certified_key),
        server_name: Some("game.example".to_owned()),
        certified_key: None,
        limits,
    };
    let server =
        ServerConfig { certified_key: Arc::clone(certified_key), client_verifier: None, limits };
    (client, server)
}

/// Returns with how many of the seeds a connection is established on which packets arrive both ways.
fn connected(conditions: impl Fn(u64) -> (LinkConditions, usize)) -> (u64, u64) {
    let certified_key = cached_key(Kind::P256).certified_key;
    let mut successes = 0;
    for seed in 0..seeds() {
        let (conditions, mtu) = conditions(seed);
        let (client, server) = configs(&certified_key, mtu);
        let mut simulation = Simulation::new(seed, conditions, client, server);
        let limit = Duration::from_mins(5);
        if !simulation.run(limit, |simulation| simulation.is_connected()) {
            let states =
                (simulation.client.state(), simulation.server.as_ref().map(Connection::state));
            println!("seed {seed}: {states:?} in {conditions:?}");
            continue;
        }
        simulation.conditions = LOSSLESS;
        simulation.client.send(b"there").expect("connected");
        simulation.server.as_mut().expect("a server").send(b"back").expect("connected");
        let (mut there, mut back) = (None, None);
        let arrived = simulation.run(limit * 2, |simulation| {
            there = there.take().or_else(|| simulation.server.as_mut()?.receive());
            back = back.take().or_else(|| simulation.client.receive());
            there.is_some() && back.is_some()
        });
        assert!(arrived, "seed {seed}");
        assert_eq!((there.as_deref(), back.as_deref()), (Some(&b"there"[..]), Some(&b"back"[..])));
        successes += 1;
    }
    (successes, seeds())
}

#[test]
fn handshakes_complete_over_lossy_links() {
    let (successes, all) = connected(|seed| {
        let mtu = Random(seed + 1).index(4);
        let mtu = [508, 700, 1200, 1400][mtu];
        let conditions = LinkConditions {
            lost: (seed * 10 % 410) as u32,
            duplicated: (seed * 7 % 200) as u32,
            delay: 1 + seed * 13 % 400,
            mtu,
            ..LOSSLESS
        };
        (conditions, mtu)
    });
    assert!(successes * 1000 >= all * 999, "{successes} of {all}");
}

#[test]
fn retransmissions_shrink_to_the_path_mtu() {
    let (successes, all) = connected(|_| (LinkConditions { mtu: 508, ..LOSSLESS }, 1400));
    assert_eq!(successes, all);
}

#[test]
fn client_hello_fits_the_minimum_mtu() {
    let (successes, all) =
        connected(|seed| (LinkConditions { mtu: 296, lost: (seed % 200) as u32, ..LOSSLESS }, 296));
    assert!(successes * 1000 >= all * 999, "{successes} of {all}");
}

#[test]
fn corrupted_datagrams_act_like_lost_ones() {
    let certified_key = cached_key(Kind::P256).certified_key;
    let mut successes = 0;
    for seed in 0..seeds() {
        let (client, server) = configs(&certified_key, 1200);
        let conditions = LinkConditions {
            cut: 50,
            flipped: 50,
            lost: 50,
            duplicated: 50,
            delay: 100,
            ..LOSSLESS
        };
        let mut simulation = Simulation::new(seed, conditions, client, server);
        simulation.run(Duration::from_mins(5), |simulation| simulation.is_connected());
        // A corrupted ClientHello makes the handshake fail: nothing is authentic before its end.
        if simulation.is_connected() {
            successes += 1;
            let packets: Vec<Vec<u8>> = (0..50_u8).map(|number| vec![number; 100]).collect();
            for packet in &packets {
                simulation.client.send(packet).expect("connected");
            }
            simulation.run(Duration::from_mins(10), |_| false);
            let server = simulation.server.as_mut().expect("a server");
            let mut received: Vec<_> = std::iter::from_fn(|| server.receive()).collect();
            let count = received.len();
            received.sort();
            received.dedup();
            assert!(
                count == received.len() && count >= 30,
                "each at most once, and most do: {count}"
            );
            assert!(received.iter().all(|packet| packets.contains(packet)), "none was changed");
        }
    }
    assert!(successes * 2 > seeds(), "{successes}");
}

#[test]
fn untrusted_server_is_never_connected() {
    let (right, wrong) = (cached_key(Kind::P256).certified_key, new_key(Kind::P256).certified_key);
    for seed in 0..seeds().min(40) {
        let (client, _) = configs(&right, 1200);
        let (_, server) = configs(&wrong, 1200);
        let conditions =
            LinkConditions { lost: 100, duplicated: 100, flipped: 10, delay: 50, ..LOSSLESS };
        let mut simulation = Simulation::new(seed, conditions, client, server);
        assert!(!simulation.run(Duration::from_mins(2), |simulation| simulation.is_connected()));
        assert_ne!(simulation.client.state(), &State::Connected);
    }
}
