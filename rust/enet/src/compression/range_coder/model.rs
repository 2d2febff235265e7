//! The adaptive model: contexts, and for each a tree of the bytes that followed.

use std::cmp::Ordering;

/// Maximum number of symbols: ENet's value, which both ends must share.
const SYMBOLS: usize = 4096;
/// The empty context, in which every byte can be coded.
pub(super) const ROOT: u16 = 0;
/// Maximum depth of a context's tree before it is balanced. ENet does not balance its trees, which can be 256 deep, and
/// each byte walks one. The output depends on values and frequencies, not on the shape of the tree.
const MAX_DEPTH: usize = 32;
/// Above this total, a context's frequencies are halved.
const MAX_TOTAL: u16 = u16::MAX - 0xFF;

/// The kind of a context, which determines its frequencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContextKind {
    /// The empty context.
    Root,
    /// A context of one or two bytes.
    Sub,
}

impl ContextKind {
    /// Returns the increment of a symbol's frequency.
    pub(super) const fn delta(self) -> u8 {
        match self {
            Self::Root => 3,
            Self::Sub => 2,
        }
    }

    /// Returns the frequency of a symbol that was not seen.
    pub(super) const fn min_count(self) -> u16 {
        match self {
            Self::Root => 1,
            Self::Sub => 0,
        }
    }

    /// Returns the frequency above which a context is rescaled.
    const fn max_count(self) -> u16 {
        0xFF - 2 * self.delta() as u16 + self.min_count()
    }
}

/// Initial escape frequency of the root, and the increment for each escape.
const ROOT_ESCAPES: u16 = 1;
const ESCAPE_DELTA: u16 = 5;

/// A symbol seen in a context: a node of that context's tree, and itself the context of the next byte. Nodes are
/// referenced by index; 0 means none, since the root is there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Symbol {
    pub(super) value: u8,
    /// Its frequency.
    pub(super) count: u8,
    /// The sum of its frequency and those of its left subtree.
    pub(super) under: u16,
    pub(super) left: u16,
    pub(super) right: u16,
    /// As a context: the root of its tree.
    pub(super) symbols: u16,
    /// The escape frequency.
    pub(super) escapes: u16,
    /// The sum of all frequencies.
    pub(super) total: u16,
    /// The symbol of this byte in the next shorter context.
    pub(super) parent: u16,
}

/// The frequency of a symbol before it was counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frequency {
    pub(super) symbol: u16,
    /// The cumulative frequency of the symbols before it.
    pub(super) under: u16,
    /// Its frequency; 0 if it was not seen.
    pub(super) count: u16,
}

/// Allocates all symbols, which are too large for the stack.
fn empty() -> Box<[Symbol; SYMBOLS]> {
    match vec![Symbol::default(); SYMBOLS].into_boxed_slice().try_into() {
        Ok(symbols) => symbols,
        // The length is that of the array.
        Err(_) => empty(),
    }
}

pub(super) struct Model {
    symbols: Box<[Symbol; SYMBOLS]>,
    next: u16,
}

impl Model {
    pub(super) fn new() -> Self {
        let mut model = Self { symbols: empty(), next: 0 };
        model.reset();
        model
    }

    /// Resets the model.
    pub(super) fn reset(&mut self) {
        self.next = 0;
        let root = self.create(0, 0);
        let root = self.at_mut(root);
        root.escapes = ROOT_ESCAPES;
        root.total = ROOT_ESCAPES + 256 * ContextKind::Root.min_count();
    }

    /// Returns true if another byte may not fit in all of its contexts.
    pub(super) fn is_full(&self) -> bool {
        usize::from(self.next) >= SYMBOLS - super::ORDER
    }

    // The modulus has no effect, and avoids the bounds check.
    #[inline]
    pub(super) fn at(&self, index: u16) -> &Symbol {
        &self.symbols[usize::from(index) % SYMBOLS]
    }

    #[inline]
    pub(super) fn at_mut(&mut self, index: u16) -> &mut Symbol {
        &mut self.symbols[usize::from(index) % SYMBOLS]
    }

    pub(super) fn create(&mut self, value: u8, count: u8) -> u16 {
        let index = self.next;
        self.next += 1;
        *self.at_mut(index) = Symbol { value, count, under: count.into(), ..Symbol::default() };
        index
    }

    /// Counts a byte in a context, and returns its previous frequency.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "specialized for each kind: the hottest function")]
    pub(super) fn count(&mut self, context: u16, value: u8, kind: ContextKind) -> Frequency {
        let (delta, minimum) = (kind.delta(), kind.min_count());
        let mut under = u16::from(value) * minimum;
        let mut index = self.at(context).symbols;
        if index == 0 {
            let symbol = self.create(value, delta);
            self.at_mut(context).symbols = symbol;
            return Frequency { symbol, under, count: minimum };
        }
        let mut depth = 1;
        loop {
            let node = self.at_mut(index);
            let next = match value.cmp(&node.value) {
                Ordering::Less => {
                    node.under = node.under.wrapping_add(delta.into());
                    node.left
                }
                Ordering::Greater => {
                    under = under.wrapping_add(node.under);
                    node.right
                }
                Ordering::Equal => {
                    let count = minimum + u16::from(node.count);
                    under = under.wrapping_add(node.under.wrapping_sub(node.count.into()));
                    node.under = node.under.wrapping_add(delta.into());
                    node.count = node.count.wrapping_add(delta);
                    return Frequency { symbol: index, under, count };
                }
            };
            if next == 0 {
                let left = value < node.value;
                let symbol = self.create(value, delta);
                let node = self.at_mut(index);
                *(if left { &mut node.left } else { &mut node.right }) = symbol;
                self.rebalance_if_deep(context, depth);
                return Frequency { symbol, under, count: minimum };
            }
            index = next;
            depth += 1;
        }
    }

