//! A header section, as it arrives: all of a request, or of its answer, to the empty line that ends it.

use super::MAX_HEADER_SECTION;

/// Gathers a header section, however it is cut.
#[derive(Debug, Default)]
pub(super) struct Section {
    /// What has come so far, at most [`MAX_HEADER_SECTION`] bytes.
    bytes: Vec<u8>,
}

/// Why a header section is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SectionError {
    /// A line end that is not CR LF: two readers could disagree on where such a line ends.
    LineEnd,
    /// A zero byte, or a first byte that no section begins with.
    NotHttp,
    /// More than [`MAX_HEADER_SECTION`] bytes.
    TooLong,
    /// Bytes that are not UTF-8.
    NotUtf8,
}

impl Section {
    /// Returns whether nothing has come so far.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Receives from the front of `input`: how many of its bytes were used, and the section once it is whole. `begins` says
    /// whether a section can begin with a byte.
    pub(super) fn receive(
        &mut self,
        input: &[u8],
        begins: impl Fn(u8) -> bool,
    ) -> Result<(usize, Option<Box<str>>), SectionError> {
        for (at, &byte) in input.iter().enumerate() {
            self.check_byte(byte, &begins)?;
            self.bytes.push(byte);
            if self.bytes.ends_with(b"\r\n\r\n") {
                let bytes = std::mem::take(&mut self.bytes);
                let text = String::from_utf8(bytes).map_err(|_| SectionError::NotUtf8)?;
                return Ok((at + 1, Some(text.into_boxed_str())));
            }
            if self.bytes.len() >= MAX_HEADER_SECTION {
                return Err(SectionError::TooLong);
            }
        }
        Ok((input.len(), None))
    }

    /// Refuses what can be told before the section is whole.
    fn check_byte(&self, byte: u8, begins: impl Fn(u8) -> bool) -> Result<(), SectionError> {
        let last = self.bytes.last();
        if (byte == b'\n') != (last == Some(&b'\r')) {
            return Err(SectionError::LineEnd);
        }
        if byte == 0 || (last.is_none() && !begins(byte)) {
            return Err(SectionError::NotHttp);
        }
        Ok(())
    }
}
