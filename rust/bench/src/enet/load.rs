//! The load: many clients in one thread, each a host with a socket of its own. They are `rusty_enet`'s, whoever serves.

use std::net::SocketAddr;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rusty_enet::PeerID;

use super::host::{Delivery, Event, Host, OverUdp};
use super::rusty::{RustyEnet, RustyHost};

/// For all to be connected.
const TIMEOUT: Duration = Duration::from_secs(20);

/// So many are connecting at the same time.
const AT_ONCE: usize = 64;

/// All clients are looked after so often: what was lost comes again.
const SWEEP: Duration = Duration::from_millis(50);

/// An echo that has not come by then was lost.
const LOST: Duration = Duration::from_millis(200);

/// Clients of one server.
pub(crate) struct Clients {
    server: SocketAddr,
    poll: Poll,
    all: Vec<Client>,
    message: Vec<u8>,
    delivery: Delivery,
    swept: Instant,
    /// True if the next message is sent for each echo.
    goes_on: bool,
    count: Count,
}

struct Client {
    host: RustyHost<UdpSocket>,
    peer: PeerID,
    sent: Option<Instant>,
}

#[derive(Clone, Copy, Default)]
struct Count {
    connected: usize,
    echoes: u64,
    lost: u64,
}

impl Clients {
    /// No clients yet; their messages will have `len` bytes.
    pub(crate) fn new(server: SocketAddr, delivery: Delivery, len: usize) -> Result<Self> {
        Ok(Self {
            server,
            poll: Poll::new()?,
            all: Vec::new(),
            message: (b'a'..=b'z').cycle().take(len).collect(),
            delivery,
            swept: Instant::now(),
            goes_on: false,
            count: Count::default(),
        })
    }

    /// Adds `count` clients, and returns when all are connected.
    pub(crate) fn connect(&mut self, count: usize) -> Result<()> {
        let until = Instant::now() + TIMEOUT;
        let target = self.all.len() + count;
        while self.count.connected < target {
            ensure!(
                Instant::now() < until,
                "{} of {target} clients are connected",
                self.count.connected
            );
            while self.all.len() < target && self.all.len() < self.count.connected + AT_ONCE {
                self.dial()?;
            }
            self.turn(SWEEP)?;
        }
        Ok(())
    }

    /// Returns the number of connected clients.
    pub(crate) fn connected(&self) -> usize {
        self.count.connected
    }

    /// Lets every client begin to send, and go on whenever an echo comes.
    pub(crate) fn start_echoing(&mut self) -> Result<()> {
        self.goes_on = true;
        self.burst(1)
    }

    /// Lets every client send `count` messages every `interval`, for `time`.
    pub(crate) fn run_in_bursts(
        &mut self,
        time: Duration,
        interval: Duration,
        count: usize,
    ) -> Result<()> {
        let mut next = Instant::now();
        let until = next + time;
        while next < until {
            self.burst(count)?;
            next += interval;
            while let Some(wait) = next.checked_duration_since(Instant::now()) {
                self.turn(wait)?;
            }
        }
        Ok(())
    }

    fn burst(&mut self, count: usize) -> Result<()> {
        for index in 0..self.all.len() {
            for _ in 0..count {
                self.all[index].begin(self.delivery, &self.message)?;
            }
            self.serve(index)?;
        }
        Ok(())
    }

    /// Serves the clients for `time`; says how many echoes came.
    pub(crate) fn run(&mut self, time: Duration) -> Result<u64> {
        let before = self.count;
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.turn(SWEEP)?;
        }
        let (echoes, lost) = (self.count.echoes - before.echoes, self.count.lost - before.lost);
        ensure!(lost * 100 <= echoes, "{lost} messages were lost, of {echoes}");
        Ok(echoes)
    }

    fn dial(&mut self) -> Result<()> {
        let (mut host, _) = RustyEnet.host(1)?;
        let peer = host.connect(self.server)?;
        let socket = host.socket().as_raw_fd();
        let index = self.all.len();
        self.poll.registry().register(&mut SourceFd(&socket), Token(index), Interest::READABLE)?;
        self.all.push(Client { host, peer, sent: None });
        self.serve(index)
    }

    /// Serves those for whom something comes within `wait`.
    fn turn(&mut self, wait: Duration) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        self.poll.poll(&mut events, Some(wait.min(SWEEP)))?;
        for event in &events {
            self.serve(event.token().0)?;
        }
        if self.swept.elapsed() > SWEEP {
            self.swept = Instant::now();
            for index in 0..self.all.len() {
                let client = &mut self.all[index];
                if client.sent.is_some_and(|sent| sent.elapsed() > LOST)
                    && self.delivery != Delivery::Reliable
                {
                    self.count.lost += 1;
                    client.begin(self.delivery, &self.message)?;
                }
                self.serve(index)?;
            }
        }
        Ok(())
    }

    /// Takes what has come for a client, and answers.
    fn serve(&mut self, index: usize) -> Result<()> {
        let Self { all, message, delivery, goes_on, count, .. } = self;
        let client = &mut all[index];
        let sent = &mut client.sent;
        client.host.service(Duration::ZERO, |host, event| {
            match event {
                Event::Connected => count.connected += 1,
                Event::Disconnected => bail!("the server has dropped a client"),
                Event::Received(peer, data) => {
                    ensure!(data == message, "the echo differs from what was sent");
                    count.echoes += 1;
                    *sent = goes_on.then(Instant::now);
                    if *goes_on {
                        host.send(peer, *delivery, message)?;
                    }
                }
            }
            Ok(())
        })
    }
}

impl Client {
    fn begin(&mut self, delivery: Delivery, message: &[u8]) -> Result<()> {
        self.sent = Some(Instant::now());
        self.host.send(self.peer, delivery, message)
    }
}
