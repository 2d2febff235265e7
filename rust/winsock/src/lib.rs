//! Options of Windows' sockets that no safe library sets. Empty on other systems.
#![cfg(windows)]
#![allow(unsafe_code, reason = "the system's functions are called with pointers")]

use std::io;
use std::os::windows::io::AsRawSocket;
use windows_sys::Win32::Networking::WinSock;

/// Keeps the port of a socket that is not bound yet to itself (`SO_EXCLUSIVEADDRUSE`): without it, another program that
/// sets `SO_REUSEADDR` may bind to the port as well, and take its traffic.
///
/// # Errors
/// The system does not know the option, or the socket is bound already.
pub fn take_port_alone(socket: &impl AsRawSocket) -> io::Result<()> {
    let on: i32 = 1;
    // SAFETY: the value is read during the call, and the length is its own.
    let result = unsafe {
        WinSock::setsockopt(
            handle(socket),
            WinSock::SOL_SOCKET,
            WinSock::SO_EXCLUSIVEADDRUSE,
            (&raw const on).cast(),
            LEN_OF_INT,
        )
    };
    check(result)
}

/// Has a UDP socket read on after a datagram met "port unreachable" (`SIO_UDP_CONNRESET` off): by default each such answer
/// fails a read, whoever it came from.
///
/// # Errors
/// The system does not know the option.
pub fn ignore_unreachable(socket: &impl AsRawSocket) -> io::Result<()> {
    let off: u32 = 0;
    let mut returned = 0;
    // SAFETY: the value is read during the call, and the length is its own; nothing is written but `returned`. The call is
    // not overlapped.
    let result = unsafe {
        WinSock::WSAIoctl(
            handle(socket),
            WinSock::SIO_UDP_CONNRESET,
            (&raw const off).cast(),
            LEN_OF_DWORD,
            std::ptr::null_mut(),
            0,
            &raw mut returned,
            std::ptr::null_mut(),
            None,
        )
    };
    check(result)
}

/// The size of a C `int`, as the system's functions take it.
const LEN_OF_INT: i32 = 4;
/// The size of a `DWORD`.
const LEN_OF_DWORD: u32 = 4;

fn handle(socket: &impl AsRawSocket) -> WinSock::SOCKET {
    // Handles of the system fit into a pointer.
    usize::try_from(socket.as_raw_socket()).unwrap_or(WinSock::INVALID_SOCKET)
}

fn check(result: i32) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
