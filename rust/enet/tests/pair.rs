//! Tests of two hosts that exchange datagrams directly.

#![expect(clippy::cast_possible_truncation, clippy::expect_used, clippy::panic, reason = "a test")]

use lodewire_enet::{
    DISCONNECT_FULL, Delivery, Event, Events, Host, HostConfig, Payload, PeerKey, PeerState,
    SendError, Time,
};
use std::net::SocketAddr;
use std::time::Duration;

struct Pair {
    now: Time,
    hosts: [Host; 2],
    addresses: [SocketAddr; 2],
    datagrams: usize,
}

impl Pair {
    fn new(server: HostConfig, client: HostConfig) -> Self {
        let address = |port| SocketAddr::from(([10, 0, 0, 1], port));
        Self {
            now: Time::from_micros(1_000_000),
            hosts: [Host::new(server, [1; 32]), Host::new(client, [2; 32])],
            addresses: [address(1), address(2)],
            datagrams: 0,
        }
    }

    /// Exchanges datagrams, with a delay of 10 ms each, until there are none.
    fn settle(&mut self) {
        let mut out = Vec::new();
        loop {
            let mut moved = Vec::new();
            for from in 0..2 {
                out.clear();
                while self.hosts[from].poll_transmit(self.now, &mut out).is_some() {
                    moved.push((from, std::mem::take(&mut out)));
                }
            }
            if moved.is_empty() {
                return;
            }
            self.now = self.now + Duration::from_millis(10);
            for (from, datagram) in moved {
                self.datagrams += 1;
                self.hosts[1 - from].handle_datagram(self.now, self.addresses[from], &datagram);
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.settle();
            let next = self.hosts.iter().filter_map(Host::poll_timeout).min();
            let Some(next) = next.filter(|at| *at <= end) else { break };
            self.now = self.now.max(next);
            for host in &mut self.hosts {
                host.handle_timeout(self.now);
            }
        }
        self.now = self.now.max(end);
    }

    fn events(&mut self, host: usize) -> Vec<Event<'static>> {
        let mut events = Events::default();
        self.hosts[host].poll_events(&mut events);
        std::iter::from_fn(|| events.pop().map(Event::into_owned)).collect()
    }

    /// Connects, and returns the server's peer and the client's.
    fn connect(&mut self) -> (PeerKey, PeerKey) {
        let client = self.hosts[1].connect(self.addresses[0], 4, 77).expect("a free peer");
        self.settle();
        let server = match self.events(0)[..] {
            [Event::Connect { peer, data: 77 }] => peer,
            ref events => panic!("{events:?}"),
        };
        assert_eq!(self.events(1), [Event::Connect { peer: client, data: 0 }]);
        (server, client)
    }
}

fn pair() -> Pair {
    Pair::new(HostConfig::default(), HostConfig::default())
}

#[test]
fn connected_peers_agree_on_the_connection_parameters() {
    let mut pair = pair();
    let (server, client) = pair.connect();
    for (host, peer) in [(0, server), (1, client)] {
        assert_eq!(pair.hosts[host].state(peer), PeerState::Connected);
        assert_eq!(pair.hosts[host].channel_count(peer), 4);
        assert_eq!(pair.hosts[host].mtu(peer), 1392);
        let statistics = pair.hosts[host].peer_statistics(peer).expect("a peer");
        assert_eq!(statistics.round_trip_time, 20_000, "host {host}");
    }
}

#[test]
fn packets_of_every_delivery_mode_and_length_arrive() {
    let mut pair = pair();
    let (server, client) = pair.connect();
    for delivery in [
        Delivery::Reliable,
        Delivery::Unreliable,
        Delivery::UnreliableFragment,
        Delivery::Unsequenced,
        Delivery::UnsequencedFragment,
    ] {
        for len in [0, 1, 64, 1363, 1364, 1365, 1392, 5000, 65_536, 1_000_000] {
            let data: Vec<u8> = (0..len).map(|index: usize| (index % 251) as u8).collect();
            pair.hosts[1].send(client, 3, delivery, &data).expect("sent");
            pair.settle();
            let (got, how, channel) = match &pair.events(0)[..] {
                [Event::Receive { data, delivery, channel, .. }] => {
                    (data.clone(), *delivery, *channel)
                }
                events => panic!("{delivery:?} {len}: {} events", events.len()),
            };
            assert_eq!((got.as_ref(), channel), (&data[..], 3), "{delivery:?} {len}");
            let long = len > 1364;
            let wanted = match delivery {
                Delivery::Unreliable | Delivery::Unsequenced if long => Delivery::Reliable,
                Delivery::UnsequencedFragment if long => Delivery::UnreliableFragment,
                Delivery::UnsequencedFragment => Delivery::Unsequenced,
                Delivery::UnreliableFragment if !long => Delivery::Unreliable,
                other => other,
            };
            assert_eq!(how, wanted, "{len}");
            pair.hosts[0].release_capacity(server, 1, len);
            assert!(pair.hosts[0].buffered_bytes() < 1000, "the state of the channel alone");
        }
    }
}

