//! UDP sockets that receive and send many datagrams per system call, where the system can.

mod backend;
#[cfg(not(windows))]
mod batched;
mod options;
mod outgoing;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod sendmmsg;
mod socket;

pub(crate) use outgoing::Outgoing;
pub(crate) use socket::Socket;