    /// Balances a context's tree if a node was added below `depth` others and it is too deep.
    #[inline]
    pub(super) fn rebalance_if_deep(&mut self, context: u16, depth: usize) {
        if depth >= MAX_DEPTH {
            self.balance(context);
        }
    }

    /// Balances a context's tree. Many nodes must be added until it is as deep again, so the amortized cost is low.
    #[cold]
    fn balance(&mut self, context: u16) {
        let mut nodes = Vec::with_capacity(256);
        let mut above = Vec::with_capacity(256);
        let mut index = self.at(context).symbols;
        while index != 0 || !above.is_empty() {
            while index != 0 {
                above.push(index);
                index = self.at(index).left;
            }
            if let Some(next) = above.pop() {
                nodes.push(next);
                index = self.at(next).right;
            }
        }
        let root = self.join(&nodes).0;
        self.at_mut(context).symbols = root;
    }

    /// Builds a tree of nodes in order of value, and returns its root and the sum of its frequencies.
    fn join(&mut self, nodes: &[u16]) -> (u16, u16) {
        let middle = nodes.len() / 2;
        let Some(&root) = nodes.get(middle) else { return (0, 0) };
        let (left, before) = self.join(&nodes[..middle]);
        let (right, after) = self.join(&nodes[middle + 1..]);
        let node = self.at_mut(root);
        let under = before.wrapping_add(node.count.into());
        (node.left, node.right, node.under) = (left, right, under);
        (root, under.wrapping_add(after))
    }

    /// Updates a context's totals after a symbol was counted whose frequency was `count`.
    #[inline]
    pub(super) fn update_totals(&mut self, context: u16, count: u16, kind: ContextKind) {
        let state = self.at_mut(context);
        if count == 0 {
            state.escapes = state.escapes.wrapping_add(ESCAPE_DELTA);
            state.total = state.total.wrapping_add(ESCAPE_DELTA);
        }
        state.total = state.total.wrapping_add(kind.delta().into());
        if count > kind.max_count() || state.total > MAX_TOTAL {
            self.rescale(context, kind);
        }
    }

    /// Halves the frequencies of a context, so that recent bytes weigh more.
    fn rescale(&mut self, context: u16, kind: ContextKind) {
        let tree = self.at(context).symbols;
        let sum = if tree == 0 { 0 } else { self.halve(tree) };
        let state = self.at_mut(context);
        state.escapes -= state.escapes >> 1;
        state.total = sum.wrapping_add(state.escapes).wrapping_add(256 * kind.min_count());
    }

    /// Halves the frequencies of a tree, and returns their sum.
    fn halve(&mut self, mut index: u16) -> u16 {
        let mut total = 0_u16;
        loop {
            let node = self.at_mut(index);
            node.count -= node.count >> 1;
            let (left, right, mut under) = (node.left, node.right, u16::from(node.count));
            if left != 0 {
                under = under.wrapping_add(self.halve(left));
            }
            self.at_mut(index).under = under;
            total = total.wrapping_add(under);
            if right == 0 {
                return total;
            }
            index = right;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists each node's value, count and cumulative frequency in order of value; returns the depth of the tree.
    fn walk(model: &Model, index: u16, before: u16, nodes: &mut Vec<(u8, u8, u16)>) -> usize {
        if index == 0 {
            return 0;
        }
        let node = *model.at(index);
        let left = walk(model, node.left, before, nodes);
        let under = before + node.under;
        nodes.push((node.value, node.count, under));
        let right = walk(model, node.right, under, nodes);
        left.max(right) + 1
    }

    #[test]
    fn trees_stay_shallow_for_any_order_of_values() {
        let ascending: Vec<u8> = (0..=255).collect();
        let descending: Vec<u8> = (0..=255).rev().collect();
        let zigzag: Vec<u8> = (0..128).flat_map(|value| [value, 255 - value]).collect();
        for values in [ascending, descending, zigzag] {
            let mut model = Model::new();
            let context = model.create(1, 0);
            for (index, &value) in values.iter().enumerate() {
                let frequency = model.count(context, value, ContextKind::Sub);
                model.update_totals(context, frequency.count, ContextKind::Sub);
                let mut nodes = Vec::new();
                let depth = walk(&model, model.at(context).symbols, 0, &mut nodes);
                assert!(depth <= MAX_DEPTH, "{depth}");
                assert_eq!(nodes.len(), index + 1);
                let mut sum = 0;
                for (_, count, under) in nodes {
                    sum += u16::from(count);
                    assert_eq!(sum, under);
                }
            }
        }
    }
}
