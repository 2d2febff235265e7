//! The report, and the plot.
#![allow(clippy::format_push_string, reason = "a report is short")]

use std::path::Path;

use anyhow::Result;

use super::command_line::Crowd;
use super::message::Ledger;
use super::samples::{Sample, greatest, median};
use crate::plot::{Line, LineChart, draw_lines};

const FAMILIES: [&str; 3] = ["WebSocket", "ENet", "DTLS"];

/// Of the run, the first so many seconds are its beginning, which the memory's growth is counted from.
const BEGINNING: f64 = 60.0;

/// The figures, as two tables.
pub(super) fn summary(crowd: &Crowd, samples: &[Sample], before: f64) -> String {
    let mut text = "| | sent | came back | lost | out of order | connections lost | round trip (median) | 99 % within |\n\
                    |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    let ledgers: [&Ledger; 3] = [&crowd.websocket.ledger, &crowd.enet.ledger, &crowd.dtls.ledger];
    for (family, (name, ledger)) in FAMILIES.iter().zip(ledgers).enumerate() {
        text += &format!(
            "| {name} | {} | {} | {} | {} | {} | {:.1} ms | {:.1} ms |\n",
            ledger.sent,
            ledger.received,
            ledger.missing(),
            ledger.out_of_order,
            ledger.lost_connections,
            median(samples, |sample| sample.median[family]),
            median(samples, |sample| sample.slowest[family]),
        );
    }
    let (first, second) = halves(samples);
    let (begin, end) =
        (median(first, |sample| sample.memory), median(second, |sample| sample.memory));
    text += &format!(
        "\n| the server | |\n|---|---|\n\
         | memory before anybody came | {before:.1} MB |\n\
         | memory, median of the first half after the first minute | {begin:.1} MB |\n\
         | memory, median of the second half | {end:.1} MB ({:+.2} %) |\n\
         | the most memory | {:.1} MB |\n\
         | processor time (median) | {:.2} cores |\n\
         | the longest frame of the script: median of the seconds | {:.1} ms |\n\
         | the longest of all | {:.1} ms |\n",
        100.0 * (end - begin) / begin.max(0.001),
        greatest(samples, |sample| sample.memory),
        median(samples, |sample| sample.cores),
        median(samples, |sample| sample.worst_frame),
        greatest(samples, |sample| sample.worst_frame),
    );
    text
}

/// The two halves of what comes after the beginning; of all, where the run is short.
fn halves(samples: &[Sample]) -> (&[Sample], &[Sample]) {
    let after = samples.partition_point(|sample| sample.seconds < BEGINNING);
    let rest = if samples.len() - after > 20 { &samples[after..] } else { samples };
    rest.split_at(rest.len() / 2)
}

/// The report as a document.
pub(super) fn markdown(
    machine: &[String],
    counts: [usize; 3],
    rate: u32,
    summary: &str,
    samples: &[Sample],
) -> String {
    let mut text =
        "# The soak run\n\nMade by `cargo xtask soak`; the plot is [soak.svg](soak.svg).\n\n"
            .to_owned();
    for line in machine {
        text += &format!("- {line}\n");
    }
    let seconds = samples.last().map_or(0.0, |sample| sample.seconds);
    let [websocket, enet, dtls] = counts;
    text += &format!(
        "\nOne headless server with a GDScript script (rust/bench/godot/soak.gd) at 60 frames per second; {websocket} WebSocket \
         clients, {enet} ENet\npeers and {dtls} DTLS peers for {:.1} minutes, on the same machine. Each family sends {rate} messages of 32 \
         bytes a second, from each of its\nclients in turn; the server echoes each, and the client verifies that it is the \
         expected one. ENet's messages are reliable; lost DTLS\npackets are not repeated.\n\n{summary}",
        seconds / 60.0
    );
    text
}

/// Draws the run.
pub(super) fn plot(samples: &[Sample], file: &Path) -> Result<()> {
    let line = |name: &str, column: &dyn Fn(&Sample) -> f64| Line {
        name: name.to_owned(),
        points: samples.iter().map(|sample| (sample.seconds, column(sample))).collect(),
    };
    let each = |column: fn(&Sample) -> [f64; 3]| -> Vec<Line> {
        FAMILIES
            .iter()
            .enumerate()
            .map(|(family, name)| line(name, &|sample| column(sample)[family]))
            .collect()
    };
    let charts = [
        LineChart {
            title: "The server's memory (PSS), MB".to_owned(),
            lines: vec![line("memory", &|sample| sample.memory)],
        },
        LineChart {
            title: "The server's processor time, cores".to_owned(),
            lines: vec![line("cores", &|sample| sample.cores)],
        },
        LineChart { title: "Echoes per second".to_owned(), lines: each(|sample| sample.echoes) },
        LineChart {
            title: "Round-trip time, 99 % within, ms".to_owned(),
            lines: each(|sample| sample.slowest),
        },
    ];
    draw_lines(&charts, file)
}
