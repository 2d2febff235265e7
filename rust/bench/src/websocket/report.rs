//! The table.
#![allow(clippy::format_push_string, reason = "a table is short")]

use std::fmt::Write;

use crate::number::number;
use crate::target;
use crate::websocket::figure::{Figure, Figures, Work};
use crate::websocket::measure::{BURST, IDLE_CONNECTIONS, IDLE_PEERS, LOADS};
use crate::websocket::subject::{ECHO_SERVERS, IN_THE_ENGINE, Subject};
use crate::websocket::targets;

const INTRODUCTION: &str = "# WebSocket servers, measured

Made by `cargo xtask bench websocket`; the plot is [websocket.svg](websocket.svg). Every number is the median of the rounds, in each of which all servers were measured in turn. Compare the columns of one run, not the runs of two machines.

";

const HOW: &str = "
## How it is measured

- Each server is a separate process with all of its threads on one core; the clients use another core. All listen with
  the longest backlog that they offer, and send without delay (`TCP_NODELAY`).
- *Processor time per echo*: each connection has one message in flight. The total is the scheduler's; the user time is
  from the kernel's samples at its ticks, and the mean of the rounds, because there are few samples.
- *Lodewire, I/O thread* answers where it decodes (`Config::echo`): only protocol and driver. *Lodewire, polled* uses
  the queues to a thread that polls, and sleeps for 0.5 ms if nothing has arrived. *Lean* tungstenite has a read
  buffer of 4 KiB, and is only read when the socket is readable. fastwebsockets has a handwritten opening handshake.
- *Idle memory*: the growth of PSS with 2,000 connections after one echo each, after 50 others.
- *Burst*: from the first connect to the last echo. The bare accept loop only accepts, and sends one byte to the last
  client: no handshake, no echo.
- *Game thread*: microseconds in the calls of a GDScript server per frame, at 60 frames per second, for its events:
  `poll()` of the server and, with the engine's classes, of each peer; handlers; `get_packet()` and `put_packet()`.
  Handshakes arrive 8 at a time, because the engine's backlog is 8. *In all* is the CPU time of the whole process,
  including the engine's own frames. With `get_packets()`, the peers are read after each `poll()`. *With the editor's library*: the
  one with assertions, which the editor and the games that it starts load.
";

/// The table as a document.
pub(crate) fn markdown(figures: &Figures, machine: &[String]) -> String {
    let mut text = INTRODUCTION.to_owned();
    for line in machine {
        text += &format!("- {line}\n");
    }
    let targets = targets::all(figures);
    text += "\n## Targets\n\n";
    text += target::HEAD;
    for target in &targets {
        text += &target.row();
    }
    let missing: Vec<_> = figures.missing().collect();
    if !missing.is_empty() {
        text += &format!("\nNot measured: {}.\n", missing.join("; "));
    }
    servers(figures, &mut text);
    game_thread(figures, &mut text);
    text + HOW
}

fn servers(figures: &Figures, text: &mut String) {
    *text += "\n## Servers\n\n| server |";
    for load in &LOADS {
        *text += &format!(" µs per echo, {}: total (user) |", load.name);
    }
    let _ =
        writeln!(text, " KiB per idle connection of {IDLE_CONNECTIONS} | ms for {BURST} at once |");
    *text += &"|---".repeat(LOADS.len() + 3);
    *text += "|\n";
    for subject in ECHO_SERVERS.into_iter().chain([Subject::AcceptLoop]) {
        let cell = |figure| figures.get(figure, subject).map_or_else(|| "–".to_owned(), number);
        *text += &format!("| {} |", subject.name());
        for index in 0..LOADS.len() {
            let (total, user) = (cell(Figure::EchoCpu(index)), cell(Figure::EchoUser(index)));
            *text +=
                &if total == "–" { " – |".to_owned() } else { format!(" {total} ({user}) |") };
        }
        let served = figures.get(Figure::BurstServed, subject);
        let served = served.filter(|served| *served < BURST as f64);
        let served =
            served.map_or_else(String::new, |served| format!(", {} served", number(served)));
        *text += &format!(" {} | {}{served} |\n", cell(Figure::Memory), cell(Figure::Burst));
    }
}

fn game_thread(figures: &Figures, text: &mut String) {
    let mut works =
        vec![Work::Handshake, Work::TlsHandshake, Work::Echo, Work::EchoMany, Work::EchoBatch];
    works.extend(IDLE_PEERS.map(Work::IdleFrame));
    *text += "\n## Game thread\n\n| µs for |";
    for subject in IN_THE_ENGINE {
        *text += &format!(" {} | in all |", subject.name());
    }
    *text += &format!("\n{}|\n", "|---".repeat(1 + 2 * IN_THE_ENGINE.len()));
    for work in works {
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

    #[test]
    fn what_is_missing_is_said() {
        let mut figures = Figures::default();
        figures.add(Figure::Memory, Subject::Io, 0.5);
        figures.miss(Figure::GameThread(Work::TlsHandshake), Subject::Addon, "no TLS yet");
        let text = markdown(&figures, &["here".to_owned()]);
        assert!(text.contains("| 0.50 KiB | 0.50–0.50 | – | – | ≤ 1.00 KiB | yes |"), "{text}");
        assert!(text.contains("Not measured: no TLS yet."), "{text}");
        assert!(text.contains("| not measured |"), "{text}");
    }
}
