//! Who suffers from an attack: peers that keep to the rules, and another server of the same process.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use lodewire_enet::{Delivery, HostConfig};
use lodewire_net::Bind;
use lodewire_net::enet::{Config, Connection, Event};

use super::server::HEALTH_PATH;

/// Peers that keep to the rules.
const PEERS: usize = 4;
/// How often each sends, and how long the last echoes may take.
const PAUSE: Duration = Duration::from_millis(20);
const JOIN_LIMIT: Duration = Duration::from_secs(10);
const ECHO_LIMIT: Duration = Duration::from_secs(10);

/// What the peers have sent, and what they have lost.
pub(super) struct Exchanged {
    pub(super) sent: usize,
    pub(super) lost: usize,
    pub(super) disconnects: usize,
}

/// Has peers send reliable packets to a server that echoes, for `time`. `joined` is called when all are connected.
pub(super) fn exchange(
    server: SocketAddr,
    time: Duration,
    joined: impl FnOnce(),
) -> Result<Exchanged> {
    let host = HostConfig { peers: PEERS, ..HostConfig::default() };
    let mut connection = Connection::bind(Bind::Any, 0, &Config { host, ..Config::default() })?;
    let mut peers = Vec::new();
    for _ in 0..PEERS {
        let peer = connection.connect(server, 1, 0);
        peers.push(peer.map_err(|error| anyhow!("no connection: {error:?}"))?);
    }
    let (mut connected, mut echoes, mut disconnects) = (0, 0, 0);
    let mut serve = |connection: &mut Connection| {
        while let Some(event) = connection.service(Duration::ZERO) {
            match event {
                Event::Connect { .. } => connected += 1,
                Event::Disconnect { .. } => disconnects += 1,
                Event::Receive { peer, .. } => {
                    while peer.receive().is_some() {
                        echoes += 1;
                    }
                }
            }
        }
        (connected, echoes, disconnects)
    };
    let begin = Instant::now();
    while serve(&mut connection).0 < PEERS {
        ensure!(begin.elapsed() < JOIN_LIMIT, "the peers do not join");
        std::thread::sleep(Duration::from_millis(1));
    }
    joined();
    let mut sent = 0;
    let begin = Instant::now();
    while begin.elapsed() < time {
        for peer in &peers {
            if peer.send(0, Delivery::Reliable, vec![7; 64].as_slice().into()).is_ok() {
                sent += 1;
            }
        }
        serve(&mut connection);
        std::thread::sleep(PAUSE);
    }
    let end = Instant::now() + ECHO_LIMIT;
    while serve(&mut connection).1 < sent && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
    let (_, echoes, disconnects) = serve(&mut connection);
    Ok(Exchanged { sent, lost: sent - echoes.min(sent), disconnects })
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
