//! The commands of a datagram.

use super::connect::{Connect, ConnectParams};
use super::reader::Reader;

const ACKNOWLEDGE: u8 = 1 << 7;
const UNSEQUENCED: u8 = 1 << 6;
const KIND: u8 = 0x0F;

/// The kinds of commands, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "ENet's names; documented at `Body`")]
pub enum CommandKind {
    Acknowledge = 1,
    Connect,
    VerifyConnect,
    Disconnect,
    Ping,
    SendReliable,
    SendUnreliable,
    SendFragment,
    SendUnsequenced,
    BandwidthLimit,
    ThrottleConfigure,
    SendUnreliableFragment,
}

impl CommandKind {
    fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Acknowledge,
            2 => Self::Connect,
            3 => Self::VerifyConnect,
            4 => Self::Disconnect,
            5 => Self::Ping,
            6 => Self::SendReliable,
            7 => Self::SendUnreliable,
            8 => Self::SendFragment,
            9 => Self::SendUnsequenced,
            10 => Self::BandwidthLimit,
            11 => Self::ThrottleConfigure,
            12 => Self::SendUnreliableFragment,
            _ => return None,
        })
    }

    /// Returns the length of a command of this kind, without its packet data.
    pub const fn size(self) -> usize {
        match self {
            Self::Ping => 4,
            Self::SendReliable => 6,
            Self::Acknowledge | Self::Disconnect | Self::SendUnreliable | Self::SendUnsequenced => {
                8
            }
            Self::BandwidthLimit => 12,
            Self::ThrottleConfigure => 16,
            Self::SendFragment | Self::SendUnreliableFragment => 24,
            Self::VerifyConnect => 44,
            Self::Connect => 48,
        }
    }
}

/// A command of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// The receiver must acknowledge the command.
    pub acknowledge: bool,
    /// The command is not in sequence with others.
    pub unsequenced: bool,
    /// The channel, or [`CONTROL_CHANNEL`](super::CONTROL_CHANNEL).
    pub channel: u8,
    /// The reliable sequence number; for an unreliable command, that of the last reliable one before it.
    pub sequence: u16,
    /// The body.
    pub body: Body<'a>,
}

/// The body of a command, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// Acknowledges a command.
    Acknowledge {
        /// The sequence number of the acknowledged command; the channel is that of this command.
        sequence: u16,
        /// The sent time of the datagram that contained it.
        sent_time: u16,
    },
    /// Requests a connection.
    Connect(Connect),
    /// Accepts a connection.
    VerifyConnect(ConnectParams),
    /// Ends a connection.
    Disconnect {
        /// The application's data value.
        data: u32,
    },
    /// Requires an acknowledgement, to show that the connection is alive.
    Ping,
    /// A whole packet, in order.
    SendReliable {
        /// The packet.
        data: &'a [u8],
    },
    /// A whole packet, in order or dropped.
    SendUnreliable {
        /// The sequence number among unreliable packets after the reliable one named by [`Command::sequence`].
        unreliable_sequence: u16,
        /// The packet.
        data: &'a [u8],
    },
    /// A fragment of a packet, in order. Each fragment has a sequence number.
    SendFragment(Fragment<'a>),
    /// A whole packet, in any order.
    SendUnsequenced {
        /// The unsequenced group.
        group: u16,
        /// The packet.
        data: &'a [u8],
    },
    /// The sender's bandwidth limits.
    BandwidthLimit {
        /// Incoming bandwidth in bytes per second; 0 means unlimited.
        incoming: u32,
        /// Outgoing bandwidth in bytes per second; 0 means unlimited.
        outgoing: u32,
    },
    /// Configures the receiver's throttle.
    ThrottleConfigure {
        /// The interval in milliseconds.
        interval: u32,
        /// The acceleration.
        acceleration: u32,
        /// The deceleration.
        deceleration: u32,
    },
    /// A fragment of a packet, in order or dropped.
    SendUnreliableFragment(Fragment<'a>),
}

/// A fragment of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// The packet's sequence number: of its first fragment, or its unreliable one.
    pub start_sequence: u16,
    /// The number of fragments.
    pub count: u32,
    /// The fragment number, from 0.
    pub number: u32,
    /// The length of the packet.
    pub total_length: u32,
    /// The offset of the fragment in the packet.
    pub offset: u32,
    /// The fragment's bytes.
    pub data: &'a [u8],
}

/// Iterates over the commands of a datagram. It ends at the first incomplete or unknown one.
#[derive(Clone, Debug)]
pub struct Commands<'a>(Reader<'a>);

impl<'a> Commands<'a> {
    /// Parses the bytes after a datagram's header.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(Reader(bytes))
    }
}

impl<'a> Iterator for Commands<'a> {
    type Item = Command<'a>;

