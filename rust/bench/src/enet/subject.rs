//! The implementations that are compared.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;

use super::alone::argument;
use super::c_enet::{CInMemory, COverUdp};
use super::host::{InMemory, OverUdp};
use super::lodewire::Lodewire;
use super::rusty::RustyEnet;
use super::server::Work;
use crate::engine::{Engine, Library};
use crate::process::{Process, SERVER_CORE};

/// An implementation of ENet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Subject {
    /// Ours.
    Lodewire,
    /// The one of its inventor.
    CEnet,
    /// Its translation into Rust.
    RustyEnet,
    /// The engine's class in GDScript.
    #[value(skip)]
    Engine,
    /// Ours in GDScript.
    #[value(skip)]
    Addon,
    /// The addon with the editor's library.
    #[value(skip)]
    AddonInEditor,
}

/// All, in the order in which they are measured.
pub(crate) const SUBJECTS: [Subject; 3] = [Subject::Lodewire, Subject::CEnet, Subject::RustyEnet];

/// Those that are classes of the engine.
pub(crate) const IN_THE_ENGINE: [Subject; 3] =
    [Subject::Engine, Subject::Addon, Subject::AddonInEditor];

/// The available implementations.
pub(crate) struct Setup {
    /// This program.
    pub(crate) program: PathBuf,
    /// The implementation.
    pub(crate) subjects: Vec<Subject>,
    /// The folder with the libraries of C ENet.
    pub(crate) c_enet: Option<PathBuf>,
    pub(crate) engine: Option<Engine>,
    /// For how long each figure is measured.
    pub(crate) time: Duration,
}

/// An operation on an implementation without sockets.
pub(crate) trait MeasureInMemory {
    /// The result of the operation.
    type Output;

    /// Does it.
    fn measure<S: InMemory>(self, subject: &S) -> Result<Self::Output>;
}

/// An operation on an implementation with sockets.
pub(crate) trait MeasureOverUdp {
    /// The result of the operation.
    type Output;

    /// Does it.
    fn measure<S: OverUdp>(self, subject: &S) -> Result<Self::Output>;
}

impl Subject {
    /// Returns the name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lodewire => "Lodewire",
            Self::CEnet => "C ENet",
            Self::RustyEnet => "rusty_enet",
            Self::Engine => "Godot's ENetConnection",
            Self::Addon => "LodeENetConnection",
            Self::AddonInEditor => "with the editor's library",
        }
    }

    /// Returns true if it is ours.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Lodewire | Self::Addon | Self::AddonInEditor)
    }

    /// Which library its scene loads.
    pub(crate) fn library(self) -> Library {
        if self == Self::AddonInEditor { Library::Editor } else { Library::Release }
    }

    /// Returns true if it can be measured outside the engine.
    pub(crate) fn is_there(self, setup: &Setup) -> bool {
        match self {
            Self::Lodewire | Self::RustyEnet => true,
            Self::CEnet => setup.c_enet.is_some(),
            Self::Engine | Self::Addon | Self::AddonInEditor => false,
        }
    }

    /// Does something with it; `None` if it is not there.
    pub(crate) fn in_memory<M: MeasureInMemory>(
        self,
        setup: &Setup,
        measure: M,
    ) -> Result<Option<M::Output>> {
        match self {
            Self::Lodewire => measure.measure(&Lodewire).map(Some),
            Self::Engine | Self::Addon | Self::AddonInEditor => Ok(None),
            Self::CEnet => {
                let Some(folder) = &setup.c_enet else { return Ok(None) };
                measure.measure(&CInMemory::open(folder)?).map(Some)
            }
            Self::RustyEnet => measure.measure(&RustyEnet).map(Some),
        }
    }

    /// Does something with it on sockets; `None` if it is not there.
    pub(crate) fn over_udp<M: MeasureOverUdp>(
        self,
        setup: &Setup,
        measure: M,
    ) -> Result<Option<M::Output>> {
        match self {
            Self::Lodewire => measure.measure(&Lodewire).map(Some),
            Self::Engine | Self::Addon | Self::AddonInEditor => Ok(None),
            Self::CEnet => {
                let Some(folder) = &setup.c_enet else { return Ok(None) };
                measure.measure(&COverUdp::open(folder)?).map(Some)
            }
            Self::RustyEnet => measure.measure(&RustyEnet).map(Some),
        }
    }

    /// Starts a server of it, a process on the servers' core; `None` if it is not there.
    pub(crate) fn start(self, setup: &Setup, work: Work, peers: usize) -> Result<Option<Process>> {
        if !self.is_there(setup) {
            return Ok(None);
        }
        let mut command = Command::new(&setup.program);
        command.arg("enet-server").arg(argument(&self)?).arg(argument(&work)?);
        command.arg("--peers").arg(peers.to_string());
        if let Some(folder) = &setup.c_enet {
            command.arg("--c-enet").arg(folder);
        }
        Process::start(self.name(), command, Some(SERVER_CORE)).map(Some)
    }
}
