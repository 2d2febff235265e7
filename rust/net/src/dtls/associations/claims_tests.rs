use super::tests::{address, proven, sent, server_address, table};
use super::*;
use crate::dtls::ClientSetup;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Has a client connect from an address.
fn join(
    server: &mut Associations,
    setup: &ClientSetup,
    now: Instant,
    at: SocketAddr,
) -> Associations {
    let limits = Limits::default();
    let mut client = Associations::dial(limits);
    client.connect(now, server_address(), setup.config(&limits)).expect("randomness");
    let end = Instant::now() + Duration::from_mins(1);
    while client.connected_at(server_address()).is_none() || server.connected_at(at).is_none() {
        assert!(Instant::now() < end, "{at} does not connect");
        client.take_finished(now);
        for mut datagram in sent(&mut client) {
            server.handle(now, at, &mut datagram);
        }
        server.take_finished(now);
        for (to, mut datagram) in take_outgoing(server) {
            if to == at {
                client.handle(now, server_address(), &mut datagram);
            }
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    client
}

fn take_outgoing(ends: &mut Associations) -> Vec<(SocketAddr, Vec<u8>)> {
    let sent = ends.outgoing.iter().map(|(to, bytes)| (to, bytes.to_vec())).collect();
    ends.outgoing.clear();
    sent
}

/// The clients send a packet each.
fn speak(
    server: &mut Associations,
    now: Instant,
    clients: &mut [(SocketAddr, Associations)],
) -> usize {
    for (at, client) in clients {
        if let Some(key) = client.connected_at(server_address()) {
            client.send(now, key, b"x").expect("connected");
        }
        for mut datagram in sent(client) {
            server.handle(now, *at, &mut datagram);
        }
    }
    std::iter::from_fn(|| server.next_event())
        .filter(|event| matches!(event, Event::Received(..)))
        .count()
}

#[test]
fn a_connection_that_nobody_claims_is_closed_whatever_it_sends() {
    let limits = Limits { idle_timeout: Some(Duration::from_secs(30)), ..Limits::default() };
    let (mut server, setup) = table(limits);
    server.require_claims(TIMEOUT);
    let start = Instant::now();
    let mut clients: Vec<_> = (0..4)
        .map(|index| (address(index), join(&mut server, &setup, start, address(index))))
        .collect();
    let player = server.claim(address(0)).expect("connected");
    assert_eq!((server.handshakes(), server.unclaimed.len()), (0, 3));
    for second in 0..10 {
        let now = start + Duration::from_secs(second);
        server.expire(now);
        assert_eq!(speak(&mut server, now, &mut clients), 4, "after {second} s");
    }
    assert_eq!(server.deadline(), Some(start + TIMEOUT));
    let now = start + TIMEOUT;
    server.expire(now);
    assert_eq!((server.slots.len(), server.unclaimed.len(), server.beginning.len()), (1, 0, 0));
    let told: Vec<_> = take_outgoing(&mut server).into_iter().map(|(to, _)| to).collect();
    assert!((1..4).all(|index| told.contains(&address(index))), "they are told: {told:?}");
    // A claim keeps it, also one of two; 10 seconds after the last it is closed.
    assert_eq!(server.claim(address(0)), Some(player));
    server.unclaim(now, player);
    let now = start + Duration::from_secs(25);
    speak(&mut server, now, &mut clients);
    server.expire(now);
    assert!(server.connected_at(address(0)).is_some());
    server.unclaim(now, player);
    speak(&mut server, now + TIMEOUT / 2, &mut clients);
    server.expire(now + TIMEOUT / 2);
    assert!(server.connected_at(address(0)).is_some());
    server.expire(now + TIMEOUT);
    assert_eq!((server.slots.len(), server.admission().expect("a server").count()), (0, 0));
}

#[test]
fn connections_without_a_claim_count_as_handshakes_do() {
    let limits = Limits { peers: 5, handshakes: 8, handshakes_per_address: 2, ..Limits::default() };
    let (mut server, setup) = table(limits);
    server.require_claims(TIMEOUT);
    let now = Instant::now();
    let at = |host: u8, port: u16| SocketAddr::from(([10, 0, 1, host], port));
    for port in 0..2 {
        join(&mut server, &setup, now, at(1, port));
    }
    let mut hello = proven(&mut server, &setup, now, at(1, 2));
    server.handle(now, at(1, 2), &mut hello);
    assert!(server.at(at(1, 2)).is_none(), "an address has two");
    for host in 2..5 {
        join(&mut server, &setup, now, at(host, 0));
    }
    assert_eq!(server.slots.len(), 5);
    // All places are taken: whoever has most gives up the oldest, and after a while the oldest of all.
    join(&mut server, &setup, now, at(5, 0));
    assert!(server.at(at(1, 0)).is_none() && server.at(at(1, 1)).is_some());
    let now = now + TIMEOUT / 2;
    join(&mut server, &setup, now, at(6, 0));
    assert!(server.at(at(1, 1)).is_none());
    assert_eq!((server.slots.len(), server.unclaimed.len(), server.beginning.len()), (5, 5, 5));
    // Those that are claimed do not make room.
    for host in 2..7 {
        assert!(server.claim(at(host, 0)).is_some());
    }
    let mut hello = proven(&mut server, &setup, now, at(7, 0));
    server.handle(now, at(7, 0), &mut hello);
    assert!(server.at(at(7, 0)).is_none());
}

#[test]
fn a_connection_that_replaces_one_leaves_nothing_of_its_claims() {
    let (mut server, setup) = table(Limits::default());
    server.require_claims(TIMEOUT);
    let now = Instant::now();
    join(&mut server, &setup, now, address(0));
    let old = server.claim(address(0)).expect("connected");
    let again = |server: &mut Associations, now, old| {
        let mut client = join(server, &setup, now, address(0));
        let end = Instant::now() + Duration::from_mins(1);
        while server.connected_at(address(0)) == Some(old) {
            assert!(Instant::now() < end, "it is not replaced");
            server.take_finished(now);
            for mut datagram in sent(&mut client) {
                server.handle(now, address(0), &mut datagram);
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        server.connected_at(address(0)).expect("connected")
    };
    let second = again(&mut server, now, old);
    assert_eq!((server.slots.len(), server.unclaimed.len(), server.beginning.len()), (1, 1, 1));
    // The old one's claim is none of the new one's.
    assert_eq!(server.claim(address(0)), Some(second));
    server.unclaim(now, old);
    assert_eq!((server.unclaimed.len(), server.beginning.len()), (0, 0));
    server.unclaim(now, second);
    again(&mut server, now + Duration::from_secs(1), second);
    assert_eq!((server.slots.len(), server.unclaimed.len(), server.beginning.len()), (1, 1, 1));
}
