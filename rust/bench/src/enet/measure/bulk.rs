//! Long packets, from a client of a subject to a server of the same.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::enet::figure::{Figure, Figures};
use crate::enet::host::{Delivery, Event, Host, OverUdp};
use crate::enet::server::Work;
use crate::enet::subject::{MeasureOverUdp, Setup};

/// Bytes.
pub(crate) const PACKET: usize = 1_000_000;

/// So many packets are under way.
const UNDER_WAY: usize = 4;

const WAIT: Duration = Duration::from_millis(10);

/// For the connection, and for the first packets.
const TIMEOUT: Duration = Duration::from_secs(20);

pub(super) fn measure(setup: &Setup, figures: &mut Figures) -> Result<()> {
    for &subject in &setup.subjects {
        let Some(server) = subject.start(setup, Work::Sink, 1)? else { continue };
        let bulk = Bulk { server: server.address()?, time: setup.time };
        let Some(rate) = subject.over_udp(setup, bulk)? else { continue };
        println!("  {} bulk: {rate:.0} MB/s", subject.name());
        figures.add(Figure::Bulk, subject, rate);
    }
    Ok(())
}

struct Bulk {
    server: SocketAddr,
    time: Duration,
}

impl MeasureOverUdp for Bulk {
    type Output = f64;

    fn measure<S: OverUdp>(self, subject: &S) -> Result<f64> {
        let (mut host, _) = subject.host(1)?;
        let packet: Vec<u8> = (0..=255).cycle().take(PACKET).collect();
        let peer = host.connect(self.server)?;
        let (mut connected, mut received) = (false, 0);
        let serve = |host: &mut S::Host, received: &mut u32, connected: &mut bool| {
            host.service(WAIT, |host, event| {
                match event {
                    Event::Connected => {
                        *connected = true;
                        for _ in 0..UNDER_WAY {
                            host.send(peer, Delivery::Reliable, &packet)?;
                        }
                    }
                    Event::Disconnected => bail!("the server has gone"),
                    Event::Received(..) => {
                        *received += 1;
                        host.send(peer, Delivery::Reliable, &packet)?;
                    }
                }
                Ok(())
            })
        };
        let began = Instant::now();
        while received < 2 * UNDER_WAY as u32 {
            ensure!(began.elapsed() < TIMEOUT, "{received} packets came (connected: {connected})");
            serve(&mut host, &mut received, &mut connected)?;
        }
        let (began, before) = (Instant::now(), received);
        while began.elapsed() < self.time {
            serve(&mut host, &mut received, &mut connected)?;
        }
        let megabytes = f64::from(received - before) * PACKET as f64 / 1e6;
        Ok(megabytes / began.elapsed().as_secs_f64())
    }
}
