use super::*;
use crate::certificates::{TrustAnchors, VerificationPolicy};
use crate::dtls::ClientConfig;
use std::time::Duration;

const ADDRESSES: usize = 6;

/// A linear congruential generator with Knuth's constants.
struct Rng(u64);

impl Rng {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// A server's table, and clients at a few addresses that connect and disconnect.
struct Simulation {
    server: ConnectionTable,
    setup: ClientConfig,
    limits: Limits,
    clients: Vec<ConnectionTable>,
    connected: HashMap<SocketAddr, Key>,
}

pub(super) fn address(index: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 1000 + u16::try_from(index).expect("few")))
}

pub(super) fn server_address() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 2], 1))
}

impl Simulation {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["game.example".to_owned()]).expect("made");
        let (key, certificate) = (made.signing_key.serialize_pem(), made.cert.pem());
        let limits = Limits::default();
        let server = ServerConfig::new(&key, &certificate, "", None).expect("a configuration");
        let trust = VerificationPolicy::new(TrustAnchors::Custom(&certificate));
        let setup = ClientConfig::new(trust, "game.example", true).expect("a configuration");
        let mut simulation = Self {
            server: ConnectionTable::server(&server, limits).expect("random bytes"),
            setup,
            limits,
            clients: Vec::new(),
            connected: HashMap::new(),
        };
        simulation.clients = (0..ADDRESSES).map(|_| simulation.client(Instant::now())).collect();
        simulation
    }

    fn client(&self, now: Instant) -> ConnectionTable {
        let mut client = ConnectionTable::client_only(self.limits);
        let config = self.setup.to_protocol(&self.limits);
        client.connect(now, server_address(), config).expect("random bytes");
        client
    }

    /// Checks that the slots and the addresses refer to each other.
    fn check(&self) {
        let mut count = 0;
        for (at, entry) in &self.server.addresses {
            for key in [Some(entry.current), entry.pending].into_iter().flatten() {
                let association = &self.server.slots[key.slot];
                assert_eq!((association.generation, association.address), (key.generation, *at));
                count += 1;
            }
            if let Some(next) = entry.pending {
                assert!(
                    self.server.slots[entry.current.slot].connected_reported,
                    "a handshake replaces one"
                );
                assert!(
                    !self.server.slots[next.slot].connected_reported,
                    "a connected one is the current one"
                );
            }
        }
        assert_eq!(count, self.server.slots.len());
        for (at, key) in &self.connected {
            assert_eq!(self.server.slots[key.slot].generation, key.generation, "of {at}");
        }
    }

    /// Handles the server's events.
    fn handle_events(&mut self) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Connected(key) => {
                    // If it no longer exists, its close and that of its predecessor are reported next.
                    if let Some(at) = self.server.address(key) {
                        self.connected.insert(at, key);
                    }
                }
                Event::Closed { key, address, was_connected, .. } => {
                    let is_known = self.connected.get(&address) == Some(&key);
                    assert!(was_connected || !is_known);
                    if is_known {
                        self.connected.remove(&address);
                    }
                }
                Event::Received(key, _) => assert!(self.server.get(key).is_some()),
            }
        }
    }

    /// Exchanges the datagrams of all sides, of which `loss` in ten are lost, and some are duplicated.
    fn step(&mut self, now: Instant, rng: &mut Rng, loss: u64) {
        for index in 0..ADDRESSES {
            let client = &mut self.clients[index];
            client.handle_finished_jobs(now);
            client.handle_timeout(now);
            let sent: Vec<_> = client.outgoing.iter().map(|(_, bytes)| bytes.to_vec()).collect();
            client.outgoing.clear();
            for datagram in sent {
                for _ in 0..=rng.below(5) / 4 {
                    if rng.below(10) >= loss {
                        self.server.handle_datagram(now, address(index), &mut datagram.clone());
                    }
                }
            }
        }
        self.server.handle_finished_jobs(now);
        self.server.handle_timeout(now);
        self.handle_events();
        let sent: Vec<_> =
            self.server.outgoing.iter().map(|(to, bytes)| (to, bytes.to_vec())).collect();
        self.server.outgoing.clear();
        for (to, mut datagram) in sent {
            let index = usize::from(to.port()) - 1000;
            if rng.below(10) >= loss {
                self.clients[index].handle_datagram(now, server_address(), &mut datagram);
            }
        }
        self.check();
    }
}

