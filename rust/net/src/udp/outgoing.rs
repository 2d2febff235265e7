//! Datagrams that are to be sent.

use super::Socket;
use std::net::SocketAddr;

/// Datagrams that are to be sent, one behind the other in one buffer.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    /// Where each goes, and where it ends.
    ends: Vec<(SocketAddr, usize)>,
}

impl Outgoing {
    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How many datagrams there are.
    pub(crate) fn count(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Adds a datagram.
    pub(crate) fn push(&mut self, to: SocketAddr, datagram: &[u8]) {
        self.bytes.extend_from_slice(datagram);
        self.ends.push((to, self.bytes.len()));
    }

    /// Adds the datagram that `write` writes onto the end of a buffer, if it tells where to.
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Option<SocketAddr>) -> bool {
        let to = write(&mut self.bytes);
        self.ends.extend(to.map(|to| (to, self.bytes.len())));
        to.is_some()
    }

    /// The datagrams, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let mut begin = 0;
        self.ends
            .iter()
            .map(move |&(to, end)| (to, &self.bytes[std::mem::replace(&mut begin, end)..end]))
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Sends the datagrams in their order, in series where they allow it, and forgets them.
    ///
    /// A receiver drops an unreliable packet that a later one has overtaken. So the single datagrams that are collected for
    /// one call leave before the next series does.
    pub(crate) fn send(&mut self, socket: &Socket) {
        if self.is_empty() {
            return;
        }
        let mut begin = 0;
        let mut datagrams = self.ends.iter().copied().peekable();
        let mut single: Vec<(SocketAddr, &[u8])> = Vec::with_capacity(self.ends.len());
        while let Some((to, first_end)) = datagrams.next() {
            let segment = first_end - begin;
            let (mut end, mut segments) = (first_end, 1);
            // A series ends with the first that is shorter.
            while end - begin == segment * segments
                && let Some(&(_, next_end)) = datagrams.peek().filter(|(next, next_end)| {
                    *next == to && socket.may_go_on(segment, segments, next_end - end)
                })
            {
                end = next_end;
                segments += 1;
                datagrams.next();
            }
            if segments > 1 {
                socket.send_each(&single);
                single.clear();
                socket.send(to, &self.bytes[begin..end], segment);
            } else {
                single.push((to, &self.bytes[begin..end]));
            }
            begin = end;
        }
        socket.send_each(&single);
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::udp::socket::tests::of_each_kind;
    use std::net::{Ipv4Addr, UdpSocket};
    use std::time::Duration;

    #[test]
    fn datagrams_leave_in_the_order_in_which_they_were_queued() {
        for socket in of_each_kind() {
            let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            receiver.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout");
            let to = receiver.local_addr().expect("an address");
            // Single ones, and series of two, three and four, each with a shorter last one or without.
            let lengths = [64, 1400, 1400, 1200, 65, 700, 700, 900, 66, 67, 500, 500, 500, 400, 68];
            let mut outgoing = Outgoing::default();
            for len in lengths {
                outgoing.push(to, &vec![7; len]);
            }
            outgoing.send(&socket);
            assert!(outgoing.is_empty());
            let mut buffer = [0; 2000];
            let came = lengths.map(|_| receiver.recv(&mut buffer).expect("a datagram"));
            assert_eq!(came, lengths);
        }
    }
}
