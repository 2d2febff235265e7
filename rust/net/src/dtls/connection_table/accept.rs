//! The acceptance of clients.

use super::{Association, ClientHelloId, CloseReason, ConnectionTable, Key};
use crate::dtls::Limits;
use crate::dtls::admission::Admitted;
use lodewire_dtls::{ClientHelloVerification, Connection, Error, VerifiedClientHello};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Minimum interval at which a client may restart its handshake: each restart costs a signature.
const MIN_RESTART_INTERVAL: Duration = Duration::from_millis(250);

impl ConnectionTable {
    /// Handles a client's ClientHello.
    pub(super) fn handle_client_hello(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &mut [u8],
    ) {
        let Some(acceptance) = &self.acceptance else { return };
        match acceptance.verify_client_hello(now, from, datagram) {
            ClientHelloVerification::HelloVerifyRequest(answer) if !self.is_refusing => {
                self.outgoing.push(from, &answer);
            }
            ClientHelloVerification::Ignored | ClientHelloVerification::HelloVerifyRequest(_) => {}
            ClientHelloVerification::Verified(hello) => {
                match self.find_client_hello(from, hello.random()) {
                    // The client answers another cookie, and restarts after its first ClientHello.
                    Some((_, is_connected, sequence))
                        if !is_connected && sequence < hello.message_sequence() =>
                    {
                        self.accept(now, from, hello, datagram);
                    }
                    Some((key, ..)) => self.deliver_datagram(now, key, datagram),
                    None if !self.is_refusing => self.accept(now, from, hello, datagram),
                    None => {}
                }
            }
        }
    }

    /// Finds the association that started at an address with this random. Returns whether it is connected, and the sequence
    /// number of its ClientHello.
    fn find_client_hello(
        &mut self,
        from: SocketAddr,
        random: [u8; 32],
    ) -> Option<(Key, bool, u16)> {
        let entry = self.addresses.get(&from).copied()?;
        [Some(entry.current), entry.pending].into_iter().flatten().find_map(|key| {
            let association = self.get(key)?;
            let hello = association.hello.filter(|hello| hello.random == random)?;
            Some((key, association.connected_reported, hello.sequence))
        })
    }

    /// Accepts the connection of a client, if the limits allow it. Otherwise the client is not answered, and retransmits.
    /// `datagram` begins with its ClientHello.
    pub(in crate::dtls) fn accept(
        &mut self,
        now: Instant,
        from: SocketAddr,
        hello: VerifiedClientHello,
        datagram: &mut [u8],
    ) {
        let Some(acceptance) = self.acceptance.clone() else { return };
        // A client that restarts during a handshake has abandoned that handshake.
        let latest = self.addresses.get(&from).map(|entry| entry.pending.unwrap_or(entry.current));
        let stale =
            latest.filter(|key| self.get(*key).is_some_and(|stale| !stale.connected_reported));
        let is_recent = |stale: &mut Association| {
            now.saturating_duration_since(stale.started_at) < MIN_RESTART_INTERVAL
        };
        if stale.and_then(|key| self.get(key)).is_some_and(is_recent) {
            return;
        }
        let Limits { max_peers, max_handshakes, max_handshakes_per_address, .. } = self.limits;
        let connected = self.slots.len().saturating_sub(self.permits.len());
        let max_total =
            max_handshakes.min(max_peers.saturating_sub(connected + self.unreported_closes));
        let (ip, max_per_prefix) = (from.ip(), max_handshakes_per_address);
        let admission = &acceptance.admission;
        if !admission.would_admit(now, ip, max_total, max_per_prefix) {
            return;
        }
        let id = ClientHelloId { random: hello.random(), sequence: hello.message_sequence() };
        let connection = match Connection::accept(now, acceptance.config.clone(), hello) {
            Ok(connection) => connection,
            Err(rejection) => {
                if let Some(datagram) = rejection.response {
                    self.outgoing.push(from, &datagram);
                }
                return;
            }
        };
        // Only now, so that no permit is revoked for a client that is rejected.
        let admitted = admission.admit(now, ip, max_total, max_per_prefix);
        let Some(Admitted { permit, evicted }) = admitted else { return };
        if let Some(key) = evicted.and_then(|number| self.permits.get(&number).copied()) {
            if self.get(key).is_some_and(|evicted| evicted.connected_reported) {
                // It is unclaimed, so its end is not reported.
                self.close(key);
            } else {
                self.close_with(key, CloseReason::Failed(Error::TimedOut));
            }
        }
        if let Some(stale) = stale {
            self.close_with(stale, CloseReason::Superseded);
        }
        let key = self.insert(now, from, connection, Some((permit, id)));
        // The datagram may contain more fragments of the ClientHello.
        self.deliver_datagram(now, key, datagram);
    }

    /// Closes handshakes whose permits were revoked, where several tables share the limits.
    pub(in crate::dtls) fn close_evicted(&mut self) {
        let keys: Vec<_> = self.permits.values().copied().collect();
        for key in keys {
            let permit = self.get(key).and_then(|association| association.permit.as_ref());
            if permit.is_some_and(|permit| !permit.is_valid()) {
                self.close_with(key, CloseReason::Failed(Error::TimedOut));
            }
        }
    }
}

/// Returns true if a datagram begins with an unencrypted ClientHello or its first fragment, by the record's type and epoch,
/// the message's type, and the fragment's offset.
pub(super) fn is_client_hello(datagram: &[u8]) -> bool {
    const HANDSHAKE: u8 = 22;
    const CLIENT_HELLO: u8 = 1;
    matches!(datagram, [HANDSHAKE, _, _, 0, 0, ..])
        && datagram.get(13).is_some_and(|message| *message == CLIENT_HELLO)
        && datagram.get(19..22) == Some(&[0; 3])
}
