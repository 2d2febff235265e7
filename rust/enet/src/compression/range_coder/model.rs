//! What was seen so far: contexts, and in each a tree of the bytes that followed.

use std::cmp::Ordering;

/// How many contexts and bytes there is room for: ENet's number, which both ends must share.
const SYMBOLS: usize = 4096;
/// The context of no byte, in which every byte can be coded.
pub(super) const ROOT: u16 = 0;
/// How deep a context's tree may become until it is balanced. ENet's grow as the bytes come, up to 256 deep, and each byte walks
/// them: what is coded depends on the order of the values and on their counts, and not on the form of the tree.
const DEEPEST: usize = 32;
/// Beyond this a context's counts are halved.
const LARGEST_TOTAL: u16 = u16::MAX - 0xFF;

/// Which numbers a context counts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The context of no byte.
    Root,
    /// One of one or two bytes.
    Sub,
}

impl Kind {
    /// What a byte counts for each time that it is seen.
    pub(super) const fn delta(self) -> u8 {
        match self {
            Self::Root => 3,
            Self::Sub => 2,
        }
    }

    /// What a byte counts for that was not seen.
    pub(super) const fn minimum(self) -> u16 {
        match self {
            Self::Root => 1,
            Self::Sub => 0,
        }
    }

    /// Beyond this a byte's count is halved.
    const fn largest_count(self) -> u16 {
        0xFF - 2 * self.delta() as u16 + self.minimum()
    }
}

/// What "not seen here" counts for in the root, and how much more each time that it is used elsewhere.
const ROOT_ESCAPES: u16 = 1;
const ESCAPE_DELTA: u16 = 5;

/// A byte that was seen in a context: a node of that context's tree, and itself the context of what follows. Nodes are meant
/// by their places; 0 is none, since the root stands there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Symbol {
    pub(super) value: u8,
    /// How often it was seen.
    pub(super) count: u8,
    /// That, and the counts of the nodes left of it.
    pub(super) under: u16,
    pub(super) left: u16,
    pub(super) right: u16,
    /// As a context: the root of its tree.
    pub(super) symbols: u16,
    /// What "not seen here" counts for.
    pub(super) escapes: u16,
    /// The sum of all counts.
    pub(super) total: u16,
    /// The same byte in the next shorter context.
    pub(super) parent: u16,
}

/// A byte in a context, as it was before it was counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) symbol: u16,
    /// What the bytes before it count for.
    pub(super) under: u16,
    /// What it counts for; 0 if it was not seen.
    pub(super) count: u16,
}

