//! The server's processor time per echo, over the sockets of this machine.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::enet::figure::{Figure, Figures};
use crate::enet::host::Delivery;
use crate::enet::load::Clients;
use crate::enet::server::Work;
use crate::enet::subject::Setup;

/// The number of clients, each with one message in flight.
pub(crate) const CLIENTS: usize = 500;

/// Bytes.
pub(crate) const MESSAGE: usize = 32;

/// The delivery modes of the messages and their echoes.
pub(crate) const DELIVERIES: [Delivery; 2] = [Delivery::Reliable, Delivery::Unsequenced];

/// Until everything is in the caches, and every buffer has its size.
const WARM_UP: Duration = Duration::from_millis(300);

pub(super) fn measure(setup: &Setup, figures: &mut Figures) -> Result<()> {
    for delivery in DELIVERIES {
        let work = match delivery {
            Delivery::Reliable => Work::Echo,
            Delivery::Unreliable | Delivery::Unsequenced => Work::EchoUnsequenced,
        };
        for &subject in &setup.subjects {
            let Some(server) = subject.start(setup, work, CLIENTS)? else { continue };
            let mut clients = Clients::new(server.address()?, delivery, MESSAGE)?;
            clients.connect(CLIENTS)?;
            clients.start_echoing()?;
            clients.run(WARM_UP)?;
            let before = server.cpu()?;
            let echoes = clients.run(setup.time)?;
            let cpu = server.cpu()?.since(before);
            ensure!(echoes > 0, "{} echoes nothing", subject.name());
            let micros = cpu.total * 1e6 / echoes as f64;
            println!("  {} {delivery:?}: {micros:.2} us, {echoes} echoes", subject.name());
            figures.add(Figure::Echo(delivery), subject, micros);
        }
    }
    Ok(())
}
