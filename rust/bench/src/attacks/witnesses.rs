//! The victims of an attack: well-behaved peers, and another server of the same process.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use lodewire_dtls::State;
use lodewire_enet::{Compression, Delivery, HostConfig};
use lodewire_net::Bind;
use lodewire_net::enet::{Config, Event, Host, Peer};
use lodewire_websocket::{FrameHeader, Opcode};

use super::attack::Family;
use super::server::{ECHO, HEALTH_PATH, stall};
use crate::dtls::Client;
use crate::websocket::{REQUEST, connect_tls};

/// Peers that keep to the rules.
const PEERS: usize = 4;
/// The interval between the messages of each, and the timeout of the last echoes.
const PAUSE: Duration = Duration::from_millis(20);
const JOIN_LIMIT: Duration = Duration::from_secs(10);
const ECHO_LIMIT: Duration = Duration::from_secs(10);
/// The interval between reads.
const TURN: Duration = Duration::from_millis(1);
/// The header of a server's short frame.
const FRAME_HEADER: usize = 2;

/// The numbers of messages that the peers have sent and lost.
pub(super) struct Exchanged {
    pub(super) sent: usize,
    pub(super) lost: usize,
    pub(super) disconnects: usize,
}

/// The measurements of the peers since they joined.
#[derive(Clone, Copy, Default)]
struct Seen {
    echoes: usize,
    disconnects: usize,
}

/// Some peers of a server.
trait Peers {
    /// Has one send a packet. Returns true if it could.
    fn send(&mut self, index: usize, packet: &[u8]) -> Result<bool>;

    /// Takes what has come.
    fn serve(&mut self) -> Result<Seen>;
}

/// Has peers send packets to a server that echoes, for `time`. `joined` is called when all are connected. If told so, the game
/// does not poll meanwhile.
pub(super) fn exchange(
    family: Family,
    server: SocketAddr,
    time: Duration,
    is_stalled: bool,
    joined: impl FnOnce(),
) -> Result<Exchanged> {
    let mut peers: Box<dyn Peers> = match family {
        Family::Enet | Family::EnetCompressed => Box::new(EnetPeers::join(family, server)?),
        Family::Dtls => Box::new(DtlsPeers::join(server)?),
        Family::Websocket | Family::Wss => Box::new(WebSocketPeers::join(family, server)?),
    };
    if is_stalled {
        ensure!(peers.send(0, &stall(time))?, "nothing can be sent");
    }
    joined();
    let mut sent = 0;
    let begin = Instant::now();
    let mut next = begin;
    while begin.elapsed() < time {
        if Instant::now() >= next {
            next += PAUSE;
            for index in 0..PEERS {
                sent += usize::from(peers.send(index, &[7; ECHO])?);
            }
        }
        peers.serve()?;
        std::thread::sleep(TURN);
    }
    let end = Instant::now() + ECHO_LIMIT;
    while peers.serve()?.echoes < sent && Instant::now() < end {
        std::thread::sleep(TURN);
    }
    let Seen { echoes, disconnects } = peers.serve()?;
    Ok(Exchanged { sent, lost: sent - echoes.min(sent), disconnects })
}

struct EnetPeers {
    connection: Host,
    peers: Vec<Rc<Peer>>,
    connected: usize,
    seen: Seen,
}

impl EnetPeers {
    fn join(family: Family, server: SocketAddr) -> Result<Self> {
        let host = HostConfig { peers: PEERS, ..HostConfig::default() };
        let mut connection = Host::bind(Bind::Any, 0, &Config { host, ..Config::default() })?;
        if family == Family::EnetCompressed {
            connection.set_compression(Compression::RangeCoder);
        }
        let mut peers = Vec::new();
        for _ in 0..PEERS {
            let peer = connection.connect(server, 1, 0);
            peers.push(peer.map_err(|error| anyhow!("no connection: {error:?}"))?);
        }
        let mut all = Self { connection, peers, connected: 0, seen: Seen::default() };
        let begin = Instant::now();
        while all.connected < PEERS {
            ensure!(begin.elapsed() < JOIN_LIMIT, "the peers do not join");
            all.serve()?;
            std::thread::sleep(TURN);
        }
        Ok(all)
    }
}

impl Peers for EnetPeers {
    fn send(&mut self, index: usize, packet: &[u8]) -> Result<bool> {
        Ok(self.peers[index].send(0, Delivery::Reliable, packet.into()).is_ok())
    }

