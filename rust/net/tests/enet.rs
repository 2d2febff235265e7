//! Tests of hosts over loopback sockets.

#![expect(clippy::expect_used, clippy::panic, reason = "a test")]

use lodewire_net::Bind;
use lodewire_net::enet::{
    Config, Delivery, Event, Host, HostConfig, HostStatistic, Peer, PeerState, PeerStatistic,
    SendError,
};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Only ends a hang.
const TIMEOUT: Duration = Duration::from_mins(5);

fn host() -> Host {
    Host::bind(Bind::Address(Ipv4Addr::LOCALHOST.into()), 0, &Config::default()).expect("a port")
}

fn next(host: &mut Host) -> Event {
    host.service(TIMEOUT).expect("an event")
}

fn pair() -> (Host, Host, Rc<lodewire_net::enet::Peer>, Rc<lodewire_net::enet::Peer>) {
    let (mut server, mut client) = (host(), host());
    server.start_reading();
    let asked = client.connect(server.local_addr(), 3, 42).expect("a peer");
    client.start_reading();
    assert_eq!(asked.state(), PeerState::Connecting);
    let Event::Connect { peer: at_server, data: 42 } = next(&mut server) else {
        panic!("no connect")
    };
    let Event::Connect { peer, data: 0 } = next(&mut client) else { panic!("no connect") };
    assert!(Rc::ptr_eq(&peer, &asked));
    assert_eq!((at_server.channels(), peer.channels()), (3, 3));
    (server, client, at_server, peer)
}

#[test]
fn packets_go_both_ways_without_further_calls() {
    let (mut server, mut client, at_server, at_client) = pair();
    at_client.send(2, Delivery::Reliable, b"hello".to_vec().into()).expect("sent");
    let Event::Receive { peer, channel: 2 } = next(&mut server) else { panic!("no packet") };
    assert!(Rc::ptr_eq(&peer, &at_server));
    assert_eq!(&peer.receive().expect("a packet").data[..], b"hello");
    at_server.send(0, Delivery::Unsequenced, vec![1; 1000].into()).expect("sent");
    let Event::Receive { peer, .. } = next(&mut client) else { panic!("no packet") };
    assert_eq!(peer.receive().expect("a packet").data.len(), 1000);
}

#[test]
fn a_large_packet_arrives_whole() {
    let (mut server, _client, _, at_client) = pair();
    let data: Vec<u8> = (0..5_000_000_u32).map(|index| (index % 253) as u8).collect();
    at_client.send(0, Delivery::Reliable, data.clone().into()).expect("sent");
    let Event::Receive { peer, .. } = next(&mut server) else { panic!("no packet") };
    assert!(peer.receive().expect("a packet").data[..] == data);
}

#[test]
fn disconnect_now_is_sent_before_the_host_is_dropped() {
    let (mut server, client, _, at_client) = pair();
    at_client.disconnect_now(7);
    assert!(!at_client.is_active());
    drop(client);
    let Event::Disconnect { data: 7, .. } = next(&mut server) else { panic!("no disconnect") };
}

#[test]
fn connecting_starts_when_the_name_is_resolved() {
    let (mut server, mut client) =
        (host(), Host::bind(Bind::Any, 0, &Config::default()).expect("a port"));
    server.start_reading();
    let port = server.local_addr().port();
    let peer = client.connect_unresolved(1, 0).expect("a peer");
    assert!(client.service(Duration::from_millis(20)).is_none(), "no request is sent yet");
    client.set_resolved(&peer, Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))]));
    let Event::Connect { .. } = next(&mut client) else { panic!("no connect") };
    assert_eq!(peer.remote(), SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let unresolved = client.connect_unresolved(1, 0).expect("a peer");
    client.set_resolved(&unresolved, Err("host.invalid was not found".to_owned()));
    let Event::Disconnect { peer, reason: Some(reason), .. } = next(&mut client) else {
        panic!("no disconnect")
    };
    assert!(Rc::ptr_eq(&peer, &unresolved) && reason.contains("host.invalid"), "{reason}");
}

