//! Datagrams as a whole: header, checksum, compression.

use super::Host;
use crate::inflation::Inflation;
use crate::peer::Peer;
use crate::time::Time;
use crate::wire::{Command, Header, MAX_MTU, NO_PEER};
use std::net::SocketAddr;

pub(super) const CHECKSUM_LEN: usize = 4;

/// What a CONNECT may be decompressed to, and from: it is 48 bytes long, and nothing else is taken from strangers.
const STRANGER_LIMIT: usize = 128;

/// To which connection a datagram goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) id: u16,
    pub(super) session: u8,
    /// What the checksum begins with.
    pub(super) connect_id: [u8; 4],
}

impl Target {
    pub(super) fn of(peer: &Peer) -> Self {
        let known = peer.outgoing_id != NO_PEER;
        Self {
            id: peer.outgoing_id,
            session: if known { peer.outgoing_session } else { 0 },
            connect_id: if known { peer.connect_id } else { [0; 4] },
        }
    }
}

impl Host {
    /// How many bytes a datagram has before its commands, at the most.
    pub(super) fn head_len(&self) -> usize {
        Header::MAX_LEN + self.checksum_len()
    }

    /// How many bytes of it are the checksum's.
    pub(super) fn checksum_len(&self) -> usize {
        if self.config.checksum { CHECKSUM_LEN } else { 0 }
    }

    /// Finishes the datagram that begins at `begin` in `out`: compresses its commands, which begin after
    /// [`head_len`](Self::head_len) bytes, and writes what comes before them.
    pub(super) fn seal(
        &mut self,
        out: &mut Vec<u8>,
        begin: usize,
        target: Target,
        sent_time: Option<u16>,
    ) {
        self.scratch.clear();
        let commands = begin + self.head_len();
        let compressed = self
            .compressor
            .as_mut()
            .is_some_and(|compressor| compressor.compress(&out[commands..], &mut self.scratch));
        self.finish(out, begin, target, sent_time, compressed);
    }

    /// Does so with what stands in `scratch` in place of the commands, if they are compressed.
    fn finish(
        &mut self,
        out: &mut Vec<u8>,
        begin: usize,
        target: Target,
        sent_time: Option<u16>,
        compressed: bool,
    ) {
        let head = self.head_len();
        let header = Header { peer_id: target.id, session: target.session, compressed, sent_time };
        let commands = begin + head;
        let bytes = header.encode();
        let bytes = &bytes[..header.encoded_len()];
        let checksum = self.config.checksum.then(|| {
            let mut crc = crc32fast::Hasher::new();
            crc.update(bytes);
            crc.update(&target.connect_id);
            crc.update(&out[commands..]);
            crc.finalize().to_be_bytes()
        });
        if header.compressed {
            out.truncate(commands);
            out.extend_from_slice(&self.scratch);
        }
        let checksum = checksum.as_ref().map_or(&[][..], |checksum| &checksum[..]);
        let used = bytes.len() + checksum.len();
        if used < head {
            out.copy_within(commands.., begin + used);
            out.truncate(out.len() - (head - used));
        }
        out[begin..begin + bytes.len()].copy_from_slice(bytes);
        out[begin + bytes.len()..begin + used].copy_from_slice(checksum);
        self.statistics.sent_packets += 1;
        self.statistics.sent_data += (out.len() - begin) as u64;
    }

    /// Queues a datagram with one command, for which there is no peer, or soon none any more. It is not compressed: that takes
    /// longer than all else that is done for a stranger.
    pub(super) fn reply(
        &mut self,
        to: SocketAddr,
        target: Target,
        sent_time: Option<u16>,
        command: &Command<'_>,
    ) {
        if self.replies.len() >= super::MAXIMUM_REPLIES {
            return;
        }
        let mut datagram = vec![0; self.head_len()];
        command.encode(&mut datagram);
        self.finish(&mut datagram, 0, target, sent_time, false);
        self.replies.push_back((to, datagram.into_boxed_slice()));
    }

    /// Opens a datagram that belongs to a connection with this number, or to none: checks its checksum, and gives its
    /// commands, decompressed, if `inflation` allows that. They stand in `scratch` if they were compressed.
    pub(super) fn open<'a>(
        &mut self,
        now: Time,
        header: Header,
        rest: &'a [u8],
        connect_id: [u8; 4],
        inflation: Option<&mut Inflation>,
        scratch: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        let (checksum, rest) = if self.config.checksum {
            let (checksum, rest) = rest.split_first_chunk::<CHECKSUM_LEN>()?;
            (Some(checksum), rest)
        } else {
            (None, rest)
        };
        let commands: &[u8] = if header.compressed {
            let limit = if inflation.is_some() { MAX_MTU } else { STRANGER_LIMIT };
            // Nothing gets longer by being compressed.
            if rest.len() > limit {
                return None;
            }
            let compressor = self.compressor.as_mut()?;
            let mut inflation = inflation.filter(|_| compressor.is_slow());
            if let Some(inflation) = &mut inflation
                && !inflation.take(now, rest.len(), limit)
            {
                return None;
            }
            scratch.clear();
            if !compressor.decompress(rest, scratch, limit) {
                return None;
            }
            if let Some(inflation) = inflation {
                inflation.give_back(limit.saturating_sub(scratch.len()));
            }
            scratch
        } else {
            rest
        };
        if let Some(checksum) = checksum {
            let mut crc = crc32fast::Hasher::new();
            crc.update(&header.encode()[..header.encoded_len()]);
            crc.update(&connect_id);
            crc.update(commands);
            if crc.finalize().to_be_bytes() != *checksum {
                return None;
            }
        }
        Some(commands)
    }
}
