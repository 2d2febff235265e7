//! Ours.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Result;
use lodewire_net::Bind;
use lodewire_net::websocket::{Config, OutgoingMessage, Server, ServerEvent, Settings};

/// How long the polling thread sleeps when nothing has come: a good deal less than a game's frame, since it is the cost of
/// the queues that is measured, not the frames.
const PAUSE: Duration = Duration::from_micros(500);

pub(super) fn echo_on_the_io_thread() -> Result<()> {
    let _server = listen(true)?;
    loop {
        std::thread::park();
    }
}

pub(super) fn echo_by_polling() -> Result<()> {
    let mut server = listen(false)?;
    loop {
        server.poll();
        let mut idle = true;
        while let Some(event) = server.next_event() {
            idle = false;
            if let ServerEvent::Data(id) = event
                && let Some(peer) = server.peer(id)
            {
                while let Some(message) = peer.receive() {
                    // A peer that is closing takes no more; its end is told by an event.
                    if let Ok(echo) = OutgoingMessage::new(message.kind, message.payload) {
                        let _ = peer.send(echo);
                    }
                }
            }
        }
        if idle {
            std::thread::sleep(PAUSE);
        }
    }
}

fn listen(echo: bool) -> Result<Server> {
    let config = Config {
        settings: Settings { echo, ..Settings::default() },
        handshake_timeout: Duration::from_secs(10),
        ..Config::default()
    };
    let server = Server::listen(Bind::Address(Ipv4Addr::LOCALHOST.into()), 0, config)?;
    super::announce(server.local_port());
    Ok(server)
}