#[test]
fn connect_timeout_ends_the_attempt() {
    let silent = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let mut client = host();
    client.set_connect_timeout(Some(Duration::from_millis(100)));
    let asked = [
        client.connect(silent.local_addr().expect("bound"), 1, 0).expect("a peer"),
        // The name lookup of this one is pending.
        client.connect_unresolved(1, 0).expect("a peer"),
    ];
    for _ in asked {
        let Some(Event::Disconnect { reason: Some(reason), .. }) = client.service(TIMEOUT) else {
            panic!("no disconnect")
        };
        assert!(reason.contains("in time"), "{reason}");
    }
}

#[test]
fn dropped_host_disconnects_its_peers() {
    let (mut server, client, ..) = pair();
    drop(client);
    let Event::Disconnect { reason: None, .. } = next(&mut server) else { panic!("no disconnect") };
}

#[test]
fn packets_of_a_disconnected_peer_are_not_reported() {
    let (mut server, _client, at_server, at_client) = pair();
    at_client.send(0, Delivery::Reliable, vec![1].into()).expect("sent");
    let Event::Receive { .. } = next(&mut server) else { panic!("no packet") };
    at_client.send(0, Delivery::Reliable, vec![2].into()).expect("sent");
    at_server.disconnect(0);
    let Event::Disconnect { .. } = next(&mut server) else { panic!("no disconnect") };
}

#[test]
fn service_waits_for_the_timeout() {
    let mut host = host();
    let begin = Instant::now();
    assert!(host.service(Duration::from_millis(200)).is_none());
    assert!(begin.elapsed() >= Duration::from_millis(200));
}