    fn serve(&mut self) -> Result<Seen> {
        while let Some(event) = self.connection.service(Duration::ZERO) {
            match event {
                Event::Connect { .. } => self.connected += 1,
                Event::Disconnect { .. } => self.seen.disconnects += 1,
                Event::Receive { peer, .. } => {
                    while peer.receive().is_some() {
                        self.seen.echoes += 1;
                    }
                }
            }
        }
        Ok(self.seen)
    }
}

struct DtlsPeers {
    clients: Vec<Client>,
    echoes: usize,
}

impl DtlsPeers {
    fn join(server: SocketAddr) -> Result<Self> {
        let clients = (0..PEERS).map(|_| Client::trusting_anyone(server)).collect::<Result<_>>()?;
        let mut all = Self { clients, echoes: 0 };
        let begin = Instant::now();
        while all.clients.iter().any(|client| *client.state() != State::Connected) {
            ensure!(begin.elapsed() < JOIN_LIMIT, "the peers do not join");
            all.serve()?;
            std::thread::sleep(TURN);
        }
        Ok(all)
    }
}

impl Peers for DtlsPeers {
    fn send(&mut self, index: usize, packet: &[u8]) -> Result<bool> {
        let client = &mut self.clients[index];
        let is_connected = *client.state() == State::Connected;
        if is_connected {
            client.send(packet)?;
        }
        Ok(is_connected)
    }

    fn serve(&mut self) -> Result<Seen> {
        let mut disconnects = 0;
        for client in &mut self.clients {
            client.serve()?;
            while client.receive().is_some() {
                self.echoes += 1;
            }
            disconnects += usize::from(*client.state() != State::Connected);
        }
        Ok(Seen { echoes: self.echoes, disconnects })
    }
}

/// A stream, with or without TLS.
trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

struct WebSocketPeers {
    /// `None`: the connection has ended.
    streams: Vec<Option<Box<dyn Stream>>>,
    /// The bytes of echoes.
    received: usize,
}

impl WebSocketPeers {
    fn join(family: Family, server: SocketAddr) -> Result<Self> {
        let mut streams: Vec<Option<Box<dyn Stream>>> = Vec::new();
        if family == Family::Wss {
            for stream in connect_tls(server, PEERS, PEERS)? {
                stream.sock.set_nonblocking(true)?;
                streams.push(Some(Box::new(stream)));
            }
        } else {
            for _ in 0..PEERS {
                streams.push(Some(Box::new(open(server)?)));
            }
        }
        Ok(Self { streams, received: 0 })
    }
}

fn open(server: SocketAddr) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(JOIN_LIMIT))?;
    stream.write_all(REQUEST)?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        ensure!(stream.read(&mut byte)? > 0, "the server refuses a peer");
        answer.extend(byte);
    }
    ensure!(answer.starts_with(b"HTTP/1.1 101 "), "the server refuses a peer");
    stream.set_nonblocking(true)?;
    Ok(stream)
}

impl Peers for WebSocketPeers {
    fn send(&mut self, index: usize, packet: &[u8]) -> Result<bool> {
        let Some(stream) = &mut self.streams[index] else { return Ok(false) };
        let mut frame = Vec::new();
        let (mask, payload_len) = (Some([0; 4]), packet.len() as u64);
        FrameHeader { fin: true, rsv1: false, opcode: Opcode::Binary, mask, payload_len }
            .encode(&mut frame);
        frame.extend_from_slice(packet);
        if stream.write_all(&frame).is_err() {
            self.streams[index] = None;
            return Ok(false);
        }
        Ok(true)
    }

    fn serve(&mut self) -> Result<Seen> {
        let mut buffer = [0; 4096];
        for slot in &mut self.streams {
            while let Some(stream) = slot {
                match stream.read(&mut buffer) {
                    Ok(0) => *slot = None,
                    Ok(len) => self.received += len,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                    Err(_) => *slot = None,
                }
            }
        }
        let disconnects = self.streams.iter().filter(|stream| stream.is_none()).count();
        Ok(Seen { echoes: self.received / (ECHO + FRAME_HEADER), disconnects })
    }
}

/// Asks a server for its health until `end`. Returns how long each answer took, in milliseconds, in order of length.
pub(super) fn ask_health(server: SocketAddr, end: Instant) -> Result<Vec<f64>> {
    let request = format!("GET {HEALTH_PATH} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let mut times = Vec::new();
    while Instant::now() < end {
        let begin = Instant::now();
        let mut stream = TcpStream::connect(server)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = [0; 64];
        ensure!(stream.read(&mut answer)? > 0, "no answer");
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
        std::thread::sleep(Duration::from_millis(5));
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}
