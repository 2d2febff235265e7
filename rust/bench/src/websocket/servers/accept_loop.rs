//! The cost of a burst of connections without any protocol.

use std::io::{ErrorKind, Write};

use anyhow::Result;
use mio::{Events, Interest, Poll, Token};

/// Accepts and keeps what comes. Of each `connections`, the last one gets a byte.
pub(super) fn run(connections: usize) -> Result<()> {
    let mut listener = super::listener()?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, Token(0), Interest::READABLE)?;
    super::announce(listener.local_addr()?.port());
    let mut events = Events::with_capacity(1024);
    let mut accepted = Vec::new();
    loop {
        poll.poll(&mut events, None)?;
        loop {
            match listener.accept() {
                Ok((mut stream, _)) => {
                    if (accepted.len() + 1).is_multiple_of(connections) {
                        stream.write_all(b"!")?;
                    }
                    accepted.push(stream);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
}