#[test]
fn table_stays_consistent_under_random_reconnects() {
    for seed in 0..4 {
        let mut rng = Rng(seed);
        let mut simulation = Simulation::new();
        let begin = Instant::now();
        // The virtual clock runs ahead, for retransmissions.
        let mut ahead = Duration::ZERO;
        for _ in 0..600 {
            let index = usize::try_from(rng.below(ADDRESSES as u64)).expect("few");
            match rng.below(40) {
                // The client crashes or leaves, and reconnects.
                0 => simulation.clients[index] = simulation.client(begin + ahead),
                1 => {
                    simulation.clients[index].close_all();
                    let last_datagrams: Vec<_> = simulation.clients[index]
                        .outgoing
                        .iter()
                        .map(|(_, bytes)| bytes.to_vec())
                        .collect();
                    for mut datagram in last_datagrams {
                        simulation.server.handle_datagram(
                            begin + ahead,
                            address(index),
                            &mut datagram,
                        );
                    }
                    simulation.clients[index] = simulation.client(begin + ahead);
                }
                // The server closes the connection.
                2 => {
                    if let Some(key) = simulation.connected.remove(&address(index)) {
                        simulation.server.close(key);
                    }
                }
                _ => {}
            }
            simulation.step(begin + ahead, &mut rng, 2);
            ahead += Duration::from_millis(rng.below(200));
            std::thread::sleep(Duration::from_micros(200));
        }
        // Without loss, all clients connect in the end.
        for index in 0..ADDRESSES {
            simulation.clients[index] = simulation.client(begin + ahead);
        }
        let end = Instant::now() + Duration::from_mins(1);
        let is_connected =
            |client: &mut ConnectionTable| client.connected_at(server_address()).is_some();
        while !simulation.clients.iter_mut().all(is_connected) {
            assert!(Instant::now() < end, "seed {seed}: not all are connected");
            for index in 0..ADDRESSES {
                // The server may have continued with an earlier client of the address.
                if simulation.clients[index].association_at(server_address()).is_none() {
                    simulation.clients[index] = simulation.client(begin + ahead);
                }
            }
            simulation.step(begin + ahead, &mut rng, 0);
            ahead += Duration::from_millis(50);
            std::thread::sleep(Duration::from_micros(500));
        }
        for _ in 0..5 {
            simulation.step(begin + ahead, &mut rng, 0);
        }
        assert_eq!(simulation.connected.len(), ADDRESSES, "seed {seed}");
    }
}

/// Creates a server's table, and the configuration of its clients.
pub(super) fn table(limits: Limits) -> (ConnectionTable, ClientConfig) {
    let made = rcgen::generate_simple_self_signed(["game.example".to_owned()]).expect("made");
    let (key, certificate) = (made.signing_key.serialize_pem(), made.cert.pem());
    let server = ServerConfig::new(&key, &certificate, "", None).expect("a configuration");
    let trust = VerificationPolicy::new(TrustAnchors::Custom(&certificate));
    let setup = ClientConfig::new(trust, "game.example", true).expect("a configuration");
    (ConnectionTable::server(&server, limits).expect("random bytes"), setup)
}

pub(super) fn take_datagrams(table: &mut ConnectionTable) -> Vec<Vec<u8>> {
    let sent = table.outgoing.iter().map(|(_, bytes)| bytes.to_vec()).collect();
    table.outgoing.clear();
    sent
}

