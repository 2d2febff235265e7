//! The game's thread, in the engine: its own class and ours in turn.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::enet::figure::{Figure, Figures, Load, Work};
use crate::enet::host::Delivery;
use crate::enet::load::Clients;
use crate::enet::subject::{IN_THE_ENGINE, Setup, Subject};
use crate::engine::{Engine, Scene, last_stat, next_stat};
use crate::process::Process;

/// The numbers of idle peers, in 4,095 slots.
pub(crate) const IDLE_PEERS: [usize; 3] = [0, 500, 2000];

/// One packet of each peer in each frame, and many.
pub(crate) const LOADS: [Load; 2] =
    [Load { peers: 256, packets: 1 }, Load { peers: 32, packets: 16 }];

/// A game's; where only the time of a frame counts, they may come sooner.
const FPS: u32 = 60;
const IDLE_FPS: u32 = 250;
const FRAME: Duration = Duration::from_micros(16_667);

const MESSAGE: usize = 64;

const WARM_UP: Duration = Duration::from_millis(500);
const IDLE: Duration = Duration::from_secs(2);

pub(super) fn measure(setup: &Setup, figures: &mut Figures) -> Result<()> {
    let Some(engine) = &setup.engine else { return Ok(()) };
    for subject in IN_THE_ENGINE {
        if !engine.has(subject.library()) {
            continue;
        }
        let mut measuring = Measuring { engine, subject, figures, time: setup.time };
        for load in LOADS {
            measuring.packets(Work::Receive(load), "receive", load)?;
            if subject.is_ours() {
                measuring.packets(Work::Batch(load), "batch", load)?;
            }
            measuring.packets(Work::Echo(load), "echo", load)?;
        }
        measuring.idle()?;
    }
    Ok(())
}

struct Measuring<'a> {
    engine: &'a Engine,
    subject: Subject,
    figures: &'a mut Figures,
    time: Duration,
}

impl Measuring<'_> {
    /// Starts a scene and clients without connections, unless it says why it cannot be.
    fn start(
        &mut self,
        work: Work,
        name: &'static str,
        fps: u32,
    ) -> Result<Option<(Process, Clients)>> {
        let server = if self.subject.is_ours() { "lodewire_enet" } else { "engine_enet" };
        let library = self.subject.library();
        let scene = Scene { server, work: name, tls: false, fps, library };
        let process = self.engine.start(scene, None)?;
        match process.announcement()? {
            Ok(address) => {
                let clients = Clients::new(address, Delivery::Reliable, MESSAGE)?;
                Ok(Some((process, clients)))
            }
            Err(why) => {
                println!("  {} {work:?}: skipped, {why}", self.subject.name());
                let why = format!("{}: {why}", work.name());
                self.figures.miss(Figure::GameThread(work), self.subject, &why);
                Ok(None)
            }
        }
    }

    fn add(&mut self, work: Work, usec: f64, process_usec: f64) {
        println!(
            "  {} {work:?}: {usec:.2} us of the game's thread, {process_usec:.2} us in all",
            self.subject.name()
        );
        self.figures.add(Figure::GameThread(work), self.subject, usec);
        self.figures.add(Figure::Process(work), self.subject, process_usec);
    }

    /// Returns the cost of each received packet and its echo.
    fn packets(&mut self, work: Work, name: &'static str, load: Load) -> Result<()> {
        let Some((server, mut clients)) = self.start(work, name, FPS)? else { return Ok(()) };
        clients.connect(load.peers)?;
        clients.run_in_bursts(WARM_UP, FRAME, load.packets)?;
        let before = last_stat(&server)?;
        let cpu_before = server.cpu()?;
        clients.run_in_bursts(self.time, FRAME, load.packets)?;
        let cpu = server.cpu()?.since(cpu_before);
        let stat = last_stat(&server)?.since(before);
        ensure!(stat.handled > 0.0, "{} takes nothing", self.subject.name());
        self.add(work, stat.usec / stat.handled, cpu.total * 1e6 / stat.handled);
        Ok(())
    }

    fn idle(&mut self) -> Result<()> {
        let first = Work::IdleFrame(IDLE_PEERS[0]);
        let Some((server, mut clients)) = self.start(first, "idle", IDLE_FPS)? else {
            return Ok(());
        };
        for peers in IDLE_PEERS {
            clients.connect(peers - clients.connected())?;
            let before = next_stat(&server)?;
            let cpu_before = server.cpu()?;
            // They go on answering the server's pings.
            clients.run(IDLE)?;
            let stat = next_stat(&server)?.since(before);
            let cpu = server.cpu()?.since(cpu_before);
            let work = Work::IdleFrame(peers);
            self.add(work, stat.usec / stat.frames, cpu.total * 1e6 / stat.frames);
        }
        Ok(())
    }
}
