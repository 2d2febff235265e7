//! The game's thread, in the engine: its own classes and ours in turn.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::engine::{Engine, Scene, last_stat, next_stat};
use crate::process::Process;
use crate::websocket::client::Clients;
use crate::websocket::figure::{Figure, Figures, Work};
use crate::websocket::subject::{IN_THE_ENGINE, Setup, Subject};
use crate::websocket::tls_client;

/// The numbers of idle peers.
pub(crate) const IDLE_PEERS: [usize; 3] = [0, 500, 2000];

/// A game's; where only the time of a frame counts, they may come sooner.
const FPS: u32 = 60;
const IDLE_FPS: u32 = 250;

/// The engine's backlog is 8: beyond it clients would wait for a second.
const AT_ONCE: usize = 8;
const HANDSHAKES: usize = 240;
const TLS_HANDSHAKES: usize = 80;

const MESSAGE: usize = 20;
/// One message of each peer in each frame.
const PEERS: usize = 100;
/// Many messages of each peer in each frame.
const BUSY_PEERS: usize = 20;
const UNDER_WAY: usize = 16;

const WARM_UP: Duration = Duration::from_millis(500);
const IDLE: Duration = Duration::from_secs(2);

pub(super) fn measure(setup: &Setup, figures: &mut Figures) -> Result<()> {
    let Some(engine) = &setup.engine else { return Ok(()) };
    for subject in IN_THE_ENGINE {
        if !engine.has(subject.library()) {
            continue;
        }
        let mut measuring = Measuring { engine, subject, figures, time: setup.time };
        measuring.handshakes(false)?;
        measuring.handshakes(true)?;
        measuring.echo(Work::Echo, "echo", PEERS, 1)?;
        measuring.echo(Work::EchoMany, "echo", BUSY_PEERS, UNDER_WAY)?;
        if subject.is_ours() {
            measuring.echo(Work::EchoBatch, "batch", BUSY_PEERS, UNDER_WAY)?;
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
    /// Starts a scene, unless it says why it cannot be.
    fn start(
        &mut self,
        work: Work,
        mode: &'static str,
        tls: bool,
        fps: u32,
    ) -> Result<Option<(Process, SocketAddr)>> {
        let (server, library) = (self.subject.scene(), self.subject.library());
        let scene = Scene { server, work: mode, tls, fps, library };
        let process = self.engine.start(scene, None)?;
        Ok(match process.announcement()? {
            Ok(address) => Some((process, address)),
            Err(why) => {
                println!("  {} {work:?}: skipped, {why}", self.subject.name());
                let why = format!("{}: {why}", work.name());
                self.figures.miss(Figure::GameThread(work), self.subject, &why);
                None
            }
        })
    }

    fn add(&mut self, work: Work, usec: f64, process_usec: f64) {
        println!(
            "  {} {work:?}: {usec:.2} us of the game's thread, {process_usec:.2} us in all",
            self.subject.name()
        );
        self.figures.add(Figure::GameThread(work), self.subject, usec);
        self.figures.add(Figure::Process(work), self.subject, process_usec);
    }

    fn handshakes(&mut self, tls: bool) -> Result<()> {
        let (work, count) =
            if tls { (Work::TlsHandshake, TLS_HANDSHAKES) } else { (Work::Handshake, HANDSHAKES) };
        let Some((server, address)) = self.start(work, "handshakes", tls, FPS)? else {
            return Ok(());
        };
        let mut clients = Clients::new(address, MESSAGE, 1)?;
        let before = next_stat(&server)?;
        let cpu_before = server.cpu()?;
        let mut streams = Vec::new();
        if tls {
            streams = tls_client::connect(address, count, AT_ONCE)?;
        } else {
            clients.connect(count, AT_ONCE)?;
        }
        let cpu = server.cpu()?.since(cpu_before);
        let stat = next_stat(&server)?.since(before);
        drop(streams);
        ensure!(stat.handshakes >= count as f64, "{} handshakes are missing", self.subject.name());
        self.add(work, stat.usec / stat.handshakes, cpu.total * 1e6 / stat.handshakes);
        Ok(())
    }

    fn echo(
        &mut self,
        work: Work,
        mode: &'static str,
        peers: usize,
        under_way: usize,
    ) -> Result<()> {
        let Some((server, address)) = self.start(work, mode, false, FPS)? else { return Ok(()) };
        let mut clients = Clients::new(address, MESSAGE, under_way)?;
        clients.connect(peers, AT_ONCE)?;
        clients.start_echoing()?;
        clients.run(WARM_UP)?;
        let before = last_stat(&server)?;
        let cpu_before = server.cpu()?;
        let echoes = clients.run(self.time)?;
        let cpu = server.cpu()?.since(cpu_before);
        let stat = last_stat(&server)?.since(before);
        ensure!(stat.handled > 0.0 && echoes > 0, "{} echoes nothing", self.subject.name());
        self.add(work, stat.usec / stat.handled, cpu.total * 1e6 / echoes as f64);
        Ok(())
    }

    fn idle(&mut self) -> Result<()> {
        let first = Work::IdleFrame(IDLE_PEERS[0]);
        let Some((server, address)) = self.start(first, "echo", false, IDLE_FPS)? else {
            return Ok(());
        };
        let mut clients = Clients::new(address, MESSAGE, 1)?;
        for peers in IDLE_PEERS {
            clients.connect(peers - clients.open(), AT_ONCE)?;
            let before = next_stat(&server)?;
            let cpu_before = server.cpu()?;
            std::thread::sleep(IDLE);
            let stat = next_stat(&server)?.since(before);
            let cpu = server.cpu()?.since(cpu_before);
            let work = Work::IdleFrame(peers);
            self.add(work, stat.usec / stat.frames, cpu.total * 1e6 / stat.frames);
        }
        Ok(())
    }
}
