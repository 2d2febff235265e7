//! A cursor over bytes. A read beyond the end returns `None`, and consumes nothing.

/// The bytes that remain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u24(&mut self) -> Option<usize> {
        let [a, b, c] = self.array()?;
        Some(usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c))
    }

    /// Reads a vector with a one-byte length (RFC 5246 section 4.3).
    pub(crate) fn vector8(&mut self) -> Option<&'a [u8]> {
        let len = self.u8()?;
        self.bytes(len.into())
    }

    /// Reads a vector with a two-byte length.
    pub(crate) fn vector16(&mut self) -> Option<&'a [u8]> {
        let len = self.u16()?;
        self.bytes(len.into())
    }

    /// Reads a vector with a three-byte length.
    pub(crate) fn vector24(&mut self) -> Option<&'a [u8]> {
        let len = self.u24()?;
        self.bytes(len)
    }

    /// Reads a vector of two-byte numbers. Returns `None` if it is empty.
    pub(crate) fn list16(&mut self) -> Option<impl Iterator<Item = u16> + Clone + use<'a>> {
        let (numbers, rest) = self.vector16()?.as_chunks();
        (rest.is_empty() && !numbers.is_empty())
            .then(|| numbers.iter().map(|number| u16::from_be_bytes(*number)))
    }
}
