//! Clients that ask for a connection.

use super::{Association, Associations, End, HelloId, Key};
use crate::dtls::Limits;
use crate::dtls::admission::Admitted;
use lodewire_dtls::{Connection, Error, Greeting, Hello};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A client that begins again in the middle of a handshake waits for so long: each time costs a signature.
const AGAIN: Duration = Duration::from_millis(250);

impl Associations {
    /// Looks at the hello of a client.
    pub(super) fn greet(&mut self, now: Instant, from: SocketAddr, datagram: &mut [u8]) {
        let Some(accepting) = &self.accepting else { return };
        match accepting.greet(now, from, datagram) {
            Greeting::Answer(answer) if !self.is_refusing => self.outgoing.push(from, &answer),
            Greeting::Ignored | Greeting::Answer(_) => {}
            Greeting::Proven(hello) => {
                match self.known(from, hello.random()) {
                    // It has been asked for another cookie, and so begins behind its first hello again.
                    Some((_, is_told, sequence))
                        if !is_told && sequence < hello.message_sequence() =>
                    {
                        self.accept(now, from, hello, datagram);
                    }
                    Some((key, ..)) => self.pass(now, key, datagram),
                    None if !self.is_refusing => self.accept(now, from, hello, datagram),
                    None => {}
                }
            }
        }
    }

    /// Who has begun at an address with this random: whether it is connected, and the number of its hello.
    fn known(&mut self, from: SocketAddr, random: [u8; 32]) -> Option<(Key, bool, u16)> {
        let place = self.places.get(&from).copied()?;
        [Some(place.current), place.next].into_iter().flatten().find_map(|key| {
            let association = self.get(key)?;
            let hello = association.hello.filter(|hello| hello.random == random)?;
            Some((key, association.is_told, hello.sequence))
        })
    }

    /// Accepts the connection of a client, whose hello this datagram begins with, if there is a place for it. Else it is not
    /// answered, and asks again.
    pub(in crate::dtls) fn accept(
        &mut self,
        now: Instant,
        from: SocketAddr,
        hello: Hello,
        datagram: &mut [u8],
    ) {
        let Some(accepting) = self.accepting.clone() else { return };
        // A client that begins again in the middle of a handshake has forgotten that one.
        let latest = self.places.get(&from).map(|place| place.next.unwrap_or(place.current));
        let stale = latest.filter(|key| self.get(*key).is_some_and(|stale| !stale.is_told));
        let is_recent =
            |stale: &mut Association| now.saturating_duration_since(stale.begun) < AGAIN;
        if stale.and_then(|key| self.get(key)).is_some_and(is_recent) {
            return;
        }
        let Limits { peers, handshakes, handshakes_per_address, .. } = self.limits;
        let connected = self.slots.len().saturating_sub(self.beginning.len());
        let in_all = handshakes.min(peers.saturating_sub(connected + self.lingering));
        let (ip, per_customer) = (from.ip(), handshakes_per_address);
        let admission = &accepting.admission;
        if !admission.takes(now, ip, in_all, per_customer) {
            return;
        }
        let id = HelloId { random: hello.random(), sequence: hello.message_sequence() };
        let connection = match Connection::accept(now, accepting.config.clone(), hello) {
            Ok(connection) => connection,
            Err(refusal) => {
                if let Some(datagram) = refusal.datagram {
                    self.outgoing.push(from, &datagram);
                }
                return;
            }
        };
        // Only now, so that nobody makes room for a client that is refused.
        let admitted = admission.admit(now, ip, in_all, per_customer);
        let Some(Admitted { ticket, evicted }) = admitted else { return };
        if let Some(key) = evicted.and_then(|number| self.beginning.get(&number).copied()) {
            if self.get(key).is_some_and(|evicted| evicted.is_told) {
                // Nobody has claimed it, so nobody is to hear of it.
                self.close(key);
            } else {
                self.end(key, End::Failed(Error::TimedOut));
            }
        }
        if let Some(stale) = stale {
            self.end(stale, End::Replaced);
        }
        let key = self.insert(now, from, connection, Some((ticket, id)));
        // It may hold more of the hello.
        self.pass(now, key, datagram);
    }

    /// Ends the handshakes that had to make room for those of others who share the limit.
    pub(in crate::dtls) fn drop_evicted(&mut self) {
        let keys: Vec<_> = self.beginning.values().copied().collect();
        for key in keys {
            let ticket = self.get(key).and_then(|association| association.ticket.as_ref());
            if ticket.is_some_and(|ticket| !ticket.is_good()) {
                self.end(key, End::Failed(Error::TimedOut));
            }
        }
    }
}

/// Whether a datagram begins with a ClientHello without keys, or its first fragment: its record's type and epoch, its message's
/// type, and where the fragment begins.
pub(super) fn is_hello(datagram: &[u8]) -> bool {
    const HANDSHAKE: u8 = 22;
    const CLIENT_HELLO: u8 = 1;
    matches!(datagram, [HANDSHAKE, _, _, 0, 0, ..])
        && datagram.get(13).is_some_and(|message| *message == CLIENT_HELLO)
        && datagram.get(19..22) == Some(&[0; 3])
}
