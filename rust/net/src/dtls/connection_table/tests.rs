use super::*;
use crate::certificates::{TrustAnchors, VerificationPolicy};
use crate::dtls::ClientConfig;
use std::time::Duration;

const ADDRESSES: usize = 6;

/// A generator of the seed's numbers (Knuth's constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// A server's table, and clients at a few addresses that come and go.
struct Scene {
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

impl Scene {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["game.example".to_owned()]).expect("made");
        let (key, certificate) = (made.signing_key.serialize_pem(), made.cert.pem());
        let limits = Limits::default();
        let server = ServerConfig::new(&key, &certificate, "", None).expect("a setup");
        let trust = VerificationPolicy::new(TrustAnchors::Custom(&certificate));
        let setup = ClientConfig::new(trust, "game.example", true).expect("a setup");
        let mut scene = Self {
            server: ConnectionTable::server(&server, limits).expect("randomness"),
            setup,
            limits,
            clients: Vec::new(),
            connected: HashMap::new(),
        };
        scene.clients = (0..ADDRESSES).map(|_| scene.client(Instant::now())).collect();
        scene
    }

    fn client(&self, now: Instant) -> ConnectionTable {
        let mut client = ConnectionTable::client_only(self.limits);
        let config = self.setup.to_protocol(&self.limits);
        client.connect(now, server_address(), config).expect("randomness");
        client
    }

    /// Each slot stands at its address, and at each address stands a slot.
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
                    "who is there is the current one"
                );
            }
        }
        assert_eq!(count, self.server.slots.len());
        for (at, key) in &self.connected {
            assert_eq!(self.server.slots[key.slot].generation, key.generation, "of {at}");
        }
    }

    /// Takes what the server tells.
    fn hear(&mut self) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Connected(key) => {
                    // If it is not, its end is told behind it; as is that of the one before it.
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

    /// Carries everybody's datagrams, of which `loss` in ten are lost, and some come twice.
    fn step(&mut self, now: Instant, dice: &mut Dice, loss: u64) {
        for index in 0..ADDRESSES {
            let client = &mut self.clients[index];
            client.handle_finished_jobs(now);
            client.handle_timeout(now);
            let sent: Vec<_> = client.outgoing.iter().map(|(_, bytes)| bytes.to_vec()).collect();
            client.outgoing.clear();
            for datagram in sent {
                for _ in 0..=dice.roll(5) / 4 {
                    if dice.roll(10) >= loss {
                        self.server.handle_datagram(now, address(index), &mut datagram.clone());
                    }
                }
            }
        }
        self.server.handle_finished_jobs(now);
        self.server.handle_timeout(now);
        self.hear();
        let sent: Vec<_> =
            self.server.outgoing.iter().map(|(to, bytes)| (to, bytes.to_vec())).collect();
        self.server.outgoing.clear();
        for (to, mut datagram) in sent {
            let index = usize::from(to.port()) - 1000;
            if dice.roll(10) >= loss {
                self.clients[index].handle_datagram(now, server_address(), &mut datagram);
            }
        }
        self.check();
    }
}

