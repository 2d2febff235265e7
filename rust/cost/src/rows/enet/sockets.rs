//! A host with its driver, over sockets of this machine.
//!
//! Instructions and allocations are those of the game's thread; what is held is what all threads hold.

use super::victim::{Attacker, acknowledge, connect, control, reliable};
use crate::meter::Meter;
use crate::row::Row;
use lodewire_enet::wire::{Body, CONTROL_CHANNEL, Command, Commands, Header, MAX_MTU};
use lodewire_net::Bind;
use lodewire_net::enet::{Config, Event, Host, HostConfig};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// It only ends a hang.
const TIMEOUT: Duration = Duration::from_mins(5);
/// Maximum memory that all peers may make the host use: the minimum for 512 peer slots.
const WAITING: usize = 8 << 20;

/// The rows over sockets.
pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "enet over sockets: peers that come, send and go, for a game that is busy",
            size: 3,
            allocated: 4,
            instructions: 20,
            // What waits, with the room of its lists, the buffers of the thread, and what is on its way.
            held: WAITING + (4 << 20),
            run: come_and_go,
        },
        Row {
            name: "enet over sockets: a game hears that all have left",
            size: 6,
            allocated: 40,
            instructions: 150,
            held: 64 << 10,
            run: all_leave,
        },
    ]
}

/// A host and its game.
fn server(peers: usize) -> Host {
    let host = HostConfig { peers, max_total_waiting_data: WAITING, ..HostConfig::default() };
    let config = Config { host, ..Config::default() };
    let bind = Bind::Address(Ipv4Addr::LOCALHOST.into());
    let mut server = Host::bind(bind, 0, &config).expect("a port");
    server.start_reading();
    server
}

/// A socket whose datagrams are written by hand.
struct Raw(UdpSocket, SocketAddr);

impl Raw {
    fn new(server: &Host) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        socket.set_read_timeout(Some(TIMEOUT)).expect("a time");
        socket.connect(server.local_addr()).expect("connected");
        let address = socket.local_addr().expect("bound");
        Self(socket, address)
    }

    fn send(&self, datagram: &[u8]) {
        self.0.send(datagram).expect("sent");
    }

    /// Waits for a command of the connection itself.
    fn wait<T>(&self, wanted: impl Fn(Header, &Command<'_>) -> Option<T>) -> T {
        let mut buffer = [0; MAX_MTU];
        loop {
            let len = self.0.recv(&mut buffer).expect("an answer");
            let Some((header, rest)) = Header::parse(&buffer[..len]) else { continue };
            let mut commands =
                Commands::new(rest).filter(|command| command.channel == CONTROL_CHANNEL);
            if let Some(found) = commands.find_map(|command| wanted(header, &command)) {
                return found;
            }
        }
    }

    /// Connects by the rules.
    fn admit(&self, number: usize) -> Attacker {
        let asked = (number as u32).to_be_bytes();
        self.send(&connect(self.1, number).1);
        let (attacker, proof) = self.wait(|header, command| match command.body {
            Body::VerifyConnect(params) if params.connect_id == asked => {
                let (id, session) = (params.outgoing_peer_id, params.outgoing_session);
                let proof = acknowledge(command.sequence, header.sent_time?);
                Some((Attacker { address: self.1, id, session }, proof))
            }
            _ => None,
        });
        self.send(&attacker.datagram(&[proof]).1);
        attacker
    }

    /// Disconnects, and waits until that is acknowledged.
    fn leave(&self, attacker: &Attacker, number: usize) {
        let number = number as u16;
        let goodbye = control(number, true, Body::Disconnect { data: 0 });
        self.send(&attacker.datagram(&[goodbye]).1);
        self.wait(|_, command| match command.body {
            Body::Acknowledge { sequence, .. } if sequence == number => Some(()),
            _ => None,
        });
    }
}

/// Connections in turn, each of which sends 60 kB and ends. The game takes nothing of it.
fn come_and_go(size: usize, meter: &mut Meter) {
    const PACKETS: u16 = 60;
    let server = server(512);
    let raw = Raw::new(&server);
    let bytes = size * usize::from(PACKETS) * 1000;
    meter.run(bytes, || {
        for number in 1..=size {
            let attacker = raw.admit(number);
            for sequence in 1..=PACKETS {
                raw.send(&attacker.datagram(&[reliable(0, sequence, &[7; 1000])]).1);
            }
            raw.leave(&attacker, number);
        }
    });
    drop(server);
}

/// Players who leave between two frames, of whom the game hears in one.
fn all_leave(size: usize, meter: &mut Meter) {
    let mut server = server(1024);
    let raw = Raw::new(&server);
    let attackers: Vec<_> = (1..=size)
        .map(|number| {
            let attacker = raw.admit(number);
            let peer = match server.service(TIMEOUT) {
                Some(Event::Connect { peer, .. }) => Some(peer),
                _ => None,
            };
            let peer = peer.expect("a peer");
            // Nobody answers the pings here.
            peer.set_timeout(600_000, 600_000, 600_000);
            attacker
        })
        .collect();
    for (index, attacker) in attackers.iter().enumerate() {
        raw.leave(attacker, index);
    }
    let goodbye = attackers.first().map_or(0, |attacker| {
        attacker.datagram(&[control(1, true, Body::Disconnect { data: 0 })]).1.len()
    });
    let told = meter.run(size * goodbye, || {
        let mut told = 0;
        while told < size {
            match server.service(TIMEOUT) {
                Some(Event::Disconnect { .. }) => told += 1,
                _ => break,
            }
        }
        told
    });
    meter.check(told == size, || format!("it hears of {told} of {size}"));
}
