//! C ENet, in two shared libraries that xtask builds of its sources: one with its own sockets, and one with
//! `memory_sockets.c` in their place.
#![allow(unsafe_code, reason = "C ENet can be called in no other way; all of it is in this module")]

mod layout;
mod library;
mod memory;

use std::ffi::c_int;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::ptr;
use std::rc::Rc;
use std::slice;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use self::layout::{Address, Buffer, HostStart};
use self::library::Library;
use super::host::{self, CHANNELS, Coder, Delivery, Event, InMemory, OverUdp};
use super::wire::Endpoint;

/// The names of the two libraries.
const IN_MEMORY: &str = "libenet-memory.so";
const OVER_UDP: &str = "libenet-udp.so";

/// C ENet without sockets.
pub(crate) struct CInMemory(Rc<Library>);

/// C ENet with its own.
pub(crate) struct COverUdp(Rc<Library>);

/// A host of it.
pub(crate) struct CHost {
    library: Rc<Library>,
    host: *mut HostStart,
}

/// A peer of a host of it.
#[derive(Clone, Copy)]
pub(crate) struct CPeer {
    host: *const HostStart,
    peer: *mut layout::Peer,
}

/// Its range coder.
struct CCoder {
    library: Rc<Library>,
    context: *mut std::ffi::c_void,
}

impl CInMemory {
    /// Loads it from the folder in which both libraries are.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let library = Library::open(&folder.join(IN_MEMORY))?;
        let Some(set_system) = library.set_system else { bail!("{IN_MEMORY} is another") };
        // SAFETY: as memory_sockets.c declares it; it copies what it is given.
        unsafe { set_system(&raw const memory::SYSTEM) };
        Ok(Self(Rc::new(library)))
    }

    /// Its version.
    pub(crate) fn version(&self) -> String {
        // SAFETY: it returns a constant.
        let version = unsafe { (self.0.linked_version)() };
        format!("{}.{}.{}", version >> 16, version >> 8 & 0xFF, version & 0xFF)
    }
}

impl COverUdp {
    /// Loads it from the folder in which both libraries are.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        Library::open(&folder.join(OVER_UDP)).map(|library| Self(Rc::new(library)))
    }
}

impl InMemory for CInMemory {
    type Host = CHost;

    fn host(&self, endpoint: Endpoint, peers: usize) -> Result<CHost> {
        memory::use_wire(endpoint.wire());
        if let Some(set_next_socket) = self.0.set_next_socket {
            // SAFETY: as memory_sockets.c declares it.
            unsafe { set_next_socket(c_int::from(endpoint.index())) };
        }
        CHost::new(&self.0, endpoint.address(), peers)
    }

    fn coder(&self) -> Result<impl Coder> {
        // SAFETY: it only allocates.
        let context = unsafe { (self.0.coder_create)() };
        ensure!(!context.is_null(), "C ENet makes no range coder");
        Ok(CCoder { library: Rc::clone(&self.0), context })
    }
}

impl OverUdp for COverUdp {
    type Host = CHost;

    fn host(&self, peers: usize) -> Result<(CHost, u16)> {
        let host = CHost::new(&self.0, (Ipv4Addr::LOCALHOST, 0).into(), peers)?;
        // SAFETY: the host is there until it is dropped, and `enet_host_create` has asked for the port that it has.
        let port = unsafe { (*host.host).address.port };
        Ok((host, port))
    }
}

impl CHost {
    fn new(library: &Rc<Library>, address: SocketAddr, peers: usize) -> Result<Self> {
        let address = address_of(address)?;
        // SAFETY: the address is only read, and all other arguments are numbers.
        let host = unsafe { (library.host_create)(&raw const address, peers, CHANNELS, 0, 0) };
        ensure!(!host.is_null(), "C ENet makes no host");
        Ok(Self { library: Rc::clone(library), host })
    }
}

impl host::Host for CHost {
    type Peer = CPeer;

