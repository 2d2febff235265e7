//! The range coder on a kibibyte as a game sends it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Part;
use crate::enet::alone;
use crate::enet::figure::{Figure, Figures};
use crate::enet::host::{Coder, InMemory};
use crate::enet::subject::{MeasureInMemory, Setup, Subject};

const LEN: usize = 1024;

/// So many are timed together.
const BATCH: u32 = 100;

pub(super) fn measure(setup: &Setup, figures: &mut Figures) -> Result<()> {
    for &subject in &setup.subjects {
        let times = alone::figures(subject, setup, Part::Coder, 0)?;
        let Some(&[compress, decompress, len]) = times.as_deref() else { continue };
        println!(
            "  {} range coder: {compress:.2} us, back {decompress:.2} us, {len} B of {LEN}",
            subject.name()
        );
        figures.add(Figure::Compress, subject, compress);
        figures.add(Figure::Decompress, subject, decompress);
    }
    Ok(())
}

/// Measures in this process: microseconds there and back, and how many bytes it came to.
pub(super) fn alone(subject: Subject, setup: &Setup) -> Result<Option<Vec<f64>>> {
    subject.in_memory(setup, Coding { time: setup.time })
}

struct Coding {
    time: Duration,
}

impl MeasureInMemory for Coding {
    type Output = Vec<f64>;

    fn measure<S: InMemory>(self, subject: &S) -> Result<Vec<f64>> {
        let mut coder = subject.coder()?;
        let data = snapshot();
        let mut compressed = [0; LEN];
        let len = coder.compress(&data, &mut compressed);
        let mut restored = [0; LEN];
        let restored_len = coder.decompress(&compressed[..len], &mut restored);
        ensure!(restored[..restored_len] == data, "the range coder restores something else");
        let compress =
            self.time_of(|| coder.compress(black_box(&data), black_box(&mut compressed)));
        let decompress = self
            .time_of(|| coder.decompress(black_box(&compressed[..len]), black_box(&mut restored)));
        Ok(vec![compress, decompress, len as f64])
    }
}

impl Coding {
    /// Microseconds.
    fn time_of(&self, mut code: impl FnMut() -> usize) -> f64 {
        let began = Instant::now();
        let mut count = 0;
        while began.elapsed() < self.time {
            for _ in 0..BATCH {
                black_box(code());
            }
            count += BATCH;
        }
        began.elapsed().as_secs_f64() * 1e6 / f64::from(count)
    }
}

/// Numbers, positions and states of things in a world: 16 bytes each.
fn snapshot() -> [u8; LEN] {
    let mut data = [0; LEN];
    for (index, thing) in data.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let place = index as f32;
        thing[..2].copy_from_slice(&(index as u16 * 3).to_le_bytes());
        thing[2..6].copy_from_slice(&(place * 1.37).to_le_bytes());
        thing[6..10].copy_from_slice(&(place * 0.25 + 12.0).to_le_bytes());
        thing[10..14].copy_from_slice(&(100.0 - place * place * 0.01).to_le_bytes());
        thing[14] = (index % 5) as u8;
        thing[15] = 100;
    }
    data
}
