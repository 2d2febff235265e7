//! C ENet's structures as far as they are used, for `include/enet/enet.h` of ENet 1.3 on a Unix.

use std::ffi::{c_int, c_void};

/// `ENetAddress`: an IPv4 address in the order of the network, and a port in the order of the machine.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Address {
    pub(super) host: u32,
    pub(super) port: u16,
}

/// `ENetBuffer`.
#[repr(C)]
pub(super) struct Buffer {
    pub(super) data: *mut c_void,
    pub(super) len: usize,
}

/// The beginning of `ENetHost`.
#[repr(C)]
pub(super) struct HostStart {
    pub(super) socket: c_int,
    pub(super) address: Address,
}

/// `ENetPeer`, never looked into.
#[repr(C)]
pub(super) struct Peer {
    _private: [u8; 0],
}

/// The beginning of `ENetPacket`.
#[repr(C)]
pub(super) struct Packet {
    pub(super) references: usize,
    pub(super) flags: u32,
    pub(super) data: *mut u8,
    pub(super) len: usize,
}

/// `ENetEvent`.
#[repr(C)]
pub(super) struct Event {
    pub(super) kind: c_int,
    pub(super) peer: *mut Peer,
    pub(super) channel: u8,
    pub(super) data: u32,
    pub(super) packet: *mut Packet,
}

pub(super) const CONNECT: c_int = 1;
pub(super) const DISCONNECT: c_int = 2;
pub(super) const RECEIVE: c_int = 3;

pub(super) const FLAG_RELIABLE: u32 = 1;
pub(super) const FLAG_UNSEQUENCED: u32 = 2;
