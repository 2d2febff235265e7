//! Memory per idle connection.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::websocket::client::{Clients, Manner};
use crate::websocket::figure::{Figure, Figures};
use crate::websocket::subject::{ECHO_SERVERS, Setup};

/// The number of idle clients.
pub(crate) const CONNECTIONS: usize = 2000;

/// So many are there before it begins: what the first ones cost alone is not a connection's.
const FIRST: usize = 50;

const MESSAGE: usize = 20;

/// For what the server does a little later.
const SETTLE: Duration = Duration::from_millis(300);

/// The engine shall be done soon; frames do not count here.
const FPS: u32 = 1000;

pub(super) fn measure(setup: &Setup, figures: &mut Figures) -> Result<()> {
    for subject in ECHO_SERVERS {
        let Some(server) = subject.start(setup, FPS, 0)? else { continue };
        let mut clients = Clients::new(server.address()?, MESSAGE, 1)?;
        clients.set_manner(Manner::EchoOnce);
        clients.connect(FIRST, subject.at_once())?;
        thread::sleep(SETTLE);
        let before = server.memory()?;
        clients.connect(CONNECTIONS, subject.at_once())?;
        thread::sleep(SETTLE);
        let each = (server.memory()? - before) / CONNECTIONS as f64;
        println!("  {} idle: {each:.2} KiB", subject.name());
        figures.add(Figure::Memory, subject, each);
    }
    Ok(())
}
