//! Both ends of connections in one thread, without sockets.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::figure::{Figure, Figures};
use super::keys::KINDS;
use super::subject::{SUBJECTS, Subject};

/// The payload of a record in bytes.
pub(crate) const RECORD: usize = 512;

/// The number of records that are sent before they are read.
const BURST: usize = 16;

/// Makes connections.
pub(crate) trait Connector {
    /// A connection, from its first datagram to both ends' being there.
    fn connect(&self) -> Result<Box<dyn Connected>>;
}

/// Both ends of a connection.
pub(crate) trait Connected {
    /// Sends a packet so many times from the client, then reads them at the server. Tells how many came.
    fn carry(&mut self, packet: &[u8], times: usize) -> Result<usize>;

    /// Lets go of the client alone, without a word.
    fn drop_client(&mut self);
}

/// Measures everything once.
pub(super) fn measure(time: Duration, figures: &mut Figures) -> Result<()> {
    for kind in KINDS {
        for subject in SUBJECTS {
            let Some(connector) = subject.connector(kind)? else { continue };
            // The first one loads what is loaded once.
            connector.connect()?;
            let begin = Instant::now();
            let mut count = 0;
            while begin.elapsed() < time {
                connector.connect()?;
                count += 1;
            }
            let rate = f64::from(count) / begin.elapsed().as_secs_f64();
            println!("  {} {}: {rate:.0} handshakes/s", subject.name(), kind.name());
            figures.add(Figure::Handshakes(kind), subject, rate);
        }
    }
    for subject in SUBJECTS {
        records(subject, time, figures)?;
    }
    Ok(())
}

fn records(subject: Subject, time: Duration, figures: &mut Figures) -> Result<()> {
    // Not every one of them has RSA.
    let Some(connector) = subject.connector(KINDS[1])? else { return Ok(()) };
    let mut connection = connector.connect()?;
    let packet = [7; RECORD];
    connection.carry(&packet, BURST)?;
    let begin = Instant::now();
    let mut count = 0;
    while begin.elapsed() < time {
        for _ in 0..64 {
            let came = connection.carry(&packet, BURST)?;
            ensure!(came == BURST, "{} loses records", subject.name());
            count += came;
        }
    }
    let rate = count as f64 / begin.elapsed().as_secs_f64() / 1e6;
    println!("  {}: {rate:.2} M records/s", subject.name());
    figures.add(Figure::Records, subject, rate);
    Ok(())
}
