//! Connections in one burst, until the last of them has its echo.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::websocket::client::{Clients, Manner};
use crate::websocket::figure::{Figure, Figures};
use crate::websocket::subject::{ECHO_SERVERS, Setup, Subject};

/// The number of clients that connect at once.
pub(crate) const CONNECTIONS: usize = 1000;

const MESSAGE: usize = 20;

/// Whoever is not served by then counts as not served.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// A game's.
const FPS: u32 = 60;

pub(super) fn measure(setup: &Setup, figures: &mut Figures) -> Result<()> {
    for subject in [Subject::AcceptLoop].into_iter().chain(ECHO_SERVERS) {
        let Some(server) = subject.start(setup, FPS, CONNECTIONS)? else { continue };
        let mut clients = Clients::new(server.address()?, MESSAGE, 1)?;
        let began = Instant::now();
        if subject == Subject::AcceptLoop {
            clients.silent_burst(CONNECTIONS)?;
        } else {
            clients.set_manner(Manner::EchoOnce);
            clients.burst(CONNECTIONS, LIMIT)?;
            figures.add(Figure::BurstServed, subject, clients.echoes() as f64);
        }
        let millis = began.elapsed().as_secs_f64() * 1e3;
        println!("  {} burst: {millis:.1} ms, {} served", subject.name(), clients.echoes());
        figures.add(Figure::Burst, subject, millis);
    }
    Ok(())
}
