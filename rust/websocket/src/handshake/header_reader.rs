//! Reads the header section of a request or a response incrementally, up to the empty line that ends it.

use super::MAX_HEADER_SECTION;

/// Collects a header section that may arrive in several chunks.
#[derive(Debug, Default)]
pub(super) struct HeaderReader {
    /// The bytes received so far, at most [`MAX_HEADER_SECTION`].
    bytes: Vec<u8>,
}

/// The error of an invalid header section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderReadError {
    /// A line end that is not CR LF: parsers disagree on where such a line ends.
    LineEnd,
    /// A NUL byte, or an invalid first byte.
    NotHttp,
    /// More than [`MAX_HEADER_SECTION`] bytes.
    TooLong,
    /// Bytes that are not UTF-8.
    NotUtf8,
}

impl HeaderReader {
    /// Returns true if no byte has been received.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Reads bytes from the start of `input`. Returns the number of bytes consumed, and the section once it is
    /// complete. `is_first_byte` returns true if a section can start with a byte.
    pub(super) fn receive(
        &mut self,
        input: &[u8],
        is_first_byte: impl Fn(u8) -> bool,
    ) -> Result<(usize, Option<Box<str>>), HeaderReadError> {
        for (index, &byte) in input.iter().enumerate() {
            self.check_byte(byte, &is_first_byte)?;
            self.bytes.push(byte);
            if self.bytes.ends_with(b"\r\n\r\n") {
                let bytes = std::mem::take(&mut self.bytes);
                let text = String::from_utf8(bytes).map_err(|_| HeaderReadError::NotUtf8)?;
                return Ok((index + 1, Some(text.into_boxed_str())));
            }
            if self.bytes.len() >= MAX_HEADER_SECTION {
                return Err(HeaderReadError::TooLong);
            }
        }
        Ok((input.len(), None))
    }

    /// Rejects errors that can be detected before the section is complete.
    fn check_byte(
        &self,
        byte: u8,
        is_first_byte: impl Fn(u8) -> bool,
    ) -> Result<(), HeaderReadError> {
        let last = self.bytes.last();
        if (byte == b'\n') != (last == Some(&b'\r')) {
            return Err(HeaderReadError::LineEnd);
        }
        if byte == 0 || (last.is_none() && !is_first_byte(byte)) {
            return Err(HeaderReadError::NotHttp);
        }
        Ok(())
    }
}
