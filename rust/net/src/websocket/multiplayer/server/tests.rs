use super::*;
use crate::websocket::endpoint::{Endpoint, Key, Settings};
use crate::websocket::peer::{Message, Step};
use crate::websocket::peer_shared::{Arrival, PeerShared};
use lodewire_websocket::CloseCode;
use std::sync::Arc;
use std::time::Duration;

/// Peers of one server.
fn peers(count: usize) -> Vec<(Arc<PeerShared>, Rc<Peer>)> {
    let endpoint = Arc::new(Endpoint::new(Settings::default()));
    let remote = ([127, 0, 0, 1], 1).into();
    let peer = |slot| {
        let key = Key { slot, serial: 1 };
        let id = i32::try_from(slot).expect("few peers") + 2;
        let shared = PeerShared::new(id, key, remote, None, None, Arc::clone(&endpoint));
        let shared = Arc::new(shared);
        (Arc::clone(&shared), Rc::new(Peer::new(shared)))
    };
    (0..count).map(peer).collect()
}

/// A message comes from a peer, and is told.
fn arrive((shared, peer): &(Arc<PeerShared>, Rc<Peer>), payload: &[u8]) {
    let message = Message { kind: MessageKind::Binary, payload: payload.to_vec() };
    shared.deliver(Arrival::Message(message));
    peer.collect();
    assert!(matches!(peer.step(), Some(Step::Message)));
}

/// How long the processor has worked for this thread; `None` where the system does not tell.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

#[test]
fn what_is_read_past_the_mode_is_skipped_without_a_count_of_all_that_waits() {
    const PEERS: usize = 3000;
    const PACKETS: usize = 300;
    let peers = peers(PEERS);
    let mut multiplayer = ServerMultiplayer::new(Wire::Godot4);
    for _ in 0..PACKETS {
        for peer in &peers {
            arrive(peer, &[]);
            multiplayer.list(&peer.1);
        }
    }
    // Whoever's packet is read is thrown out: with a count of all each time, this would take the processor minutes.
    let limit = processor_time().map(|time| time + Duration::from_secs(30));
    for (kicked, (_, peer)) in peers.iter().enumerate() {
        assert!(processor_time() <= limit, "all that waits is counted each time");
        assert_eq!(multiplayer.available(), (PEERS - kicked) * PACKETS);
        assert_eq!(multiplayer.next_sender(), Some(peer.id()));
        assert_eq!(multiplayer.receive(), Some(Vec::new()));
        assert_eq!(multiplayer.available(), (PEERS - kicked) * PACKETS - 1);
        peer.close(CloseCode::NORMAL, "");
    }
    assert_eq!(multiplayer.available(), 0);
    assert_eq!(multiplayer.next_sender(), None);
    assert!(multiplayer.order.borrow().is_empty());
}

#[test]
fn packets_that_are_read_past_the_mode_take_no_memory_in_it() {
    let peers = peers(2);
    let multiplayer = ServerMultiplayer::new(Wire::Godot4);
    // The first is never read, so that its packet stays the first.
    arrive(&peers[0], &[]);
    multiplayer.list(&peers[0].1);
    for _ in 0..10_000 {
        arrive(&peers[1], &[]);
        multiplayer.list(&peers[1].1);
        assert!(peers[1].1.receive_directly().is_some());
        assert!(multiplayer.order.borrow().len() < 8);
        assert_eq!(multiplayer.available(), 1);
    }
}

#[test]
fn packets_come_in_their_order_however_else_some_are_read() {
    let peers = peers(4);
    let mut multiplayer = ServerMultiplayer::new(Wire::Godot4);
    // What waits, as a model: the sender and the content.
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
                multiplayer.list(peer);
                waiting.push((sender, content));
            }
            // One that the mode takes for itself, as one to be relayed.
            4 => {
                arrive(&peers[sender], &[]);
                assert!(peer.receive_newest().is_some());
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
