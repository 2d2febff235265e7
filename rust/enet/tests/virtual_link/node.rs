//! Hosts of both implementations, with one connection each.

use lodewire_enet::{Delivery, Event, Events, Host, HostConfig, PeerKey, Time};
use rusty_enet as rusty;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// An event of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeEvent {
    Connected,
    Disconnected(u32),
    Packet(u8, Vec<u8>),
}

/// The three ways to disconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disconnect {
    Graceful,
    Later,
    Now,
}

/// One end of a connection.
pub trait Node {
    fn connect(&mut self, to: SocketAddr, channels: usize);
    fn send(&mut self, channel: u8, delivery: Delivery, data: &[u8]);
    fn disconnect(&mut self, how: Disconnect, data: u32);
    fn receive(&mut self, now: u64, from: SocketAddr, datagram: &[u8]);
    /// Handles timers, and returns the datagrams to send.
    fn serve(&mut self, now: u64) -> Vec<(SocketAddr, Vec<u8>)>;
    fn poll_timeout(&self) -> Option<u64>;
    fn events(&mut self) -> Vec<NodeEvent>;
    /// Returns the round-trip time in microseconds, if known with that precision.
    fn round_trip(&self) -> Option<u64> {
        None
    }
    /// Returns the bytes buffered for the caller, if known.
    fn buffered_bytes(&self) -> usize {
        0
    }
}

/// A Lodewire host.
pub struct Ours {
    pub host: Host,
    batch: Events,
    pub peer: Option<PeerKey>,
    events: Vec<NodeEvent>,
}

impl Ours {
    pub fn new(config: HostConfig, seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Self {
            host: Host::new(config, bytes),
            batch: Events::default(),
            peer: None,
            events: Vec::new(),
        }
    }

    fn record_events(&mut self) {
        self.host.poll_events(&mut self.batch);
        while let Some(event) = self.batch.pop() {
            match event {
                Event::Connect { peer, .. } => {
                    self.peer = Some(peer);
                    self.events.push(NodeEvent::Connected);
                }
                Event::Disconnect { peer, data, .. } => {
                    self.host.release_peer(peer);
                    self.peer = None;
                    self.events.push(NodeEvent::Disconnected(data));
                }
                Event::Receive { peer, channel, data, .. } => {
                    self.host.release_capacity(peer, 1, data.len());
                    self.events.push(NodeEvent::Packet(channel, data.to_vec()));
                }
                _ => {}
            }
        }
    }
}

impl Node for Ours {
    fn connect(&mut self, to: SocketAddr, channels: usize) {
        self.peer = Some(self.host.connect(to, channels, 5).expect("a free peer"));
    }

    fn send(&mut self, channel: u8, delivery: Delivery, data: &[u8]) {
        if let Some(peer) = self.peer {
            // Errors are ignored: the peer may be disconnecting.
            let _ = self.host.send(peer, channel, delivery, data);
        }
    }

    fn disconnect(&mut self, how: Disconnect, data: u32) {
        let Some(peer) = self.peer else { return };
        match how {
            Disconnect::Graceful => self.host.disconnect(peer, data),
            Disconnect::Later => self.host.disconnect_later(peer, data),
            Disconnect::Now => {
                self.host.disconnect_now(peer, data);
                self.peer = None;
                self.events.push(NodeEvent::Disconnected(0));
            }
        }
    }

    fn receive(&mut self, now: u64, from: SocketAddr, datagram: &[u8]) {
        self.host.handle_datagram(Time::from_micros(now), from, datagram);
        self.record_events();
    }

    fn serve(&mut self, now: u64) -> Vec<(SocketAddr, Vec<u8>)> {
        let now = Time::from_micros(now);
        self.host.handle_timeout(now);
        let mut sent = Vec::new();
        let mut out = Vec::new();
        while let Some(to) = self.host.poll_transmit(now, &mut out) {
            sent.push((to, std::mem::take(&mut out)));
        }
        self.record_events();
        sent
    }

    fn poll_timeout(&self) -> Option<u64> {
        self.host.poll_timeout().map(Time::as_micros)
    }

    fn events(&mut self) -> Vec<NodeEvent> {
        std::mem::take(&mut self.events)
    }

    fn round_trip(&self) -> Option<u64> {
        Some(self.host.peer_statistics(self.peer?)?.round_trip_time)
    }

    fn buffered_bytes(&self) -> usize {
        self.host.buffered_bytes()
    }
}

/// The socket of a `rusty_enet` host.
#[derive(Clone, Default)]
struct Pipe {
    incoming: Rc<RefCell<VecDeque<(SocketAddr, Vec<u8>)>>>,
    outgoing: Rc<RefCell<Vec<(SocketAddr, Vec<u8>)>>>,
}

