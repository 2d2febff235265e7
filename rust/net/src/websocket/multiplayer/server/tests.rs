use super::*;
use crate::websocket::MessageKind;
use crate::websocket::endpoint::{EndpointShared, Key, Settings};
use crate::websocket::peer::{Message, PeerEvent};
use crate::websocket::peer_shared::{Arrival, PeerShared};
use lodewire_websocket::CloseCode;
use std::sync::Arc;
use std::time::Duration;

/// Returns peers of one server.
fn peers(count: usize) -> Vec<(Arc<PeerShared>, Rc<Peer>)> {
    let endpoint = Arc::new(EndpointShared::new(Settings::default()));
    let remote = ([127, 0, 0, 1], 1).into();
    let peer = |slot| {
        let key = Key { slot, generation: 1 };
        let id = i32::try_from(slot).expect("few peers") + 2;
        let shared = PeerShared::new(id, key, remote, None, None, Arc::clone(&endpoint));
        let shared = Arc::new(shared);
        (Arc::clone(&shared), Rc::new(Peer::new(shared)))
    };
    (0..count).map(peer).collect()
}

/// Delivers a message of a peer, and reports it.
fn arrive((shared, peer): &(Arc<PeerShared>, Rc<Peer>), payload: &[u8]) {
    let message = Message { kind: MessageKind::Binary, payload: payload.to_vec() };
    shared.deliver(Arrival::Message(message));
    peer.collect();
    assert!(matches!(peer.next_event(), Some(PeerEvent::Message)));
}

/// Returns the CPU time of this thread; `None` if the system does not provide it.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

#[test]
fn packets_read_without_the_mode_are_skipped_in_constant_time() {
    const PEERS: usize = 3000;
    const PACKETS: usize = 300;
    let peers = peers(PEERS);
    let mut multiplayer = ServerMultiplayer::new(PacketFormat::Godot4);
    for _ in 0..PACKETS {
        for peer in &peers {
            arrive(peer, &[]);
            multiplayer.track(&peer.1);
        }
    }
    // Each peer whose packet is read is removed: counting all packets each time would take minutes of CPU time.
    let limit = processor_time().map(|time| time + Duration::from_secs(30));
    for (kicked, (_, peer)) in peers.iter().enumerate() {
        assert!(processor_time() <= limit, "all packets are counted each time");
        assert_eq!(multiplayer.available(), (PEERS - kicked) * PACKETS);
        assert_eq!(multiplayer.next_sender(), Some(peer.id()));
        assert_eq!(multiplayer.receive(), Some(Vec::new()));
        assert_eq!(multiplayer.available(), (PEERS - kicked) * PACKETS - 1);
        peer.close(CloseCode::NORMAL, "");
    }
    assert_eq!(multiplayer.available(), 0);
    assert_eq!(multiplayer.next_sender(), None);
    assert!(multiplayer.queue.borrow().is_empty());
}

#[test]
fn packets_read_without_the_mode_hold_no_memory_in_it() {
    let peers = peers(2);
    let multiplayer = ServerMultiplayer::new(PacketFormat::Godot4);
    // The first peer is never read, so its packet stays the first.
    arrive(&peers[0], &[]);
    multiplayer.track(&peers[0].1);
    for _ in 0..10_000 {
        arrive(&peers[1], &[]);
        multiplayer.track(&peers[1].1);
        assert!(peers[1].1.receive_directly().is_some());
        assert!(multiplayer.queue.borrow().len() < 8);
        assert_eq!(multiplayer.available(), 1);
    }
}

#[test]
fn packets_stay_in_order_when_some_are_read_without_the_mode() {
    let peers = peers(4);
    let mut multiplayer = ServerMultiplayer::new(PacketFormat::Godot4);
    // A model of the unread packets: sender and content.
    let mut waiting: Vec<(usize, u8)> = Vec::new();
    let mut random = 1_u32;
    for step in 0..20_000_u32 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let sender = (random >> 20) as usize % peers.len();
        let (_, peer) = &peers[sender];
        match (random >> 12) % 9 {
            0..=3 => {
                let content = step.to_le_bytes()[0];
                arrive(&peers[sender], &[content]);
                multiplayer.track(peer);
                waiting.push((sender, content));
            }
            // One that the mode consumes, such as one to be relayed.
            4 => {
                arrive(&peers[sender], &[]);
                assert!(peer.take_newest().is_some());
            }
            5 | 6 => {
                let next = (!waiting.is_empty()).then(|| waiting.remove(0));
                assert_eq!(multiplayer.next_sender(), next.map(|next| peers[next.0].1.id()));
                assert_eq!(multiplayer.receive(), next.map(|next| vec![next.1]));
            }
            7 => {
                let at = waiting.iter().position(|waits| waits.0 == sender);
                let next = at.map(|at| vec![waiting.remove(at).1]);
                assert_eq!(peer.receive_directly().map(|message| message.payload), next);
            }
            _ => {
                peer.receive_all();
                waiting.retain(|waits| waits.0 != sender);
            }
        }
        assert_eq!(multiplayer.available(), waiting.len());
    }
}