#[test]
fn the_table_is_right_whoever_comes_goes_and_comes_again() {
    for seed in 0..4 {
        let mut dice = Dice(seed);
        let mut scene = Scene::new();
        let begin = Instant::now();
        // The clock runs ahead of ours, for what is sent again.
        let mut ahead = Duration::ZERO;
        for _ in 0..600 {
            let index = usize::try_from(dice.roll(ADDRESSES as u64)).expect("few");
            match dice.roll(40) {
                // It has crashed, and comes back; or it leaves, and comes back.
                0 => scene.clients[index] = scene.client(begin + ahead),
                1 => {
                    scene.clients[index].close_all();
                    let farewell: Vec<_> = scene.clients[index]
                        .outgoing
                        .iter()
                        .map(|(_, bytes)| bytes.to_vec())
                        .collect();
                    for mut datagram in farewell {
                        scene.server.handle_datagram(begin + ahead, address(index), &mut datagram);
                    }
                    scene.clients[index] = scene.client(begin + ahead);
                }
                // The server has enough of it.
                2 => {
                    if let Some(key) = scene.connected.remove(&address(index)) {
                        scene.server.close(key);
                    }
                }
                _ => {}
            }
            scene.step(begin + ahead, &mut dice, 2);
            ahead += Duration::from_millis(dice.roll(200));
            std::thread::sleep(Duration::from_micros(200));
        }
        // In good weather everybody who still wants to is there in the end.
        for index in 0..ADDRESSES {
            scene.clients[index] = scene.client(begin + ahead);
        }
        let end = Instant::now() + Duration::from_mins(1);
        let is_there =
            |client: &mut ConnectionTable| client.connected_at(server_address()).is_some();
        while !scene.clients.iter_mut().all(is_there) {
            assert!(Instant::now() < end, "seed {seed}: not all are there");
            for index in 0..ADDRESSES {
                // Its server may have gone on with another of its address.
                if scene.clients[index].association_at(server_address()).is_none() {
                    scene.clients[index] = scene.client(begin + ahead);
                }
            }
            scene.step(begin + ahead, &mut dice, 0);
            ahead += Duration::from_millis(50);
            std::thread::sleep(Duration::from_micros(500));
        }
        for _ in 0..5 {
            scene.step(begin + ahead, &mut dice, 0);
        }
        assert_eq!(scene.connected.len(), ADDRESSES, "seed {seed}");
    }
}

/// A server's table, and what clients of it need.
pub(super) fn table(limits: Limits) -> (ConnectionTable, ClientConfig) {
    let made = rcgen::generate_simple_self_signed(["game.example".to_owned()]).expect("made");
    let (key, certificate) = (made.signing_key.serialize_pem(), made.cert.pem());
    let server = ServerConfig::new(&key, &certificate, "", None).expect("a setup");
    let trust = VerificationPolicy::new(TrustAnchors::Custom(&certificate));
    let setup = ClientConfig::new(trust, "game.example", true).expect("a setup");
    (ConnectionTable::server(&server, limits).expect("randomness"), setup)
}

pub(super) fn sent(ends: &mut ConnectionTable) -> Vec<Vec<u8>> {
    let sent = ends.outgoing.iter().map(|(_, bytes)| bytes.to_vec()).collect();
    ends.outgoing.clear();
    sent
}

/// The second hello of a new client at an address.
pub(super) fn proven(
    server: &mut ConnectionTable,
    setup: &ClientConfig,
    now: Instant,
    at: SocketAddr,
) -> Vec<u8> {
    let limits = Limits::default();
    let mut client = ConnectionTable::client_only(limits);
    client.connect(now, server_address(), setup.to_protocol(&limits)).expect("randomness");
    for mut datagram in sent(&mut client) {
        server.handle_datagram(now, at, &mut datagram);
    }
    for mut datagram in sent(server) {
        client.handle_datagram(now, server_address(), &mut datagram);
    }
    sent(&mut client).pop().expect("a hello")
}

