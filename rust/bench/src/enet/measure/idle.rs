//! A wake-up of a server that has nothing to do: what a game pays in each frame, and a server for each datagram.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Part;
use super::peers::Peers;
use crate::enet::alone;
use crate::enet::figure::{Figure, Figures, Slots};
use crate::enet::host::{Host, InMemory};
use crate::enet::subject::{MeasureInMemory, Setup, Subject};

/// The servers: the fewest places come first.
pub(crate) const SLOTS: [Slots; 3] = [
    Slots { all: 32, connected: 4 },
    Slots { all: 4095, connected: 4 },
    Slots { all: 4095, connected: 3800 },
];

/// So many wake-ups are timed together.
const BATCH: u32 = 100;

pub(super) fn measure(setup: &Setup, figures: &mut Figures) -> Result<()> {
    for (case, slots) in SLOTS.into_iter().enumerate() {
        for &subject in &setup.subjects {
            let micros = alone::figures(subject, setup, Part::Idle, case)?;
            let Some(&[micros]) = micros.as_deref() else { continue };
            println!("  {} {slots:?}: {micros:.3} us", subject.name());
            figures.add(Figure::Idle(slots), subject, micros);
        }
    }
    Ok(())
}

/// Measures one case in this process: microseconds.
pub(super) fn alone(subject: Subject, setup: &Setup, case: usize) -> Result<Option<Vec<f64>>> {
    let slots = *SLOTS.get(case).context("there is no such case")?;
    subject.in_memory(setup, Idle { slots, time: setup.time })
}

struct Idle {
    slots: Slots,
    time: Duration,
}

impl MeasureInMemory for Idle {
    type Output = Vec<f64>;

    fn measure<S: InMemory>(self, subject: &S) -> Result<Vec<f64>> {
        let mut peers = Peers::connect(subject, self.slots.all, self.slots.connected)?;
        let mut wake_ups = 0;
        let mut happened = false;
        let mut wake_up = || {
            peers.server.service(Duration::ZERO, |_, _| {
                happened = true;
                Ok(())
            })
        };
        // The clock stands still: what has been due is done with the first.
        for _ in 0..BATCH {
            wake_up()?;
        }
        let began = Instant::now();
        while began.elapsed() < self.time {
            for _ in 0..BATCH {
                wake_up()?;
            }
            wake_ups += BATCH;
        }
        let time = began.elapsed();
        ensure!(!happened, "an idle server tells of something");
        Ok(vec![time.as_secs_f64() * 1e6 / f64::from(wake_ups)])
    }
}
