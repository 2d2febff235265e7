//! The encoder of ranges.

/// Below this, the first byte of a range is settled.
pub(super) const TOP: u32 = 1 << 24;
/// The minimum of a range, so that the largest total can be divided.
pub(super) const BOTTOM: u32 = 1 << 16;

pub(super) struct Encoder<'a> {
    low: u32,
    range: u32,
    output: &'a mut [u8],
    /// The number of bytes written.
    written: usize,
}

impl<'a> Encoder<'a> {
    pub(super) fn new(output: &'a mut [u8]) -> Self {
        Self { low: 0, range: u32::MAX, output, written: 0 }
    }

    /// Narrows the range to `count` of `total` parts, after the first `under`. Returns true if the output had room.
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

    /// Writes the bytes that identify the range, and returns the length. Trailing zeros are omitted.
    pub(super) fn finish(mut self) -> Option<usize> {
        while self.low != 0 {
            if !self.write() {
                return None;
            }
        }
        Some(self.written)
    }
}
