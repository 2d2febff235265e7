//! Two ends, and a network that does what the input says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lodewire_cost::{Counting, spent};
use lodewire_dtls::{Connection, CookieGenerator, ClientHelloVerification, State};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

#[expect(dead_code, reason = "nobody asks for short records here")]
mod ends;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that may be allocated for a byte received, and once.
const ALLOCATED: u64 = 64;
const ALLOCATED_ONCE: u64 = 256 << 10;

struct World {
    now: Instant,
    ends: [Option<Connection>; 2],
    asks: bool,
    cookies: CookieGenerator,
    /// To the client, and to the server.
    link: [VecDeque<Vec<u8>>; 2],
    sent: [u16; 2],
    came: [Vec<u16>; 2],
    received: usize,
    allocated: u64,
}

impl World {
    fn serve(&mut self) {
        for (index, end) in self.ends.iter_mut().enumerate() {
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
                assert!(number < self.sent[1 - index], "nothing is made up");
                assert!(!self.came[index].contains(&number), "nothing comes twice");
                assert!(packet[2..].iter().all(|byte| *byte == number as u8), "nothing is changed");
                self.came[index].push(number);
            }
        }
    }

    fn deliver(&mut self, to: usize, datagram: &[u8]) {
        self.received += datagram.len();
        if let Some(connection) = &mut self.ends[to] {
            let mut copy = datagram.to_vec();
            let before = spent();
            connection.handle_datagram(self.now, &mut copy);
            self.allocated += spent().since(before).bytes;
            let most = self.received as u64 * ALLOCATED + ALLOCATED_ONCE;
            let Self { allocated, received, .. } = self;
            assert!(*allocated <= most, "{allocated} bytes were allocated for {received}");
        } else if to == 1 {
            let from = SocketAddr::from(([10, 0, 0, 1], 1234));
            match self.cookies.verify_client_hello(self.now, from, datagram) {
                ClientHelloVerification::Ignored => {}
                ClientHelloVerification::HelloVerifyRequest(answer) => self.link[0].push_back(answer),
                ClientHelloVerification::Verified(hello) => {
                    self.ends[1] =
                        Connection::accept(self.now, ends::server(self.asks), hello).ok();
                }
            }
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&first, input)) = input.split_first() else { return };
    let now = Instant::now();
    let client = Connection::connect(now, ends::client()).unwrap();
    let mut world = World {
        now,
        ends: [Some(client), None],
        asks: first & 1 == 1,
        cookies: CookieGenerator::new(now).unwrap(),
        link: Default::default(),
        sent: [0; 2],
        came: Default::default(),
        received: 0,
        allocated: 0,
    };
    world.serve();
    for step in input.as_chunks::<3>().0.iter().take(300) {
        let [what, a, b] = *step;
        let side = usize::from(what & 1);
        match what >> 1 & 15 {
            // Most often a datagram comes as it was sent.
            0..=5 => {
                if let Some(datagram) = world.link[side].pop_front() {
                    world.deliver(side, &datagram);
                }
            }
            6 => drop(world.link[side].pop_front()),
            7 => {
                if let Some(datagram) = world.link[side].front().cloned() {
                    world.deliver(side, &datagram);
                }
            }
            8 => {
                if let Some(mut datagram) = world.link[side].pop_front() {
                    let index = (usize::from(a) * 7 + usize::from(b)) % datagram.len();
                    datagram[index] ^= b | 1;
                    world.deliver(side, &datagram);
                }
            }
            9 => {
                if let Some(mut datagram) = world.link[side].pop_front() {
                    datagram.truncate(usize::from(a) * 4);
                    world.deliver(side, &datagram);
                }
            }
            10 => world.link[side].rotate_left(usize::from(!world.link[side].is_empty())),
            11 => {
                // What the other side has sent comes back to it.
                if let Some(datagram) = world.link[1 - side].front().cloned() {
                    world.deliver(side, &datagram);
                }
            }
            12 => {
                world.now += Duration::from_millis(u64::from(a) * 20);
                let now = world.now;
                for connection in world.ends.iter_mut().flatten() {
                    connection.handle_timeout(now);
                }
            }
            13 | 14 => {
                let number = world.sent[side];
                let mut packet = number.to_be_bytes().to_vec();
                packet.resize(2 + usize::from(a), number as u8);
                if let Some(connection) = &mut world.ends[side]
                    && connection.state() == &State::Connected
                    && connection.send(&packet).is_ok()
                {
                    world.sent[side] += 1;
                }
            }
            _ => {
                if a <= 200 {
                    // A message comes in two fragments.
                    if let Some(datagram) = world.link[side].pop_front() {
                        match ends::halves(&datagram, a.into()) {
                            Some(halves) => {
                                halves.iter().for_each(|half| world.deliver(side, half))
                            }
                            None => world.deliver(side, &datagram),
                        }
                    }
                } else if let Some(connection) = &mut world.ends[side] {
                    connection.close();
                }
            }
        }
        world.serve();
    }
});
