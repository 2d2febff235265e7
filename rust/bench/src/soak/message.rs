//! The messages of the clients, and the counters of their echoes.

use std::time::Instant;

/// The length of a message, in bytes.
pub(super) const LEN: usize = 32;

/// Makes messages, and checks their echoes: each client's come in the order in which they were sent, and none is lost.
pub(super) struct Ledger {
    start: Instant,
    /// Of each client: how many it has sent, and how many have come back.
    clients: Vec<(u32, u32)>,
    pub(super) sent: u64,
    pub(super) received: u64,
    /// Echoes that came when another one was due.
    pub(super) out_of_order: u64,
    /// Connections that have ended.
    pub(super) lost_connections: u64,
    /// The round-trip times since they were taken last, in microseconds.
    round_trips: Vec<u32>,
    next: usize,
}

impl Ledger {
    pub(super) fn new(clients: usize) -> Self {
        Self {
            start: Instant::now(),
            clients: vec![(0, 0); clients],
            sent: 0,
            received: 0,
            out_of_order: 0,
            lost_connections: 0,
            round_trips: Vec::new(),
            next: 0,
        }
    }

    /// Whose turn it is to send.
    pub(super) fn next_client(&mut self) -> usize {
        let client = self.next;
        self.next = (client + 1) % self.clients.len();
        client
    }

    /// The next message of a client.
    pub(super) fn message(&mut self, client: usize) -> [u8; LEN] {
        let number = self.clients[client].0;
        self.clients[client].0 += 1;
        self.sent += 1;
        let mut message = [b'.'; LEN];
        message[..4].copy_from_slice(&(client as u32).to_le_bytes());
        message[4..8].copy_from_slice(&number.to_le_bytes());
        let micros = self.start.elapsed().as_micros() as u64;
        message[8..16].copy_from_slice(&micros.to_le_bytes());
        message
    }

    /// An echo has come to a client.
    pub(super) fn echo(&mut self, client: usize, message: &[u8]) {
        let word = |at: usize| message.get(at..at + 4).and_then(|word| word.try_into().ok());
        let (of, number) = (word(0).map(u32::from_le_bytes), word(4).map(u32::from_le_bytes));
        let expected = self.clients[client].1;
        self.clients[client].1 += 1;
        if of != Some(client as u32) || number != Some(expected) || message.len() != LEN {
            self.out_of_order += 1;
            return;
        }
        self.received += 1;
        if let Some(sent) = message.get(8..16).and_then(|bytes| bytes.try_into().ok()) {
            let now = self.start.elapsed().as_micros() as u64;
            self.round_trips.push(now.saturating_sub(u64::from_le_bytes(sent)) as u32);
        }
    }

    /// Returns the number of outstanding echoes.
    pub(super) fn missing(&self) -> u64 {
        self.sent - self.received - self.out_of_order
    }

    /// The median and the 99th percentile of the round-trip times since the last call, in milliseconds.
    pub(super) fn take_round_trips(&mut self) -> (f64, f64) {
        self.round_trips.sort_unstable();
        let at = |percent: usize| {
            let index = self.round_trips.len() * percent / 100;
            self.round_trips.get(index).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
        };
        let found = (at(50), at(99));
        self.round_trips.clear();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_is_counted() {
        let mut ledger = Ledger::new(2);
        assert_eq!((ledger.next_client(), ledger.next_client(), ledger.next_client()), (0, 1, 0));
        let (first, second) = (ledger.message(1), ledger.message(1));
        assert_eq!(ledger.missing(), 2);
        ledger.echo(1, &first);
        assert_eq!((ledger.received, ledger.missing(), ledger.out_of_order), (1, 1, 0));
        ledger.echo(0, &second);
        assert_eq!((ledger.received, ledger.out_of_order), (1, 1));
        ledger.echo(1, &second);
        assert_eq!(ledger.received, 2);
    }
}
