//! Tests of attacks by hostile peers and by senders of spoofed addresses.

#![expect(clippy::cast_possible_truncation, clippy::expect_used, clippy::panic, reason = "a test")]

use lodewire_enet::wire::{
    Body, CONTROL_CHANNEL, Command, Commands, Connect, ConnectParams, Fragment, Header, NO_PEER,
};
use lodewire_enet::{Event, Events, Host, HostConfig, Time};
use std::net::SocketAddr;
use std::time::Duration;

mod admission;
mod compressed;
mod memory;
mod misuse;

const MIB: usize = 1 << 20;

fn address(number: u32) -> SocketAddr {
    let [a, b, c, d] = number.to_be_bytes();
    SocketAddr::from(([a, b, c, d], 5000))
}

/// A peer with handwritten datagrams.
struct Attacker {
    address: SocketAddr,
    /// The peer id and session by which it addresses the host.
    id: u16,
    session: u8,
}

/// A host, its clock, and the datagrams that it has sent.
struct Victim {
    host: Host,
    now: Time,
    sent: Vec<(SocketAddr, Vec<u8>)>,
}

fn connect_command(id: u16, connect_id: u32) -> Command<'static> {
    let params = ConnectParams::new(id, connect_id.to_be_bytes());
    let body = Body::Connect(Connect { params, data: 0 });
    Command { acknowledge: true, unsequenced: false, channel: CONTROL_CHANNEL, sequence: 1, body }
}

fn datagram(id: u16, session: u8, commands: &[Command<'_>]) -> Vec<u8> {
    let header = Header { peer_id: id, session, compressed: false, sent_time: Some(1) };
    let mut datagram = header.encode()[..header.encoded_len()].to_vec();
    for command in commands {
        command.encode(&mut datagram);
    }
    datagram
}

impl Victim {
    fn new(config: HostConfig) -> Self {
        let host = Host::new(config, [9; 32]);
        Self { host, now: Time::from_micros(1_000_000), sent: Vec::new() }
    }

    fn transmit(&mut self) {
        let mut out = Vec::new();
        while let Some(to) = self.host.poll_transmit(self.now, &mut out) {
            self.sent.push((to, std::mem::take(&mut out)));
        }
    }

    fn take(&mut self, from: SocketAddr, datagram: &[u8]) {
        self.host.handle_datagram(self.now, from, datagram);
        self.transmit();
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.host.handle_timeout(self.now);
        self.transmit();
    }

    /// Removes and returns the datagrams sent to an address.
    fn answers(&mut self, to: SocketAddr) -> Vec<Vec<u8>> {
        let mut answers = Vec::new();
        self.sent.retain_mut(|(address, datagram)| {
            let its = *address == to;
            if its {
                answers.push(std::mem::take(datagram));
            }
            !its
        });
        answers
    }

    /// Connects an attacker with a valid handshake.
    fn admit(&mut self, number: u32) -> Attacker {
        let address = address(number);
        self.take(address, &datagram(NO_PEER, 0, &[connect_command(7, number)]));
        let answer = self.answers(address).pop().expect("an answer");
        let (header, rest) = Header::parse(&answer).expect("a header");
        let command = Commands::new(rest).next().expect("a command");
        let Body::VerifyConnect(params) = command.body else { panic!("{command:?}") };
        let body = Body::Acknowledge {
            sequence: command.sequence,
            sent_time: header.sent_time.expect("a sent time"),
        };
        let acknowledge = Command {
            acknowledge: false,
            unsequenced: false,
            channel: CONTROL_CHANNEL,
            sequence: command.sequence,
            body,
        };
        let attacker =
            Attacker { address, id: params.outgoing_peer_id, session: params.outgoing_session };
        self.attack(&attacker, &[acknowledge]);
        attacker
    }

    fn attack(&mut self, attacker: &Attacker, commands: &[Command<'_>]) {
        self.take(attacker.address, &datagram(attacker.id, attacker.session, commands));
    }

    fn events(&mut self) -> Vec<Event<'static>> {
        events(&mut self.host)
    }
}

/// Returns a fragment of a packet of `total` bytes, in fragments of `len` bytes. `start` is its sequence number, and
/// `sequence` that of the reliable packet before an unreliable one.
fn fragment(
    reliable: bool,
    channel: u8,
    sequence: u16,
    start: u16,
    number: u32,
    len: usize,
    total: u32,
) -> Command<'static> {
    static DATA: [u8; 1200] = [1; 1200];
    let fragment_len = len as u32;
    let offset = number * fragment_len;
    let rest = total.saturating_sub(offset) as usize;
    let fragment = Fragment {
        start_sequence: start,
        count: total.div_ceil(fragment_len),
        number,
        total_length: total,
        offset,
        data: &DATA[..len.min(rest)],
    };
    let body = if reliable {
        Body::SendFragment(fragment)
    } else {
        Body::SendUnreliableFragment(fragment)
    };
    Command { acknowledge: reliable, unsequenced: false, channel, sequence, body }
}

fn reliable(channel: u8, sequence: u16, data: &[u8]) -> Command<'_> {
    let body = Body::SendReliable { data };
    Command { acknowledge: true, unsequenced: false, channel, sequence, body }
}

/// Returns the host's events.
fn events(host: &mut Host) -> Vec<Event<'static>> {
    let mut events = Events::default();
    host.poll_events(&mut events);
    std::iter::from_fn(|| events.pop().map(Event::into_owned)).collect()
}

/// Counts the packets among events.
fn packets(events: &[Event<'_>]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Receive { .. })).count()
}
