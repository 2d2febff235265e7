//! The command line of the soak run, and the run itself.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use super::samples::Sample;
use super::{dtls, enet, report, websocket};
use crate::engine::Engine;
use crate::machine;
use crate::process::{Cpu, Process};

/// The polling interval of the clients.
const TICK: Duration = Duration::from_millis(5);
/// Timeout of the last echoes.
const LAST_ECHOES: Duration = Duration::from_secs(10);

/// The duration and the numbers of clients.
#[derive(Args)]
pub(crate) struct Options {
    /// The duration in minutes, once all clients are connected
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// The number of WebSocket clients
    #[arg(long, default_value_t = 10_000)]
    websocket: usize,
    /// The number of ENet peers
    #[arg(long, default_value_t = 1_000)]
    enet: usize,
    /// The number of DTLS peers
    #[arg(long, default_value_t = 1_000)]
    dtls: usize,
    /// The number of messages per second that each family sends and gets back
    #[arg(long, default_value_t = 5_000)]
    rate: u32,
    /// The engine: the program, then the arguments that come first, an option for each
    #[arg(long, allow_hyphen_values = true)]
    engine: Vec<OsString>,
    /// The engine's version
    #[arg(long, default_value = "")]
    engine_version: String,
    /// The folder for the report and the plot; the last one counts
    #[arg(long, overrides_with = "output")]
    output: Option<PathBuf>,
}

/// All clients.
pub(super) struct Crowd {
    pub(super) websocket: websocket::Clients,
    pub(super) enet: enet::Clients,
    pub(super) dtls: dtls::Clients,
}

impl Crowd {
    fn serve(&mut self) -> Result<()> {
        self.websocket.serve()?;
        self.enet.serve();
        self.dtls.serve()
    }

    /// Has each family send what is due after `time`.
    fn send_due(&mut self, time: Duration, rate: u32) -> Result<()> {
        let due = time.as_micros() as u64 * u64::from(rate) / 1_000_000;
        while self.websocket.ledger.sent < due {
            self.websocket.send();
        }
        while self.enet.ledger.sent < due {
            self.enet.send();
        }
        while self.dtls.ledger.sent < due {
            self.dtls.send()?;
        }
        Ok(())
    }

    fn received(&self) -> [u64; 3] {
        [self.websocket.ledger.received, self.enet.ledger.received, self.dtls.ledger.received]
    }

    fn missing(&self) -> u64 {
        self.websocket.ledger.missing() + self.enet.ledger.missing() + self.dtls.ledger.missing()
    }

    fn lost(&self) -> u64 {
        let ledgers = [&self.websocket.ledger, &self.enet.ledger, &self.dtls.ledger];
        ledgers.iter().map(|ledger| ledger.lost_connections + ledger.out_of_order).sum()
    }
}

/// Runs, and writes the report and the plot. It is an error if anything was lost.
pub(crate) fn run(options: &Options) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    ensure!(!options.engine.is_empty(), "no engine: start it by `cargo xtask soak`");
    let engine = Engine::new(&options.engine, options.engine_version.clone())?;
    let server = engine.start_scene("res://soak.tscn")?;
    let ports = server.line_after("ports ", Duration::from_mins(1))?;
    let address = |index: usize| -> Result<SocketAddr> {
        let port = ports.split_whitespace().nth(index).context("three ports")?.parse()?;
        Ok((Ipv4Addr::LOCALHOST, port).into())
    };
    let before = server.memory()? / 1000.0;
    println!("{before:.0} MB before anybody has come");
    let began = Instant::now();
    let mut crowd = Crowd {
        websocket: websocket::Clients::join(address(0)?, options.websocket)?,
        enet: enet::Clients::join(address(1)?, options.enet)?,
        dtls: dtls::Clients::join(address(2)?, options.dtls)?,
    };
    println!("all have joined in {:.1} s", began.elapsed().as_secs_f64());
    let samples = hold(&server, &mut crowd, options)?;
    let machine = machine::describe(&[], [format!("Godot {}", engine.version)])?;
    let summary = report::summary(&crowd, &samples, before);
    println!("{summary}");
    if let Some(folder) = &options.output {
        fs::create_dir_all(folder)?;
        report::plot(&samples, &folder.join("soak.svg"))?;
        let counts = [options.websocket, options.enet, options.dtls];
        let text = report::markdown(&machine, counts, options.rate, &summary, &samples);
        fs::write(folder.join("soak.md"), text)?;
    }
    if crowd.missing() + crowd.lost() > 0 {
        bail!("something was lost");
    }
    Ok(())
}

/// Has the crowd talk for as long as it is to, and looks once a second.
fn hold(server: &Process, crowd: &mut Crowd, options: &Options) -> Result<Vec<Sample>> {
    let start = Instant::now();
    let end = Duration::from_secs_f64(options.minutes * 60.0);
    let mut samples = Vec::new();
    let mut last: (Duration, Cpu, [u64; 3]) = (Duration::ZERO, server.cpu()?, [0; 3]);
    server.forget_lines();
    while start.elapsed() < end {
        crowd.send_due(start.elapsed(), options.rate)?;
        crowd.serve()?;
        let now = start.elapsed();
        let passed = now.saturating_sub(last.0);
        if passed >= Duration::from_secs(1) {
            let (cpu, received) = (server.cpu()?, crowd.received());
            let seconds = passed.as_secs_f64();
            let times = [
                crowd.websocket.ledger.take_round_trips(),
                crowd.enet.ledger.take_round_trips(),
                crowd.dtls.ledger.take_round_trips(),
            ];
            let mut worst = 0.0_f64;
            while let Some(line) = server.line_now("stat ") {
                let told: serde_json::Value = serde_json::from_str(&line)?;
                worst = worst.max(told["worst"].as_f64().unwrap_or(0.0) / 1000.0);
            }
            let sample = Sample {
                seconds: now.as_secs_f64(),
                memory: server.memory()? / 1000.0,
                cores: cpu.since(last.1).total / seconds,
                worst_frame: worst,
                echoes: std::array::from_fn(|family| {
                    (received[family] - last.2[family]) as f64 / seconds
                }),
                median: times.map(|time| time.0),
                slowest: times.map(|time| time.1),
            };
            if samples.len() % 30 == 0 {
                println!(
                    "{:4.0} s: {:.1} MB, {:.2} cores, {:.0} echoes/s, missing {}, lost {}",
                    sample.seconds,
                    sample.memory,
                    sample.cores,
                    sample.echoes.iter().sum::<f64>(),
                    crowd.missing(),
                    crowd.lost()
                );
            }
            samples.push(sample);
            last = (now, cpu, received);
        }
        let tick = start.elapsed();
        std::thread::sleep(TICK.saturating_sub(tick.saturating_sub(now)));
    }
    let until = Instant::now() + LAST_ECHOES;
    while crowd.missing() > 0 && Instant::now() < until {
        crowd.serve()?;
        std::thread::sleep(TICK);
    }
    Ok(samples)
}