/// Returns the second ClientHello of a new client at an address.
pub(super) fn verified_hello(
    server: &mut ConnectionTable,
    setup: &ClientConfig,
    now: Instant,
    at: SocketAddr,
) -> Vec<u8> {
    let limits = Limits::default();
    let mut client = ConnectionTable::client_only(limits);
    client.connect(now, server_address(), setup.to_protocol(&limits)).expect("random bytes");
    for mut datagram in take_datagrams(&mut client) {
        server.handle_datagram(now, at, &mut datagram);
    }
    for mut datagram in take_datagrams(server) {
        client.handle_datagram(now, server_address(), &mut datagram);
    }
    take_datagrams(&mut client).pop().expect("a hello")
}

#[test]
fn full_table_evicts_the_oldest_of_the_largest_holder() {
    let limits = Limits { max_handshakes: 8, max_handshakes_per_address: 4, ..Limits::default() };
    let (mut server, setup) = table(limits);
    let now = Instant::now();
    let network = |network: u16, host: u16| {
        SocketAddr::from((std::net::Ipv6Addr::new(0x2001, 0xDB8, network, 0, 0, 0, 0, host), 7))
    };
    let begin = |server: &mut ConnectionTable, at| {
        let mut hello = verified_hello(server, &setup, now, at);
        server.handle_datagram(now, at, &mut hello);
        server.association_at(at).is_some()
    };
    let taken = (0..10).filter(|host| begin(&mut server, network(1, *host))).count();
    assert_eq!(taken, 4, "addresses of one /64 count together");
    let taken = (0..10).filter(|host| begin(&mut server, network(2, *host))).count();
    assert_eq!((taken, server.handshakes()), (4, 8));
    for other in 10..14 {
        assert!(
            begin(&mut server, network(other, 1)),
            "an address without a handshake is admitted"
        );
        assert_eq!((server.handshakes(), server.slots.len()), (8, 8));
    }
    assert!(
        server.association_at(network(1, 0)).is_none()
            && server.association_at(network(2, 0)).is_none()
    );
    assert!(
        server.association_at(network(1, 3)).is_some()
            && server.association_at(network(2, 3)).is_some()
    );
}

#[test]
fn unreported_closes_count_for_max_peers() {
    let limits = Limits { max_peers: 3, ..Limits::default() };
    let (mut server, setup) = table(limits);
    let now = Instant::now();
    server.unreported_closes = 2;
    for (index, wanted) in [(0, true), (1, false)] {
        let mut hello = verified_hello(&mut server, &setup, now, address(index));
        server.handle_datagram(now, address(index), &mut hello);
        assert_eq!(server.association_at(address(index)).is_some(), wanted);
    }
    server.unreported_closes = 1;
    let mut hello = verified_hello(&mut server, &setup, now, address(1));
    server.handle_datagram(now, address(1), &mut hello);
    assert!(server.association_at(address(1)).is_some(), "a slot is free again");
}

#[test]
fn immediate_restarts_cost_a_bounded_number_of_signatures() {
    let (mut server, setup) = table(Limits::default());
    let start = Instant::now();
    let mut seen = std::collections::HashSet::new();
    for tenths in 0..50 {
        let now = start + Duration::from_millis(tenths * 20);
        let mut hello = verified_hello(&mut server, &setup, now, address(0));
        server.handle_datagram(now, address(0), &mut hello);
        seen.insert(server.association_at(address(0)));
    }
    assert!(seen.len() <= 5, "{}", seen.len());
}

#[test]
fn restarts_of_a_few_addresses_cost_a_bounded_number_of_signatures() {
    let limits = Limits { max_handshakes_per_address: 64, ..Limits::default() };
    let (mut server, setup) = table(limits);
    let start = Instant::now();
    let from = |address, port| SocketAddr::from(([10, 0, 1, address], port));
    let mut end = start;
    for turn in 0..40 {
        end = start + Duration::from_millis(260) * turn;
        for (address, port) in (0..3).flat_map(|address| (0..30).map(move |port| (address, port))) {
            let mut hello = verified_hello(&mut server, &setup, end, from(address, port));
            server.handle_datagram(end, from(address, port), &mut hello);
        }
        take_datagrams(&mut server);
    }
    // A burst of 256, and as many in each 16 s.
    let max = 3 * (256 + 16 * (end - start).as_secs() + 16);
    assert!(server.generation <= max, "{} signatures, at max {max}", server.generation);
    assert_eq!(server.handshakes(), 90);
    let newcomer = from(9, 7);
    let mut hello = verified_hello(&mut server, &setup, end, newcomer);
    server.handle_datagram(end, newcomer, &mut hello);
    assert!(server.association_at(newcomer).is_some(), "others have their own share");
}

