//! The servers in Rust, each to be run as a process of its own. Every one echoes, listens on a free port of this machine,
//! says `listening on port N`, and runs until it is killed.

mod accept_loop;
mod fastwebsockets;
mod lodewire;
mod tungstenite;

use anyhow::Result;
use clap::ValueEnum;
use mio::net::TcpListener;
use socket2::SockRef;

/// As ours asks for: with mio's own number a burst would be dropped and come again a second later.
const BACKLOG: i32 = 4096;

/// A server in Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Server {
    /// Ours, which echoes on the I/O thread.
    LodewireIo,
    /// Ours, where another thread polls and echoes.
    LodewirePolled,
    /// tungstenite on mio, as it comes.
    Tungstenite,
    /// tungstenite on mio, with a small buffer and without reads that find nothing.
    TungsteniteLean,
    /// fastwebsockets on tokio.
    Fastwebsockets,
    /// No WebSocket: accepts, and tells the client when all have come.
    AcceptLoop,
}

/// Runs it for ever.
pub(crate) fn run(server: Server, connections: usize) -> Result<()> {
    // As ours does by itself.
    rlimit::increase_nofile_limit(u64::MAX)?;
    match server {
        Server::LodewireIo => lodewire::echo_on_the_io_thread(),
        Server::LodewirePolled => lodewire::echo_by_polling(),
        Server::Tungstenite => tungstenite::run(false),
        Server::TungsteniteLean => tungstenite::run(true),
        Server::Fastwebsockets => fastwebsockets::run(),
        Server::AcceptLoop => accept_loop::run(connections),
    }
}

/// Returns the listener, the same for all: with the longest backlog of the system.
fn listener() -> Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
    SockRef::from(&listener).listen(BACKLOG)?;
    Ok(listener)
}

fn announce(port: u16) {
    println!("listening on port {port}");
}