#[test]
fn when_all_places_are_taken_whoever_has_most_makes_room_with_the_oldest() {
    let limits = Limits { max_handshakes: 8, max_handshakes_per_address: 4, ..Limits::default() };
    let (mut server, setup) = table(limits);
    let now = Instant::now();
    let network = |network: u16, host: u16| {
        SocketAddr::from((std::net::Ipv6Addr::new(0x2001, 0xDB8, network, 0, 0, 0, 0, host), 7))
    };
    let begin = |server: &mut ConnectionTable, at| {
        let mut hello = proven(server, &setup, now, at);
        server.handle_datagram(now, at, &mut hello);
        server.association_at(at).is_some()
    };
    let taken = (0..10).filter(|host| begin(&mut server, network(1, *host))).count();
    assert_eq!(taken, 4, "addresses of one /64 count together");
    let taken = (0..10).filter(|host| begin(&mut server, network(2, *host))).count();
    assert_eq!((taken, server.handshakes()), (4, 8));
    for other in 10..14 {
        assert!(begin(&mut server, network(other, 1)), "there is room for one who has none");
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
fn connections_of_which_the_game_was_not_told_keep_their_places() {
    let limits = Limits { max_peers: 3, ..Limits::default() };
    let (mut server, setup) = table(limits);
    let now = Instant::now();
    server.unreported_closes = 2;
    for (index, wanted) in [(0, true), (1, false)] {
        let mut hello = proven(&mut server, &setup, now, address(index));
        server.handle_datagram(now, address(index), &mut hello);
        assert_eq!(server.association_at(address(index)).is_some(), wanted);
    }
    server.unreported_closes = 1;
    let mut hello = proven(&mut server, &setup, now, address(1));
    server.handle_datagram(now, address(1), &mut hello);
    assert!(server.association_at(address(1)).is_some(), "there is room again");
}

#[test]
fn a_client_that_begins_again_at_once_costs_no_signature_each_time() {
    let (mut server, setup) = table(Limits::default());
    let start = Instant::now();
    let mut seen = std::collections::HashSet::new();
    for tenths in 0..50 {
        let now = start + Duration::from_millis(tenths * 20);
        let mut hello = proven(&mut server, &setup, now, address(0));
        server.handle_datagram(now, address(0), &mut hello);
        seen.insert(server.association_at(address(0)));
    }
    assert!(seen.len() <= 5, "{}", seen.len());
}

#[test]
fn a_few_addresses_that_begin_again_cost_a_bounded_number_of_signatures() {
    let limits = Limits { max_handshakes_per_address: 64, ..Limits::default() };
    let (mut server, setup) = table(limits);
    let start = Instant::now();
    let from = |address, port| SocketAddr::from(([10, 0, 1, address], port));
    let mut end = start;
    for turn in 0..40 {
        end = start + Duration::from_millis(260) * turn;
        for (address, port) in (0..3).flat_map(|address| (0..30).map(move |port| (address, port))) {
            let mut hello = proven(&mut server, &setup, end, from(address, port));
            server.handle_datagram(end, from(address, port), &mut hello);
        }
        sent(&mut server);
    }
    // A burst of 256, and as many in each 16 s.
    let most = 3 * (256 + 16 * (end - start).as_secs() + 16);
    assert!(server.generation <= most, "{} signatures, at most {most}", server.generation);
    assert_eq!(server.handshakes(), 90);
    let newcomer = from(9, 7);
    let mut hello = proven(&mut server, &setup, end, newcomer);
    server.handle_datagram(end, newcomer, &mut hello);
    assert!(server.association_at(newcomer).is_some(), "others have their own share");
}

#[test]
fn key_agreements_of_flights_that_begin_again_count_as_handshakes() {
    const PORTS: usize = 10;
    const CLIENT_KEY_EXCHANGE: u8 = 16;
    let limits = Limits { max_handshakes_per_address: 64, ..Limits::default() };
    let (mut server, setup) = table(limits);
    let start = Instant::now();
    for index in 0..PORTS {
        let mut hello = proven(&mut server, &setup, start, address(index));
        server.handle_datagram(start, address(index), &mut hello);
    }
    finish_jobs(&mut server, start);
    let (mut jobs, mut now) = (0, start);
    for turn in 0..120_u8 {
        now = start + Duration::from_millis(260) * turn.into();
        for index in 0..PORTS {
            // Another key of X25519 each time, as the client's third message.
            let mut forged = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 1, turn, 0, 45];
            forged.extend([CLIENT_KEY_EXCHANGE, 0, 0, 33, 0, 2, 0, 0, 0, 0, 0, 33, 32]);
            forged.extend([turn.wrapping_add(1); 32]);
            server.handle_datagram(now, address(index), &mut forged);
        }
        jobs += finish_jobs(&mut server, now);
        server.handle_timeout(now);
        jobs += finish_jobs(&mut server, now);
    }
    assert_eq!(server.handshakes(), PORTS, "they still begin");
    // One of each handshake is no more than it costs, and 256 were for the burst.
    let most = 256 + 16 * usize::try_from((now - start).as_secs() + 1).expect("small");
    assert!(jobs > most / 2, "{jobs} key agreements, at most {most}");
    assert!(jobs <= most, "{jobs} key agreements, at most {most}");
}

#[test]
fn a_hello_in_fragments_comes_to_its_connection() {
    let (mut server, setup) = table(Limits::default());
    let now = Instant::now();
    let hello = proven(&mut server, &setup, now, address(0));
    let body = &hello[25..];
    let pieces = [(0, &body[..110]), (110, &body[110..])].map(|(offset, piece): (usize, &[u8])| {
        let mut message = hello[13..19].to_vec();
        message.extend_from_slice(&offset.to_be_bytes()[5..]);
        message.extend_from_slice(&piece.len().to_be_bytes()[5..]);
        message.extend_from_slice(piece);
        let mut record = hello[..11].to_vec();
        record.extend_from_slice(&u16::try_from(message.len()).expect("short").to_be_bytes());
        record.extend_from_slice(&message);
        record
    });
    // The second alone means nothing, together they do; in one datagram or in two.
    server.handle_datagram(now, address(0), &mut pieces[1].clone());
    assert!(server.association_at(address(0)).is_none());
    server.handle_datagram(now, address(0), &mut pieces.concat());
    let end = Instant::now() + Duration::from_mins(1);
    while server.outgoing.is_empty() {
        assert!(Instant::now() < end, "no offer");
        server.handle_finished_jobs(now);
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Goes on with the jobs until none is left. Returns how many there were.
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
fn equal_attackers_do_not_evict_each_other_and_a_newcomer_gets_in() {
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
            let mut hello = proven(server, &setup, now, at);
            server.handle_datagram(now, at, &mut hello);
            finish_jobs(server, now);
            sent(server);
        }
        server.generation - from
    };
    assert_eq!(attack(&mut server, start, 200), 12, "three each, and no more");
    let newcomer = SocketAddr::from(([10, 0, 2, 1], 7));
    let mut hello = proven(&mut server, &setup, start, newcomer);
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
fn jobs_of_evicted_connections_do_no_work() {
    let limits =
        Limits { max_handshakes: 100, max_handshakes_per_address: 100, ..Limits::default() };
    let (mut server, setup) = table(limits);
    let now = Instant::now();
    for index in 0..100 {
        let mut hello = proven(&mut server, &setup, now, address(index));
        server.handle_datagram(now, address(index), &mut hello);
    }
    for other in 0..30 {
        let at = SocketAddr::from(([10, 0, 1, other], 7));
        let mut hello = proven(&mut server, &setup, now, at);
        server.handle_datagram(now, at, &mut hello);
    }
    assert_eq!(server.handshakes(), 100);
    server.close_all();
    sent(&mut server);
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
fn a_refused_job_ends_its_connection_and_the_next_hello_starts_again() {
    let (mut server, setup) = table(Limits::default());
    let now = Instant::now();
    let nobody = Key { slot: usize::MAX, generation: 0 };
    let alive = Alive::default();
    for _ in 0..64 + 4096 {
        // Ends the job without a message of a panic.
        server.jobs.start(nobody, &alive, || std::panic::resume_unwind(Box::new(())), None);
    }
    let mut hello = proven(&mut server, &setup, now, address(0));
    server.handle_datagram(now, address(0), &mut hello.clone());
    let refused = server.association_at(address(0)).expect("a connection");
    drop(alive);
    finish_jobs(&mut server, now);
    let event = server.poll_event();
    assert!(matches!(event, Some(Event::Closed { key, .. }) if key == refused), "{event:?}");
    assert_eq!((server.association_at(address(0)), server.handshakes()), (None, 0));
    server.handle_datagram(now, address(0), &mut hello);
    assert!(server.association_at(address(0)).is_some_and(|key| key != refused));
    finish_jobs(&mut server, now);
    assert!(!sent(&mut server).is_empty(), "an offer");
}

#[test]
fn a_client_that_is_refused_takes_no_place_from_anybody() {
    let limits = Limits { max_handshakes: 4, ..Limits::default() };
    let (mut server, setup) = table(limits);
    let now = Instant::now();
    for index in 0..4 {
        let mut hello = proven(&mut server, &setup, now, address(index));
        server.handle_datagram(now, address(index), &mut hello);
    }
    let stranger = SocketAddr::from(([10, 0, 9, 1], 7));
    let hello = proven(&mut server, &setup, now, stranger);
    // It offers no suite: behind random and session, the cookie, which is not of these.
    let suites = 25 + 2 + 32 + 1 + 1 + usize::from(hello[25 + 2 + 32 + 1]);
    let count = usize::from(u16::from_be_bytes([hello[suites], hello[suites + 1]]));
    let mut unfit = hello.clone();
    unfit[suites + 2..suites + 2 + count].fill(0);
    server.handle_datagram(now, stranger, &mut unfit);
    let answers = sent(&mut server);
    assert!(answers.iter().any(|answer| answer[0] == 21), "it is refused with an alert");
    assert!((0..4).all(|index| server.association_at(address(index)).is_some()));
    assert_eq!((server.handshakes(), server.association_at(stranger)), (4, None));
    server.handle_datagram(now, stranger, &mut hello.clone());
    assert!(
        server.association_at(stranger).is_some() && server.association_at(address(0)).is_none(),
        "one who is not"
    );
}

#[test]
fn a_second_job_that_is_refused_is_told_to_the_client() {
    let (mut server, setup) = table(Limits::default());
    let now = Instant::now();
    let limits = Limits::default();
    let mut client = ConnectionTable::client_only(limits);
    let key =
        client.connect(now, server_address(), setup.to_protocol(&limits)).expect("randomness");
    let end = Instant::now() + Duration::from_mins(1);
    let mut refused = false;
    while !refused {
        assert!(Instant::now() < end, "no second job");
        client.handle_finished_jobs(now);
        for mut datagram in sent(&mut client) {
            let before = server.jobs.is_busy();
            server.handle_datagram(now, address(0), &mut datagram);
            // The first signs; the second, with the client's key, is as if nobody could do it.
            let is_second = server.slots.iter().any(|(_, association)| association.job_count == 2);
            if is_second && !before && !refused {
                let mut finished = Vec::new();
                while finished.is_empty() {
                    finished = server.jobs.take_finished(None);
                    std::thread::sleep(Duration::from_micros(200));
                }
                for finished in &mut finished {
                    finished.result = None;
                }
                server.handle_finished(now, finished);
                refused = true;
            }
        }
        server.handle_finished_jobs(now);
        for mut datagram in sent(&mut server) {
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
fn a_job_that_waits_for_longer_than_a_flight_is_done() {
    let (mut server, setup) = table(Limits::default());
    // The virtual clock is behind, so that each timer of a flight is due long before a worker is free.
    let now = Instant::now().checked_sub(Duration::from_secs(30)).expect("a clock");
    let mut client = ConnectionTable::client_only(Limits::default());
    client
        .connect(now, server_address(), setup.to_protocol(&Limits::default()))
        .expect("randomness");
    let end = Instant::now() + Duration::from_mins(1);
    while server.connected_at(address(0)).is_none() {
        assert!(Instant::now() < end, "the job was not done");
        for mut datagram in sent(&mut client) {
            server.handle_datagram(now, address(0), &mut datagram);
        }
        for mut datagram in sent(&mut server) {
            client.handle_datagram(now, server_address(), &mut datagram);
        }
        client.handle_finished_jobs(now);
        server.handle_finished_jobs(now);
        std::thread::sleep(Duration::from_micros(200));
    }
}
