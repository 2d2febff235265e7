//! The bytes that a range stands for.

use super::encoder::{BOTTOM, TOP};
use super::model::{Kind, Model, ROOT, Seen};

/// What was decoded stands in no context: the bytes are not those of an encoder.
#[derive(Debug)]
pub(super) struct Corrupt;

/// A byte that was decoded, and its place in the context in which it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) value: u8,
    pub(super) symbol: u16,
}

pub(super) struct Decoder<'a> {
    low: u32,
    code: u32,
    range: u32,
    /// After its end come zeros.
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

    /// In which of `total` parts of the range it goes on. Beyond them for what no encoder writes.
    #[expect(clippy::cast_possible_truncation, reason = "as ENet does, for what no encoder writes")]
    fn part(&mut self, total: u16) -> u16 {
        // A range is never smaller than BOTTOM here, nor a total larger.
        self.range = (self.range / u32::from(total)).max(1);
        (self.code.wrapping_sub(self.low) / self.range) as u16
    }

    /// Narrows the range, which [`part`](Self::part) has divided.
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
                // No encoder comes to this; without it, it would go on forever.
                self.range = u32::MAX;
                return;
            }
        }
    }

    /// The next byte, if it was seen in this context.
    pub(super) fn decode_sub(
        &mut self,
        model: &mut Model,
        context: u16,
    ) -> Result<Option<Found>, Corrupt> {
        let state = *model.at(context);
        if state.escapes == 0 || state.escapes >= state.total {
            return Ok(None);
        }
        let code = self.part(state.total);
        if code < state.escapes {
            self.narrow(0, state.escapes);
            return Ok(None);
        }
        let code = code - state.escapes;
        let mut under = 0_u16;
        let mut place = state.symbols;
        while place != 0 {
            let node = model.at_mut(place);
            let after = under.wrapping_add(node.under);
            let before = after.wrapping_sub(node.count.into());
            if code >= after {
                under = after;
                place = node.right;
                continue;
            }
            node.under = node.under.wrapping_add(Kind::Sub.delta().into());
            if code < before {
                place = node.left;
                continue;
            }
            let count = u16::from(node.count);
            node.count = node.count.wrapping_add(Kind::Sub.delta());
            let value = node.value;
            self.narrow(u32::from(state.escapes) + u32::from(before), count);
            model.counted(context, count, Kind::Sub);
            return Ok(Some(Found { value, symbol: place }));
        }
        Err(Corrupt)
    }

    /// The next byte, which was seen in no longer context; `None` at the end.
    pub(super) fn decode_root(&mut self, model: &mut Model) -> Result<Option<Found>, Corrupt> {
        let root = *model.at(ROOT);
        let code = self.part(root.total);
        if code < root.escapes {
            return Ok(None);
        }
        if code >= root.total {
            return Err(Corrupt);
        }
        let code = code - root.escapes;
        let (value, seen) = find_in_root(model, root.symbols, code);
        self.narrow(u32::from(root.escapes) + u32::from(seen.under), seen.count);
        model.counted(ROOT, seen.count, Kind::Root);
        Ok(Some(Found { value, symbol: seen.symbol }))
    }
}

/// Finds the byte that a part of the root's range stands for, and counts it. Bytes that were not seen count for 1 there.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the part is one of a byte's, so its distance is less than 256"
)]
fn find_in_root(model: &mut Model, mut place: u16, code: u16) -> (u8, Seen) {
    let delta = Kind::Root.delta();
    let mut under = 0_u16;
    let mut value = code as u8;
    let mut last = (0, false);
    let mut depth = 0;
    while place != 0 {
        depth += 1;
        let node = model.at_mut(place);
        let after = under.wrapping_add(node.under).wrapping_add(u16::from(node.value) + 1);
        let count = u16::from(node.count) + 1;
        let before = after.wrapping_sub(count);
        if code >= after {
            under = under.wrapping_add(node.under);
            value = node.value.wrapping_add(1).wrapping_add((code - after) as u8);
            last = (place, false);
            place = node.right;
            continue;
        }
        node.under = node.under.wrapping_add(delta.into());
        if code < before {
            value = node.value.wrapping_sub(1).wrapping_sub((before - code - 1) as u8);
            last = (place, true);
            place = node.left;
            continue;
        }
        node.count = node.count.wrapping_add(delta);
        return (node.value, Seen { symbol: place, under: before, count });
    }
    let symbol = model.create(value, delta);
    let parent = model.at_mut(last.0);
    *match last {
        (ROOT, _) => &mut parent.symbols,
        (_, true) => &mut parent.left,
        (_, false) => &mut parent.right,
    } = symbol;
    model.added(ROOT, depth);
    (value, Seen { symbol, under: code, count: 1 })
}
