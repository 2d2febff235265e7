//! UDP sockets that take and give many datagrams with one call of the system, where it can.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod batch;
#[cfg(not(windows))]
mod batches;
mod options;
mod outgoing;
mod socket;
mod system;

pub(crate) use outgoing::Outgoing;
pub(crate) use socket::Socket;
