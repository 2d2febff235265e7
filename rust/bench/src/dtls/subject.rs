//! The implementations that are compared.

use anyhow::Result;
use clap::ValueEnum;

use super::dimpl::Dimpl;
use super::in_memory::Connector;
use super::keys::Kind;
use super::lodewire::Lodewire;
use crate::engine::Library;

/// An implementation of DTLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Subject {
    /// Ours.
    Lodewire,
    /// The one that most servers have.
    OpenSsl,
    /// Another one in Rust.
    Dimpl,
    /// The engine's classes in GDScript.
    #[value(skip)]
    Engine,
    /// Ours in GDScript, with the engine's sockets.
    #[value(skip)]
    AddonUdp,
    /// Ours in GDScript, with a socket of its own.
    #[value(skip)]
    AddonListen,
    /// The addon with the editor's library.
    #[value(skip)]
    AddonInEditor,
}

/// All, in the order in which they are measured.
pub(crate) const SUBJECTS: [Subject; 3] = [Subject::Lodewire, Subject::OpenSsl, Subject::Dimpl];

/// Those that are classes of the engine.
pub(crate) const IN_THE_ENGINE: [Subject; 4] =
    [Subject::Engine, Subject::AddonUdp, Subject::AddonListen, Subject::AddonInEditor];

impl Subject {
    /// Returns the name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lodewire => "Lodewire",
            Self::OpenSsl => "OpenSSL",
            Self::Dimpl => "dimpl",
            Self::Engine => "Godot's DTLSServer",
            Self::AddonUdp => "LodeDTLSServer with UDPServer",
            Self::AddonListen => "LodeDTLSServer.listen()",
            Self::AddonInEditor => "with the editor's library",
        }
    }

    /// Returns true if it is ours.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Lodewire | Self::AddonUdp | Self::AddonListen | Self::AddonInEditor)
    }

    /// Which library its scene loads.
    pub(crate) fn library(self) -> Library {
        if self == Self::AddonInEditor { Library::Editor } else { Library::Release }
    }

    /// Returns the factory of its connections; `None` if it does not support the keys, or is unavailable.
    pub(crate) fn connector(self, kind: Kind) -> Result<Option<Box<dyn Connector>>> {
        Ok(match self {
            Self::Lodewire => Some(Box::new(Lodewire::new(kind)?)),
            #[cfg(feature = "openssl")]
            Self::OpenSsl => Some(Box::new(super::openssl::OpenSsl::new(kind)?)),
            #[cfg(not(feature = "openssl"))]
            Self::OpenSsl => None,
            Self::Dimpl => Dimpl::new(kind)?.map(|dimpl| Box::new(dimpl) as Box<dyn Connector>),
            Self::Engine | Self::AddonUdp | Self::AddonListen | Self::AddonInEditor => None,
        })
    }
}
