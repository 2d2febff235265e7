//! ENet's range coder, byte for byte: an adaptive model of order 2 that begins anew with each datagram.
//!
//! A byte is coded in the context of the two bytes before it, or, if it was not seen there, of the one before it, or of
//! none. Each context counts what was seen in it; a part of its range, the escapes, means "not seen here".

mod decoder;
mod encoder;
mod model;

use super::write_into;
use decoder::Decoder;
use encoder::Encoder;
use model::{Kind, Model, ROOT, Symbol};

/// How many bytes back a context goes.
const ORDER: usize = 2;

/// A coder with its model, 64 KiB.
pub(super) struct RangeCoder {
    model: Model,
}

/// The contexts of the next byte.
#[derive(Clone, Copy, Debug)]
struct Position {
    /// The longest context; each names the next shorter one.
    predicted: u16,
    order: usize,
}

impl Position {
    fn new() -> Self {
        Self { predicted: ROOT, order: 0 }
    }

    /// Goes on behind a byte, whose own contexts `predicted` names now.
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

/// Where the context of a byte is written down: with the contexts of the longer one.
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

    /// Compresses `input`; `false` when it does not get shorter.
    pub(super) fn compress(&mut self, input: &[u8], output: &mut Vec<u8>) -> bool {
        write_into(output, input.len(), |room| self.encode(input, room))
    }

    fn encode(&mut self, input: &[u8], room: &mut [u8]) -> Option<usize> {
        let model = &mut self.model;
        model.reset();
        let mut position = Position::new();
        let mut encoder = Encoder::new(room);
        'bytes: for &value in input {
            let mut chain = Chain(None);
            let mut context = position.predicted;
            while context != ROOT {
                let seen = model.count(context, value, Kind::Sub);
                chain.link(model, &mut position, seen.symbol);
                let Symbol { escapes, total, parent, .. } = *model.at(context);
                let coded = if seen.count > 0 {
                    encoder.encode(u32::from(escapes) + u32::from(seen.under), seen.count, total)
                } else {
                    // What was seen nowhere cannot be escaped from.
                    escapes == 0 || escapes >= total || encoder.encode(0, escapes, total)
                };
                if !coded {
                    return None;
                }
                model.counted(context, seen.count, Kind::Sub);
                if seen.count > 0 {
                    position.advance(model);
                    continue 'bytes;
                }
                context = parent;
            }
            let seen = model.count(ROOT, value, Kind::Root);
            chain.link(model, &mut position, seen.symbol);
            let Symbol { escapes, total, .. } = *model.at(ROOT);
            if !encoder.encode(u32::from(escapes) + u32::from(seen.under), seen.count, total) {
                return None;
            }
            model.counted(ROOT, seen.count, Kind::Root);
            position.advance(model);
        }
        encoder.finish()
    }

    /// Decompresses `input` to at most `limit` bytes.
    pub(super) fn decompress(&mut self, input: &[u8], output: &mut Vec<u8>, limit: usize) -> bool {
        write_into(output, limit, |room| self.decode(input, room))
    }

    fn decode(&mut self, input: &[u8], room: &mut [u8]) -> Option<usize> {
        let model = &mut self.model;
        model.reset();
        let mut position = Position::new();
        let mut decoder = Decoder::new(input);
        let mut written = 0;
        loop {
            let longest = position.predicted;
            let mut context = longest;
            // The longest context in which the byte was seen before.
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
            // The longer ones see it now.
            let mut chain = Chain(None);
            let mut longer = longest;
            while longer != context {
                let seen = model.count(longer, found.value, Kind::Sub);
                chain.link(model, &mut position, seen.symbol);
                model.counted(longer, seen.count, Kind::Sub);
                longer = model.at(longer).parent;
            }
            chain.link(model, &mut position, found.symbol);
            *room.get_mut(written)? = found.value;
            written += 1;
            position.advance(model);
        }
    }
}
