//! The encoding of records and messages.

pub(crate) const ALERT: u8 = 21;
pub(crate) const HANDSHAKE: u8 = 22;
pub(crate) const DATA: u8 = 23;

/// A record that was sent.
pub(crate) struct Record {
    pub(crate) content_type: u8,
    pub(crate) epoch: u16,
    pub(crate) sequence: u64,
    pub(crate) content: Vec<u8>,
}

pub(crate) fn record(content_type: u8, epoch: u16, sequence: u64, content: &[u8]) -> Vec<u8> {
    let mut record = vec![content_type, 0xFE, 0xFD];
    record.extend_from_slice(&(u64::from(epoch) << 48 | sequence).to_be_bytes());
    record.extend_from_slice(&u16::try_from(content.len()).expect("short").to_be_bytes());
    record.extend_from_slice(content);
    record
}

/// Encodes a fragment of a handshake message.
pub(crate) fn fragment(
    kind: u8,
    length: usize,
    sequence: u16,
    offset: usize,
    fragment: &[u8],
) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend_from_slice(&length.to_be_bytes()[5..]);
    message.extend_from_slice(&sequence.to_be_bytes());
    message.extend_from_slice(&offset.to_be_bytes()[5..]);
    message.extend_from_slice(&fragment.len().to_be_bytes()[5..]);
    message.extend_from_slice(fragment);
    message
}

/// Encodes a whole handshake message.
pub(crate) fn message(kind: u8, sequence: u16, body: &[u8]) -> Vec<u8> {
    fragment(kind, body.len(), sequence, 0, body)
}

/// Encodes a vector with a length of `N` bytes.
pub(crate) fn vector<const N: usize>(content: &[u8]) -> Vec<u8> {
    let len = content.len().to_be_bytes();
    [&len[8 - N..], content].concat()
}

/// Encodes an extension.
pub(crate) fn extension(number: u16, content: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &vector::<2>(content)].concat()
}

/// Decodes the records of datagrams.
pub(crate) fn records(datagrams: &[Vec<u8>]) -> Vec<Record> {
    let mut records = Vec::new();
    for datagram in datagrams {
        let mut rest = &datagram[..];
        while !rest.is_empty() {
            let len = usize::from(u16::from_be_bytes([rest[11], rest[12]]));
            let number = u64::from_be_bytes(rest[3..11].try_into().expect("8 bytes"));
            records.push(Record {
                content_type: rest[0],
                epoch: u16::from_be_bytes([rest[3], rest[4]]),
                sequence: number & 0xFFFF_FFFF_FFFF,
                content: rest[13..13 + len].to_vec(),
            });
            rest = &rest[13 + len..];
        }
    }
    records
}

/// Decodes the messages of epoch 0, which must be in order: type, sequence number and body.
pub(crate) fn messages(datagrams: &[Vec<u8>]) -> Vec<(u8, u16, Vec<u8>)> {
    let mut messages: Vec<(u8, u16, Vec<u8>)> = Vec::new();
    for record in records(datagrams) {
        let mut rest = &record.content[..];
        while record.content_type == HANDSHAKE && record.epoch == 0 && !rest.is_empty() {
            let sequence = u16::from_be_bytes([rest[4], rest[5]]);
            let len = usize::from(rest[10]) << 8 | usize::from(rest[11]);
            let body = &rest[12..12 + len];
            match messages.last_mut().filter(|(_, last, _)| *last == sequence) {
                Some((.., whole)) => whole.extend_from_slice(body),
                None => messages.push((rest[0], sequence, body.to_vec())),
            }
            rest = &rest[12 + len..];
        }
    }
    messages
}
