//! Attacks on ENet.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Result, bail};
use lodewire_enet::wire::{
    Body, CONTROL_CHANNEL, Command, Commands, Connect, ConnectParams, Fragment, Header,
    MAX_FRAGMENT_COUNT, NO_PEER,
};
use lodewire_enet::{Compression, Compressor};

use super::pace::{Attacker, UDP};

/// Maximum size of a decompressed datagram.
const LONGEST: usize = 4096;

/// The data to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Connects,
    Acknowledgements,
    UnreliableClaims,
    IncompletePackets,
    ReliableClaims,
    Pings,
    Zeros,
    Noise,
}

/// One who sends datagrams of one kind.
struct Sender {
    stranger: Stranger,
    kind: Kind,
    /// 4 KiB of zeros.
    zeros: Vec<u8>,
}

/// A client that requests a connection.
struct Stranger {
    socket: UdpSocket,
    id: u16,
    session: u8,
    coder: Option<Compressor>,
}

/// Connects as far as the kind needs it.
pub(super) fn begin(server: SocketAddr, kind: Kind) -> Result<Box<dyn Attacker>> {
    let mut stranger = Stranger::new(server)?;
    match kind {
        Kind::Connects => {}
        Kind::Acknowledgements => drop(stranger.ask()?),
        _ => stranger.join()?,
    }
    let mut zeros = Vec::new();
    if let Some(coder) = &mut stranger.coder {
        coder.compress(&[0; LONGEST], &mut zeros);
    }
    Ok(Box::new(Sender { stranger, kind, zeros }))
}

impl Attacker for Sender {
    fn send(&mut self, number: usize) -> Result<usize> {
        let datagram = self.datagram(number);
        // One that the system does not take is lost, as on a network.
        let _ = self.stranger.socket.send(&datagram);
        Ok(datagram.len() + UDP)
    }

    fn serve(&mut self) -> Result<()> {
        let mut buffer = [0; LONGEST];
        while self.stranger.socket.recv(&mut buffer).is_ok() {}
        Ok(())
    }
}

impl Sender {
    fn datagram(&self, number: usize) -> Vec<u8> {
        let stranger = &self.stranger;
        let wrong =
            |sequence| control(Body::Acknowledge { sequence, sent_time: sequence ^ 0x5555 });
        match self.kind {
            Kind::Connects => connect(number as u32),
            Kind::Acknowledgements => stranger.encode(&(0..511).map(wrong).collect::<Vec<_>>()),
            Kind::UnreliableClaims => stranger.piece(false, number, MAX_FRAGMENT_COUNT),
            Kind::IncompletePackets => stranger.piece(false, number, 2),
            Kind::ReliableClaims => stranger.piece(true, number, MAX_FRAGMENT_COUNT),
            Kind::Pings => {
                stranger.encode(&vec![Command { acknowledge: true, ..control(Body::Ping) }; 300])
            }
            Kind::Zeros => stranger.compressed(&self.zeros),
            Kind::Noise => {
                // A generator of numbers (Knuth's constants).
                let mut state = number as u64;
                let noise: Vec<u8> = (0..1200)
                    .map(|_| {
                        state = state
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1_442_695_040_888_963_407);
                        (state >> 56) as u8
                    })
                    .collect();
                stranger.compressed(&noise)
            }
        }
    }
}

impl Stranger {
    fn new(server: SocketAddr) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(server)?;
        socket.set_nonblocking(true)?;
        let coder = Compressor::new(Compression::RangeCoder);
        Ok(Self { socket, id: 0, session: 0, coder })
    }

    /// Returns the acknowledgement that validates the address, if the server offers a connection.
    fn offer(&mut self) -> Option<Command<'static>> {
        let mut buffer = [0; LONGEST];
        let len = self.socket.recv(&mut buffer).ok()?;
        let (header, rest) = Header::parse(&buffer[..len])?;
        let mut plain = Vec::new();
        let rest = if header.compressed {
            self.coder.as_mut()?.decompress(rest, &mut plain, LONGEST).then_some(&*plain)?
        } else {
            rest
        };
        let command = Commands::new(rest).next()?;
        let Body::VerifyConnect(params) = command.body else { return None };
        (self.id, self.session) = (params.outgoing_peer_id, params.outgoing_session);
        let sent_time = header.sent_time?;
        Some(control(Body::Acknowledge { sequence: command.sequence, sent_time }))
    }

    /// Asks for a connection. Returns what would prove the address.
    fn ask(&mut self) -> Result<Command<'static>> {
        for number in 0..20 {
            self.socket.send(&connect(0x00AB_CDEF))?;
            std::thread::sleep(Duration::from_millis(20 + number));
            if let Some(proof) = self.offer() {
                return Ok(proof);
            }
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

    fn compressed(&self, bytes: &[u8]) -> Vec<u8> {
        let (peer_id, session) = (self.id, self.session);
        let header = Header { peer_id, session, compressed: true, sent_time: None };
        [&header.encode()[..header.encoded_len()], bytes].concat()
    }

    /// The first piece of a packet of `count` pieces.
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

/// Strangers who ask for a connection, send packets, leave, and ask again.
struct ComingAndGoing {
    strangers: Vec<Stranger>,
    /// The number of requests since the last answers were read.
    asked: usize,
    /// The bytes that were sent in answer to offers, and not counted yet.
    answered: usize,
}

/// The number of peers.
const STRANGERS: usize = 32;
/// The packet size of each.
const PACKETS: u16 = 10;
const PACKET: [u8; 1200] = [9; 1200];

/// Those.
pub(super) fn begin_coming_and_going(server: SocketAddr) -> Result<Box<dyn Attacker>> {
    let strangers = (0..STRANGERS).map(|_| Stranger::new(server)).collect::<Result<_>>()?;
    Ok(Box::new(ComingAndGoing { strangers, asked: 0, answered: 0 }))
}

impl Attacker for ComingAndGoing {
    fn send(&mut self, number: usize) -> Result<usize> {
        if self.asked == STRANGERS {
            return Ok(0);
        }
        self.asked += 1;
        let stranger = &self.strangers[number % STRANGERS];
        let datagram = connect(number as u32);
        let _ = stranger.socket.send(&datagram);
        Ok(datagram.len() + UDP + std::mem::take(&mut self.answered))
    }

    fn serve(&mut self) -> Result<()> {
        self.asked = 0;
        for stranger in &mut self.strangers {
            let Some(proof) = stranger.offer() else { continue };
            let mut send = |commands: &[Command<'_>]| {
                let datagram = stranger.encode(commands);
                let _ = stranger.socket.send(&datagram);
                self.answered += datagram.len() + UDP;
            };
            send(&[proof]);
            for sequence in 1..=PACKETS {
                let body = Body::SendReliable { data: &PACKET };
                let (acknowledge, unsequenced) = (true, false);
                send(&[Command { acknowledge, unsequenced, channel: 0, sequence, body }]);
            }
            let leave = control(Body::Disconnect { data: 0 });
            send(&[Command { acknowledge: true, sequence: 2, ..leave }]);
        }
        Ok(())
    }
}

fn control(body: Body<'_>) -> Command<'_> {
    Command { acknowledge: false, unsequenced: false, channel: CONTROL_CHANNEL, sequence: 1, body }
}

fn connect(connect_id: u32) -> Vec<u8> {
    let params =
        ConnectParams { channel_count: 1, ..ConnectParams::new(7, connect_id.to_be_bytes()) };
    let body = Body::Connect(Connect { params, data: 0 });
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
