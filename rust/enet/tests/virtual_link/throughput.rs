//! How fast a long transfer is, by loss and delay, beside `rusty_enet`: kept in `throughput.txt`.
//!
//! `LODEWIRE_WRITE_SNAPSHOT=1` writes it anew.

use super::link::Weather;
use super::node::{Node, Ours, Rusty};
use super::world::{CLIENT, SERVER, World};
use lodewire_enet::{Delivery, HostConfig};
use std::fmt::Write as _;
use std::path::Path;

const LOSSES: [f64; 6] = [0.0, 0.01, 0.05, 0.1, 0.2, 0.3];
const DELAYS_MS: [u64; 4] = [1, 20, 100, 300];
const PACKETS: usize = 300;
const LEN: usize = 10_000;

/// Kilobytes a second, or none if the connection was given up.
fn throughput(rusty: bool, loss: f64, delay_ms: u64) -> Option<u64> {
    let node = |seed| -> Box<dyn Node> {
        if rusty {
            Box::new(Rusty::new(false, seed))
        } else {
            Box::new(Ours::new(HostConfig::default(), seed))
        }
    };
    // A way there and back of so many milliseconds.
    let weather = Weather { loss, delay: delay_ms * 500, ..Weather::default() };
    let mut world = World::new([node(1), node(2)], weather, 99);
    if !world.connect(1) {
        return None;
    }
    let began = world.now;
    for _ in 0..PACKETS {
        world.nodes[CLIENT].send(0, Delivery::Reliable, &[9; LEN]);
    }
    let all = world.pass_until(1_200_000_000, |world| {
        world.packets(SERVER, 0).len() == PACKETS || world.is_over(CLIENT)
    });
    let came = world.packets(SERVER, 0).len();
    (all && came == PACKETS).then(|| (PACKETS * LEN) as u64 * 1000 / (world.now - began))
}

#[test]
fn the_throughput_is_as_it_was() {
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
    let kept = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert_eq!(table, kept, "LODEWIRE_WRITE_SNAPSHOT=1 writes it anew:\n{table}");
}