    #[expect(clippy::inline_always, reason = "so that fields are read in place, not moved")]
    #[inline(always)]
    fn next(&mut self) -> Option<Command<'a>> {
        // Restored if the command is complete.
        let reader = &mut std::mem::replace(&mut self.0, Reader(&[]));
        let first = reader.u8()?;
        let kind = CommandKind::from_number(first & KIND)?;
        let channel = reader.u8()?;
        let sequence = reader.u16()?;
        let body = match kind {
            CommandKind::Acknowledge => {
                Body::Acknowledge { sequence: reader.u16()?, sent_time: reader.u16()? }
            }
            CommandKind::Connect => Body::Connect(Connect {
                params: ConnectParams::parse(reader)?,
                data: reader.u32()?,
            }),
            CommandKind::VerifyConnect => Body::VerifyConnect(ConnectParams::parse(reader)?),
            CommandKind::Disconnect => Body::Disconnect { data: reader.u32()? },
            CommandKind::Ping => Body::Ping,
            CommandKind::SendReliable => Body::SendReliable { data: counted(reader)? },
            CommandKind::SendUnreliable => {
                Body::SendUnreliable { unreliable_sequence: reader.u16()?, data: counted(reader)? }
            }
            CommandKind::SendFragment => Body::SendFragment(fragment(reader)?),
            CommandKind::SendUnsequenced => {
                Body::SendUnsequenced { group: reader.u16()?, data: counted(reader)? }
            }
            CommandKind::BandwidthLimit => {
                Body::BandwidthLimit { incoming: reader.u32()?, outgoing: reader.u32()? }
            }
            CommandKind::ThrottleConfigure => Body::ThrottleConfigure {
                interval: reader.u32()?,
                acceleration: reader.u32()?,
                deceleration: reader.u32()?,
            },
            CommandKind::SendUnreliableFragment => Body::SendUnreliableFragment(fragment(reader)?),
        };
        self.0 = Reader(reader.0);
        Some(Command {
            acknowledge: first & ACKNOWLEDGE != 0,
            unsequenced: first & UNSEQUENCED != 0,
            channel,
            sequence,
            body,
        })
    }
}

/// Reads bytes with a length prefix.
fn counted<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let len = reader.u16()?;
    reader.bytes(len.into())
}

fn fragment<'a>(reader: &mut Reader<'a>) -> Option<Fragment<'a>> {
    let start_sequence = reader.u16()?;
    let len = reader.u16()?;
    let (count, number) = (reader.u32()?, reader.u32()?);
    let (total_length, offset) = (reader.u32()?, reader.u32()?);
    let data = reader.bytes(len.into())?;
    Some(Fragment { start_sequence, count, number, total_length, offset, data })
}

impl Body<'_> {
    /// Returns the kind.
    pub const fn kind(&self) -> CommandKind {
        match self {
            Self::Acknowledge { .. } => CommandKind::Acknowledge,
            Self::Connect(_) => CommandKind::Connect,
            Self::VerifyConnect(_) => CommandKind::VerifyConnect,
            Self::Disconnect { .. } => CommandKind::Disconnect,
            Self::Ping => CommandKind::Ping,
            Self::SendReliable { .. } => CommandKind::SendReliable,
            Self::SendUnreliable { .. } => CommandKind::SendUnreliable,
            Self::SendFragment(_) => CommandKind::SendFragment,
            Self::SendUnsequenced { .. } => CommandKind::SendUnsequenced,
            Self::BandwidthLimit { .. } => CommandKind::BandwidthLimit,
            Self::ThrottleConfigure { .. } => CommandKind::ThrottleConfigure,
            Self::SendUnreliableFragment(_) => CommandKind::SendUnreliableFragment,
        }
    }
}

impl Command<'_> {
    /// Appends the encoded command to `out`. Its packet data must be shorter than 64 KiB, as a datagram is.
    #[expect(clippy::inline_always, reason = "the kind is known at each call site")]
    #[inline(always)]
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut first = self.body.kind() as u8;
        if self.acknowledge {
            first |= ACKNOWLEDGE;
        }
        if self.unsequenced {
            first |= UNSEQUENCED;
        }
        let channel = self.channel;
        let [high, low] = self.sequence.to_be_bytes();
        // The most frequent commands are written at once.
        match &self.body {
            Body::Acknowledge { sequence, sent_time } => {
                let ([a, b], [c, d]) = (sequence.to_be_bytes(), sent_time.to_be_bytes());
                out.extend_from_slice(&[first, channel, high, low, a, b, c, d]);
                return;
            }
            Body::SendReliable { data } => {
                let [a, b] = length(data);
                out.extend_from_slice(&[first, channel, high, low, a, b]);
                out.extend_from_slice(data);
                return;
            }
            Body::SendUnreliable { unreliable_sequence: number, data }
            | Body::SendUnsequenced { group: number, data } => {
                let ([a, b], [c, d]) = (number.to_be_bytes(), length(data));
                out.extend_from_slice(&[first, channel, high, low, a, b, c, d]);
                out.extend_from_slice(data);
                return;
            }
            _ => out.extend_from_slice(&[first, channel, high, low]),
        }
        match &self.body {
            // These were written above; a PING has no body.
            Body::Acknowledge { .. }
            | Body::SendReliable { .. }
            | Body::SendUnreliable { .. }
            | Body::SendUnsequenced { .. }
            | Body::Ping => {}
            Body::Connect(connect) => {
                connect.params.encode(out);
                out.extend_from_slice(&connect.data.to_be_bytes());
            }
            Body::VerifyConnect(params) => params.encode(out),
            Body::Disconnect { data } => out.extend_from_slice(&data.to_be_bytes()),
            Body::SendFragment(fragment) | Body::SendUnreliableFragment(fragment) => {
                encode_fragment(fragment, out);
            }
            Body::BandwidthLimit { incoming, outgoing } => {
                out.extend_from_slice(&incoming.to_be_bytes());
                out.extend_from_slice(&outgoing.to_be_bytes());
            }
            Body::ThrottleConfigure { interval, acceleration, deceleration } => {
                for number in [interval, acceleration, deceleration] {
                    out.extend_from_slice(&number.to_be_bytes());
                }
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a datagram is shorter than 64 KiB")]
fn length(data: &[u8]) -> [u8; 2] {
    (data.len() as u16).to_be_bytes()
}

fn encode_fragment(fragment: &Fragment<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&fragment.start_sequence.to_be_bytes());
    out.extend_from_slice(&length(fragment.data));
    for number in [fragment.count, fragment.number, fragment.total_length, fragment.offset] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(fragment.data);
}
