//! The samples of the run, once a second.

/// A second of the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Since all clients are there.
    pub(super) seconds: f64,
    /// The server's memory (PSS), in MB.
    pub(super) memory: f64,
    /// The processor time of the server, in cores.
    pub(super) cores: f64,
    /// The longest frame of the server's script, in milliseconds.
    pub(super) worst_frame: f64,
    /// Echoes per second, of WebSocket, ENet and DTLS.
    pub(super) echoes: [f64; 3],
    /// Their median round-trip times, in milliseconds, and the 99th percentiles.
    pub(super) median: [f64; 3],
    pub(super) slowest: [f64; 3],
}

/// The median of a column; 0 of none.
pub(super) fn median(samples: &[Sample], column: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(column).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// The greatest of a column; 0 of none.
pub(super) fn greatest(samples: &[Sample], column: impl Fn(&Sample) -> f64) -> f64 {
    samples.iter().map(column).fold(0.0, f64::max)
}
