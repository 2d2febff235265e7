//! The functions that `memory_sockets.c` calls: the wire of this thread instead of sockets and clock.
#![allow(
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "the numbers of sockets and the lengths of datagrams fit into both"
)]

use std::cell::RefCell;
use std::ffi::c_int;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::slice;

use super::layout::{Address, Buffer};
use crate::enet::wire::{self, Wire};

thread_local! {
    /// The wire that the hosts of this thread are on.
    static WIRE: RefCell<Option<Rc<Wire>>> = const { RefCell::new(None) };
}

/// `LodewireSystem`.
#[repr(C)]
pub(super) struct System {
    send: unsafe extern "C" fn(c_int, *const Address, *const Buffer, usize) -> c_int,
    receive: unsafe extern "C" fn(c_int, *mut Address, *mut Buffer, usize) -> c_int,
    now: extern "C" fn() -> u32,
}

/// The functions of this file.
pub(super) static SYSTEM: System = System { send, receive, now };

/// Puts the hosts of this thread on a wire.
pub(super) fn use_wire(wire: &Rc<Wire>) {
    WIRE.set(Some(Rc::clone(wire)));
}

/// SAFETY: to be called by ENet alone, as `enet_socket_send`: `to` is an address and `buffers` are `count` of them.
unsafe extern "C" fn send(
    socket: c_int,
    to: *const Address,
    buffers: *const Buffer,
    count: usize,
) -> c_int {
    // SAFETY: as ENet calls it; both live until it returns.
    let (to, buffers) = unsafe { ((*to).port, slice::from_raw_parts(buffers, count)) };
    let len: usize = buffers.iter().map(|buffer| buffer.len).sum();
    let parts = buffers.iter().filter(|buffer| buffer.len > 0).map(|buffer| {
        // SAFETY: as ENet calls it: each has `len` bytes, and those without any are left out, which may have no address.
        unsafe { slice::from_raw_parts(buffer.data.cast::<u8>().cast_const(), buffer.len) }
    });
    WIRE.with_borrow(|wire| {
        if let Some(wire) = wire {
            wire.send(socket as u16, wire::index_of(to), parts);
        }
    });
    len as c_int
}

/// SAFETY: to be called by ENet alone, as `enet_socket_receive`: with one buffer, as it always does.
unsafe extern "C" fn receive(
    socket: c_int,
    from: *mut Address,
    buffer: *mut Buffer,
    _count: usize,
) -> c_int {
    // SAFETY: as ENet calls it: the buffer is a part of its host, of which no other reference is there.
    let buffer = unsafe { slice::from_raw_parts_mut((*buffer).data.cast::<u8>(), (*buffer).len) };
    WIRE.with_borrow(|wire| {
        let received = wire.as_ref().and_then(|wire| wire.receive(socket as u16, buffer));
        let Some((sender, len)) = received else { return 0 };
        let host = u32::from_ne_bytes(Ipv4Addr::LOCALHOST.octets());
        // SAFETY: as ENet calls it.
        unsafe { *from = Address { host, port: wire::port_of(sender) } };
        len as c_int
    })
}

extern "C" fn now() -> u32 {
    WIRE.with_borrow(|wire| wire.as_ref().map_or(0, |wire| wire.now().as_millis() as u32))
}
