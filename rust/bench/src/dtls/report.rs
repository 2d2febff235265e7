//! The table.
#![allow(clippy::format_push_string, reason = "a table is short")]

use super::figure::{Figure, Figures};
use super::subject::{IN_THE_ENGINE, SUBJECTS};
use super::targets;
use crate::number::number;
use crate::target;

const INTRODUCTION: &str = "# Implementations of DTLS 1.2, measured

Made by `cargo xtask bench dtls`; the plot is [dtls.svg](dtls.svg). Every number is the median of the rounds, in each of which all implementations were measured in turn. Compare the
columns of one run, not the runs of two machines.

";

const HOW: &str = "
## How it is measured

- *Handshakes on one core*: client and server in one thread, on a virtual wire without sockets, one full handshake
  after the other: cookie, ECDHE on X25519, the server's signature and its verification. No certificate chain is
  built.
- *Records*: the client encrypts 16 packets and the server decrypts them, with AES-128-GCM, in the same thread
  (`dimpl`: AES-256-GCM, which it prefers).
- *Memory*: the growth of the process's memory (PSS) for each of 2,000 server connections that are established, have
  received a packet, and are idle, after their clients were freed. *In all* is our server with its socket, its tables,
  and the peers that the game holds.
- *Game thread*: microseconds in the calls of a GDScript server per frame, at 60 frames per second, with RSA-2048. 64
  clients connect at once, after others have connected and left; the *worst frame* is from that time. Then each client
  sends packets of 512 B in each frame: *8 × 16* means eight clients with sixteen packets each. The server polls each
  peer once a frame and reads all packets, as a *batch* with `get_packets()`, which is compared with the engine's
  `get_packet()`; the engine's class has to be polled again for each packet. *In all* is the CPU time of the whole
  process, including workers, network thread and the engine's own frames. *With the editor's library*: `listen()` with the library with assertions, which the editor and the games that it
starts load.
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
    text += "\n## The protocol\n\n| figure | unit |";
    for subject in SUBJECTS {
        text += &format!(" {} |", subject.name());
    }
    text += &format!("\n{}|\n", "|---".repeat(2 + SUBJECTS.len()));
    for figure in Figure::of_the_protocol() {
        text += &format!("| {} | {} |", figure.title(), figure.unit());
        for subject in SUBJECTS {
            text += &cell(figures.get(figure, subject));
        }
        text += "\n";
    }
    text += "\n## Game thread\n\n| figure | unit |";
    for subject in IN_THE_ENGINE {
        text += &format!(" {} | in all |", subject.name());
    }
    text += &format!("\n{}|\n", "|---".repeat(2 + 2 * IN_THE_ENGINE.len()));
    for (figure, in_all) in Figure::in_the_engine() {
        text += &format!("| {} | {} |", figure.title(), figure.unit());
        for subject in IN_THE_ENGINE {
            text += &cell(figures.get(figure, subject));
            text += &cell(in_all.and_then(|in_all| figures.get(in_all, subject)));
        }
        text += "\n";
    }
    text + HOW
}

fn cell(value: Option<f64>) -> String {
    format!(" {} |", value.map_or_else(|| "–".to_owned(), number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtls::subject::Subject;

    #[test]
    fn ours_is_compared() {
        let mut figures = Figures::default();
        figures.add(Figure::Records, Subject::Lodewire, 3.0);
        figures.add(Figure::Records, Subject::OpenSsl, 1.5);
        figures.add(Figure::WorstFrame, Subject::AddonUdp, 2.0);
        let text = markdown(&figures, &["here".to_owned()]);
        let row = "| 3.00 M/s | 3.00–3.00 | OpenSSL 1.50 | 2.00 | ≥ 1.50 | yes |";
        assert!(text.contains(row), "{text}");
        assert!(text.contains("| ms | – | – | 2.00 | – | – | – | – | – |"), "{text}");
    }
}