impl rusty::Socket for Pipe {
    type Address = SocketAddr;
    type Error = std::io::Error;

    fn init(&mut self, _: rusty::SocketOptions) -> Result<(), Self::Error> {
        Ok(())
    }

    fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> Result<usize, Self::Error> {
        self.outgoing.borrow_mut().push((to, datagram.to_vec()));
        Ok(datagram.len())
    }

    fn receive(
        &mut self,
        buffer: &mut [u8; rusty::MTU_MAX],
    ) -> Result<Option<(SocketAddr, rusty::PacketReceived)>, Self::Error> {
        let next = self.incoming.borrow_mut().pop_front();
        Ok(next.map(|(from, datagram)| {
            buffer[..datagram.len()].copy_from_slice(&datagram);
            (from, rusty::PacketReceived::Complete(datagram.len()))
        }))
    }
}

/// A host of `rusty_enet`, a port of ENet.
pub struct RustyEnet {
    host: rusty::Host<Pipe>,
    pipe: Pipe,
    clock: Rc<Cell<u64>>,
    peer: Option<rusty::PeerID>,
    events: Vec<NodeEvent>,
}

impl RustyEnet {
    pub fn new(checksum: bool, seed: u64) -> Self {
        let pipe = Pipe::default();
        let clock = Rc::new(Cell::new(0));
        let time = Rc::clone(&clock);
        let settings = rusty::HostSettings {
            peer_limit: 4,
            channel_limit: 255,
            checksum: checksum.then(|| Box::new(rusty::crc32) as Box<dyn Fn(&[&[u8]]) -> u32>),
            time: Box::new(move || Duration::from_micros(time.get())),
            seed: Some(seed as u32),
            ..rusty::HostSettings::default()
        };
        let host = rusty::Host::new(pipe.clone(), settings).expect("a host");
        Self { host, pipe, clock, peer: None, events: Vec::new() }
    }

    fn service(&mut self) {
        while let Some(event) = self.host.service().expect("sockets do not fail here") {
            match event.no_ref() {
                rusty::EventNoRef::Connect { peer, .. } => {
                    self.peer = Some(peer);
                    self.events.push(NodeEvent::Connected);
                }
                rusty::EventNoRef::Disconnect { data, .. } => {
                    self.peer = None;
                    self.events.push(NodeEvent::Disconnected(data));
                }
                rusty::EventNoRef::Receive { channel_id, packet, .. } => {
                    self.events.push(NodeEvent::Packet(channel_id, packet.data().to_vec()));
                }
            }
        }
    }
}

impl Node for RustyEnet {
    fn connect(&mut self, to: SocketAddr, channels: usize) {
        self.peer = Some(self.host.connect(to, channels, 5).expect("a free peer").id());
    }

    fn send(&mut self, channel: u8, delivery: Delivery, data: &[u8]) {
        let packet = match delivery {
            Delivery::Reliable => rusty::Packet::reliable(data),
            Delivery::Unreliable => rusty::Packet::unreliable(data),
            Delivery::UnreliableFragment => rusty::Packet::always_unreliable(data),
            Delivery::Unsequenced => rusty::Packet::unreliable_unsequenced(data),
            Delivery::UnsequencedFragment => rusty::Packet::always_unreliable_unsequenced(data),
        };
        if let Some(peer) = self.peer {
            // Errors are ignored: the peer may be disconnecting.
            let _ = self.host.peer_mut(peer).send(channel, &packet);
        }
    }

    fn disconnect(&mut self, how: Disconnect, data: u32) {
        let Some(peer) = self.peer else { return };
        let peer = self.host.peer_mut(peer);
        match how {
            Disconnect::Graceful => peer.disconnect(data),
            Disconnect::Later => peer.disconnect_later(data),
            Disconnect::Now => {
                peer.disconnect_now(data);
                self.peer = None;
                self.events.push(NodeEvent::Disconnected(0));
            }
        }
    }

    fn receive(&mut self, now: u64, from: SocketAddr, datagram: &[u8]) {
        self.clock.set(now);
        self.pipe.incoming.borrow_mut().push_back((from, datagram.to_vec()));
        self.service();
    }

    fn serve(&mut self, now: u64) -> Vec<(SocketAddr, Vec<u8>)> {
        self.clock.set(now);
        self.service();
        std::mem::take(&mut *self.pipe.outgoing.borrow_mut())
    }

    fn poll_timeout(&self) -> Option<u64> {
        // It has no timers: it is served every five milliseconds.
        Some(self.clock.get() + 5_000)
    }

    fn events(&mut self) -> Vec<NodeEvent> {
        std::mem::take(&mut self.events)
    }
}
