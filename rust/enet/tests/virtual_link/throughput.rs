//! A test of the throughput of a long transfer by loss and delay, compared with `rusty_enet`, against the snapshot
//! `throughput.txt`.
//!
//! `LODEWIRE_WRITE_SNAPSHOT=1` rewrites it.

use super::link::LinkConditions;
use super::node::{Node, Ours, RustyEnet};
use super::simulation::{CLIENT, SERVER, Simulation};
use lodewire_enet::{Delivery, HostConfig};
use std::fmt::Write as _;
use std::path::Path;

const LOSSES: [f64; 6] = [0.0, 0.01, 0.05, 0.1, 0.2, 0.3];
const DELAYS_MS: [u64; 4] = [1, 20, 100, 300];
const PACKETS: usize = 300;
const LEN: usize = 10_000;

/// Returns the throughput in kilobytes per second, or `None` if the connection timed out.
fn throughput(rusty: bool, loss: f64, delay_ms: u64) -> Option<u64> {
    let node = |seed| -> Box<dyn Node> {
        if rusty {
            Box::new(RustyEnet::new(false, seed))
        } else {
            Box::new(Ours::new(HostConfig::default(), seed))
        }
    };
    // A round trip takes `delay_ms` milliseconds.
    let conditions = LinkConditions { loss, delay: delay_ms * 500, ..LinkConditions::default() };
    let mut simulation = Simulation::new([node(1), node(2)], conditions, 99);
    if !simulation.connect(1) {
        return None;
    }
    let began = simulation.now;
    for _ in 0..PACKETS {
        simulation.nodes[CLIENT].send(0, Delivery::Reliable, &[9; LEN]);
    }
    let all = simulation.pass_until(1_200_000_000, |simulation| {
        simulation.packets(SERVER, 0).len() == PACKETS || simulation.is_over(CLIENT)
    });
    let received = simulation.packets(SERVER, 0).len();
    (all && received == PACKETS).then(|| (PACKETS * LEN) as u64 * 1000 / (simulation.now - began))
}

#[test]
fn throughput_matches_the_snapshot() {
    let mut table = String::from(
        "kB/s of 3 MB in packets of 10 kB, ours / rusty_enet, by round-trip time and loss\n",
    );
    for delay in DELAYS_MS {
        write!(table, "{delay:>4} ms").expect("a string");
        for loss in LOSSES {
            let show = |rate: Option<u64>| rate.map_or("-".to_owned(), |rate| rate.to_string());
            let (ours, rusty) = (throughput(false, loss, delay), throughput(true, loss, delay));
            write!(table, "  {:>3.0} %: {:>5} / {:<5}", loss * 100.0, show(ours), show(rusty))
                .expect("a string");
        }
        table.push('\n');
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/virtual_link/throughput.txt");
    if std::env::var_os("LODEWIRE_WRITE_SNAPSHOT").is_some() {
        std::fs::write(&path, &table).expect("the snapshot can be written");
    }
    let snapshot = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert_eq!(table, snapshot, "LODEWIRE_WRITE_SNAPSHOT=1 rewrites it:\n{table}");
}
