//! Tests of how much a host reads in a turn, on the real I/O thread, from a socket that always has more.

use super::config::Config;
use super::driver::HostDriver;
use super::endpoint::{Command, Endpoint};
use crate::reactor::{self, Context, Driver, DriverHandle, Readiness};
use crate::tcp::Bind;
use crate::udp::Socket;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// More than a driver's share of the thread's time.
const LONG: Duration = Duration::from_millis(1);
/// Only ends a hang.
const TIMEOUT: Duration = Duration::from_mins(5);
/// Maximum number of datagrams of a system call, without GRO.
const BATCH: u64 = 64;

/// The datagrams read by a driver's calls.
#[derive(Default)]
struct Read {
    all: AtomicU64,
    most: AtomicU64,
}

/// Counts the datagrams read by each call.
struct Counted {
    inner: HostDriver,
    /// Busy time before each call, which uses up its share of the thread's time.
    late: Duration,
    read: Arc<Read>,
}

impl Driver for Counted {
    fn on_ready(&mut self, cx: &mut Context<'_>, key: usize, readiness: Readiness) {
        let before = self.inner.host.statistics().received_packets;
        let end = Instant::now() + self.late;
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        self.inner.on_ready(cx, key, readiness);
        let read = self.inner.host.statistics().received_packets - before;
        self.read.all.fetch_add(read, Ordering::SeqCst);
        self.read.most.fetch_max(read, Ordering::SeqCst);
    }

    fn on_wake(&mut self, cx: &mut Context<'_>) {
        self.inner.on_wake(cx);
    }

    fn on_timeout(&mut self, cx: &mut Context<'_>) {
        self.inner.on_timeout(cx);
    }

    fn deadline(&self) -> Option<Instant> {
        self.inner.deadline()
    }

    fn close(&mut self, cx: &mut Context<'_>) -> bool {
        self.inner.close(cx);
        true
    }
}

/// Floods a host until it has read `count` datagrams. Returns the maximum read in one call.
fn flood(late: Duration, count: u64) -> u64 {
    let socket = Socket::bind(Bind::Address(Ipv4Addr::LOCALHOST.into()), 0).expect("a port");
    let to = socket.local();
    let endpoint = Arc::new(Endpoint::default());
    let config = Config::default();
    let host = lodewire_enet::Host::new(config.host.clone(), [1; 32]);
    let inner = HostDriver::new(Arc::clone(&endpoint), socket, host, &config);
    let read = Arc::new(Read::default());
    let counted = Counted { inner, late, read: Arc::clone(&read) };
    let add = |waker| {
        let _ = endpoint.waker.set(waker);
        Box::new(counted) as Box<dyn Driver>
    };
    let mut handle: DriverHandle = reactor::add(add).expect("the thread");
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let send = |datagrams: u64| {
        for _ in 0..datagrams {
            // Datagrams beyond the receive buffer are lost.
            let _ = sender.send_to(&[0x0F, 0xFF, 0, 0, 7], to);
        }
    };
    // More than a turn's datagrams are queued before the first turn.
    send(4000);
    endpoint.command(Command::StartReading);
    let end = Instant::now() + TIMEOUT;
    while read.all.load(Ordering::SeqCst) < count {
        assert!(Instant::now() < end, "{} read", read.all.load(Ordering::SeqCst));
        send(100);
    }
    handle.end();
    read.most.load(Ordering::SeqCst)
}

#[test]
fn a_turn_reads_at_most_eight_batches() {
    let most = flood(Duration::ZERO, 6000);
    assert!(most <= 8 * BATCH, "{most}");
}

#[test]
fn a_turn_without_time_left_reads_one_batch() {
    let most = flood(LONG, 1000);
    assert!((1..=BATCH).contains(&most), "{most}");
}