#[test]
fn late_reader_gets_all_reliable_packets() {
    let config = Config {
        host: HostConfig { max_waiting_data: 50_000, ..HostConfig::default() },
        ..Config::default()
    };
    let mut server =
        Host::bind(Bind::Address(Ipv4Addr::LOCALHOST.into()), 0, &config).expect("a port");
    let mut client = host();
    server.start_reading();
    let at_client = client.connect(server.local_addr(), 3, 0).expect("a peer");
    client.start_reading();
    let Event::Connect { peer: at_server, .. } = next(&mut server) else { panic!("no connect") };
    next(&mut client);
    for number in 0..200_u8 {
        at_client.send(0, Delivery::Reliable, [number; 1000][..].into()).expect("sent");
        at_client.send(1, Delivery::Unsequenced, [number; 1000][..].into()).expect("sent");
    }
    let end = Instant::now() + TIMEOUT;
    while at_server.statistic(PeerStatistic::Refused) == 0.0 {
        assert!(Instant::now() < end, "everything fits");
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut reliable = Vec::new();
    while reliable.len() < 200 && Instant::now() < end {
        let Some(Event::Receive { channel, .. }) = server.service(TIMEOUT) else { continue };
        let packet = at_server.receive().expect("a packet");
        if channel == 0 {
            reliable.push(packet.data[0]);
        }
    }
    assert_eq!(reliable, (0..200).collect::<Vec<u8>>());
}

#[test]
fn long_unreliable_packet_does_not_overtake_a_short_one_of_the_same_frame() {
    const FRAMES: usize = 50;
    let (mut server, _client, at_server, at_client) = pair();
    for frame in 0..FRAMES {
        for len in [64, 4000] {
            let data = vec![7; len];
            at_client.send(1, Delivery::UnreliableFragment, data.into()).expect("sent");
        }
        // The next frame is sent after this one has arrived, so that no receive buffer overflows.
        for len in [64, 4000] {
            let Event::Receive { .. } = next(&mut server) else { panic!("frame {frame}: {len}") };
            assert_eq!(at_server.receive().expect("a packet").data.len(), len, "frame {frame}");
        }
    }
}

#[test]
fn slots_are_in_use_until_the_game_receives_the_disconnect() {
    let config =
        Config { host: HostConfig { peers: 2, ..HostConfig::default() }, ..Config::default() };
    let mut server =
        Host::bind(Bind::Address(Ipv4Addr::LOCALHOST.into()), 0, &config).expect("a port");
    let mut client = host();
    server.start_reading();
    // While the server's game is busy, others connect, send and disconnect.
    for _ in 0..2 {
        let peer = client.connect(server.local_addr(), 1, 0).expect("a peer");
        let Event::Connect { .. } = next(&mut client) else { panic!("no connect") };
        peer.send(0, Delivery::Reliable, vec![1; 100_000].into()).expect("sent");
        peer.disconnect_later(0);
        let Event::Disconnect { reason: None, .. } = next(&mut client) else { panic!("no end") };
    }
    // A third one is not rejected, since those two have disconnected: it retries until the game reads the events.
    client.connect(server.local_addr(), 1, 0).expect("a peer");
    client.pop_statistic(HostStatistic::SentPackets);
    let (mut sent, end) = (0, Instant::now() + TIMEOUT);
    while sent < 3 {
        assert!(client.service(Duration::from_millis(10)).is_none(), "there is no free slot yet");
        assert!(Instant::now() < end, "the request is not repeated");
        sent += client.pop_statistic(HostStatistic::SentPackets);
    }
    // The packets are available, and then the slots are free.
    for _ in 0..2 {
        let Event::Connect { peer, .. } = next(&mut server) else { panic!("no connect") };
        let Event::Receive { .. } = next(&mut server) else { panic!("no packet") };
        let Event::Disconnect { .. } = next(&mut server) else { panic!("no end") };
        assert_eq!(peer.receive().expect("a packet").data.len(), 100_000);
    }
    let Event::Connect { .. } = next(&mut client) else { panic!("no connect") };
    client.connect(server.local_addr(), 1, 0).expect("a peer");
    let Event::Connect { .. } = next(&mut client) else { panic!("no connect") };
    // Connected peers use up the slots.
    client.connect(server.local_addr(), 1, 0).expect("a peer");
    let Event::Disconnect { reason: Some(reason), .. } = next(&mut client) else {
        panic!("a third one is connected")
    };
    assert_eq!(reason, "the other side is full");
}

/// Checks each way of disconnecting: sending fails, and nothing is queued.
#[test]
fn sending_to_a_disconnected_peer_fails() {
    type Way = fn(&Peer, &Peer);
    let ways: [(&str, Way); 5] = [
        ("the other side has left", |_, other| other.disconnect_now(0)),
        ("disconnect", |peer, _| peer.disconnect(0)),
        ("disconnect_later", |peer, _| peer.disconnect_later(0)),
        ("disconnect_now", |peer, _| peer.disconnect_now(0)),
        ("reset", |peer, _| peer.reset()),
    ];
    for (way, end) in ways {
        let (mut server, mut client, at_server, at_client) = pair();
        end(&at_server, &at_client);
        // Packets sent before the event are dropped without an error.
        let _ = at_server.send(0, Delivery::Reliable, vec![1; 5000].into());
        let flushed = server.flush();
        assert!(flushed, "{way}");
        if way == "the other side has left"
            || way.starts_with("disconnect") && at_server.is_active()
        {
            // A host confirms a disconnect on its own.
            let Event::Disconnect { .. } = next(&mut server) else { panic!("{way}: no end") };
        }
        assert_eq!(at_server.state(), PeerState::Disconnected, "{way}");
        let waiting = at_server.outgoing_bytes();
        for len in [0, 10, 5000] {
            let sent = at_server.send(0, Delivery::Reliable, vec![1; len].into());
            assert_eq!(sent, Err(SendError::NotConnected), "{way}");
            assert_eq!(server.broadcast(0, Delivery::Reliable, vec![1; len].into()), 0, "{way}");
        }
        assert_eq!(at_server.outgoing_bytes(), waiting, "{way}");
        // The host continues: the next peer is served.
        let again = client.connect(server.local_addr(), 1, 7).expect("a peer");
        client.start_reading();
        let joined = loop {
            match next(&mut server) {
                Event::Connect { peer, data: 7 } => break peer,
                other => assert!(!matches!(other, Event::Receive { .. }), "{way}: {other:?}"),
            }
        };
        while again.state() != PeerState::Connected {
            next(&mut client);
        }
        joined.send(0, Delivery::Reliable, vec![2; 10].into()).expect("sent");
        loop {
            if let Event::Receive { peer, .. } = next(&mut client)
                && Rc::ptr_eq(&peer, &again)
            {
                break;
            }
        }
        assert_eq!(&again.receive().expect("a packet").data[..], [2; 10], "{way}");
    }
}
