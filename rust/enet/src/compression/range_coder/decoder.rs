//! The decoder of ranges.

use super::encoder::{BOTTOM, TOP};
use super::model::{ContextKind, Frequency, Model, ROOT};

/// The input was not written by an encoder.
#[derive(Debug)]
pub(super) struct Corrupt;

/// A decoded byte, and its symbol in the context.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decoded {
    pub(super) value: u8,
    pub(super) symbol: u16,
}

pub(super) struct Decoder<'a> {
    low: u32,
    code: u32,
    range: u32,
    /// Zeros follow its end.
    input: std::slice::Iter<'a, u8>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        let mut decoder = Self { low: 0, code: 0, range: u32::MAX, input: input.iter() };
        for _ in 0..4 {
            decoder.read();
        }
        decoder
    }

    fn read(&mut self) {
        let next = self.input.next().copied().unwrap_or(0);
        self.code = self.code << 8 | u32::from(next);
    }

    /// Returns which of `total` parts of the range is coded next; larger for invalid input.
    #[expect(clippy::cast_possible_truncation, reason = "as in ENet, for invalid input")]
    fn decode_part(&mut self, total: u16) -> u16 {
        // A range is never smaller than BOTTOM here, nor a total larger.
        self.range = (self.range / u32::from(total)).max(1);
        (self.code.wrapping_sub(self.low) / self.range) as u16
    }

    /// Narrows the range divided by [`decode_part`](Self::decode_part).
    fn narrow(&mut self, under: u32, count: u16) {
        self.low = self.low.wrapping_add(under.wrapping_mul(self.range));
        self.range = self.range.wrapping_mul(count.into());
        loop {
            if self.low ^ self.low.wrapping_add(self.range) >= TOP {
                if self.range >= BOTTOM {
                    return;
                }
                self.range = self.low.wrapping_neg() & (BOTTOM - 1);
            }
            self.read();
            self.range <<= 8;
            self.low <<= 8;
            if self.range == 0 {
                // Invalid input only; without this, the loop would not end.
                self.range = u32::MAX;
                return;
            }
        }
    }

    /// Decodes the next byte, if it was seen in this context.
    pub(super) fn decode_sub(
        &mut self,
        model: &mut Model,
        context: u16,
    ) -> Result<Option<Decoded>, Corrupt> {
        let state = *model.at(context);
        if state.escapes == 0 || state.escapes >= state.total {
            return Ok(None);
        }
        let code = self.decode_part(state.total);
        if code < state.escapes {
            self.narrow(0, state.escapes);
            return Ok(None);
        }
        let code = code - state.escapes;
        let mut under = 0_u16;
        let mut index = state.symbols;
        while index != 0 {
            let node = model.at_mut(index);
            let after = under.wrapping_add(node.under);
            let before = after.wrapping_sub(node.count.into());
            if code >= after {
                under = after;
                index = node.right;
                continue;
            }
            node.under = node.under.wrapping_add(ContextKind::Sub.delta().into());
            if code < before {
                index = node.left;
                continue;
            }
            let count = u16::from(node.count);
            node.count = node.count.wrapping_add(ContextKind::Sub.delta());
            let value = node.value;
            self.narrow(u32::from(state.escapes) + u32::from(before), count);
            model.update_totals(context, count, ContextKind::Sub);
            return Ok(Some(Decoded { value, symbol: index }));
        }
        Err(Corrupt)
    }

    /// Decodes the next byte in the root context; `None` at the end.
    pub(super) fn decode_root(&mut self, model: &mut Model) -> Result<Option<Decoded>, Corrupt> {
        let root = *model.at(ROOT);
        let code = self.decode_part(root.total);
        if code < root.escapes {
            return Ok(None);
        }
        if code >= root.total {
            return Err(Corrupt);
        }
        let code = code - root.escapes;
        let (value, frequency) = find_in_root(model, root.symbols, code);
        self.narrow(u32::from(root.escapes) + u32::from(frequency.under), frequency.count);
        model.update_totals(ROOT, frequency.count, ContextKind::Root);
        Ok(Some(Decoded { value, symbol: frequency.symbol }))
    }
}

/// Finds the byte of a part of the root's range, and counts it. Bytes that were not seen have a frequency of 1 there.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the code is within the part of one byte, so the distance is below 256"
)]
fn find_in_root(model: &mut Model, mut index: u16, code: u16) -> (u8, Frequency) {
    let delta = ContextKind::Root.delta();
    let mut under = 0_u16;
    let mut value = code as u8;
    let mut last = (0, false);
    let mut depth = 0;
    while index != 0 {
        depth += 1;
        let node = model.at_mut(index);
        let after = under.wrapping_add(node.under).wrapping_add(u16::from(node.value) + 1);
        let count = u16::from(node.count) + 1;
        let before = after.wrapping_sub(count);
        if code >= after {
            under = under.wrapping_add(node.under);
            value = node.value.wrapping_add(1).wrapping_add((code - after) as u8);
            last = (index, false);
            index = node.right;
            continue;
        }
        node.under = node.under.wrapping_add(delta.into());
        if code < before {
            value = node.value.wrapping_sub(1).wrapping_sub((before - code - 1) as u8);
            last = (index, true);
            index = node.left;
            continue;
        }
        node.count = node.count.wrapping_add(delta);
        return (node.value, Frequency { symbol: index, under: before, count });
    }
    let symbol = model.create(value, delta);
    let parent = model.at_mut(last.0);
    *match last {
        (ROOT, _) => &mut parent.symbols,
        (_, true) => &mut parent.left,
        (_, false) => &mut parent.right,
    } = symbol;
    model.rebalance_if_deep(ROOT, depth);
    (value, Frequency { symbol, under: code, count: 1 })
}
