//! A host that is attacked, and what attackers write.

use lodewire_enet::wire::{
    Body, CONTROL_CHANNEL, Command, Commands, Connect, ConnectParams, Fragment, Header, NO_PEER,
};
use lodewire_enet::{Event, Events, Host, HostConfig, Time};
use std::net::SocketAddr;
use std::time::Duration;

/// A datagram and who sends it.
pub(super) type Datagram = (SocketAddr, Vec<u8>);

/// A host as its driver serves it.
pub(super) struct Victim {
    pub(super) host: Host,
    now: Time,
    /// The duration of a batch of datagrams.
    pub(super) batch_time: Duration,
    /// The game takes packets at once; else they wait for it.
    reads: bool,
    events: Events,
    /// The events that the game has not read.
    waiting: Vec<Event<'static>>,
    out: Vec<u8>,
    /// The datagrams that it has sent.
    pub(super) sent: usize,
    /// Their bytes.
    pub(super) sent_bytes: usize,
}

/// A peer that writes its datagrams by hand.
#[derive(Clone, Copy)]
pub(super) struct Attacker {
    pub(super) address: SocketAddr,
    /// The numbers by which the host addresses the connection.
    pub(super) id: u16,
    pub(super) session: u8,
}

/// The address of an attacker, by its number.
pub(super) fn address(number: usize) -> SocketAddr {
    let [a, b, c, d] = (number as u32).to_be_bytes();
    SocketAddr::from(([a, b, c, d], 5000))
}

impl Victim {
    /// A host whose game takes packets at once.
    pub(super) fn new(config: HostConfig) -> Self {
        Self {
            host: Host::new(config, [9; 32]),
            now: Time::from_micros(1_000_000),
            batch_time: Duration::from_millis(1),
            reads: true,
            events: Events::default(),
            waiting: Vec::new(),
            out: Vec::with_capacity(4096),
            sent: 0,
            sent_bytes: 0,
        }
    }

    /// A host whose game takes nothing.
    pub(super) fn that_is_busy(config: HostConfig) -> Self {
        Self { reads: false, ..Self::new(config) }
    }

    /// Takes datagrams, in batches as its driver reads them.
    pub(super) fn take_all(&mut self, datagrams: &[Datagram]) {
        for batch in datagrams.chunks(64) {
            for (from, datagram) in batch {
                self.host.handle_datagram(self.now, *from, datagram);
            }
            self.serve();
        }
    }

    fn serve(&mut self) {
        self.now = self.now + self.batch_time;
        self.host.handle_timeout(self.now);
        while self.host.poll_transmit(self.now, &mut self.out).is_some() {
            self.sent += 1;
            self.sent_bytes += self.out.len();
            self.out.clear();
        }
        self.host.poll_events(&mut self.events);
        while let Some(event) = self.events.pop() {
            match event {
                Event::Receive { peer, data, .. } if self.reads => {
                    self.host.release_capacity(peer, 1, data.len());
                }
                event if !self.reads => self.waiting.push(event.into_owned()),
                _ => {}
            }
        }
        while self.host.poll_statistics().is_some() {}
    }

    /// Asks for a connection. If the host answers: who the sender is then, and the acknowledgement that proves the address.
    fn ask(&mut self, address: SocketAddr, number: usize) -> Option<(Attacker, Command<'static>)> {
        let (from, datagram) = connect(address, number);
        self.host.handle_datagram(self.now, from, &datagram);
        let mut answer = Vec::new();
        self.host.poll_transmit(self.now, &mut answer)?;
        let (header, rest) = Header::parse(&answer)?;
        let command = Commands::new(rest).next()?;
        let Body::VerifyConnect(params) = command.body else { return None };
        let (id, session) = (params.outgoing_peer_id, params.outgoing_session);
        Some((Attacker { address, id, session }, acknowledge(command.sequence, header.sent_time?)))
    }

    /// A stranger that has asked for a connection, and has not proven the address.
    pub(super) fn half_open(&mut self, address: SocketAddr) -> Attacker {
        self.ask(address, 77).expect("an answer").0
    }

    /// Connects an attacker by the rules.
    pub(super) fn admit(&mut self, address: SocketAddr) -> Attacker {
        let before = self.host.peer_count();
        let attacker = self.try_admit(address, 77).expect("an answer");
        assert_eq!(self.host.peer_count(), before + 1, "it is not connected");
        attacker
    }

    /// Like `admit`, but the host may refuse.
    pub(super) fn try_admit(&mut self, address: SocketAddr, number: usize) -> Option<Attacker> {
        let (attacker, proof) = self.ask(address, number)?;
        self.take_all(&[attacker.datagram(&[proof])]);
        Some(attacker)
    }
}

impl Attacker {
    /// A datagram of its connection.
    pub(super) fn datagram(&self, commands: &[Command<'_>]) -> Datagram {
        (self.address, datagram(self.id, self.session, commands))
    }
}

/// The bytes of these datagrams.
pub(super) fn bytes_of(datagrams: &[Datagram]) -> usize {
    datagrams.iter().map(|(_, datagram)| datagram.len()).sum()
}

/// Asks for a connection.
pub(super) fn connect(from: SocketAddr, connect_id: usize) -> Datagram {
    let params = ConnectParams::new(7, (connect_id as u32).to_be_bytes());
    let body = Body::Connect(Connect { params, data: 0 });
    (from, datagram(NO_PEER, 0, &[control(1, true, body)]))
}

/// Acknowledges a command of the connection itself.
pub(super) fn acknowledge(sequence: u16, sent_time: u16) -> Command<'static> {
    control(sequence, false, Body::Acknowledge { sequence, sent_time })
}

/// A command of the connection itself.
pub(super) fn control(sequence: u16, acknowledge: bool, body: Body<'_>) -> Command<'_> {
    Command { acknowledge, unsequenced: false, channel: CONTROL_CHANNEL, sequence, body }
}

/// A reliable packet.
pub(super) fn reliable(channel: u8, sequence: u16, data: &[u8]) -> Command<'_> {
    let body = Body::SendReliable { data };
    Command { acknowledge: true, unsequenced: false, channel, sequence, body }
}

/// A piece of a packet.
pub(super) fn fragment(reliable: bool, sequence: u16, piece: Fragment<'_>) -> Command<'_> {
    let body =
        if reliable { Body::SendFragment(piece) } else { Body::SendUnreliableFragment(piece) };
    Command { acknowledge: reliable, unsequenced: false, channel: 0, sequence, body }
}

fn datagram(id: u16, session: u8, commands: &[Command<'_>]) -> Vec<u8> {
    let sent_time = commands.iter().any(|command| command.acknowledge).then_some(1);
    let header = Header { peer_id: id, session, compressed: false, sent_time };
    let mut datagram = header.encode()[..header.encoded_len()].to_vec();
    for command in commands {
        command.encode(&mut datagram);
    }
    datagram
}
