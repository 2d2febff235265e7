//! Tests of hosts on a simulated network that drops, delays, duplicates, reorders and corrupts datagrams, on a virtual
//! clock, with seeds.

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
mod mixed_traffic;
mod node;
mod random;
mod sequence_wraparound;
mod simulation;
mod throughput;
