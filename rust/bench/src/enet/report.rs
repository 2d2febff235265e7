//! The table.
#![allow(clippy::format_push_string, reason = "a table is short")]

use super::figure::{Figure, Figures, Work};
use super::subject::{IN_THE_ENGINE, SUBJECTS};
use super::targets;
use crate::number::number;
use crate::target;

const INTRODUCTION: &str = "# Implementations of ENet, measured

Made by `cargo xtask bench enet`; the plot is [enet.svg](enet.svg). Every number is the median of the rounds, in each of which all implementations were measured in turn. Compare the
columns of one run, not the runs of two machines.

";

const HOW: &str = "
## How it is measured

- *In memory*: a server and hosts with one connection each, in one thread, on a virtual wire without sockets. Each
  client sends 4 packets of 64 B per pass, which share one datagram; then it and the server are serviced once, and
  acknowledgements are returned. A datagram is copied into its receiver's inbox and out of it, for all implementations
  alike. The clock advances by a millisecond per pass, whatever its duration. *By the server's time alone* excludes
  the cost of the clients. Each number is from a new process with a fresh heap.
- *An idle wake-up*: one call of `service` in memory, with nothing to do and a stopped clock.
- *Processor time per echo*: the server is a separate process with all of its threads on one core; the clients use
  another core, and are `rusty_enet`'s for every server. Each client has its own socket, and one message in flight.
  The time is the scheduler's.
- *Bulk*: a client of an implementation on one core, a server of the same one on another, 4 packets in flight.
- *Range coder*: a kibibyte of numbers and positions like those of a game.
- *Game thread*: microseconds in the calls of a GDScript server per frame, at 60 frames per second, for its events:
  `service()` until there are no more events, `get_packet()`, and in an echo `send()`; *of a batch*: `service_all()`
  and `get_packets()`, which are compared with the engine's `service()`. Each client sends reliable packets of 64 B at
  once, 60 times per second: *256 × 1* means 256 clients with one packet each. The server has 256 slots; for idle
  peers, 4,095. *In all* is the CPU time of the whole process, including the engine's own frames. *With the editor's library*: the
  one with assertions, which the editor and the games that it starts load.
- C ENet is built from its own sources with `-O3`. In memory, `rust/bench/c/memory_sockets.c` replaces its `unix.c`.
";

/// The table as a document.
pub(crate) fn markdown(figures: &Figures, machine: &[String]) -> String {
    let mut text = INTRODUCTION.to_owned();
    for line in machine {
        text += &format!("- {line}\n");
    }
    text += "\n## Targets\n\n";
    text += target::HEAD;
    for target in targets::all(figures) {
        text += &target.row();
    }
    let missing: Vec<_> = figures.missing().collect();
    if !missing.is_empty() {
        text += &format!("\nNot measured: {}.\n", missing.join("; "));
    }
    text += "\n## The protocol\n\n| figure | unit |";
    for subject in SUBJECTS {
        text += &format!(" {} |", subject.name());
    }
    text += &format!("\n{}|\n", "|---".repeat(2 + SUBJECTS.len()));
    for figure in Figure::of_the_protocol() {
        text += &format!("| {} | {} |", figure.title(), figure.unit());
        for subject in SUBJECTS {
            let value = figures.get(figure, subject);
            text += &format!(" {} |", value.map_or_else(|| "–".to_owned(), number));
        }
        text += "\n";
    }
    game_thread(figures, &mut text);
    text + HOW
}

fn game_thread(figures: &Figures, text: &mut String) {
    *text += "\n## Game thread\n\n| µs for |";
    for subject in IN_THE_ENGINE {
        *text += &format!(" {} | in all |", subject.name());
    }
    *text += &format!("\n{}|\n", "|---".repeat(1 + 2 * IN_THE_ENGINE.len()));
    for work in Work::all() {
        *text += &format!("| {} |", work.name());
        for subject in IN_THE_ENGINE {
            for figure in [Figure::GameThread(work), Figure::Process(work)] {
                let value = figures.get(figure, subject);
                *text += &format!(" {} |", value.map_or_else(|| "–".to_owned(), number));
            }
        }
        *text += "\n";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enet::subject::Subject;

    #[test]
    fn ours_is_compared() {
        let mut figures = Figures::default();
        figures.add(Figure::Bulk, Subject::Lodewire, 300.0);
        figures.add(Figure::Bulk, Subject::CEnet, 200.0);
        figures.miss(Figure::Bulk, Subject::RustyEnet, "no time");
        let text = markdown(&figures, &["here".to_owned()]);
        let row = "| 300 MB/s | 300–300 | C ENet 200 | 1.50 | ≥ 1.00 | yes |";
        assert!(text.contains(row), "{text}");
        assert!(text.contains("| MB/s | 300 | 200 | – |"), "{text}");
        assert!(text.contains("Not measured: no time."), "{text}");
    }
}
