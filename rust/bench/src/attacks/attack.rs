//! The attacks.

use std::net::SocketAddr;

use anyhow::Result;
use clap::ValueEnum;

use super::pace::{Attacker, Nobody};
use super::{dtls, enet, websocket};

/// The protocol of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Family {
    Enet,
    /// With the range coder.
    EnetCompressed,
    Dtls,
    Websocket,
    /// WebSocket over TLS.
    Wss,
}

/// An attack on a server.
pub(super) struct Attack {
    /// The name in the table.
    pub(super) name: &'static str,
    pub(super) family: Family,
    /// The game does not poll meanwhile.
    pub(super) is_stalled: bool,
    /// By how much the process may grow, in MiB, as ARCHITECTURE.md has it.
    pub(super) bound: f64,
    /// Connects to the server as far as the attack needs it.
    pub(super) begin: fn(SocketAddr) -> Result<Box<dyn Attacker>>,
}

impl Attack {
    /// Returns the name of the attack and its target.
    pub(super) fn title(&self) -> String {
        let family = match self.family {
            Family::Enet => "ENet",
            Family::EnetCompressed => "ENet, range coder",
            Family::Dtls => "DTLS",
            Family::Websocket => "WebSocket",
            Family::Wss => "WebSocket over TLS",
        };
        format!("{family}: {}", self.name)
    }
}

/// The receive buffer of all peers of a host.
const WAITING_ENET: f64 = 512.0;
/// The receive buffer of a WebSocket server: 256 MiB, and 128 KiB for each of its 256 slots.
const WAITING_WEBSOCKET: f64 = 288.0;
/// The handshakes of one address: 256 of 64 KiB.
const HANDSHAKES: f64 = 16.0;
/// The handshakes of all addresses: 1024.
const ALL_HANDSHAKES: f64 = 64.0;
/// The bound of attacks for which nothing is kept: buffers.
const NOTHING: f64 = 4.0;

/// All of them. The first of each family is for comparison.
pub(super) fn all() -> Vec<Attack> {
    let mut attacks = Vec::new();
    let mut family = Family::Enet;
    let mut add = |family, name, bound, begin| {
        attacks.push(Attack { name, family, is_stalled: false, bound, begin });
    };
    add(family, "no attack", NOTHING, nobody);
    add(family, "CONNECT, a new one each", NOTHING, |to| enet::begin(to, enet::Kind::Connects));
    add(family, "511 wrong acknowledgements each, address not proven", NOTHING, |to| {
        enet::begin(to, enet::Kind::Acknowledgements)
    });
    add(family, "unreliable pieces that each claim 32 MiB", WAITING_ENET, |to| {
        enet::begin(to, enet::Kind::UnreliableClaims)
    });
    add(family, "incomplete packets of one number", WAITING_ENET, |to| {
        enet::begin(to, enet::Kind::IncompletePackets)
    });
    add(family, "reliable pieces that each claim 32 MiB", WAITING_ENET, |to| {
        enet::begin(to, enet::Kind::ReliableClaims)
    });
    add(family, "pings, 300 each", NOTHING, |to| enet::begin(to, enet::Kind::Pings));
    family = Family::EnetCompressed;
    add(family, "no attack", NOTHING, nobody);
    add(family, "4 KiB of zeros, compressed", NOTHING, |to| enet::begin(to, enet::Kind::Zeros));
    add(family, "noise as compressed datagrams", NOTHING, |to| enet::begin(to, enet::Kind::Noise));
    family = Family::Dtls;
    add(family, "no attack", NOTHING, nobody);
    add(family, "a hello of 1900 extensions, no cookie", NOTHING, |to| {
        dtls::begin(to, dtls::Kind::Extensions(1900))
    });
    add(family, "a hello of 15,000 extensions, no cookie", NOTHING, |to| {
        dtls::begin(to, dtls::Kind::Extensions(15_000))
    });
    add(family, "hellos without a cookie, one address", NOTHING, |to| {
        dtls::begin(to, dtls::Kind::Hellos)
    });
    add(family, "hellos without a cookie, 64 addresses", NOTHING, |to| {
        dtls::begin(to, dtls::Kind::HellosOfMany)
    });
    add(family, "hellos with their cookies, one address", HANDSHAKES, |to| {
        dtls::begin(to, dtls::Kind::Proven)
    });
    add(family, "hellos with their cookies, 64 addresses", ALL_HANDSHAKES, |to| {
        dtls::begin(to, dtls::Kind::ProvenOfMany)
    });
    add(family, "handshakes that begin again, 750 ports of 3 addresses", ALL_HANDSHAKES, |to| {
        dtls::begin(to, dtls::Kind::Again)
    });
    add(family, "fragments that each claim 16 MiB, with a cookie", HANDSHAKES, |to| {
        dtls::begin(to, dtls::Kind::LargeClaims)
    });
    add(family, "fragments that each claim 30 KB, with a cookie", HANDSHAKES, |to| {
        dtls::begin(to, dtls::Kind::Claims)
    });
    add(family, "fragments of a byte, backwards, with a cookie", HANDSHAKES, |to| {
        dtls::begin(to, dtls::Kind::TinyFragments)
    });
    add(family, "records out of turn in a handshake, 50 each", HANDSHAKES, |to| {
        dtls::begin(to, dtls::Kind::OutOfTurn)
    });
    family = Family::Websocket;
    add(family, "no attack", NOTHING, nobody);
    add(family, "dynamic deflate blocks", WAITING_WEBSOCKET, |to| {
        websocket::begin(to, websocket::Kind::DynamicBlocks)
    });
    add(family, "messages of a byte", WAITING_WEBSOCKET, |to| {
        websocket::begin(to, websocket::Kind::TinyMessages)
    });
    add(family, "fragments of no bytes", WAITING_WEBSOCKET, |to| {
        websocket::begin(to, websocket::Kind::EmptyFragments)
    });
    add(family, "empty pings", WAITING_WEBSOCKET, |to| {
        websocket::begin(to, websocket::Kind::Pings)
    });
    add(family, "connections that come and go", WAITING_WEBSOCKET, |to| {
        websocket::begin(to, websocket::Kind::Storm)
    });
    family = Family::Wss;
    add(family, "no attack", NOTHING, nobody);
    add(family, "hellos of TLS", WAITING_WEBSOCKET, |to| {
        websocket::begin(to, websocket::Kind::TlsHellos)
    });
    let mut add_stalled = |family, name, bound, begin| {
        attacks.push(Attack { name, family, is_stalled: true, bound, begin });
    };
    add_stalled(
        Family::Enet,
        "peers that come, send and go; the game does not poll",
        WAITING_ENET,
        enet::begin_coming_and_going,
    );
    add_stalled(
        Family::Websocket,
        "deflated messages of peers that come and go; the game does not poll",
        WAITING_WEBSOCKET,
        |to| websocket::begin(to, websocket::Kind::Storm),
    );
    attacks
}

#[expect(clippy::unnecessary_wraps, reason = "the others may fail")]
fn nobody(_: SocketAddr) -> Result<Box<dyn Attacker>> {
    Ok(Box::new(Nobody))
}
