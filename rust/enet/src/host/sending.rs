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
    pub fn transmit(&mut self, now: Time, out: &mut Vec<u8>) -> Option<SocketAddr> {
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
            out.resize(begin + head, 0);
            let end = begin + peer.mtu;
            let filled = peer.fill(now, out, end);
            let (address, target) = (peer.address, Target::of(peer));
            let state = peer.state;
            let later = state == PeerState::DisconnectLater && !peer.has_outgoing();
            let event_data = peer.event_data;
            if filled.commands == 0 {
                out.truncate(begin);
                if later {
                    self.begin_disconnect(slot, event_data);
                    continue;
                }
                peer.is_ready = false;
                self.turn = 0;
                self.ready.pop_front();
                self.arm(slot);
                continue;
            }
            self.arm(slot);
            self.touch(slot);
            self.turn += 1;
            if self.turn >= TURN {
                self.turn = 0;
                self.ready.rotate_left(1);
            }
            self.seal(out, begin, target, filled.sent_time.then(|| now.sent_time()));
            if state == PeerState::Zombie {
                self.end(slot, event_data, false);
            }
            return Some(address);
        }
        None
    }
}
