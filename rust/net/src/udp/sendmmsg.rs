//! Sends datagrams to different addresses with one system call: Linux's `sendmmsg`.

use mio::net::UdpSocket;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};
use std::io::IoSlice;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

/// Maximum number of datagrams per call.
const MAX_BATCH: usize = 64;

/// Sends datagrams. One that cannot be sent is lost; the others are still sent.
pub(super) fn send(socket: &UdpSocket, datagrams: &[(SocketAddr, &[u8])]) {
    for batch in datagrams.chunks(MAX_BATCH) {
        let slices: Vec<_> = batch.iter().map(|(_, bytes)| [IoSlice::new(bytes)]).collect();
        let addresses: Vec<_> =
            batch.iter().map(|(to, _)| Some(SockaddrStorage::from(*to))).collect();
        let mut sent = 0;
        while sent < batch.len() {
            let (slices, addresses) = (&slices[sent..], &addresses[sent..]);
            let mut headers = MultiHeaders::preallocate(slices.len(), None);
            let fd = socket.as_raw_fd();
            match sendmmsg(fd, &mut headers, slices, addresses, [], MsgFlags::empty()) {
                Ok(results) => sent += results.count().max(1),
                Err(Errno::EINTR) => {}
                // The socket buffer is full.
                Err(Errno::EAGAIN) => return,
                // The error is that of the first datagram that was not sent.
                Err(_) => sent += 1,
            }
        }
    }
}
