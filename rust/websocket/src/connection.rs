//! An open connection: frames in, messages out, and the closing handshake (§5, §6, §7).

use crate::deflate::{DeflateState, wire_limit};
use crate::frame::{RSV1, encode_frame};
use crate::message::Message;
use crate::{CloseCode, CloseFrame, Deflate, FrameHeader, MAX_CLOSE_REASON, MAX_CONTROL_PAYLOAD};
use crate::{MaskKey, Opcode, PreparedMessage, Violation, apply_mask};
use std::borrow::Cow;

/// Which end of the connection this is: clients mask what they send, servers do not (§5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The end that opened the connection.
    Client,
    /// The end that accepted it.
    Server,
}

/// What a message carries (§5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// Text in UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

impl From<MessageKind> for Opcode {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Text => Self::Text,
            MessageKind::Binary => Self::Binary,
        }
    }
}

/// What a peer's bytes amount to.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole message. Text is UTF-8: it has been checked.
    Message {
        /// What it carries.
        kind: MessageKind,
        /// Its bytes: borrowed from the input where the message came in one piece.
        payload: Cow<'a, [u8]>,
    },
    /// A ping, to be answered with [`Connection::pong`] and the same bytes (§5.5.2).
    Ping(&'a [u8]),
    /// A pong (§5.5.3).
    Pong(&'a [u8]),
    /// The peer's Close, to be answered with [`Connection::close`] unless one was sent (§5.5.1). Nothing comes after it.
    Close(CloseFrame),
}

/// One end of a connection after its opening handshake.
///
/// Feed it with [`receive`](Self::receive); what it sends is appended to a buffer of the caller's.
#[derive(Debug)]
pub struct Connection {
    role: Role,
    max_message: usize,
    /// The bytes of a header that is still incomplete.
    partial_header: [u8; FrameHeader::MAX_LEN],
    partial_header_len: u8,
    /// The frame whose payload is being received.
    frame: Option<Frame>,
    /// The data message whose fragments are being received.
    message: Option<Message>,
    /// The payload of a control frame that comes in pieces.
    control: Vec<u8>,
    /// permessage-deflate, if it was agreed on.
    deflate: Option<Box<DeflateState>>,
    close_sent: bool,
    close_received: bool,
}

/// A frame whose header has been read.
#[derive(Debug)]
struct Frame {
    header: FrameHeader,
    /// How many bytes of its payload have come.
    received: u64,
}

impl Frame {
    fn remaining(&self) -> u64 {
        self.header.payload_len - self.received
    }

    /// Takes what belongs to the frame off the front of `input`, and unmasks it.
    fn take<'a>(&mut self, input: &'a mut [u8]) -> &'a [u8] {
        let len = usize::try_from(self.remaining()).map_or(input.len(), |len| len.min(input.len()));
        let piece = &mut input[..len];
        if let Some(key) = self.header.mask {
            apply_mask(piece, key, (self.received % 4) as usize);
        }
        self.received += len as u64;
        piece
    }
}

impl Connection {
    /// A connection that has just been opened. A message of more than `max_message` bytes is refused with 1009 as soon
    /// as a frame's header claims it.
    pub fn new(role: Role, max_message: usize) -> Self {
        Self {
            role,
            max_message,
            partial_header: [0; FrameHeader::MAX_LEN],
            partial_header_len: 0,
            frame: None,
            message: None,
            control: Vec::new(),
            deflate: None,
            close_sent: false,
            close_received: false,
        }
    }

    /// From here on messages may be compressed, as was agreed on in the opening handshake (RFC 7692 §7). To be called
    /// before anything is sent or received.
    pub fn set_deflate(&mut self, agreed: Deflate) {
        self.deflate = Some(Box::new(DeflateState::new(agreed)));
    }

    /// How messages may be compressed, if that was agreed on.
    pub fn deflate(&self) -> Option<&Deflate> {
        self.deflate.as_ref().map(|state| &state.agreed)
    }

    /// Whether a compressor is kept for the next message.
    pub fn has_compressor(&self) -> bool {
        self.deflate.as_ref().is_some_and(|state| state.has_compressor())
    }

    /// Frees the memory of the compressor, some 270 KiB with the largest window, if there is one. The next message that is
    /// compressed takes it again, and refers to nothing before it.
    pub fn release_compressor(&mut self) {
        if let Some(state) = &mut self.deflate {
            state.release_compressor();
        }
    }

    /// How much memory the message takes that is being received, in bytes.
    pub fn incomplete(&self) -> usize {
        self.message.as_ref().map_or(0, Message::capacity)
    }

