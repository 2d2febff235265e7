//! The implementations that are compared.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::engine::{Engine, Library, Scene};
use crate::process::{Process, SERVER_CORE};

/// A server that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// Ours, echoing on the I/O thread.
    Io,
    /// Ours, through the queues to a thread that polls.
    Polled,
    /// tungstenite on mio.
    Tungstenite,
    /// tungstenite on mio with a small buffer.
    TungsteniteLean,
    /// fastwebsockets on tokio.
    Fastwebsockets,
    /// npm's ws.
    Node,
    /// The engine's own classes in GDScript.
    Engine,
    /// Ours in GDScript.
    Addon,
    /// The addon with the editor's library.
    AddonInEditor,
    /// No protocol at all.
    AcceptLoop,
}

/// The servers that echo, in the order in which they are measured.
pub(crate) const ECHO_SERVERS: [Subject; 7] = [
    Subject::Io,
    Subject::Fastwebsockets,
    Subject::Polled,
    Subject::Tungstenite,
    Subject::TungsteniteLean,
    Subject::Node,
    Subject::Engine,
];

/// Those that are classes in the engine.
pub(crate) const IN_THE_ENGINE: [Subject; 3] =
    [Subject::Engine, Subject::Addon, Subject::AddonInEditor];

/// Node.js, and where its modules are.
pub(crate) struct Node {
    program: PathBuf,
    modules: PathBuf,
    /// The versions of both.
    pub(crate) version: String,
}

impl Node {
    /// Asks for the versions.
    pub(crate) fn new(program: PathBuf, modules: PathBuf) -> Result<Self> {
        let mut command = Command::new(&program);
        command
            .args(["-p", "require('ws/package.json').version + ' on Node.js ' + process.version"]);
        let output = command.env("NODE_PATH", &modules).output().context("no Node.js")?;
        ensure!(output.status.success(), "there is no ws in {}", modules.display());
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(Self { program, modules, version })
    }
}

/// The available implementations.
pub(crate) struct Setup {
    /// This program.
    pub(crate) program: PathBuf,
    pub(crate) node: Option<Node>,
    pub(crate) engine: Option<Engine>,
    /// For how long messages are echoed.
    pub(crate) time: Duration,
}

impl Subject {
    /// Returns the name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Io => "Lodewire, I/O thread",
            Self::Polled => "Lodewire, polled",
            Self::Tungstenite => "tungstenite + mio",
            Self::TungsteniteLean => "tungstenite + mio, lean",
            Self::Fastwebsockets => "fastwebsockets + tokio",
            Self::Node => "ws (Node.js)",
            Self::Engine => "Godot's WebSocketPeer",
            Self::Addon => "LodeWebSocketServer",
            Self::AddonInEditor => "with the editor's library",
            Self::AcceptLoop => "a bare accept loop",
        }
    }

    /// Returns the name of the scene of a server in the engine.
    pub(crate) fn scene(self) -> &'static str {
        if self.is_ours() { "lodewire" } else { "engine" }
    }

    /// Returns true if it is ours.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Io | Self::Polled | Self::Addon | Self::AddonInEditor)
    }

    /// Which library its scene loads.
    pub(crate) fn library(self) -> Library {
        if self == Self::AddonInEditor { Library::Editor } else { Library::Release }
    }

    /// Maximum number of concurrent connection attempts if they are not measured: the engine has a backlog of 8.
    pub(crate) fn at_once(self) -> usize {
        if self == Self::Engine { 8 } else { 64 }
    }

    /// Starts it on the servers' core; `None` if it is not there. The engine runs with `fps` frames per second, and the
    /// accept loop takes `connections` for all.
    pub(crate) fn start(
        self,
        setup: &Setup,
        fps: u32,
        connections: usize,
    ) -> Result<Option<Process>> {
        let server = match self {
            Self::Io => "lodewire-io",
            Self::Polled => "lodewire-polled",
            Self::Tungstenite => "tungstenite",
            Self::TungsteniteLean => "tungstenite-lean",
            Self::Fastwebsockets => "fastwebsockets",
            Self::AcceptLoop => "accept-loop",
            Self::Node => {
                let Some(node) = &setup.node else { return Ok(None) };
                let mut command = Command::new(&node.program);
                command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/websocket/servers/ws.cjs"));
                command.env("NODE_PATH", &node.modules);
                return Process::start(self.name(), command, Some(SERVER_CORE)).map(Some);
            }
            Self::Engine | Self::Addon | Self::AddonInEditor => {
                let Some(engine) = &setup.engine else { return Ok(None) };
                let (server, library) = (self.scene(), self.library());
                let scene = Scene { server, work: "echo", tls: false, fps, library };
                return engine.start(scene, Some(SERVER_CORE)).map(Some);
            }
        };
        let mut command = Command::new(&setup.program);
        command.args(["server", server, "--connections"]).arg(connections.to_string());
        Process::start(self.name(), command, Some(SERVER_CORE)).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use crate::websocket::servers::Server;
    use clap::ValueEnum;

    #[test]
    fn the_servers_are_known_by_their_names() {
        for name in [
            "lodewire-io",
            "lodewire-polled",
            "tungstenite",
            "tungstenite-lean",
            "fastwebsockets",
            "accept-loop",
        ] {
            assert!(Server::from_str(name, false).is_ok(), "{name}");
        }
    }
}
