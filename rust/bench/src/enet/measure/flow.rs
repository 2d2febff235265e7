//! Packets per second in memory, from many clients to one server. What counts is the protocol alone: no sockets, and a
//! clock that goes on by a millisecond per pass, however long it takes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Part;
use super::peers::{PASS, Peers};
use crate::enet::alone;
use crate::enet::figure::{Figure, Figures};
use crate::enet::host::{Delivery, Event, Host, InMemory};
use crate::enet::subject::{MeasureInMemory, Setup, Subject};

/// The number of clients.
pub(crate) const PEERS: [usize; 2] = [64, 1000];

/// The delivery mode of the packets.
pub(crate) const DELIVERIES: [Delivery; 3] =
    [Delivery::Reliable, Delivery::Unreliable, Delivery::Unsequenced];

/// Bytes.
const MESSAGE: [u8; 64] = [b'x'; 64];

/// Each client sends so many packets per pass, which go together.
const BATCH: usize = 4;

/// Until every buffer has its size.
const WARM_UP: usize = 200;

/// The fraction of sent packets that must arrive.
const MOST: f64 = 0.999;

pub(super) fn measure(setup: &Setup, figures: &mut Figures) -> Result<()> {
    for (case, (peers, delivery)) in cases().enumerate() {
        for &subject in &setup.subjects {
            let rates = alone::figures(subject, setup, Part::Flow, case)?;
            let Some(&[all, server]) = rates.as_deref() else { continue };
            println!(
                "  {} {delivery:?} from {peers}: {all:.3} M packets/s, the server alone {server:.3}",
                subject.name()
            );
            figures.add(Figure::Flow(delivery, peers), subject, all);
            figures.add(Figure::FlowServer(delivery, peers), subject, server);
        }
    }
    Ok(())
}

/// Measures one case in this process: millions of packets per second of both ends' time, and of the server's.
pub(super) fn alone(subject: Subject, setup: &Setup, case: usize) -> Result<Option<Vec<f64>>> {
    let (peers, delivery) = cases().nth(case).context("there is no such case")?;
    subject.in_memory(setup, Flow { peers, delivery, time: setup.time })
}

fn cases() -> impl Iterator<Item = (usize, Delivery)> {
    PEERS.into_iter().flat_map(|peers| DELIVERIES.map(|delivery| (peers, delivery)))
}

struct Flow {
    peers: usize,
    delivery: Delivery,
    time: Duration,
}

impl MeasureInMemory for Flow {
    type Output = Vec<f64>;

    fn measure<S: InMemory>(self, subject: &S) -> Result<Vec<f64>> {
        let mut peers = Peers::connect(subject, self.peers, self.peers)?;
        for _ in 0..WARM_UP {
            self.pass(&mut peers)?;
        }
        let began = Instant::now();
        let (mut sent, mut received, mut serving) = (0, 0, Duration::ZERO);
        while began.elapsed() < self.time {
            let pass = self.pass(&mut peers)?;
            sent += BATCH * self.peers;
            received += pass.0;
            serving += pass.1;
        }
        let all = began.elapsed();
        ensure!(received as f64 >= sent as f64 * MOST, "{received} packets of {sent} have come");
        let received = received as f64 / 1e6;
        Ok(vec![received / all.as_secs_f64(), received / serving.as_secs_f64()])
    }
}

impl Flow {
    /// Sends, and serves everyone once. Says how many packets came, and how long the server took for it.
    fn pass<H: Host>(&self, peers: &mut Peers<H>) -> Result<(usize, Duration)> {
        peers.wire.advance(PASS);
        for (host, peer) in &mut peers.clients {
            for _ in 0..BATCH {
                host.send(*peer, self.delivery, &MESSAGE)?;
            }
            host.service(Duration::ZERO, |_, _| Ok(()))?;
        }
        let began = Instant::now();
        let mut received = 0;
        peers.server.service(Duration::ZERO, |_, event| {
            if let Event::Received(_, data) = event {
                // What the harness does takes time from all: contents are compared elsewhere.
                received += usize::from(data.len() == MESSAGE.len());
            }
            Ok(())
        })?;
        Ok((received, began.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enet::rusty::RustyEnet;

    #[test]
    fn packets_come_from_all_clients() {
        for delivery in DELIVERIES {
            let flow = Flow { peers: 3, delivery, time: Duration::ZERO };
            let mut peers = Peers::connect(&RustyEnet, 3, 3).unwrap();
            for _ in 0..100 {
                assert_eq!(flow.pass(&mut peers).unwrap().0, 3 * BATCH);
            }
        }
    }
}