#[test]
fn key_agreements_of_restarted_flights_count_as_handshakes() {
    const PORTS: usize = 10;
    const CLIENT_KEY_EXCHANGE: u8 = 16;
    let limits = Limits { max_handshakes_per_address: 64, ..Limits::default() };
    let (mut server, setup) = table(limits);
    let start = Instant::now();
    for index in 0..PORTS {
        let mut hello = verified_hello(&mut server, &setup, start, address(index));
        server.handle_datagram(start, address(index), &mut hello);
    }
    finish_jobs(&mut server, start);
    let (mut jobs, mut now) = (0, start);
    for turn in 0..120_u8 {
        now = start + Duration::from_millis(260) * turn.into();
        for index in 0..PORTS {
            // Another X25519 key each time, as the client's third message.
            let mut forged = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 1, turn, 0, 45];
            forged.extend([CLIENT_KEY_EXCHANGE, 0, 0, 33, 0, 2, 0, 0, 0, 0, 0, 33, 32]);
            forged.extend([turn.wrapping_add(1); 32]);
            server.handle_datagram(now, address(index), &mut forged);
        }
        jobs += finish_jobs(&mut server, now);
        server.handle_timeout(now);
        jobs += finish_jobs(&mut server, now);
    }
    assert_eq!(server.handshakes(), PORTS, "they are still in progress");
    // The first key agreement of each handshake is free, and 256 are in the burst.
    let max = 256 + 16 * usize::try_from((now - start).as_secs() + 1).expect("small");
    assert!(jobs > max / 2, "{jobs} key agreements, at max {max}");
    assert!(jobs <= max, "{jobs} key agreements, at max {max}");
}

