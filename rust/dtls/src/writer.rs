//! The encoding of vectors and numbers (RFC 5246 section 4).

/// Writes what `write` appends, prefixed with its length in `N` bytes. The length must fit.
pub(crate) fn vector<const N: usize>(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let begin = out.len();
    out.extend_from_slice(&[0; N]);
    write(out);
    let len = (out.len() - begin - N).to_be_bytes();
    out[begin..begin + N].copy_from_slice(&len[len.len() - N..]);
}

/// Writes a two-byte number.
pub(crate) fn u16(out: &mut Vec<u8>, number: u16) {
    out.extend_from_slice(&number.to_be_bytes());
}

/// Writes a three-byte number.
pub(crate) fn u24(out: &mut Vec<u8>, number: usize) {
    let bytes = number.to_be_bytes();
    out.extend_from_slice(&bytes[bytes.len() - 3..]);
}