    /// Gives up the message that is being received. The connection can then receive nothing more.
    pub fn forget_incomplete(&mut self) {
        self.message = None;
        self.close_received = true;
    }

    /// Whether this end has sent its Close: it may send nothing further.
    pub fn is_close_sent(&self) -> bool {
        self.close_sent
    }

    /// Whether the peer's Close has come: what follows it is ignored (§1.4).
    pub fn is_close_received(&self) -> bool {
        self.close_received
    }

    /// Receives from the front of `input`: how many of its bytes were used, and the event they complete, if any. Call it
    /// again with the rest, until all is used. The used bytes are unmasked in place.
    ///
    /// # Errors
    /// The rule that the peer broke. The connection can then receive nothing more.
    pub fn receive<'a>(
        &'a mut self,
        input: &'a mut [u8],
    ) -> Result<(usize, Option<Event<'a>>), Violation> {
        if self.close_received {
            return Ok((input.len(), None));
        }
        let mut used = 0;
        let mut frame = match self.frame.take() {
            Some(frame) => frame,
            None => match self.receive_header(input, &mut used)? {
                Some(header) => Frame { header, received: 0 },
                None => return Ok((used, None)),
            },
        };
        let piece = frame.take(&mut input[used..]);
        used += piece.len();
        let event = if frame.header.opcode.is_control() {
            self.receive_control(frame, piece)?
        } else {
            self.receive_data(frame, piece)?
        };
        Ok((used, event))
    }

    /// Reads a header that may come in pieces, and checks what depends on the connection's state.
    fn receive_header(
        &mut self,
        input: &[u8],
        used: &mut usize,
    ) -> Result<Option<FrameHeader>, Violation> {
        let mut parsed = None;
        if self.partial_header_len == 0 {
            let compressed = input.first().is_some_and(|first| first & RSV1 != 0);
            if compressed && self.deflate.is_none() {
                return Err(Violation::ReservedBits);
            }
            parsed = FrameHeader::parse(input)?;
            if let Some((_, len)) = parsed {
                *used = len;
            }
        }
        while parsed.is_none() && *used < input.len() {
            self.partial_header[usize::from(self.partial_header_len)] = input[*used];
            self.partial_header_len += 1;
            *used += 1;
            parsed =
                FrameHeader::parse(&self.partial_header[..usize::from(self.partial_header_len)])?;
        }
        let Some((header, _)) = parsed else {
            return Ok(None);
        };
        self.partial_header_len = 0;
        self.check_header(&header)?;
        Ok(Some(header))
    }

    fn check_header(&self, header: &FrameHeader) -> Result<(), Violation> {
        match (self.role, header.mask) {
            (Role::Server, None) => return Err(Violation::Unmasked),
            (Role::Client, Some(_)) => return Err(Violation::Masked),
            _ => {}
        }
        if header.opcode.is_control() {
            return Ok(());
        }
        match (header.opcode, &self.message) {
            (Opcode::Continuation, None) => return Err(Violation::UnexpectedContinuation),
            (Opcode::Text | Opcode::Binary, Some(_)) => return Err(Violation::MissingContinuation),
            _ => {}
        }
        let compressed = self.message.as_ref().map_or(header.rsv1, Message::is_compressed);
        let limit = if compressed { wire_limit(self.max_message) } else { self.max_message as u64 };
        let so_far = self.message.as_ref().map_or(0, Message::wire_len);
        if header.payload_len > limit.saturating_sub(so_far) {
            return Err(Violation::MessageTooBig { limit: self.max_message });
        }
        Ok(())
    }

    fn receive_control<'a>(
        &'a mut self,
        frame: Frame,
        piece: &'a [u8],
    ) -> Result<Option<Event<'a>>, Violation> {
        let opcode = frame.header.opcode;
        let remaining = frame.remaining();
        let payload = if remaining == 0 && frame.received == piece.len() as u64 {
            piece
        } else {
            if frame.received == piece.len() as u64 {
                self.control.clear();
            }
            self.control.extend_from_slice(piece);
            if remaining > 0 {
                self.frame = Some(frame);
                return Ok(None);
            }
            &self.control
        };
        Ok(Some(match opcode {
            Opcode::Ping => Event::Ping(payload),
            Opcode::Pong => Event::Pong(payload),
            _ => {
                let close = CloseFrame::parse(payload)?;
                self.close_received = true;
                Event::Close(close)
            }
        }))
    }

    fn receive_data<'a>(
        &mut self,
        frame: Frame,
        piece: &'a [u8],
    ) -> Result<Option<Event<'a>>, Violation> {
        let kind = match (&self.message, frame.header.opcode) {
            (Some(message), _) => message.kind(),
            (None, Opcode::Text) => MessageKind::Text,
            (None, _) => MessageKind::Binary,
        };
        let ended = frame.header.fin && frame.remaining() == 0;
        let compressed = frame.header.rsv1;
        if ended && self.message.is_none() && !compressed {
            // The whole message is here, in one piece: nothing to gather.
            if kind == MessageKind::Text && std::str::from_utf8(piece).is_err() {
                return Err(Violation::InvalidUtf8);
            }
            let payload = Cow::Borrowed(piece);
            return Ok(Some(Event::Message { kind, payload }));
        }
        let message = self.message.get_or_insert_with(|| Message::new(kind, compressed));
        match &mut self.deflate {
            Some(state) if message.is_compressed() => {
                message.inflate(piece, state, self.max_message)?;
            }
            _ => message.append(piece)?,
        }
        if frame.remaining() > 0 {
            self.frame = Some(frame);
        }
        if !ended {
            return Ok(None);
        }
        let Some(message) = self.message.take() else {
            return Ok(None);
        };
        let payload = message.finish(self.deflate.as_deref_mut(), self.max_message)?;
        Ok(Some(Event::Message { kind, payload: Cow::Owned(payload) }))
    }

    /// Appends a message to `out`, as one frame: compressed, if that was agreed on and makes it shorter. After a Close nothing is sent (§5.5.1): then it does nothing and says
    /// `false`. `mask` is `None` from a server and a fresh unpredictable key from a client (§5.3).
    pub fn send(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        mask: Option<MaskKey>,
        out: &mut Vec<u8>,
    ) -> bool {
        if !self.close_sent
            && let Some(state) = &mut self.deflate
            && state.compresses(payload.len())
            && state.send(kind.into(), payload, mask, out)
        {
            debug_assert_eq!(mask.is_some(), self.role == Role::Client, "§5.1");
            return true;
        }
        self.send_frame(kind.into(), payload, mask, out)
    }

    /// Appends a message to `out` that goes to many peers, from a server: its frames are made once for all of them. As in
    /// [`send`](Self::send), `false` after a Close.
    pub fn send_prepared(&mut self, message: &mut PreparedMessage, out: &mut Vec<u8>) -> bool {
        debug_assert_eq!(
            self.role,
            Role::Server,
            "§5.1: a client masks each frame with another key"
        );
        if self.close_sent {
            return false;
        }
        if let Some(state) = &mut self.deflate
            && state.compresses(message.payload().len())
            && let Some(frame) = message.compressed(&state.agreed)
        {
            out.extend_from_slice(frame);
            // The peer's window has moved on by a message that our compressor has not seen.
            state.release_compressor();
            return true;
        }
        out.extend_from_slice(message.plain());
        true
    }

    /// Appends a ping to `out`; what is over 125 bytes of the payload is left out (§5.5.2).
    pub fn ping(&mut self, payload: &[u8], mask: Option<MaskKey>, out: &mut Vec<u8>) -> bool {
        let payload = &payload[..payload.len().min(MAX_CONTROL_PAYLOAD)];
        self.send_frame(Opcode::Ping, payload, mask, out)
    }

    /// Appends the answer to a ping to `out`: its own payload (§5.5.3).
    pub fn pong(&mut self, payload: &[u8], mask: Option<MaskKey>, out: &mut Vec<u8>) -> bool {
        let payload = &payload[..payload.len().min(MAX_CONTROL_PAYLOAD)];
        self.send_frame(Opcode::Pong, payload, mask, out)
    }

    /// Appends a Close to `out`, once: to begin the closing handshake or to answer the peer's (§7.1.2). A code that must
    /// not be sent gives a Close without a body; a reason over [`MAX_CLOSE_REASON`] bytes is cut at a character.
    pub fn close(
        &mut self,
        code: CloseCode,
        reason: &str,
        mask: Option<MaskKey>,
        out: &mut Vec<u8>,
    ) -> bool {
        let mut body = Vec::new();
        if code.is_sendable() {
            body.extend_from_slice(&code.0.to_be_bytes());
            let end = reason.floor_char_boundary(MAX_CLOSE_REASON);
            body.extend_from_slice(&reason.as_bytes()[..end]);
        }
        let sent = self.send_frame(Opcode::Close, &body, mask, out);
        self.close_sent = true;
        sent
    }

    fn send_frame(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        mask: Option<MaskKey>,
        out: &mut Vec<u8>,
    ) -> bool {
        debug_assert_eq!(mask.is_some(), self.role == Role::Client, "§5.1");
        if self.close_sent {
            return false;
        }
        encode_frame(true, opcode, mask, payload, out);
        true
    }
}

#[cfg(test)]
mod tests;
