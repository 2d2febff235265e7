//! Hosts on a network that loses, delays, repeats, reorders and damages datagrams, on a virtual clock, with seeds.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::type_complexity,
    unreachable_pub,
    reason = "a test"
)]

mod link;
mod mixes;
mod node;
mod random;
mod throughput;
mod world;
mod wraps;
