//! The functions of a shared library of C ENet.

use std::ffi::{c_int, c_void};
use std::path::Path;

use anyhow::{Context, Result};

use super::layout::{Address, Buffer, Event, HostStart, Packet, Peer};
use super::memory::System;

/// A loaded library.
pub(super) struct Library {
    pub(super) host_create:
        unsafe extern "C" fn(*const Address, usize, usize, u32, u32) -> *mut HostStart,
    pub(super) host_destroy: unsafe extern "C" fn(*mut HostStart),
    pub(super) host_connect:
        unsafe extern "C" fn(*mut HostStart, *const Address, usize, u32) -> *mut Peer,
    pub(super) host_service: unsafe extern "C" fn(*mut HostStart, *mut Event, u32) -> c_int,
    pub(super) packet_create: unsafe extern "C" fn(*const c_void, usize, u32) -> *mut Packet,
    pub(super) packet_destroy: unsafe extern "C" fn(*mut Packet),
    pub(super) peer_send: unsafe extern "C" fn(*mut Peer, u8, *mut Packet) -> c_int,
    pub(super) coder_create: unsafe extern "C" fn() -> *mut c_void,
    pub(super) coder_destroy: unsafe extern "C" fn(*mut c_void),
    pub(super) coder_compress:
        unsafe extern "C" fn(*mut c_void, *const Buffer, usize, usize, *mut u8, usize) -> usize,
    pub(super) coder_decompress:
        unsafe extern "C" fn(*mut c_void, *const u8, usize, *mut u8, usize) -> usize,
    pub(super) linked_version: unsafe extern "C" fn() -> u32,
    /// Only of the library without sockets.
    pub(super) set_next_socket: Option<unsafe extern "C" fn(c_int)>,
    pub(super) set_system: Option<unsafe extern "C" fn(*const System)>,
    /// Keeps it loaded.
    _code: libloading::Library,
}

impl Library {
    /// Loads it.
    pub(super) fn open(file: &Path) -> Result<Self> {
        // SAFETY: it is the library that xtask built of ENet's sources, which does nothing when it is loaded.
        let library = unsafe { libloading::Library::new(file) }
            .with_context(|| format!("{} cannot be loaded", file.display()))?;
        // SAFETY: each name has the type that `enet.h`, or memory_sockets.c, declares for it, and the library stays loaded
        // for as long as the pointers, which are private to this module, can be used.
        unsafe {
            Ok(Self {
                host_create: *library.get("enet_host_create")?,
                host_destroy: *library.get("enet_host_destroy")?,
                host_connect: *library.get("enet_host_connect")?,
                host_service: *library.get("enet_host_service")?,
                packet_create: *library.get("enet_packet_create")?,
                packet_destroy: *library.get("enet_packet_destroy")?,
                peer_send: *library.get("enet_peer_send")?,
                coder_create: *library.get("enet_range_coder_create")?,
                coder_destroy: *library.get("enet_range_coder_destroy")?,
                coder_compress: *library.get("enet_range_coder_compress")?,
                coder_decompress: *library.get("enet_range_coder_decompress")?,
                linked_version: *library.get("enet_linked_version")?,
                set_next_socket: library.get("lodewire_set_next_socket").ok().map(|name| *name),
                set_system: library.get("lodewire_set_system").ok().map(|name| *name),
                _code: library,
            })
        }
    }
}
