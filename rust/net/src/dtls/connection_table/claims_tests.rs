use super::tests::{address, server_address, table, take_datagrams, verified_hello};
use super::*;
use crate::dtls::ClientConfig;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Connects a client from an address.
fn join(
    server: &mut ConnectionTable,
    setup: &ClientConfig,
    now: Instant,
    at: SocketAddr,
) -> ConnectionTable {
    let limits = Limits::default();
    let mut client = ConnectionTable::client_only(limits);
    client.connect(now, server_address(), setup.to_protocol(&limits)).expect("random bytes");
    let end = Instant::now() + Duration::from_mins(1);
    while client.connected_at(server_address()).is_none() || server.connected_at(at).is_none() {
        assert!(Instant::now() < end, "{at} does not connect");
        client.handle_finished_jobs(now);
        for mut datagram in take_datagrams(&mut client) {
            server.handle_datagram(now, at, &mut datagram);
        }
        server.handle_finished_jobs(now);
        for (to, mut datagram) in take_outgoing(server) {
            if to == at {
                client.handle_datagram(now, server_address(), &mut datagram);
            }
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    client
}

fn take_outgoing(table: &mut ConnectionTable) -> Vec<(SocketAddr, Vec<u8>)> {
    let sent = table.outgoing.iter().map(|(to, bytes)| (to, bytes.to_vec())).collect();
    table.outgoing.clear();
    sent
}

/// Sends a packet from each client. Returns how many the server received.
fn speak(
    server: &mut ConnectionTable,
    now: Instant,
    clients: &mut [(SocketAddr, ConnectionTable)],
) -> usize {
    for (at, client) in clients {
        if let Some(key) = client.connected_at(server_address()) {
            client.send(now, key, b"x").expect("connected");
        }
        for mut datagram in take_datagrams(client) {
            server.handle_datagram(now, *at, &mut datagram);
        }
    }
    std::iter::from_fn(|| server.poll_event())
        .filter(|event| matches!(event, Event::Received(..)))
        .count()
}

#[test]
fn unclaimed_connection_is_closed_whatever_it_sends() {
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
        server.handle_timeout(now);
        assert_eq!(speak(&mut server, now, &mut clients), 4, "after {second} s");
    }
    assert_eq!(server.poll_timeout(), Some(start + TIMEOUT));
    let now = start + TIMEOUT;
    server.handle_timeout(now);
    assert_eq!((server.slots.len(), server.unclaimed.len(), server.permits.len()), (1, 0, 0));
    let notified: Vec<_> = take_outgoing(&mut server).into_iter().map(|(to, _)| to).collect();
    assert!(
        (1..4).all(|index| notified.contains(&address(index))),
        "they are notified: {notified:?}"
    );
    // One of two claims is enough; 10 seconds after the last one is released the connection is closed.
    assert_eq!(server.claim(address(0)), Some(player));
    server.unclaim(now, player);
    let now = start + Duration::from_secs(25);
    speak(&mut server, now, &mut clients);
    server.handle_timeout(now);
    assert!(server.connected_at(address(0)).is_some());
    server.unclaim(now, player);
    speak(&mut server, now + TIMEOUT / 2, &mut clients);
    server.handle_timeout(now + TIMEOUT / 2);
    assert!(server.connected_at(address(0)).is_some());
    server.handle_timeout(now + TIMEOUT);
    assert_eq!((server.slots.len(), server.admission().expect("a server").count()), (0, 0));
}

#[test]
fn unclaimed_connections_count_as_handshakes() {
    let limits = Limits {
        max_peers: 5,
        max_handshakes: 8,
        max_handshakes_per_address: 2,
        ..Limits::default()
    };
    let (mut server, setup) = table(limits);
    server.require_claims(TIMEOUT);
    let now = Instant::now();
    let at = |host: u8, port: u16| SocketAddr::from(([10, 0, 1, host], port));
    for port in 0..2 {
        join(&mut server, &setup, now, at(1, port));
    }
    let mut hello = verified_hello(&mut server, &setup, now, at(1, 2));
    server.handle_datagram(now, at(1, 2), &mut hello);
    assert!(server.association_at(at(1, 2)).is_none(), "an address has two");
    for host in 2..5 {
        join(&mut server, &setup, now, at(host, 0));
    }
    assert_eq!(server.slots.len(), 5);
    // The table is full: the largest holder loses its oldest permit, and after a while the oldest permit of all is revoked.
    join(&mut server, &setup, now, at(5, 0));
    assert!(server.association_at(at(1, 0)).is_none() && server.association_at(at(1, 1)).is_some());
    let now = now + TIMEOUT / 2;
    join(&mut server, &setup, now, at(6, 0));
    assert!(server.association_at(at(1, 1)).is_none());
    assert_eq!((server.slots.len(), server.unclaimed.len(), server.permits.len()), (5, 5, 5));
    // Claimed connections are not evicted.
    for host in 2..7 {
        assert!(server.claim(at(host, 0)).is_some());
    }
    let mut hello = verified_hello(&mut server, &setup, now, at(7, 0));
    server.handle_datagram(now, at(7, 0), &mut hello);
    assert!(server.association_at(at(7, 0)).is_none());
}

#[test]
fn superseding_connection_inherits_no_claims() {
    let (mut server, setup) = table(Limits::default());
    server.require_claims(TIMEOUT);
    let now = Instant::now();
    join(&mut server, &setup, now, address(0));
    let old = server.claim(address(0)).expect("connected");
    let again = |server: &mut ConnectionTable, now, old| {
        let mut client = join(server, &setup, now, address(0));
        let end = Instant::now() + Duration::from_mins(1);
        while server.connected_at(address(0)) == Some(old) {
            assert!(Instant::now() < end, "it is not replaced");
            server.handle_finished_jobs(now);
            for mut datagram in take_datagrams(&mut client) {
                server.handle_datagram(now, address(0), &mut datagram);
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        server.connected_at(address(0)).expect("connected")
    };
    let second = again(&mut server, now, old);
    assert_eq!((server.slots.len(), server.unclaimed.len(), server.permits.len()), (1, 1, 1));
    // The claim of the old connection does not apply to the new one.
    assert_eq!(server.claim(address(0)), Some(second));
    server.unclaim(now, old);
    assert_eq!((server.unclaimed.len(), server.permits.len()), (0, 0));
    server.unclaim(now, second);
    again(&mut server, now + Duration::from_secs(1), second);
    assert_eq!((server.slots.len(), server.unclaimed.len(), server.permits.len()), (1, 1, 1));
}
