//! Hosts of either kind, with one connection each.

use lodewire_enet::{Delivery, Event, Events, Host, HostConfig, PeerKey, Time};
use rusty_enet as rusty;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// What a node was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Connected,
    Disconnected(u32),
    Packet(u8, Vec<u8>),
}

/// The three ways to end a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Asked,
    Later,
    Now,
}

/// One end of a connection.
pub trait Node {
    fn connect(&mut self, to: SocketAddr, channels: usize);
    fn send(&mut self, channel: u8, delivery: Delivery, data: &[u8]);
    fn disconnect(&mut self, how: Ending, data: u32);
    fn receive(&mut self, now: u64, from: SocketAddr, datagram: &[u8]);
    /// Does what is due, and gives the datagrams to send.
    fn serve(&mut self, now: u64) -> Vec<(SocketAddr, Vec<u8>)>;
    fn deadline(&self) -> Option<u64>;
    fn told(&mut self) -> Vec<Told>;
    /// The round-trip time in microseconds, where it is known so exactly.
    fn round_trip(&self) -> Option<u64> {
        None
    }
    /// Bytes that it keeps for the caller, where that is known.
    fn kept(&self) -> usize {
        0
    }
}

/// Ours.
pub struct Ours {
    pub host: Host,
    events: Events,
    pub peer: Option<PeerKey>,
    told: Vec<Told>,
}

impl Ours {
    pub fn new(config: HostConfig, seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Self {
            host: Host::new(config, bytes),
            events: Events::default(),
            peer: None,
            told: Vec::new(),
        }
    }

    fn take_events(&mut self) {
        self.host.poll_events(&mut self.events);
        while let Some(event) = self.events.pop() {
            match event {
                Event::Connect { peer, .. } => {
                    self.peer = Some(peer);
                    self.told.push(Told::Connected);
                }
                Event::Disconnect { peer, data, .. } => {
                    self.host.release_peer(peer);
                    self.peer = None;
                    self.told.push(Told::Disconnected(data));
                }
                Event::Receive { peer, channel, data, .. } => {
                    self.host.release_capacity(peer, 1, data.len());
                    self.told.push(Told::Packet(channel, data.to_vec()));
                }
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
            // One that is leaving is not sent to.
            let _ = self.host.send(peer, channel, delivery, data);
        }
    }

    fn disconnect(&mut self, how: Ending, data: u32) {
        let Some(peer) = self.peer else { return };
        match how {
            Ending::Asked => self.host.disconnect(peer, data),
            Ending::Later => self.host.disconnect_later(peer, data),
            Ending::Now => {
                self.host.disconnect_now(peer, data);
                self.peer = None;
                self.told.push(Told::Disconnected(0));
            }
        }
    }

    fn receive(&mut self, now: u64, from: SocketAddr, datagram: &[u8]) {
        self.host.handle_datagram(Time::from_micros(now), from, datagram);
        self.take_events();
    }

    fn serve(&mut self, now: u64) -> Vec<(SocketAddr, Vec<u8>)> {
        let now = Time::from_micros(now);
        self.host.handle_timeout(now);
        let mut sent = Vec::new();
        let mut out = Vec::new();
        while let Some(to) = self.host.poll_transmit(now, &mut out) {
            sent.push((to, std::mem::take(&mut out)));
        }
        self.take_events();
        sent
    }

    fn deadline(&self) -> Option<u64> {
        self.host.poll_timeout().map(Time::as_micros)
    }

    fn told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }

    fn round_trip(&self) -> Option<u64> {
        Some(self.host.peer_statistics(self.peer?)?.round_trip_time)
    }

    fn kept(&self) -> usize {
        self.host.buffered_bytes()
    }
}

/// Datagrams of a host of `rusty_enet`.
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

/// One of `rusty_enet`, a translation of ENet.
pub struct Rusty {
    host: rusty::Host<Pipe>,
    pipe: Pipe,
    clock: Rc<Cell<u64>>,
    peer: Option<rusty::PeerID>,
    told: Vec<Told>,
}

impl Rusty {
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
        Self { host, pipe, clock, peer: None, told: Vec::new() }
    }

    fn service(&mut self) {
        while let Some(event) = self.host.service().expect("sockets do not fail here") {
            match event.no_ref() {
                rusty::EventNoRef::Connect { peer, .. } => {
                    self.peer = Some(peer);
                    self.told.push(Told::Connected);
                }
                rusty::EventNoRef::Disconnect { data, .. } => {
                    self.peer = None;
                    self.told.push(Told::Disconnected(data));
                }
                rusty::EventNoRef::Receive { channel_id, packet, .. } => {
                    self.told.push(Told::Packet(channel_id, packet.data().to_vec()));
                }
            }
        }
    }
}

impl Node for Rusty {
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
            // One that is leaving is not sent to.
            let _ = self.host.peer_mut(peer).send(channel, &packet);
        }
    }

    fn disconnect(&mut self, how: Ending, data: u32) {
        let Some(peer) = self.peer else { return };
        let peer = self.host.peer_mut(peer);
        match how {
            Ending::Asked => peer.disconnect(data),
            Ending::Later => peer.disconnect_later(data),
            Ending::Now => {
                peer.disconnect_now(data);
                self.peer = None;
                self.told.push(Told::Disconnected(0));
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

    fn deadline(&self) -> Option<u64> {
        // It tells none: it is served every five milliseconds.
        Some(self.clock.get() + 5_000)
    }

    fn told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }
}
