//! Sockets as C ENet makes them, for those that are in Rust.

use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::Result;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::SockRef;

use super::wire::Endpoint;

/// As C ENet asks for.
const BUFFER: usize = 256 * 1024;

/// A socket on a free port of this machine, and the port.
pub(crate) fn bind() -> Result<(UdpSocket, u16)> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let options = SockRef::from(&socket);
    options.set_nonblocking(true)?;
    options.set_recv_buffer_size(BUFFER)?;
    options.set_send_buffer_size(BUFFER)?;
    let port = socket.local_addr()?.port();
    Ok((socket, port))
}

/// A source of datagrams that can be waited for.
pub(crate) trait Wait {
    /// Returns when something has come, or after `time`.
    fn wait(&self, time: Duration) -> Result<()>;
}

impl Wait for UdpSocket {
    fn wait(&self, time: Duration) -> Result<()> {
        let mut polled = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        poll(&mut polled, PollTimeout::try_from(time)?)?;
        Ok(())
    }
}

impl Wait for Endpoint {
    fn wait(&self, _time: Duration) -> Result<()> {
        Ok(())
    }
}
