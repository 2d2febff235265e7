//! The range of what is coded so far, as bytes.

/// Where the first byte of a range is certain.
pub(super) const TOP: u32 = 1 << 24;
/// A range must not become smaller than this, or the largest total cannot be told apart in it.
pub(super) const BOTTOM: u32 = 1 << 16;

pub(super) struct Encoder<'a> {
    low: u32,
    range: u32,
    output: &'a mut [u8],
    /// How many bytes are written.
    written: usize,
}

impl<'a> Encoder<'a> {
    pub(super) fn new(output: &'a mut [u8]) -> Self {
        Self { low: 0, range: u32::MAX, output, written: 0 }
    }

    /// Narrows the range to `count` of `total` parts, after the first `under`. Says whether there was room.
    #[inline]
    pub(super) fn encode(&mut self, under: u32, count: u16, total: u16) -> bool {
        self.range /= u32::from(total);
        self.low = self.low.wrapping_add(under.wrapping_mul(self.range));
        self.range = self.range.wrapping_mul(count.into());
        loop {
            if self.low ^ self.low.wrapping_add(self.range) >= TOP {
                if self.range >= BOTTOM {
                    return true;
                }
                self.range = self.low.wrapping_neg() & (BOTTOM - 1);
            }
            if !self.write() {
                return false;
            }
            self.range <<= 8;
        }
    }

    #[inline]
    fn write(&mut self) -> bool {
        let Some(next) = self.output.get_mut(self.written) else { return false };
        *next = (self.low >> 24) as u8;
        self.written += 1;
        self.low <<= 8;
        true
    }

    /// Writes what tells the range from all others, and gives the number of bytes. Zeros at the end need not be written.
    pub(super) fn finish(mut self) -> Option<usize> {
        while self.low != 0 {
            if !self.write() {
                return None;
            }
        }
        Some(self.written)
    }
}
