//! Datagrams and time in memory. A datagram is copied into the inbox of its receiver, and out of it, as a system does.

use std::cell::{Cell, RefCell};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

/// The port of the first endpoint.
const FIRST_PORT: u16 = 10_000;

/// It is no time at which a clock may start: C ENet takes 0 for "never".
const START: Duration = Duration::from_secs(1000);

/// A network of endpoints with numbers.
pub(crate) struct Wire {
    inboxes: Vec<RefCell<Inbox>>,
    now: Cell<Duration>,
}

/// One end of it.
#[derive(Clone)]
pub(crate) struct Endpoint {
    wire: Rc<Wire>,
    index: u16,
}

/// Datagrams that wait, one after the other.
#[derive(Default)]
struct Inbox {
    bytes: Vec<u8>,
    datagrams: Vec<Datagram>,
    taken: usize,
}

struct Datagram {
    from: u16,
    start: usize,
    end: usize,
}

impl Wire {
    /// A network of so many endpoints.
    pub(crate) fn new(endpoints: usize) -> Rc<Self> {
        let inboxes = (0..endpoints).map(|_| RefCell::default()).collect();
        Rc::new(Self { inboxes, now: Cell::new(START) })
    }

    /// The end with that number.
    pub(crate) fn endpoint(self: &Rc<Self>, index: u16) -> Endpoint {
        Endpoint { wire: Rc::clone(self), index }
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, time: Duration) {
        self.now.set(self.now.get() + time);
    }

    /// The time.
    pub(crate) fn now(&self) -> Duration {
        self.now.get()
    }

    /// Puts a datagram, of which these are the parts, into an inbox.
    pub(crate) fn send<'a>(&self, from: u16, to: u16, parts: impl Iterator<Item = &'a [u8]>) {
        let Some(inbox) = self.inboxes.get(usize::from(to)) else { return };
        let mut inbox = inbox.borrow_mut();
        let start = inbox.bytes.len();
        for part in parts {
            inbox.bytes.extend_from_slice(part);
        }
        let end = inbox.bytes.len();
        inbox.datagrams.push(Datagram { from, start, end });
    }

    /// Takes the oldest datagram out of the inbox of `to`: who sent it, and its length.
    pub(crate) fn receive(&self, to: u16, buffer: &mut [u8]) -> Option<(u16, usize)> {
        let mut inbox = self.inboxes.get(usize::from(to))?.borrow_mut();
        let Some(&Datagram { from, start, end }) = inbox.datagrams.get(inbox.taken) else {
            inbox.bytes.clear();
            inbox.datagrams.clear();
            inbox.taken = 0;
            return None;
        };
        inbox.taken += 1;
        buffer.get_mut(..end - start)?.copy_from_slice(&inbox.bytes[start..end]);
        Some((from, end - start))
    }
}

impl Endpoint {
    /// Its number.
    pub(crate) fn index(&self) -> u16 {
        self.index
    }

    /// The network that it belongs to.
    pub(crate) fn wire(&self) -> &Rc<Wire> {
        &self.wire
    }

    /// Its address.
    pub(crate) fn address(&self) -> SocketAddr {
        address_of(self.index)
    }

    /// Sends a datagram.
    pub(crate) fn send(&self, to: SocketAddr, datagram: &[u8]) {
        self.wire.send(self.index, index_of(to.port()), std::iter::once(datagram));
    }

    /// Takes a datagram: who sent it, and its length.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Option<(SocketAddr, usize)> {
        let (from, len) = self.wire.receive(self.index, buffer)?;
        Some((address_of(from), len))
    }
}

/// The port of the endpoint with that number.
pub(crate) fn port_of(index: u16) -> u16 {
    FIRST_PORT + index
}

/// The number of the endpoint with that port.
pub(crate) fn index_of(port: u16) -> u16 {
    port.wrapping_sub(FIRST_PORT)
}

fn address_of(index: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port_of(index)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_come_in_their_order() {
        let wire = Wire::new(2);
        let (left, right) = (wire.endpoint(0), wire.endpoint(1));
        let mut buffer = [0; 8];
        left.send(right.address(), b"one");
        left.send(right.address(), b"two!");
        assert_eq!(right.receive(&mut buffer), Some((left.address(), 3)));
        assert_eq!(right.receive(&mut buffer), Some((left.address(), 4)));
        assert_eq!(&buffer[..4], b"two!");
        assert_eq!(right.receive(&mut buffer), None);
        left.send(right.address(), b"three");
        assert_eq!(right.receive(&mut buffer), Some((left.address(), 5)));
        assert_eq!(left.receive(&mut buffer), None);
    }
}