#[test]
fn fragmented_client_hello_reaches_its_connection() {
    let (mut server, setup) = table(Limits::default());
    let now = Instant::now();
    let hello = verified_hello(&mut server, &setup, now, address(0));
    let body = &hello[25..];
    let fragments =
        [(0, &body[..110]), (110, &body[110..])].map(|(offset, part): (usize, &[u8])| {
            let mut message = hello[13..19].to_vec();
            message.extend_from_slice(&offset.to_be_bytes()[5..]);
            message.extend_from_slice(&part.len().to_be_bytes()[5..]);
            message.extend_from_slice(part);
            let mut record = hello[..11].to_vec();
            record.extend_from_slice(&u16::try_from(message.len()).expect("short").to_be_bytes());
            record.extend_from_slice(&message);
            record
        });
    // The second fragment alone is ignored; together they start a connection, in one datagram or in two.
    server.handle_datagram(now, address(0), &mut fragments[1].clone());
    assert!(server.association_at(address(0)).is_none());
    server.handle_datagram(now, address(0), &mut fragments.concat());
    let end = Instant::now() + Duration::from_mins(1);
    while server.outgoing.is_empty() {
        assert!(Instant::now() < end, "no offer");
        server.handle_finished_jobs(now);
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Runs all jobs, and continues with their output. Returns how many there were.
fn finish_jobs(server: &mut ConnectionTable, now: Instant) -> usize {
    let end = Instant::now() + Duration::from_mins(1);
    let mut count = 0;
    while server.has_running_jobs() {
        assert!(Instant::now() < end, "jobs do not end");
        let finished = server.jobs.take_finished(None);
        count += finished.len();
        server.handle_finished(now, finished);
        std::thread::sleep(Duration::from_micros(200));
    }
    count
}

#[test]
fn equal_attackers_do_not_evict_each_other_and_a_newcomer_is_admitted() {
    let limits = Limits { max_handshakes: 12, max_handshakes_per_address: 8, ..Limits::default() };
    let (mut server, setup) = table(limits);
    let start = Instant::now();
    let attacker = |turn: u16| SocketAddr::from(([10, 0, 1, (turn % 4) as u8], 1000 + turn));
    let mut turn = 0;
    let mut attack = |server: &mut ConnectionTable, now, hellos: u16| {
        let from = server.generation;
        for _ in 0..hellos {
            let at = attacker(turn);
            turn += 1;
            let mut hello = verified_hello(server, &setup, now, at);
            server.handle_datagram(now, at, &mut hello);
            finish_jobs(server, now);
            take_datagrams(server);
        }
        server.generation - from
    };
    assert_eq!(attack(&mut server, start, 200), 12, "three each, and no more");
    let newcomer = SocketAddr::from(([10, 0, 2, 1], 7));
    let mut hello = verified_hello(&mut server, &setup, start, newcomer);
    server.handle_datagram(start, newcomer, &mut hello);
    let key = server.association_at(newcomer).expect("a place");
    for tenths in 1..=40 {
        let now = start + Duration::from_millis(100) * tenths;
        let admitted = attack(&mut server, now, 20);
        assert!(admitted == 0 || (tenths == 40 && admitted <= 12), "{admitted} at {tenths}");
        assert_eq!(server.association_at(newcomer), Some(key), "it stays");
    }
}

#[test]
fn jobs_of_evicted_connections_are_not_run() {
    let limits =
        Limits { max_handshakes: 100, max_handshakes_per_address: 100, ..Limits::default() };
    let (mut server, setup) = table(limits);
    let now = Instant::now();
    for index in 0..100 {
        let mut hello = verified_hello(&mut server, &setup, now, address(index));
        server.handle_datagram(now, address(index), &mut hello);
    }
    for other in 0..30 {
        let at = SocketAddr::from(([10, 0, 1, other], 7));
        let mut hello = verified_hello(&mut server, &setup, now, at);
        server.handle_datagram(now, at, &mut hello);
    }
    assert_eq!(server.handshakes(), 100);
    server.close_all();
    take_datagrams(&mut server);
    let mut finished = 0;
    let end = Instant::now() + Duration::from_mins(1);
    while server.has_running_jobs() {
        assert!(Instant::now() < end, "jobs do not end");
        finished += server.jobs.take_finished(None).len();
        std::thread::sleep(Duration::from_micros(200));
    }
    assert_eq!(finished, 64, "those that were with the workers already, of 130");
}

#[test]
fn rejected_job_fails_its_connection_and_the_next_client_hello_restarts() {
    let (mut server, setup) = table(Limits::default());
    let now = Instant::now();
    let unknown = Key { slot: usize::MAX, generation: 0 };
    let alive = Alive::default();
    for _ in 0..64 + 4096 {
        // Fails the job without printing the message of a panic.
        server.jobs.start(unknown, &alive, || std::panic::resume_unwind(Box::new(())), None);
    }
    let mut hello = verified_hello(&mut server, &setup, now, address(0));
    server.handle_datagram(now, address(0), &mut hello.clone());
    let failed = server.association_at(address(0)).expect("a connection");
    drop(alive);
    finish_jobs(&mut server, now);
    let event = server.poll_event();
    assert!(matches!(event, Some(Event::Closed { key, .. }) if key == failed), "{event:?}");
    assert_eq!((server.association_at(address(0)), server.handshakes()), (None, 0));
    server.handle_datagram(now, address(0), &mut hello);
    assert!(server.association_at(address(0)).is_some_and(|key| key != failed));
    finish_jobs(&mut server, now);
    assert!(!take_datagrams(&mut server).is_empty(), "an offer");
}

#[test]
fn rejected_client_evicts_no_one() {
    let limits = Limits { max_handshakes: 4, ..Limits::default() };
    let (mut server, setup) = table(limits);
    let now = Instant::now();
    for index in 0..4 {
        let mut hello = verified_hello(&mut server, &setup, now, address(index));
        server.handle_datagram(now, address(index), &mut hello);
    }
    let newcomer = SocketAddr::from(([10, 0, 9, 1], 7));
    let hello = verified_hello(&mut server, &setup, now, newcomer);
    // Without cipher suites, which follow random, session id and cookie. The cookie does not cover them.
    let suites = 25 + 2 + 32 + 1 + 1 + usize::from(hello[25 + 2 + 32 + 1]);
    let count = usize::from(u16::from_be_bytes([hello[suites], hello[suites + 1]]));
    let mut unfit = hello.clone();
    unfit[suites + 2..suites + 2 + count].fill(0);
    server.handle_datagram(now, newcomer, &mut unfit);
    let answers = take_datagrams(&mut server);
    assert!(answers.iter().any(|answer| answer[0] == 21), "it is rejected with an alert");
    assert!((0..4).all(|index| server.association_at(address(index)).is_some()));
    assert_eq!((server.handshakes(), server.association_at(newcomer)), (4, None));
    server.handle_datagram(now, newcomer, &mut hello.clone());
    assert!(
        server.association_at(newcomer).is_some() && server.association_at(address(0)).is_none(),
        "an acceptable one does"
    );
}

#[test]
fn rejected_second_job_sends_an_alert() {
    let (mut server, setup) = table(Limits::default());
    let now = Instant::now();
    let limits = Limits::default();
    let mut client = ConnectionTable::client_only(limits);
    let key =
        client.connect(now, server_address(), setup.to_protocol(&limits)).expect("random bytes");
    let end = Instant::now() + Duration::from_mins(1);
    let mut has_failed = false;
    while !has_failed {
        assert!(Instant::now() < end, "no second job");
        client.handle_finished_jobs(now);
        for mut datagram in take_datagrams(&mut client) {
            let before = server.jobs.is_busy();
            server.handle_datagram(now, address(0), &mut datagram);
            // The first job signs; the second, with the client's key, fails as if the queue were full.
            let is_second = server.slots.iter().any(|(_, association)| association.job_count == 2);
            if is_second && !before && !has_failed {
                let mut finished = Vec::new();
                while finished.is_empty() {
                    finished = server.jobs.take_finished(None);
                    std::thread::sleep(Duration::from_micros(200));
                }
                for finished in &mut finished {
                    finished.result = None;
                }
                server.handle_finished(now, finished);
                has_failed = true;
            }
        }
        server.handle_finished_jobs(now);
        for mut datagram in take_datagrams(&mut server) {
            client.handle_datagram(now, server_address(), &mut datagram);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    assert_eq!(server.handshakes(), 0);
    client.handle_timeout(now + Duration::from_secs(3));
    let event = client.poll_event();
    assert!(matches!(event, Some(Event::Closed { key: ended, .. }) if ended == key), "{event:?}");
}

#[test]
fn job_that_waits_longer_than_the_flight_timeout_is_run() {
    let (mut server, setup) = table(Limits::default());
    // The virtual clock is behind, so each timeout of a flight expires long before a worker is free.
    let now = Instant::now().checked_sub(Duration::from_secs(30)).expect("a clock");
    let mut client = ConnectionTable::client_only(Limits::default());
    client
        .connect(now, server_address(), setup.to_protocol(&Limits::default()))
        .expect("random bytes");
    let end = Instant::now() + Duration::from_mins(1);
    while server.connected_at(address(0)).is_none() {
        assert!(Instant::now() < end, "the job was not done");
        for mut datagram in take_datagrams(&mut client) {
            server.handle_datagram(now, address(0), &mut datagram);
        }
        for mut datagram in take_datagrams(&mut server) {
            client.handle_datagram(now, server_address(), &mut datagram);
        }
        client.handle_finished_jobs(now);
        server.handle_finished_jobs(now);
        std::thread::sleep(Duration::from_micros(200));
    }
}
