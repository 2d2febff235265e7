//! Ours in memory: the protocol alone, in the thread that calls it.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lodewire_enet::{Compression, Compressor, Events, Host, HostConfig, PeerKey, Time};

use super::host::{self, CHANNELS, Coder, Delivery, Event, InMemory};
use super::socket::Wait;
use super::wire::Endpoint;

/// As many datagrams as C ENet takes before it answers.
const DATAGRAMS: usize = 256;

/// The longest datagram that ENet knows.
const MTU_MAX: usize = 4096;

/// Ours.
pub(crate) struct Lodewire;

/// A host of it.
pub(crate) struct LodewireHost<S> {
    host: Host,
    socket: S,
    buffers: Rc<RefCell<Buffers>>,
}

/// The socket buffers that all hosts of a thread share, like those of an I/O thread.
struct Buffers {
    received: [u8; MTU_MAX],
    sent: Vec<u8>,
    events: Events,
}

thread_local! {
    static BUFFERS: Rc<RefCell<Buffers>> = Rc::new(RefCell::new(Buffers {
        received: [0; MTU_MAX],
        sent: Vec::with_capacity(MTU_MAX),
        events: Events::default(),
    }));
}

/// The range coder with its buffers.
struct LodewireCoder {
    compressor: Compressor,
    output: Vec<u8>,
}

/// The source of datagrams and of the time.
pub(crate) trait Datagrams: Wait {
    /// The time.
    fn now(&self) -> Time;

    /// The next datagram: who sent it, and its length.
    fn take(&self, buffer: &mut [u8]) -> Result<Option<(SocketAddr, usize)>>;

    /// Sends one.
    fn put(&self, to: SocketAddr, datagram: &[u8]) -> Result<()>;
}

impl Datagrams for Endpoint {
    fn now(&self) -> Time {
        Time::from_micros(self.wire().now().as_micros() as u64)
    }

    fn take(&self, buffer: &mut [u8]) -> Result<Option<(SocketAddr, usize)>> {
        Ok(self.receive(buffer))
    }

    fn put(&self, to: SocketAddr, datagram: &[u8]) -> Result<()> {
        self.send(to, datagram);
        Ok(())
    }
}

impl InMemory for Lodewire {
    type Host = LodewireHost<Endpoint>;

    fn host(&self, endpoint: Endpoint, peers: usize) -> Result<Self::Host> {
        Ok(LodewireHost::new(endpoint, peers))
    }

    fn coder(&self) -> Result<impl Coder> {
        let compressor = Compressor::new(Compression::RangeCoder).context("no range coder")?;
        Ok(LodewireCoder { compressor, output: Vec::new() })
    }
}

impl<S: Datagrams> LodewireHost<S> {
    fn new(socket: S, peers: usize) -> Self {
        let config = HostConfig { peers, channel_limit: CHANNELS, ..HostConfig::default() };
        Self { host: Host::new(config, [7; 32]), socket, buffers: BUFFERS.with(Rc::clone) }
    }

    /// Takes what has come, and says how many datagrams: as many as it takes at once, if there may be more.
    fn receive(&mut self, now: Time) -> Result<usize> {
        let received = &mut self.buffers.borrow_mut().received;
        for count in 0..DATAGRAMS {
            let Some((from, len)) = self.socket.take(received)? else {
                return Ok(count);
            };
            self.host.handle_datagram(now, from, &received[..len]);
        }
        Ok(DATAGRAMS)
    }

    /// Sends all that is queued.
    fn transmit(&mut self, now: Time) -> Result<()> {
        let sent = &mut self.buffers.borrow_mut().sent;
        loop {
            sent.clear();
            let Some(to) = self.host.poll_transmit(now, sent) else { return Ok(()) };
            self.socket.put(to, sent)?;
        }
    }
}

impl<S: Datagrams> host::Host for LodewireHost<S> {
    type Peer = PeerKey;

    fn connect(&mut self, to: SocketAddr) -> Result<PeerKey> {
        match self.host.connect(to, CHANNELS, 0) {
            Ok(peer) => Ok(peer),
            Err(error) => bail!("Lodewire connects no more: {error:?}"),
        }
    }

    fn send(&mut self, peer: PeerKey, delivery: Delivery, data: &[u8]) -> Result<()> {
        let delivery = match delivery {
            Delivery::Reliable => lodewire_enet::Delivery::Reliable,
            Delivery::Unreliable => lodewire_enet::Delivery::Unreliable,
            Delivery::Unsequenced => lodewire_enet::Delivery::Unsequenced,
        };
        match self.host.send(peer, 0, delivery, data) {
            Ok(()) => Ok(()),
            Err(error) => bail!("Lodewire does not send: {error:?}"),
        }
    }

    fn service(
        &mut self,
        wait: Duration,
        mut take: impl FnMut(&mut Self, Event<'_, PeerKey>) -> Result<()>,
    ) -> Result<()> {
        let mut waits = !wait.is_zero();
        loop {
            let now = self.socket.now();
            let datagrams = self.receive(now)?;
            if self.host.poll_timeout().is_some_and(|deadline| deadline <= now) {
                self.host.handle_timeout(now);
            }
            // `take` may use the buffers of another host.
            let mut events = std::mem::take(&mut self.buffers.borrow_mut().events);
            self.host.poll_events(&mut events);
            while let Some(event) = events.pop() {
                waits = false;
                match event {
                    lodewire_enet::Event::Connect { .. } => take(self, Event::Connected)?,
                    lodewire_enet::Event::Disconnect { peer, .. } => {
                        self.host.release_peer(peer);
                        take(self, Event::Disconnected)?;
                    }
                    lodewire_enet::Event::Receive { peer, data, .. } => {
                        take(self, Event::Received(peer, &data))?;
                        self.host.release_capacity(peer, 1, data.len());
                    }
                    _ => {}
                }
            }
            self.buffers.borrow_mut().events = events;
            self.transmit(now)?;
            if datagrams == 0 && waits {
                waits = false;
                self.socket.wait(wait)?;
            } else if datagrams < DATAGRAMS {
                return Ok(());
            }
        }
    }
}

impl Coder for LodewireCoder {
    fn compress(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        self.output.clear();
        if !self.compressor.compress(input, &mut self.output) || self.output.len() > output.len() {
            return 0;
        }
        output[..self.output.len()].copy_from_slice(&self.output);
        self.output.len()
    }

    fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        self.output.clear();
        if !self.compressor.decompress(input, &mut self.output, output.len()) {
            return 0;
        }
        output[..self.output.len()].copy_from_slice(&self.output);
        self.output.len()
    }
}