/// Room for all symbols, which is too much for the stack.
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

    /// Forgets everything.
    pub(super) fn reset(&mut self) {
        self.next = 0;
        let root = self.create(0, 0);
        let root = self.at_mut(root);
        root.escapes = ROOT_ESCAPES;
        root.total = ROOT_ESCAPES + 256 * Kind::Root.minimum();
    }

    /// Whether there may be no room for another byte in all of its contexts.
    pub(super) fn is_full(&self) -> bool {
        usize::from(self.next) >= SYMBOLS - super::ORDER
    }

    // The mask changes nothing, and spares the check.
    #[inline]
    pub(super) fn at(&self, place: u16) -> &Symbol {
        &self.symbols[usize::from(place) % SYMBOLS]
    }

    #[inline]
    pub(super) fn at_mut(&mut self, place: u16) -> &mut Symbol {
        &mut self.symbols[usize::from(place) % SYMBOLS]
    }

    pub(super) fn create(&mut self, value: u8, count: u8) -> u16 {
        let place = self.next;
        self.next += 1;
        *self.at_mut(place) = Symbol { value, count, under: count.into(), ..Symbol::default() };
        place
    }

    /// Counts a byte in a context, and tells what it counted for before.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "for each kind on its own: it is most of the work")]
    pub(super) fn count(&mut self, context: u16, value: u8, kind: Kind) -> Seen {
        let (delta, minimum) = (kind.delta(), kind.minimum());
        let mut under = u16::from(value) * minimum;
        let mut place = self.at(context).symbols;
        if place == 0 {
            let symbol = self.create(value, delta);
            self.at_mut(context).symbols = symbol;
            return Seen { symbol, under, count: minimum };
        }
        let mut depth = 1;
        loop {
            let node = self.at_mut(place);
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
                    return Seen { symbol: place, under, count };
                }
            };
            if next == 0 {
                let left = value < node.value;
                let symbol = self.create(value, delta);
                let node = self.at_mut(place);
                *(if left { &mut node.left } else { &mut node.right }) = symbol;
                self.added(context, depth);
                return Seen { symbol, under, count: minimum };
            }
            place = next;
            depth += 1;
        }
    }

    /// A node was added to a context's tree, below `depth` others.
    #[inline]
    pub(super) fn added(&mut self, context: u16, depth: usize) {
        if depth >= DEEPEST {
            self.balance(context);
        }
    }

    /// Gives a context's tree the form of least depth. Many nodes must come until it is as deep again, so that this costs
    /// little for each.
    #[cold]
    fn balance(&mut self, context: u16) {
        let mut nodes = Vec::with_capacity(256);
        let mut above = Vec::with_capacity(256);
        let mut place = self.at(context).symbols;
        while place != 0 || !above.is_empty() {
            while place != 0 {
                above.push(place);
                place = self.at(place).left;
            }
            if let Some(next) = above.pop() {
                nodes.push(next);
                place = self.at(next).right;
            }
        }
        let root = self.join(&nodes).0;
        self.at_mut(context).symbols = root;
    }

    /// Makes a tree of nodes in the order of their values, and gives its root and the sum of its counts.
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

    /// Brings a context's sums up to date, after a byte was counted that had counted for `count` before.
    #[inline]
    pub(super) fn counted(&mut self, context: u16, count: u16, kind: Kind) {
        let state = self.at_mut(context);
        if count == 0 {
            state.escapes = state.escapes.wrapping_add(ESCAPE_DELTA);
            state.total = state.total.wrapping_add(ESCAPE_DELTA);
        }
        state.total = state.total.wrapping_add(kind.delta().into());
        if count > kind.largest_count() || state.total > LARGEST_TOTAL {
            self.rescale(context, kind);
        }
    }

    /// Halves the counts of a context, so that what was seen last counts for more.
    fn rescale(&mut self, context: u16, kind: Kind) {
        let tree = self.at(context).symbols;
        let seen = if tree == 0 { 0 } else { self.halve(tree) };
        let state = self.at_mut(context);
        state.escapes -= state.escapes >> 1;
        state.total = seen.wrapping_add(state.escapes).wrapping_add(256 * kind.minimum());
    }

    /// Halves the counts of a tree, and gives their sum.
    fn halve(&mut self, mut place: u16) -> u16 {
        let mut total = 0_u16;
        loop {
            let node = self.at_mut(place);
            node.count -= node.count >> 1;
            let (left, right, mut under) = (node.left, node.right, u16::from(node.count));
            if left != 0 {
                under = under.wrapping_add(self.halve(left));
            }
            self.at_mut(place).under = under;
            total = total.wrapping_add(under);
            if right == 0 {
                return total;
            }
            place = right;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each node's value, count and sum of the counts up to it, in the order of the values; and the depth of the tree.
    fn walk(model: &Model, place: u16, before: u16, seen: &mut Vec<(u8, u8, u16)>) -> usize {
        if place == 0 {
            return 0;
        }
        let node = *model.at(place);
        let left = walk(model, node.left, before, seen);
        let under = before + node.under;
        seen.push((node.value, node.count, under));
        let right = walk(model, node.right, under, seen);
        left.max(right) + 1
    }

    #[test]
    fn trees_stay_shallow_in_whatever_order_values_come() {
        let ascending: Vec<u8> = (0..=255).collect();
        let descending: Vec<u8> = (0..=255).rev().collect();
        let zigzag: Vec<u8> = (0..128).flat_map(|value| [value, 255 - value]).collect();
        for values in [ascending, descending, zigzag] {
            let mut model = Model::new();
            let context = model.create(1, 0);
            for (index, &value) in values.iter().enumerate() {
                let seen = model.count(context, value, Kind::Sub);
                model.counted(context, seen.count, Kind::Sub);
                let mut nodes = Vec::new();
                let depth = walk(&model, model.at(context).symbols, 0, &mut nodes);
                assert!(depth <= DEEPEST, "{depth}");
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
