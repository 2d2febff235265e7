//! ENet's range coder, compatible byte for byte: an adaptive model of order 2 that is reset for each datagram.
//!
//! A byte is coded in the context of the two bytes before it, or of one byte, or of none, if it was not seen in the
//! longer context. Each context counts the bytes seen in it; part of its range, the escapes, means "not seen here".

mod decoder;
mod encoder;
mod model;

use super::{Coder, write_into};
use decoder::Decoder;
use encoder::Encoder;
use model::{ContextKind, Model, ROOT, Symbol};

/// The length of the longest context.
const ORDER: usize = 2;

/// A coder with its model, 64 KiB.
pub(super) struct RangeCoder {
    model: Model,
}

/// The contexts of the next byte.
#[derive(Clone, Copy, Debug)]
struct Position {
    /// The longest context; each links to the next shorter one.
    predicted: u16,
    order: usize,
}

impl Position {
    fn new() -> Self {
        Self { predicted: ROOT, order: 0 }
    }

    /// Advances by a byte, whose contexts `predicted` refers to.
    #[inline]
    fn advance(&mut self, model: &mut Model) {
        if self.order >= ORDER {
            self.predicted = model.at(self.predicted).parent;
        } else {
            self.order += 1;
        }
        if model.is_full() {
            model.reset();
            *self = Self::new();
        }
    }
}

/// Links the contexts of a byte from longest to shortest.
struct Chain(Option<u16>);

impl Chain {
    #[inline]
    fn link(&mut self, model: &mut Model, position: &mut Position, symbol: u16) {
        match self.0.replace(symbol) {
            None => position.predicted = symbol,
            Some(longer) => model.at_mut(longer).parent = symbol,
        }
    }
}

impl RangeCoder {
    pub(super) fn new() -> Self {
        Self { model: Model::new() }
    }

    fn encode(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
        let model = &mut self.model;
        model.reset();
        let mut position = Position::new();
        let mut encoder = Encoder::new(output);
        'bytes: for &value in input {
            let mut chain = Chain(None);
            let mut context = position.predicted;
            while context != ROOT {
                let frequency = model.count(context, value, ContextKind::Sub);
                chain.link(model, &mut position, frequency.symbol);
                let Symbol { escapes, total, parent, .. } = *model.at(context);
                let coded = if frequency.count > 0 {
                    encoder.encode(
                        u32::from(escapes) + u32::from(frequency.under),
                        frequency.count,
                        total,
                    )
                } else {
                    // There is no escape from a context without symbols.
                    escapes == 0 || escapes >= total || encoder.encode(0, escapes, total)
                };
                if !coded {
                    return None;
                }
                model.update_totals(context, frequency.count, ContextKind::Sub);
                if frequency.count > 0 {
                    position.advance(model);
                    continue 'bytes;
                }
                context = parent;
            }
            let frequency = model.count(ROOT, value, ContextKind::Root);
            chain.link(model, &mut position, frequency.symbol);
            let Symbol { escapes, total, .. } = *model.at(ROOT);
            if !encoder.encode(
                u32::from(escapes) + u32::from(frequency.under),
                frequency.count,
                total,
            ) {
                return None;
            }
            model.update_totals(ROOT, frequency.count, ContextKind::Root);
            position.advance(model);
        }
        encoder.finish()
    }

    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
        let model = &mut self.model;
        model.reset();
        let mut position = Position::new();
        let mut decoder = Decoder::new(input);
        let mut written = 0;
        loop {
            let longest = position.predicted;
            let mut context = longest;
            // Finds the longest context in which the byte was seen before.
            let found = loop {
                if context == ROOT {
                    match decoder.decode_root(model) {
                        Ok(Some(found)) => break found,
                        Ok(None) => return Some(written),
                        Err(_) => return None,
                    }
                }
                match decoder.decode_sub(model, context) {
                    Ok(Some(found)) => break found,
                    Ok(None) => context = model.at(context).parent,
                    Err(_) => return None,
                }
            };
            // Adds it to the longer contexts.
            let mut chain = Chain(None);
            let mut longer = longest;
            while longer != context {
                let frequency = model.count(longer, found.value, ContextKind::Sub);
                chain.link(model, &mut position, frequency.symbol);
                model.update_totals(longer, frequency.count, ContextKind::Sub);
                longer = model.at(longer).parent;
            }
            chain.link(model, &mut position, found.symbol);
            *output.get_mut(written)? = found.value;
            written += 1;
            position.advance(model);
        }
    }
}

impl Coder for RangeCoder {
    fn compress(&mut self, input: &[u8], output: &mut Vec<u8>) -> bool {
        write_into(output, input.len(), |output| self.encode(input, output))
    }

    fn decompress(&mut self, input: &[u8], output: &mut Vec<u8>, limit: usize) -> bool {
        write_into(output, limit, |output| self.decode(input, output))
    }
}
