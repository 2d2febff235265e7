//! A server and its clients on a wire in memory.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::enet::host::{Event, Host, InMemory};
use crate::enet::wire::Wire;

/// The step of the clock between passes.
pub(super) const PASS: Duration = Duration::from_millis(1);

/// For all to be connected.
const TIMEOUT: usize = 1000;

/// Passes in which all that belongs to connecting is acknowledged.
const SETTLE: usize = 20;

/// A server and hosts with one connection to it each.
pub(super) struct Peers<H: Host> {
    pub(super) wire: Rc<Wire>,
    pub(super) server: H,
    pub(super) clients: Vec<(H, H::Peer)>,
}

impl<H: Host> Peers<H> {
    /// Connects `count` clients to a server that has room for `slots`.
    pub(super) fn connect<S>(subject: &S, slots: usize, count: usize) -> Result<Self>
    where
        S: InMemory<Host = H>,
    {
        let wire = Wire::new(count + 1);
        let endpoint = wire.endpoint(0);
        let address = endpoint.address();
        let server = subject.host(endpoint, slots)?;
        let mut clients = Vec::with_capacity(count);
        for index in 1..=count {
            let mut host = subject.host(wire.endpoint(u16::try_from(index)?), 1)?;
            let peer = host.connect(address)?;
            clients.push((host, peer));
        }
        let mut peers = Self { wire, server, clients };
        let mut connected = 0;
        let mut passes = 0;
        // Each connection is told at both ends.
        while connected < 2 * count {
            ensure!(passes < TIMEOUT, "{connected} of {} ends are connected", 2 * count);
            passes += 1;
            connected += peers.pass()?;
        }
        for _ in 0..SETTLE {
            peers.pass()?;
        }
        Ok(peers)
    }

    /// Serves everyone once. Says how many ends were connected.
    fn pass(&mut self) -> Result<usize> {
        let mut connected = 0;
        let mut take = |_: &mut H, event: Event<'_, H::Peer>| {
            connected += usize::from(matches!(event, Event::Connected));
            Ok(())
        };
        self.wire.advance(PASS);
        for (host, _) in &mut self.clients {
            host.service(Duration::ZERO, &mut take)?;
        }
        self.server.service(Duration::ZERO, &mut take)?;
        Ok(connected)
    }
}