    fn connect(&mut self, to: SocketAddr) -> Result<CPeer> {
        let address = address_of(to)?;
        // SAFETY: the host is there until it is dropped; the address is only read.
        let peer =
            unsafe { (self.library.host_connect)(self.host, &raw const address, CHANNELS, 0) };
        ensure!(!peer.is_null(), "C ENet connects no more");
        Ok(CPeer { host: self.host, peer })
    }

    fn send(&mut self, peer: CPeer, delivery: Delivery, data: &[u8]) -> Result<()> {
        let flags = match delivery {
            Delivery::Reliable => layout::FLAG_RELIABLE,
            Delivery::Unreliable => 0,
            Delivery::Unsequenced => layout::FLAG_UNSEQUENCED,
        };
        ensure!(ptr::eq(peer.host, self.host), "a peer of another host");
        // SAFETY: the data is copied. The peer is a part of this host, and there as long as it. The packet is given away,
        // unless that fails.
        unsafe {
            let packet = (self.library.packet_create)(data.as_ptr().cast(), data.len(), flags);
            ensure!(!packet.is_null(), "C ENet makes no packet");
            if (self.library.peer_send)(peer.peer, 0, packet) != 0 {
                (self.library.packet_destroy)(packet);
                bail!("C ENet does not send");
            }
        }
        Ok(())
    }

    fn service(
        &mut self,
        mut wait: Duration,
        mut take: impl FnMut(&mut Self, Event<'_, CPeer>) -> Result<()>,
    ) -> Result<()> {
        let mut event = layout::Event {
            kind: 0,
            peer: ptr::null_mut(),
            channel: 0,
            data: 0,
            packet: ptr::null_mut(),
        };
        loop {
            let millis = wait.as_millis() as u32;
            // SAFETY: the host is there until it is dropped, and the event until this returns.
            let happened =
                unsafe { (self.library.host_service)(self.host, &raw mut event, millis) };
            match happened {
                0 => return Ok(()),
                ..0 => bail!("C ENet fails"),
                _ => wait = Duration::ZERO,
            }
            match event.kind {
                layout::CONNECT => take(self, Event::Connected)?,
                layout::DISCONNECT => take(self, Event::Disconnected)?,
                layout::RECEIVE => {
                    let packet = event.packet;
                    // SAFETY: the packet is ours until it is destroyed, with so many bytes; of none, the address is not used.
                    let data = unsafe {
                        match (*packet).len {
                            0 => &[],
                            len => slice::from_raw_parts((*packet).data, len),
                        }
                    };
                    let peer = CPeer { host: self.host, peer: event.peer };
                    let taken = take(self, Event::Received(peer, data));
                    // SAFETY: it is ours, and `data` is used no more.
                    unsafe { (self.library.packet_destroy)(packet) };
                    taken?;
                }
                kind => bail!("C ENet tells of a strange event {kind}"),
            }
        }
    }
}

impl Drop for CHost {
    fn drop(&mut self) {
        // SAFETY: it was made by this library and is used no more.
        unsafe { (self.library.host_destroy)(self.host) };
    }
}

impl Coder for CCoder {
    fn compress(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        let buffer = Buffer { data: input.as_ptr().cast_mut().cast(), len: input.len() };
        let (library, context, out) = (&self.library, self.context, output.as_mut_ptr());
        // SAFETY: the input is only read, and no more is written than there is room for.
        unsafe {
            (library.coder_compress)(context, &raw const buffer, 1, input.len(), out, output.len())
        }
    }

    fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        let (library, context, out) = (&self.library, self.context, output.as_mut_ptr());
        // SAFETY: the input is only read, and no more is written than there is room for.
        unsafe {
            (library.coder_decompress)(context, input.as_ptr(), input.len(), out, output.len())
        }
    }
}

impl Drop for CCoder {
    fn drop(&mut self) {
        // SAFETY: it was made by this library and is used no more.
        unsafe { (self.library.coder_destroy)(self.context) };
    }
}

fn address_of(address: SocketAddr) -> Result<Address> {
    let IpAddr::V4(ip) = address.ip() else { bail!("C ENet has no IPv6") };
    Ok(Address { host: u32::from_ne_bytes(ip.octets()), port: address.port() })
}
