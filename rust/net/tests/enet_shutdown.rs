//! A test of shutting down the network under a host, in a separate process, since the network is shared.

#![expect(clippy::expect_used, reason = "a test")]

use lodewire_net::Bind;
use lodewire_net::enet::{Config, Delivery, Event, Host, PeerState};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_mins(10);

fn host() -> Host {
    Host::bind(Bind::Address(Ipv4Addr::LOCALHOST.into()), 0, &Config::default()).expect("a port")
}

#[test]
fn shutdown_of_the_network_ends_all_waiting() {
    let (mut server, mut client) = (host(), host());
    server.start_reading();
    let asked = client.connect(server.local_addr(), 1, 0).expect("a peer");
    let Some(Event::Connect { .. }) = client.service(TIMEOUT) else { panic!("no connect") };
    assert!(client.flush());
    // Until the server's thread has received the client's acknowledgement.
    let end = Instant::now() + TIMEOUT;
    while server.stats().packets_in < 2 || server.stats().handshakes > 0 {
        assert!(Instant::now() < end, "the server does not hear the client");
        std::thread::sleep(Duration::from_millis(1));
    }
    lodewire_net::shutdown();
    assert!(!client.flush());
    drop(client);
    // The server's peer has disconnected before its game was notified: both events are reported at once.
    let Some(Event::Connect { peer, .. }) = server.service(TIMEOUT) else { panic!("no connect") };
    let Some(Event::Disconnect { reason: Some(reason), .. }) = server.service(TIMEOUT) else {
        panic!("no end")
    };
    assert_eq!(reason, "the network has been shut down");
    assert_eq!((peer.state(), asked.state()), (PeerState::Disconnected, PeerState::Disconnected));
    assert!(server.service(TIMEOUT).is_none());
    assert!(peer.send(0, Delivery::Reliable, vec![1].into()).is_err());
}