#[test]
fn small_packets_of_one_burst_share_datagrams() {
    let mut pair = pair();
    let (_, client) = pair.connect();
    let before = pair.hosts[1].statistics().sent_packets;
    for _ in 0..100 {
        pair.hosts[1].send(client, 0, Delivery::Reliable, &[7; 64]).expect("sent");
    }
    pair.settle();
    assert_eq!(pair.events(0).len(), 100);
    // 70 bytes each, 19 of which fit in 1392.
    assert_eq!(pair.hosts[1].statistics().sent_packets - before, 6);
}

#[test]
fn idle_peers_ping_twice_a_second_and_stay_connected() {
    let mut pair = pair();
    let (server, client) = pair.connect();
    pair.pass(Duration::from_secs(60));
    assert_eq!(pair.hosts[0].state(server), PeerState::Connected);
    assert_eq!(pair.hosts[1].state(client), PeerState::Connected);
    assert!((200..=500).contains(&pair.datagrams), "{} datagrams", pair.datagrams);
    assert!(pair.events(0).is_empty());
}

#[test]
fn disconnect_is_acknowledged_and_reported_on_both_sides() {
    let mut pair = pair();
    let (server, client) = pair.connect();
    pair.hosts[1].disconnect(client, 5);
    assert_eq!(pair.hosts[1].state(client), PeerState::Disconnecting);
    pair.settle();
    let ended = |peer, data| [Event::Disconnect { peer, data, timed_out: false }];
    assert_eq!(pair.events(0), ended(server, 5));
    assert_eq!(pair.events(1), ended(client, 0));
    assert_eq!(pair.hosts[0].peer_count() + pair.hosts[1].peer_count(), 0);
    let refused = pair.hosts[1].send(client, 0, Delivery::Reliable, &[]);
    assert_eq!(refused, Err(SendError::NotConnected));
}

#[test]
fn disconnect_later_delivers_queued_packets_first() {
    let mut pair = pair();
    let (server, client) = pair.connect();
    let data = vec![3; 400_000];
    pair.hosts[1].send_shared(client, 1, Delivery::Reliable, &data.clone().into()).expect("sent");
    pair.hosts[1].disconnect_later(client, 9);
    pair.settle();
    let delivery = Delivery::Reliable;
    assert_eq!(
        pair.events(0),
        [
            Event::Receive {
                peer: server,
                channel: 1,
                delivery,
                data: Payload::Owned(data.into())
            },
            Event::Disconnect { peer: server, data: 9, timed_out: false },
        ]
    );
    assert_eq!(pair.events(1), [Event::Disconnect { peer: client, data: 0, timed_out: false }]);
}

#[test]
fn disconnect_now_is_reported_only_at_the_remote_host() {
    let mut pair = pair();
    let (server, client) = pair.connect();
    pair.hosts[1].disconnect_now(client, 4);
    assert_eq!(pair.hosts[1].peer_count(), 0);
    pair.settle();
    assert_eq!(pair.events(0), [Event::Disconnect { peer: server, data: 4, timed_out: false }]);
    assert!(pair.events(1).is_empty());
}

#[test]
fn silent_peer_times_out() {
    let mut pair = pair();
    let (server, client) = pair.connect();
    pair.hosts[1].reset(client);
    pair.pass(Duration::from_secs(4));
    assert!(pair.events(0).is_empty());
    pair.pass(Duration::from_secs(30));
    assert_eq!(pair.events(0), [Event::Disconnect { peer: server, data: 0, timed_out: true }]);
}

