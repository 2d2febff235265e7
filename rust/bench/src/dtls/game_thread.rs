//! The game's thread, in the engine: its own classes, and ours with its sockets and with their own.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::clients::Clients;
use super::figure::{Figure, Figures, Load};
use super::in_memory::RECORD;
use super::subject::{IN_THE_ENGINE, Subject};
use crate::engine::{Engine, Scene, Stat, last_stat, next_stat};
use crate::process::Process;

/// The number of clients that join in one frame.
pub(crate) const JOINING: usize = 64;

/// One packet of each of many clients in a frame, and many of a few, by the documented calls and in batches. The buffer that
/// the system gives to the engine's socket holds no more.
pub(crate) const LOADS: [Load; 4] = [
    Load { peers: 64, packets: 1, batch: false },
    Load { peers: 64, packets: 1, batch: true },
    Load { peers: 8, packets: 16, batch: false },
    Load { peers: 8, packets: 16, batch: true },
];

const FPS: u32 = 60;
const FRAME: Duration = Duration::from_micros(16_667);
const WARM_UP: Duration = Duration::from_millis(500);
const TIMEOUT: Duration = Duration::from_secs(30);
/// For the server to see that everybody has left.
const LEAVING: Duration = Duration::from_millis(300);

/// Measures everything once.
pub(super) fn measure(engine: &Engine, time: Duration, figures: &mut Figures) -> Result<()> {
    for subject in IN_THE_ENGINE {
        if !engine.has(subject.library()) {
            continue;
        }
        joining(engine, subject, figures)?;
        for load in LOADS {
            if !load.batch || subject.is_ours() {
                packets(engine, subject, load, time, figures)?;
            }
        }
    }
    Ok(())
}

fn start(engine: &Engine, subject: Subject, work: &'static str) -> Result<Process> {
    let server = match subject {
        Subject::Engine => "engine_dtls",
        Subject::AddonListen | Subject::AddonInEditor => "lodewire_dtls_listen",
        _ => "lodewire_dtls",
    };
    // Whose own socket it is, has the same file do it.
    let library = subject.library();
    engine.start(Scene { server, work, tls: true, fps: FPS, library }, None)
}

/// Once to warm up, then what counts.
fn joining(engine: &Engine, subject: Subject, figures: &mut Figures) -> Result<()> {
    let process = start(engine, subject, "echo")?;
    let address = process.address()?;
    Clients::join(address, JOINING)?.leave();
    thread::sleep(LEAVING);
    let before = next_stat(&process)?;
    let cpu_before = process.cpu()?;
    let clients = Clients::join(address, JOINING)?;
    let until = Instant::now() + TIMEOUT;
    let mut worst: f64 = 0.0;
    let stat: Stat = loop {
        let stat = last_stat(&process)?;
        worst = worst.max(stat.worst);
        if stat.handshakes - before.handshakes >= JOINING as f64 {
            break stat.since(before);
        }
        ensure!(Instant::now() < until, "{} does not take them", subject.name());
    };
    let cpu = process.cpu()?.since(cpu_before);
    clients.leave();
    let each = |usec: f64| usec / JOINING as f64;
    println!(
        "  {}: worst frame {:.2} ms, {:.1} us a handshake, {:.0} us in all",
        subject.name(),
        worst / 1e3,
        each(stat.usec),
        each(cpu.total * 1e6)
    );
    figures.add(Figure::WorstFrame, subject, worst / 1e3);
    figures.add(Figure::GameHandshake, subject, each(stat.usec));
    figures.add(Figure::ProcessHandshake, subject, each(cpu.total * 1e6));
    Ok(())
}

fn packets(
    engine: &Engine,
    subject: Subject,
    load: Load,
    time: Duration,
    figures: &mut Figures,
) -> Result<()> {
    let process = start(engine, subject, if load.batch { "batch" } else { "receive" })?;
    let mut clients = Clients::join(process.address()?, load.peers)?;
    let packet = [7; RECORD];
    clients.send(WARM_UP, FRAME, load.packets, &packet)?;
    let before = last_stat(&process)?;
    let cpu_before = process.cpu()?;
    clients.send(time, FRAME, load.packets, &packet)?;
    let cpu = process.cpu()?.since(cpu_before);
    let stat = last_stat(&process)?.since(before);
    ensure!(stat.handled > 0.0, "{} takes nothing", subject.name());
    let (usec, all) = (stat.usec / stat.handled, cpu.total * 1e6 / stat.handled);
    println!(
        "  {} {load:?}: {usec:.2} us of the game's thread, {all:.2} us in all",
        subject.name()
    );
    figures.add(Figure::GamePacket(load), subject, usec);
    figures.add(Figure::ProcessPacket(load), subject, all);
    Ok(())
}
