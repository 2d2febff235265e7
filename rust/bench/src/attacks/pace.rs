//! The rate of an attack.

use std::time::{Duration, Instant};

use anyhow::Result;

/// The rate of an attacker in bits per second, including the headers of IP and UDP or TCP.
const RATE: f64 = 20e6;
/// The interval between sends.
const TICK: Duration = Duration::from_millis(1);
/// Maximum burst after a delay, in seconds of the rate.
const BURST: f64 = 0.05;

/// The headers of IP and UDP.
pub(super) const UDP: usize = 28;
/// The headers of IP and TCP.
pub(super) const TCP: usize = 40;

/// An attacker of a server.
pub(super) trait Attacker {
    /// Sends the next of what it sends. Returns its bytes on the network; 0 if the server does not take more for now.
    fn send(&mut self, number: usize) -> Result<usize>;

    /// Takes what has come.
    fn serve(&mut self) -> Result<()>;
}

/// Attacks for `time`. Returns the rate that was reached, in Mbit/s.
pub(super) fn run(attacker: &mut dyn Attacker, time: Duration) -> Result<f64> {
    let begin = Instant::now();
    let (mut last, mut budget, mut sent, mut number) = (begin, 0.0, 0, 0);
    while begin.elapsed() < time {
        let now = Instant::now();
        budget += now.duration_since(last).as_secs_f64() * RATE / 8.0;
        budget = f64::min(budget, BURST * RATE / 8.0);
        last = now;
        while budget > 0.0 {
            let bytes = attacker.send(number)?;
            if bytes == 0 {
                break;
            }
            number += 1;
            sent += bytes;
            budget -= bytes as f64;
        }
        attacker.serve()?;
        std::thread::sleep(TICK);
    }
    Ok(sent as f64 * 8.0 / begin.elapsed().as_secs_f64() / 1e6)
}

/// One who does nothing.
pub(super) struct Nobody;

impl Attacker for Nobody {
    fn send(&mut self, _: usize) -> Result<usize> {
        Ok(0)
    }

    fn serve(&mut self) -> Result<()> {
        Ok(())
    }
}
