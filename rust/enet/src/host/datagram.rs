//! Datagram framing: header, checksum, compression.

use super::Host;
use crate::decompression::DecompressionBudget;
use crate::peer::Peer;
use crate::time::Time;
use crate::wire::{Command, Header, MAX_MTU, NO_PEER};
use std::net::SocketAddr;

pub(super) const CHECKSUM_LEN: usize = 4;

/// Maximum length of a compressed datagram from an unconnected address, before and after decompression. Only a CONNECT
/// of 48 bytes is accepted from there.
const MAX_UNCONNECTED_DECOMPRESSED: usize = 128;

/// The connection that a datagram is sent to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) id: u16,
    pub(super) session: u8,
    /// The value that is included in the checksum.
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
    /// Returns the maximum length of a datagram before its commands.
    pub(super) fn head_len(&self) -> usize {
        Header::MAX_LEN + self.checksum_len()
    }

    /// Returns the length of the checksum.
    pub(super) fn checksum_len(&self) -> usize {
        if self.config.checksum { CHECKSUM_LEN } else { 0 }
    }

    /// Finishes the datagram at `begin` in `out`: compresses its commands, which begin [`head_len`](Self::head_len)
    /// bytes later, and writes header and checksum.
    pub(super) fn finish_datagram(
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
        self.write_head(out, begin, target, sent_time, compressed);
    }

    /// Writes header and checksum. If `compressed`, the commands are replaced by the content of `scratch`.
    fn write_head(
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

    /// Queues a datagram with a single command for an address without a peer, or whose peer is about to be removed. It
    /// is not compressed: that would take longer than all other work for an unconnected address.
    pub(super) fn queue_reply(
        &mut self,
        to: SocketAddr,
        target: Target,
        sent_time: Option<u16>,
        command: &Command<'_>,
    ) {
        if self.replies.len() >= super::MAX_REPLIES {
            return;
        }
        let mut datagram = vec![0; self.head_len()];
        command.encode(&mut datagram);
        self.write_head(&mut datagram, 0, target, sent_time, false);
        self.replies.push_back((to, datagram.into_boxed_slice()));
    }

    /// Decodes a datagram: decompresses its commands if the `decompression` budget allows, and verifies the checksum.
    /// Decompressed commands are stored in `scratch`.
    pub(super) fn decode_datagram<'a>(
        &mut self,
        now: Time,
        header: Header,
        rest: &'a [u8],
        connect_id: [u8; 4],
        decompression: Option<&mut DecompressionBudget>,
        scratch: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        let (checksum, rest) = if self.config.checksum {
            let (checksum, rest) = rest.split_first_chunk::<CHECKSUM_LEN>()?;
            (Some(checksum), rest)
        } else {
            (None, rest)
        };
        let commands: &[u8] = if header.compressed {
            let limit =
                if decompression.is_some() { MAX_MTU } else { MAX_UNCONNECTED_DECOMPRESSED };
            // Compression never makes a datagram longer.
            if rest.len() > limit {
                return None;
            }
            let compressor = self.compressor.as_mut()?;
            let mut decompression = decompression.filter(|_| compressor.is_slow());
            if let Some(decompression) = &mut decompression
                && !decompression.try_take(now, rest.len(), limit)
            {
                return None;
            }
            scratch.clear();
            if !compressor.decompress(rest, scratch, limit) {
                return None;
            }
            if let Some(decompression) = decompression {
                decompression.refund(limit.saturating_sub(scratch.len()));
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
