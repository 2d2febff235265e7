//! What a host has to send.

use super::Host;
use super::datagram::Target;
use crate::peer::PeerState;
use crate::time::Time;
use std::net::SocketAddr;

/// How many datagrams a peer may send before the others have their turn.
const TURN: u32 = 64;

impl Host {
    /// Writes the next datagram onto the end of `out`, and tells where it goes; `None` when there is nothing to send.
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
            let filled = peer.fill(now, out, end);
            let (address, target) = (peer.address, Target::of(peer));
            let (state, event_data) = (peer.state, peer.event_data);
            let idle = filled.commands == 0 || peer.is_drained();
            if state == PeerState::DisconnectLater && idle && !peer.has_outgoing() {
                // What was written, if anything, goes first; then the turn is its DISCONNECT's.
                self.begin_disconnect(slot, event_data);
            } else if idle {
                peer.is_ready = false;
                self.turn = 0;
                self.ready.pop_front();
            } else {
                self.turn += 1;
                if self.turn >= TURN {
                    self.turn = 0;
                    self.ready.rotate_left(1);
                }
            }
            self.arm(slot);
            if filled.commands == 0 {
                out.truncate(begin);
                continue;
            }
            self.touch(slot);
            self.seal(out, begin, target, filled.sent_time.then(|| now.sent_time()));
            if state == PeerState::Zombie {
                self.end(slot, event_data, false);
            }
            return Some(address);
        }
        None
    }
}
