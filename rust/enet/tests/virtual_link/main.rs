//! Hosts on a network that loses, delays, repeats, reorders and damages datagrams, on a virtual clock, with seeds.

mod link;
mod mixes;
mod node;
mod random;
mod throughput;
mod world;
mod wraps;
