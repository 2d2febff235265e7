//! A client and a server, with a network that the input controls.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lodewire_cost::{Counting, spent};
use lodewire_dtls::{ClientHelloVerification, Connection, CookieGenerator, State};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

#[expect(dead_code, reason = "no short records here")]
mod pair;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Maximum number of bytes allocated for a byte received, and once.
const ALLOCATED: u64 = 64;
const ALLOCATED_ONCE: u64 = 256 << 10;

struct Simulation {
    now: Instant,
    pair: [Option<Connection>; 2],
    asks: bool,
    cookies: CookieGenerator,
    /// To the client, and to the server.
    link: [VecDeque<Vec<u8>>; 2],
    sent: [u16; 2],
    delivered: [Vec<u16>; 2],
    received: usize,
    allocated: u64,
}

impl Simulation {
    fn serve(&mut self) {
        for (index, end) in self.pair.iter_mut().enumerate() {
            let Some(connection) = end else { continue };
            while let Some(job) = connection.poll_job() {
                connection.handle_job_output(self.now, job.run());
            }
            while let Some(datagram) = connection.poll_transmit() {
                if self.link[1 - index].len() < 100 {
                    self.link[1 - index].push_back(datagram);
                }
            }
            while let Some(packet) = connection.receive() {
                let number = u16::from_be_bytes(packet[..2].try_into().unwrap());
                assert!(number < self.sent[1 - index], "nothing is invented");
                assert!(!self.delivered[index].contains(&number), "nothing is duplicated");
                assert!(packet[2..].iter().all(|byte| *byte == number as u8), "nothing is changed");
                self.delivered[index].push(number);
            }
        }
    }

    fn deliver(&mut self, to: usize, datagram: &[u8]) {
        self.received += datagram.len();
        if let Some(connection) = &mut self.pair[to] {
            let mut copy = datagram.to_vec();
            let before = spent();
            connection.handle_datagram(self.now, &mut copy);
            self.allocated += spent().since(before).bytes;
            let max = self.received as u64 * ALLOCATED + ALLOCATED_ONCE;
            let Self { allocated, received, .. } = self;
            assert!(*allocated <= max, "{allocated} bytes were allocated for {received}");
        } else if to == 1 {
            let from = SocketAddr::from(([10, 0, 0, 1], 1234));
            match self.cookies.verify_client_hello(self.now, from, datagram) {
                ClientHelloVerification::Ignored => {}
                ClientHelloVerification::HelloVerifyRequest(answer) => {
                    self.link[0].push_back(answer)
                }
                ClientHelloVerification::Verified(hello) => {
                    self.pair[1] =
                        Connection::accept(self.now, pair::server(self.asks), hello).ok();
                }
            }
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&first, input)) = input.split_first() else { return };
    let now = Instant::now();
    let client = Connection::connect(now, pair::client()).unwrap();
    let mut simulation = Simulation {
        now,
        pair: [Some(client), None],
        asks: first & 1 == 1,
        cookies: CookieGenerator::new(now).unwrap(),
        link: Default::default(),
        sent: [0; 2],
        delivered: Default::default(),
        received: 0,
        allocated: 0,
    };
    simulation.serve();
    for step in input.as_chunks::<3>().0.iter().take(300) {
        let [what, a, b] = *step;
        let side = usize::from(what & 1);
        match what >> 1 & 15 {
            // Most datagrams arrive unchanged.
            0..=5 => {
                if let Some(datagram) = simulation.link[side].pop_front() {
                    simulation.deliver(side, &datagram);
                }
            }
            6 => drop(simulation.link[side].pop_front()),
            7 => {
                if let Some(datagram) = simulation.link[side].front().cloned() {
                    simulation.deliver(side, &datagram);
                }
            }
            8 => {
                if let Some(mut datagram) = simulation.link[side].pop_front() {
                    let index = (usize::from(a) * 7 + usize::from(b)) % datagram.len();
                    datagram[index] ^= b | 1;
                    simulation.deliver(side, &datagram);
                }
            }
            9 => {
                if let Some(mut datagram) = simulation.link[side].pop_front() {
                    datagram.truncate(usize::from(a) * 4);
                    simulation.deliver(side, &datagram);
                }
            }
            10 => simulation.link[side].rotate_left(usize::from(!simulation.link[side].is_empty())),
            11 => {
                // A datagram of the peer is reflected to it.
                if let Some(datagram) = simulation.link[1 - side].front().cloned() {
                    simulation.deliver(side, &datagram);
                }
            }
            12 => {
                simulation.now += Duration::from_millis(u64::from(a) * 20);
                let now = simulation.now;
                for connection in simulation.pair.iter_mut().flatten() {
                    connection.handle_timeout(now);
                }
            }
            13 | 14 => {
                let number = simulation.sent[side];
                let mut packet = number.to_be_bytes().to_vec();
                packet.resize(2 + usize::from(a), number as u8);
                if let Some(connection) = &mut simulation.pair[side]
                    && connection.state() == &State::Connected
                    && connection.send(&packet).is_ok()
                {
                    simulation.sent[side] += 1;
                }
            }
            _ => {
                if a <= 200 {
                    // A message arrives in two fragments.
                    if let Some(datagram) = simulation.link[side].pop_front() {
                        match pair::halves(&datagram, a.into()) {
                            Some(halves) => {
                                halves.iter().for_each(|half| simulation.deliver(side, half))
                            }
                            None => simulation.deliver(side, &datagram),
                        }
                    }
                } else if let Some(connection) = &mut simulation.pair[side] {
                    connection.close();
                }
            }
        }
        simulation.serve();
    }
});
