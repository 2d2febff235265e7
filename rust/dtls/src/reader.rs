//! Bytes that are read from their beginning. A read beyond the end is `None`, and takes nothing.

/// What is left to be read.
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

    /// A vector with a length of one byte before it (RFC 5246 section 4.3).
    pub(crate) fn vector8(&mut self) -> Option<&'a [u8]> {
        let len = self.u8()?;
        self.bytes(len.into())
    }

    /// The same with two bytes.
    pub(crate) fn vector16(&mut self) -> Option<&'a [u8]> {
        let len = self.u16()?;
        self.bytes(len.into())
    }

    /// The same with three.
    pub(crate) fn vector24(&mut self) -> Option<&'a [u8]> {
        let len = self.u24()?;
        self.bytes(len)
    }

    /// A list of numbers of two bytes, with its length in bytes before it. An empty one is none.
    pub(crate) fn list16(&mut self) -> Option<impl Iterator<Item = u16> + Clone + use<'a>> {
        let (numbers, rest) = self.vector16()?.as_chunks();
        (rest.is_empty() && !numbers.is_empty())
            .then(|| numbers.iter().map(|number| u16::from_be_bytes(*number)))
    }
}
