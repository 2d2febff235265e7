//! The server's processor time per echoed message.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::websocket::client::Clients;
use crate::websocket::figure::{Figure, Figures};
use crate::websocket::subject::{ECHO_SERVERS, Setup, Subject};

/// Messages of one size on some connections, one under way on each.
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) len: usize,
    /// Returns the name in the table.
    pub(crate) name: &'static str,
    /// The part of tungstenite's user time that ours should take.
    pub(crate) wanted_user: f64,
}

/// The loads.
pub(crate) const LOADS: [Load; 3] = [
    Load { connections: 100, len: 20, name: "100 × 20 B", wanted_user: 1.0 / 4.0 },
    Load { connections: 200, len: 1024, name: "200 × 1 KiB", wanted_user: 1.0 / 3.0 },
    Load { connections: 50, len: 16 * 1024, name: "50 × 16 KiB", wanted_user: 0.45 },
];

/// Until everything is in the caches, and every buffer has its size.
const WARM_UP: Duration = Duration::from_millis(300);

/// A game's.
const FPS: u32 = 60;

pub(super) fn measure(setup: &Setup, figures: &mut Figures) -> Result<()> {
    for (index, load) in LOADS.iter().enumerate() {
        for subject in ECHO_SERVERS {
            run(setup, figures, subject, index, load)?;
        }
    }
    Ok(())
}

fn run(
    setup: &Setup,
    figures: &mut Figures,
    subject: Subject,
    index: usize,
    load: &Load,
) -> Result<()> {
    let Some(server) = subject.start(setup, FPS, 0)? else { return Ok(()) };
    let mut clients = Clients::new(server.address()?, load.len, 1)?;
    clients.connect(load.connections, subject.at_once())?;
    clients.start_echoing()?;
    clients.run(WARM_UP)?;
    let before = server.cpu()?;
    let echoes = clients.run(setup.time)?;
    let cpu = server.cpu()?.since(before);
    ensure!(echoes > 0, "{} echoes nothing", subject.name());
    let micros = cpu.total * 1e6 / echoes as f64;
    // The kernel samples the two parts, and knows their sum exactly.
    let user = cpu.user / (cpu.user + cpu.system).max(f64::MIN_POSITIVE);
    println!(
        "  {} {}: {micros:.2} us ({:.2} user), {echoes} echoes",
        subject.name(),
        load.name,
        micros * user
    );
    figures.add(Figure::EchoCpu(index), subject, micros);
    figures.add(Figure::EchoUser(index), subject, micros * user);
    Ok(())
}
