//! The command line of the program.

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::attacks;
use crate::dtls;
use crate::enet;
use crate::joins;
use crate::soak;
use crate::websocket::{self, Server};

/// Measures Lodewire beside its peers.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Be one of the WebSocket servers
    Server {
        /// Which
        server: Server,
        /// For the accept loop: how many connections are all
        #[arg(long, default_value_t = 1)]
        connections: usize,
    },
    /// Measure WebSocket servers
    Websocket(websocket::Options),
    /// Be one of the ENet servers
    EnetServer(enet::ServerOptions),
    /// Measure a single thing of an implementation of ENet
    EnetAlone(enet::AloneOptions),
    /// Measure implementations of ENet
    Enet(enet::Options),
    /// Measure the memory of an implementation of DTLS
    DtlsMemory(dtls::MemoryOptions),
    /// Measure implementations of DTLS
    Dtls(dtls::Options),
    /// Connect by wss:// again and again, ours, the engine's and Python's
    Joins(joins::Options),
    /// Be the server that is attacked
    AttackedServer(attacks::ServerOptions),
    /// Attack servers, and measure what it costs them
    Attacks(attacks::Options),
    /// Hold thousands of clients of all families for minutes
    Soak(soak::Options),
}

/// Does what the command line asks for.
pub(crate) fn run() -> Result<()> {
    match Arguments::parse().task {
        Task::Server { server, connections } => websocket::serve(server, connections),
        Task::Websocket(options) => websocket::run(options),
        Task::EnetServer(options) => enet::serve(options),
        Task::EnetAlone(options) => enet::run_alone(options),
        Task::Enet(options) => enet::run(options),
        Task::DtlsMemory(options) => dtls::run_memory(options),
        Task::Dtls(options) => dtls::run(options),
        Task::Joins(options) => joins::run(&options),
        Task::AttackedServer(options) => attacks::serve(&options),
        Task::Attacks(options) => attacks::run(&options),
        Task::Soak(options) => soak::run(&options),
    }
}
