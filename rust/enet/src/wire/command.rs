//! The commands of a datagram.

use super::connect::{Connect, ConnectParams};
use super::reader::Reader;

const ACKNOWLEDGE: u8 = 1 << 7;
const UNSEQUENCED: u8 = 1 << 6;
const KIND: u8 = 0x0F;

/// The kinds of commands, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of ENet's; what each has is told at `Body`")]
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

    /// How many bytes a command of this kind has, without the packet that it carries.
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
    /// The receiver is to acknowledge it.
    pub acknowledge: bool,
    /// It stands in no order with others.
    pub unsequenced: bool,
    /// Its channel, or [`CONTROL_CHANNEL`](super::CONTROL_CHANNEL).
    pub channel: u8,
    /// Its number among those that are acknowledged; of an unreliable one, the number of the reliable one before it.
    pub sequence: u16,
    /// What it says.
    pub body: Body<'a>,
}

/// What a command says, by its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// A command has arrived.
    Acknowledge {
        /// Its sequence number; the channel is that of the acknowledgement.
        sequence: u16,
        /// The sent time of the datagram that it came in.
        sent_time: u16,
    },
    /// A host asks for a connection.
    Connect(Connect),
    /// A host accepts it.
    VerifyConnect(ConnectParams),
    /// A host ends it.
    Disconnect {
        /// A number of the application's.
        data: u32,
    },
    /// A host wants to know whether the other one is there: it is to acknowledge it.
    Ping,
    /// A whole packet, in its order.
    SendReliable {
        /// The packet.
        data: &'a [u8],
    },
    /// A whole packet, in its order or never.
    SendUnreliable {
        /// Its number among the unreliable ones after the reliable one that [`Command::sequence`] names.
        unreliable_sequence: u16,
        /// The packet.
        data: &'a [u8],
    },
    /// A piece of a packet that comes in its order. Each piece has a sequence number.
    SendFragment(Fragment<'a>),
    /// A whole packet, in no order.
    SendUnsequenced {
        /// Its number among them.
        group: u16,
        /// The packet.
        data: &'a [u8],
    },
    /// What bandwidth the sender grants.
    BandwidthLimit {
        /// Bytes a second that the sender takes from the receiver; 0: no limit.
        incoming: u32,
        /// Bytes a second that the sender sends; 0: no limit.
        outgoing: u32,
    },
    /// How the receiver's throttle is to work.
    ThrottleConfigure {
        /// Its interval, in milliseconds.
        interval: u32,
        /// Its acceleration.
        acceleration: u32,
        /// Its deceleration.
        deceleration: u32,
    },
    /// A piece of a packet that comes in its order or never.
    SendUnreliableFragment(Fragment<'a>),
}

/// A piece of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// The packet's own sequence number: of its first piece, or its unreliable one.
    pub start_sequence: u16,
    /// How many pieces the packet has.
    pub count: u32,
    /// Which one it is, from 0.
    pub number: u32,
    /// How long the packet is.
    pub total_length: u32,
    /// Where in the packet the piece begins.
    pub offset: u32,
    /// The piece.
    pub data: &'a [u8],
}

/// The commands of a datagram, in their order. It ends with the first that is not whole, or of no known kind.
#[derive(Clone, Debug)]
pub struct Commands<'a>(Reader<'a>);

impl<'a> Commands<'a> {
    /// Reads what follows a datagram's header.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(Reader(bytes))
    }
}

impl<'a> Iterator for Commands<'a> {
    type Item = Command<'a>;

    #[expect(clippy::inline_always, reason = "a command is told by its fields, not moved")]
    #[inline(always)]
    fn next(&mut self) -> Option<Command<'a>> {
        // Put back when it was whole.
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

/// Bytes with their count before them.
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
    /// Its kind.
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
    /// Writes it onto the end of `out`. Its packet, or piece of one, must be shorter than 64 KiB, as a datagram is.
    #[expect(clippy::inline_always, reason = "what kind it is, is known where it is called")]
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
        // The commands that come most often are written at once.
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
            // These were written above, but for the PING, which has nothing more.
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
