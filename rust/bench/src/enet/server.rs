//! The servers on sockets, each to be run as a process of its own. Every one listens on a free port of this machine, says
//! `listening on port N`, and runs until it is killed.

use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;

use super::host::{Delivery, Event, Host, OverUdp};
use super::subject::MeasureOverUdp;

/// A server that has nothing to do looks at its timers so often: as a game's frames.
const FRAME: Duration = Duration::from_millis(16);

/// The handling of a packet by a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// Sends it back, reliably.
    Echo,
    /// Sends it back, unsequenced.
    EchoUnsequenced,
    /// Sends back a byte, reliably.
    Sink,
}

/// A server.
pub(crate) struct Serve {
    pub(crate) work: Work,
    pub(crate) peers: usize,
}

impl MeasureOverUdp for Serve {
    type Output = ();

    /// Serves for ever.
    fn measure<S: OverUdp>(self, subject: &S) -> Result<()> {
        if self.work != Work::Sink
            && let Some((mut serve, port)) = subject.echo(self.peers)?
        {
            println!("listening on port {port}");
            loop {
                serve();
            }
        }
        let (mut host, port) = subject.host(self.peers)?;
        println!("listening on port {port}");
        let (delivery, most) = match self.work {
            Work::Echo => (Delivery::Reliable, usize::MAX),
            Work::EchoUnsequenced => (Delivery::Unsequenced, usize::MAX),
            Work::Sink => (Delivery::Reliable, 1),
        };
        loop {
            host.service(FRAME, |host, event| match event {
                Event::Received(peer, data) => {
                    host.send(peer, delivery, &data[..most.min(data.len())])
                }
                Event::Connected | Event::Disconnected => Ok(()),
            })?;
        }
    }
}
