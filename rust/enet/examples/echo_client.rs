//! A client that sends packets to an echo server, waits for them to return, and disconnects. The server is another
//! implementation of ENet, `rusty_enet`, on a free port of this machine.

use lodewire_enet::wire::MAX_MTU;
use lodewire_enet::{Delivery, Event, Events, Host, HostConfig, Time};
use std::error::Error;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The time after which the client gives up.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The longest packet has several fragments.
const PACKETS: [&[u8]; 3] = [b"hello", b"again", &[7; 10_000]];

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let server = socket.local_addr()?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let echo = thread::spawn(move || serve_echoes(socket, &stopped));
    let result = exchange(server);
    stop.store(true, Ordering::Relaxed);
    echo.join().map_err(|_| "the echo server has panicked")??;
    result
}

/// Connects to `server`, and returns when each packet has returned and the connection has ended.
fn exchange(server: SocketAddr) -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| error.to_string())?;
    let mut host = Host::new(HostConfig::default(), seed);
    let start = Instant::now();
    let (mut events, mut out) = (Events::default(), Vec::new());
    let mut buffer = [0; MAX_MTU + 1];
    let mut echoes = 0;

    let peer = host.connect(server, 1, 0)?;
    while start.elapsed() < TIMEOUT {
        let now = Time::from(start.elapsed());
        while let Some(to) = host.poll_transmit(now, &mut out) {
            socket.send_to(&out, to)?;
            out.clear();
        }

        // Waits for a datagram, at most until the next timer.
        let timeout = host.poll_timeout().map(|at| at.saturating_duration_since(now));
        let timeout = timeout.unwrap_or(TIMEOUT).max(Duration::from_millis(1));
        socket.set_read_timeout(Some(timeout))?;
        let received = socket.recv_from(&mut buffer);
        let now = Time::from(start.elapsed());
        match received {
            Ok((len, from)) => host.handle_datagram(now, from, &buffer[..len]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
        host.handle_timeout(now);

        host.poll_events(&mut events);
        while let Some(event) = events.pop() {
            match event {
                Event::Connect { .. } => {
                    println!("connected to {server}");
                    for packet in PACKETS {
                        host.send(peer, 0, Delivery::Reliable, packet)?;
                    }
                }
                Event::Receive { data, .. } => {
                    host.release_capacity(peer, 1, data.len());
                    if PACKETS.get(echoes) != Some(&&*data) {
                        return Err("the echo is not the packet that was sent".into());
                    }
                    println!("received {} bytes", data.len());
                    echoes += 1;
                    if echoes == PACKETS.len() {
                        host.disconnect(peer, 0);
                    }
                }
                Event::Disconnect { timed_out, .. } => {
                    host.release_peer(peer);
                    if timed_out || echoes < PACKETS.len() {
                        return Err("the connection has ended early".into());
                    }
                    println!("disconnected");
                    return Ok(());
                }
                _ => {}
            }
        }
    }
    Err("no answer from the echo server".into())
}

/// Returns each packet to its sender, until `stop` is set.
fn serve_echoes(socket: UdpSocket, stop: &AtomicBool) -> Result<()> {
    let mut host = rusty_enet::Host::new(socket, rusty_enet::HostSettings::default())?;
    while !stop.load(Ordering::Relaxed) {
        while let Some(event) = host.service()? {
            if let rusty_enet::Event::Receive { peer, channel_id, packet } = event {
                peer.send(channel_id, &packet)?;
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn echo_client_exchanges_packets_with_rusty_enet() {
        super::main().expect("the echoes");
    }
}
