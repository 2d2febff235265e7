//! A queue of datagrams to send.

use super::Socket;
use std::net::SocketAddr;

/// Datagrams to send, contiguous in one buffer.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    /// The destination of each datagram, and its end in the buffer.
    ends: Vec<(SocketAddr, usize)>,
}

impl Outgoing {
    /// Returns the number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the number of datagrams.
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

    /// Adds the datagram that `write` appends to the buffer, if it returns a destination.
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Option<SocketAddr>) -> bool {
        let to = write(&mut self.bytes);
        self.ends.extend(to.map(|to| (to, self.bytes.len())));
        to.is_some()
    }

    /// Returns the datagrams in order.
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

    /// Sends the datagrams in order, with GSO where possible, and clears the queue.
    ///
    /// A receiver drops an unreliable packet that arrives after a later one. So the single datagrams collected for one
    /// call are sent before the next GSO batch.
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
            // A GSO batch ends with the first shorter datagram.
            while end - begin == segment * segments
                && let Some(&(_, next_end)) = datagrams.peek().filter(|(next, next_end)| {
                    *next == to && socket.can_extend_gso_batch(segment, segments, next_end - end)
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
    use crate::udp::socket::tests::each_backend;
    use std::net::{Ipv4Addr, UdpSocket};
    use std::time::Duration;

    #[test]
    fn datagrams_are_sent_in_the_order_in_which_they_were_queued() {
        for socket in each_backend() {
            let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            receiver.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout");
            let to = receiver.local_addr().expect("an address");
            // Single ones, and GSO batches of two, three and four, with and without a shorter last segment.
            let lengths = [64, 1400, 1400, 1200, 65, 700, 700, 900, 66, 67, 500, 500, 500, 400, 68];
            let mut outgoing = Outgoing::default();
            for len in lengths {
                outgoing.push(to, &vec![7; len]);
            }
            outgoing.send(&socket);
            assert!(outgoing.is_empty());
            let mut buffer = [0; 2000];
            let lengths_received = lengths.map(|_| receiver.recv(&mut buffer).expect("a datagram"));
            assert_eq!(lengths_received, lengths);
        }
    }
}
