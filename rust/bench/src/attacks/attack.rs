//! The attacks, each a datagram after the other at a steady rate.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use lodewire_enet::wire::{
    Body, CONTROL_CHANNEL, Command, Commands, Connect, Fragment, Header, MAXIMUM_FRAGMENT_COUNT,
    NO_PEER, VerifyConnect,
};

/// What an attacker sends a second, in bits, with the headers of UDP and IP.
const RATE: f64 = 20e6;
const HEADERS: usize = 28;
/// So often it sends.
const TICK: Duration = Duration::from_millis(1);

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Attack {
    Nothing,
    Connects,
    Acknowledgements,
    UnreliableClaims,
    IncompletePackets,
    ReliableClaims,
    Pings,
}

/// All of them; the first is for comparison.
pub(super) const ATTACKS: [Attack; 7] = [
    Attack::Nothing,
    Attack::Connects,
    Attack::Acknowledgements,
    Attack::UnreliableClaims,
    Attack::IncompletePackets,
    Attack::ReliableClaims,
    Attack::Pings,
];

impl Attack {
    /// What the table calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "no attack",
            Self::Connects => "CONNECT, a new one each",
            Self::Acknowledgements => "511 wrong acknowledgements each, address not proven",
            Self::UnreliableClaims => "unreliable pieces that each claim 32 MiB",
            Self::IncompletePackets => "incomplete packets of one number",
            Self::ReliableClaims => "reliable pieces that each claim 32 MiB",
            Self::Pings => "pings, 300 each",
        }
    }

    /// Sends it to `server` for `time`. Returns how much was sent, in Mbit/s.
    pub(super) fn run(self, server: SocketAddr, time: Duration) -> Result<f64> {
        if self == Self::Nothing {
            std::thread::sleep(time);
            return Ok(0.0);
        }
        let mut attacker = Attacker::new(server)?;
        match self {
            Self::Connects => {}
            Self::Acknowledgements => drop(attacker.ask()?),
            _ => attacker.join()?,
        }
        let (begin, mut bytes, mut count) = (Instant::now(), 0_usize, 0_usize);
        let mut buffer = [0; 4096];
        while begin.elapsed() < time {
            let budget = begin.elapsed().as_secs_f64() * RATE / 8.0;
            while (bytes as f64) < budget {
                let datagram = attacker.datagram(self, count);
                bytes += datagram.len() + HEADERS;
                count += 1;
                // One that the system does not take is lost, as on a network.
                let _ = attacker.socket.send(&datagram);
            }
            while attacker.socket.recv(&mut buffer).is_ok() {}
            std::thread::sleep(TICK);
        }
        Ok(bytes as f64 * 8.0 / begin.elapsed().as_secs_f64() / 1e6)
    }
}

struct Attacker {
    socket: UdpSocket,
    id: u16,
    session: u8,
}

impl Attacker {
    fn new(server: SocketAddr) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(server)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, id: 0, session: 0 })
    }

    /// Asks for a connection. Returns what would prove the address.
    fn ask(&mut self) -> Result<Command<'static>> {
        let mut buffer = [0; 4096];
        for number in 0..20 {
            self.socket.send(&connect(0x00AB_CDEF))?;
            std::thread::sleep(Duration::from_millis(20 + number));
            let Ok(len) = self.socket.recv(&mut buffer) else { continue };
            let (header, rest) = Header::parse(&buffer[..len]).context("a strange answer")?;
            let command = Commands::new(rest).next().context("an empty answer")?;
            let Body::VerifyConnect(terms) = command.body else { continue };
            (self.id, self.session) = (terms.outgoing_peer_id, terms.outgoing_session);
            let sent_time = header.sent_time.context("no time")?;
            return Ok(control(Body::Acknowledge { sequence: command.sequence, sent_time }));
        }
        bail!("the server does not answer the attacker")
    }

    fn join(&mut self) -> Result<()> {
        let proof = self.ask()?;
        self.socket.send(&self.encode(&[proof]))?;
        std::thread::sleep(Duration::from_millis(50));
        Ok(())
    }

    fn encode(&self, commands: &[Command<'_>]) -> Vec<u8> {
        encode(self.id, self.session, commands)
    }

    fn datagram(&self, attack: Attack, number: usize) -> Vec<u8> {
        let wrong =
            |sequence| control(Body::Acknowledge { sequence, sent_time: sequence ^ 0x5555 });
        match attack {
            Attack::Nothing => Vec::new(),
            Attack::Connects => connect(number as u32),
            Attack::Acknowledgements => self.encode(&(0..511).map(wrong).collect::<Vec<_>>()),
            Attack::UnreliableClaims => self.piece(false, number, MAXIMUM_FRAGMENT_COUNT),
            Attack::IncompletePackets => self.piece(false, number, 2),
            Attack::ReliableClaims => self.piece(true, number, MAXIMUM_FRAGMENT_COUNT),
            Attack::Pings => {
                self.encode(&vec![Command { acknowledge: true, ..control(Body::Ping) }; 300])
            }
        }
    }

    /// The first piece of a packet of so many pieces.
    fn piece(&self, reliable: bool, number: usize, count: u32) -> Vec<u8> {
        let start_sequence = number as u16;
        let (total_length, data) = (32 * count, &[1; 32]);
        let piece = Fragment { start_sequence, count, number: 0, total_length, offset: 0, data };
        let (body, sequence) = if reliable {
            (Body::SendFragment(piece), start_sequence)
        } else {
            (Body::SendUnreliableFragment(piece), 0)
        };
        let command =
            Command { acknowledge: reliable, unsequenced: false, channel: 0, sequence, body };
        self.encode(&[command])
    }
}

fn control(body: Body<'_>) -> Command<'_> {
    Command { acknowledge: false, unsequenced: false, channel: CONTROL_CHANNEL, sequence: 1, body }
}

fn connect(connect_id: u32) -> Vec<u8> {
    let terms = VerifyConnect {
        outgoing_peer_id: 7,
        incoming_session: 0xFF,
        outgoing_session: 0xFF,
        mtu: 1392,
        window_size: 65_536,
        channel_count: 1,
        incoming_bandwidth: 0,
        outgoing_bandwidth: 0,
        throttle_interval: 5000,
        throttle_acceleration: 2,
        throttle_deceleration: 2,
        connect_id: connect_id.to_be_bytes(),
    };
    let body = Body::Connect(Connect { terms, data: 0 });
    encode(NO_PEER, 0, &[Command { acknowledge: true, ..control(body) }])
}

fn encode(id: u16, session: u8, commands: &[Command<'_>]) -> Vec<u8> {
    let header = Header { peer_id: id, session, compressed: false, sent_time: Some(1) };
    let mut datagram = header.encode()[..header.encoded_len()].to_vec();
    for command in commands {
        command.encode(&mut datagram);
    }
    datagram
}
