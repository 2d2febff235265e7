//! Sending (`enet_protocol_send_outgoing_commands`).

use super::Host;
use super::datagram::Target;
use crate::peer::PeerState;
use crate::time::Time;
use std::net::SocketAddr;

/// Datagrams that a peer may send before it is the next peer's turn.
const DATAGRAMS_PER_TURN: u32 = 64;

impl Host {
    /// Appends the next datagram to `out` and returns its destination; `None` if there is nothing to send.
    pub fn poll_transmit(&mut self, now: Time, out: &mut Vec<u8>) -> Option<SocketAddr> {
        if let Some((to, datagram)) = self.replies.pop_front() {
            out.extend_from_slice(&datagram);
            return Some(to);
        }
        let head = self.head_len();
        while let Some(&slot) = self.ready.front() {
            let Some(peer) = self.peers.slot_mut(slot).filter(|peer| peer.is_ready) else {
                self.ready.pop_front();
                continue;
            };
            let begin = out.len();
            let end = begin + peer.mtu;
            out.reserve(peer.mtu);
            out.resize(begin + head, 0);
            let contents = peer.build_datagram(now, out, end);
            let (address, target) = (peer.address, Target::of(peer));
            let (state, event_data) = (peer.state, peer.event_data);
            let idle = contents.commands == 0 || peer.is_drained();
            if state == PeerState::DisconnectLater && idle && !peer.has_outgoing() {
                // The commands written, if any, are sent first; then the DISCONNECT follows.
                self.begin_disconnect(slot, event_data);
            } else if idle {
                peer.is_ready = false;
                self.turn_datagrams = 0;
                self.ready.pop_front();
            } else {
                self.turn_datagrams += 1;
                if self.turn_datagrams >= DATAGRAMS_PER_TURN {
                    self.turn_datagrams = 0;
                    self.ready.rotate_left(1);
                }
            }
            self.arm_timer(slot);
            if contents.commands == 0 {
                out.truncate(begin);
                continue;
            }
            self.mark_stats_dirty(slot);
            self.finish_datagram(
                out,
                begin,
                target,
                contents.needs_sent_time.then(|| now.sent_time()),
            );
            if state == PeerState::Zombie {
                self.end(slot, event_data, false);
            }
            return Some(address);
        }
        None
    }
}