#[test]
fn connecting_to_a_silent_address_times_out_after_thirty_seconds() {
    let mut pair = pair();
    let silent = SocketAddr::from(([10, 0, 0, 9], 9));
    let peer = pair.hosts[1].connect(silent, 1, 0).expect("a free peer");
    let mut out = Vec::new();
    let mut attempts = 0;
    let begin = pair.now;
    while pair.hosts[1].peer_count() > 0 {
        while pair.hosts[1].poll_transmit(pair.now, &mut out).is_some() {
            attempts += 1;
        }
        pair.now = pair.hosts[1].poll_timeout().expect("a time-out");
        pair.hosts[1].handle_timeout(pair.now);
    }
    assert_eq!(pair.events(1), [Event::Disconnect { peer, data: 0, timed_out: true }]);
    let took = (pair.now.as_micros() - begin.as_micros()) / 1000;
    assert!((30_000..33_000).contains(&took), "{took} ms");
    assert_eq!(attempts, 6);
}

#[test]
fn full_host_rejects_connect_at_once() {
    let mut pair =
        Pair::new(HostConfig { peers: 1, ..HostConfig::default() }, HostConfig::default());
    pair.connect();
    let second = pair.hosts[1].connect(pair.addresses[0], 4, 0).expect("a free peer");
    pair.settle();
    let refused = [Event::Disconnect { peer: second, data: DISCONNECT_FULL, timed_out: false }];
    assert_eq!(pair.events(1), refused);
    assert!(pair.events(0).is_empty());
}

#[test]
fn datagrams_with_wrong_checksums_are_dropped() {
    let config = HostConfig { checksum: true, ..HostConfig::default() };
    let mut pair = Pair::new(config.clone(), config);
    let (_, client) = pair.connect();
    pair.hosts[1].send(client, 0, Delivery::Unreliable, &[1; 100]).expect("sent");
    let mut out = Vec::new();
    pair.hosts[1].poll_transmit(pair.now, &mut out).expect("a datagram");
    let mut changed = out.clone();
    changed[50] ^= 1;
    let from = pair.addresses[1];
    pair.hosts[0].handle_datagram(pair.now, from, &changed);
    assert!(pair.events(0).is_empty());
    pair.hosts[0].handle_datagram(pair.now, from, &out);
    assert_eq!(pair.events(0).len(), 1);
}

/// Sends 10 packets of 1000 bytes every 100 ms, for 20 seconds. Returns the bytes per second received in the second
/// half.
fn rate(pair: &mut Pair, from: usize, peer: PeerKey) -> usize {
    let mut bytes = 0;
    for round in 0..200 {
        for _ in 0..10 {
            pair.hosts[from].send(peer, 0, Delivery::Unreliable, &[0; 1000]).expect("sent");
        }
        pair.pass(Duration::from_millis(100));
        let received: usize = pair
            .events(1 - from)
            .iter()
            .map(|event| match event {
                Event::Receive { data, .. } => data.len(),
                _ => 0,
            })
            .sum();
        bytes += if round >= 100 { received } else { 0 };
    }
    bytes / 10
}

#[test]
fn bandwidth_limits_drop_unreliable_packets() {
    let limited = |incoming, outgoing| HostConfig {
        incoming_bandwidth: incoming,
        outgoing_bandwidth: outgoing,
        ..HostConfig::default()
    };
    let none = HostConfig::default;
    let mut free = pair();
    let (_, client) = free.connect();
    assert_eq!(rate(&mut free, 1, client), 100_000, "without a limit nothing is dropped");
    for (server, client, what) in [
        (none(), limited(0, 50_000), "what the sender may send"),
        (limited(50_000, 0), none(), "what the receiver takes"),
    ] {
        let mut pair = Pair::new(server, client);
        let (_, peer) = pair.connect();
        let rate = rate(&mut pair, 1, peer);
        assert!((35_000..=55_000).contains(&rate), "{what}: {rate}");
        let limit = pair.hosts[1].peer_statistics(peer).expect("a peer").packet_throttle_limit;
        assert!((10..=17).contains(&limit), "{what}: {limit} of 32");
    }
    // A changed limit is sent to the remote host, and so is a removed one.
    let now = free.now;
    free.hosts[0].set_bandwidth(now, 50_000, 0);
    let limited = rate(&mut free, 1, client);
    assert!((35_000..=55_000).contains(&limited), "{limited}");
    let now = free.now;
    free.hosts[0].set_bandwidth(now, 0, 0);
    assert_eq!(rate(&mut free, 1, client), 100_000);
}
