//! The memory of connections that are there and idle, each subject in a process of its own: in a heap that others have
//! used, the next one takes less of the system.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use lodewire_dtls::State;
use lodewire_net::Bind;
use lodewire_net::dtls::{Limits, Server, ServerConfig};

use super::clients::Client;
use super::figure::{Figure, Figures};
use super::keys::Kind;
use super::subject::{SUBJECTS, Subject};
use crate::process::Process;

/// The number of connections.
const CONNECTIONS: usize = 2000;

/// The prefix of the line with the result.
const FIGURE: &str = "figure ";

const TIMEOUT: Duration = Duration::from_mins(2);

/// The measurement.
#[derive(Clone, Copy, Args)]
pub(crate) struct MemoryOptions {
    /// Whom
    subject: Subject,
    /// Our server with its socket, instead of the protocol alone
    #[arg(long)]
    server: bool,
}

/// Measures everything once.
pub(super) fn measure(program: &Path, figures: &mut Figures) -> Result<()> {
    for subject in SUBJECTS {
        if subject.connector(Kind::P256)?.is_some() {
            let value = in_process(program, subject, false)?;
            figures.add(Figure::Memory, subject, value);
        }
    }
    let value = in_process(program, Subject::Lodewire, true)?;
    figures.add(Figure::ServerMemory, Subject::Lodewire, value);
    Ok(())
}

fn in_process(program: &Path, subject: Subject, server: bool) -> Result<f64> {
    let mut command = Command::new(program);
    let name = subject.to_possible_value().context("no value of the command line")?;
    command.arg("dtls-memory").arg(name.get_name());
    if server {
        command.arg("--server");
    }
    let process = Process::start(subject.name(), command, None)?;
    let value = process.line_after(FIGURE, TIMEOUT)?.trim().parse()?;
    println!("  {}{}: {value:.0} B a peer", subject.name(), if server { "'s server" } else { "" });
    Ok(value)
}

/// Measures here, and tells what came of it.
pub(crate) fn run(options: MemoryOptions) -> Result<()> {
    let value = if options.server { of_the_server()? } else { of_the_protocol(options.subject)? };
    println!("{FIGURE}{value}");
    Ok(())
}

/// Memory of this process, in bytes.
fn resident() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024.0)
}

fn of_the_protocol(subject: Subject) -> Result<f64> {
    let connector = subject.connector(Kind::P256)?.context("it is not there")?;
    let mut warm: Vec<_> = (0..50).map(|_| connector.connect()).collect::<Result<_>>()?;
    warm.clear();
    let before = resident()?;
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let mut connection = connector.connect()?;
        connection.carry(&[1; 100], 1)?;
        connection.drop_client();
        connections.push(connection);
    }
    Ok((resident()? - before) / CONNECTIONS as f64)
}

/// The whole of what a server keeps, what the game holds included.
fn of_the_server() -> Result<f64> {
    let (key, certificate) = Kind::P256.pem();
    let setup = ServerConfig::new(key, certificate, "", None)?;
    let bind = Bind::Address(Ipv4Addr::LOCALHOST.into());
    let server = Server::listen(bind, 0, &setup, Limits::default())?;
    let mut peers = Vec::with_capacity(CONNECTIONS + 50);
    let mut join = |count: usize| -> Result<()> {
        let wanted = peers.len() + count;
        for _ in 0..count {
            let mut client = Client::new(server.local_addr(), Kind::P256)?;
            let until = Instant::now() + Duration::from_secs(20);
            while *client.state() == State::Handshaking {
                client.serve()?;
                ensure!(Instant::now() < until, "a client does not connect");
                std::thread::yield_now();
            }
            client.send(&[1; 100])?;
            while peers.len() < wanted
                && let Some(peer) = server.take()
            {
                peers.push(peer);
            }
        }
        while peers.len() < wanted {
            peers.extend(server.take());
        }
        for peer in &mut peers {
            peer.poll();
            while peer.receive().is_some() {}
        }
        Ok(())
    };
    join(50)?;
    let before = resident()?;
    join(CONNECTIONS)?;
    Ok((resident()? - before) / CONNECTIONS as f64)
}

/// A socket that does not block.
pub(super) fn socket() -> Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
