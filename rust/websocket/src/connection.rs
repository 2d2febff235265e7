//! An open connection: decodes and encodes frames, and performs the closing handshake (RFC 6455 sections 5, 6 and 7).

use crate::deflate::{DeflateState, max_compressed_len};
use crate::frame::{RSV1, encode_frame};
use crate::incoming_message::IncomingMessage;
use crate::{
    CloseCode, CloseFrame, FrameHeader, MAX_CLOSE_REASON, MAX_CONTROL_PAYLOAD, NegotiatedDeflate,
};
use crate::{MaskKey, Opcode, PreparedMessage, ProtocolError, apply_mask};
use std::borrow::Cow;
use std::fmt;

/// The role of this endpoint: clients mask the frames they send, servers do not (RFC 6455 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The endpoint that opened the connection.
    Client,
    /// The endpoint that accepted the connection.
    Server,
}

/// The type of a data message (RFC 6455 section 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Arbitrary bytes.
    Binary,
}

/// A message to send (RFC 6455 section 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
}

impl<'a> Message<'a> {
    /// Returns the type of the message.
    pub fn kind(self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
        }
    }

    /// Returns the payload of the message.
    pub fn payload(self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(payload) => payload,
        }
    }
}

impl From<MessageKind> for Opcode {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Text => Self::Text,
            MessageKind::Binary => Self::Binary,
        }
    }
}

/// An event decoded from received bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A complete message. Text has been validated as UTF-8.
    Message {
        /// The type of the message.
        kind: MessageKind,
        /// The payload, borrowed from the input if the message arrived in one chunk.
        payload: Cow<'a, [u8]>,
    },
    /// A Ping frame; answer it with [`Connection::pong`] and the same payload (RFC 6455 section 5.5.2).
    Ping(&'a [u8]),
    /// A Pong frame (RFC 6455 section 5.5.3).
    Pong(&'a [u8]),
    /// A Close frame; answer it with [`Connection::close`] unless one was sent (RFC 6455 section 5.5.1). No event
    /// follows.
    Close(CloseFrame),
}

/// One endpoint of a connection after its opening handshake.
///
/// Pass received bytes to [`receive`](Self::receive). The methods that send append frames to a buffer of the caller.
#[derive(Debug)]
pub struct Connection {
    /// The source of masking keys, on a client.
    mask_keys: Option<Box<MaskKeySource>>,
    max_message: usize,
    /// The bytes of an incomplete header.
    partial_header: [u8; FrameHeader::MAX_LEN],
    partial_header_len: u8,
    /// The frame whose payload is being received.
    frame: Option<Frame>,
    /// The data message whose fragments are being received.
    message: Option<IncomingMessage>,
    /// The payload of a control frame that arrives in several chunks.
    control: Vec<u8>,
    /// The state of permessage-deflate, if it was negotiated.
    deflate: Option<Box<DeflateState>>,
    close_sent: bool,
    close_received: bool,
}

/// A frame whose payload is being received.
#[derive(Debug)]
struct Frame {
    header: FrameHeader,
    /// Number of payload bytes received.
    received: u64,
}

impl Frame {
    fn remaining(&self) -> u64 {
        self.header.payload_len - self.received
    }

    /// Takes the bytes of the frame from the start of `input`, and unmasks them.
    fn take<'a>(&mut self, input: &'a mut [u8]) -> &'a [u8] {
        let len = usize::try_from(self.remaining()).map_or(input.len(), |len| len.min(input.len()));
        let chunk = &mut input[..len];
        if let Some(key) = self.header.mask {
            apply_mask(chunk, key, (self.received % 4) as usize);
        }
        self.received += len as u64;
        chunk
    }
}

impl Connection {
    /// Creates the server side of a connection, after its opening handshake. A message of more than `max_message` bytes is
    /// rejected with 1009 as soon as a frame header claims it.
    pub fn server(max_message: usize) -> Self {
        Self::new(None, max_message)
    }

    /// Creates the client side of a connection, after its opening handshake. A message of more than `max_message` bytes is
    /// rejected with 1009 as soon as a frame header claims it.
    ///
    /// `mask_keys` returns a new key for each frame, which must be unpredictable (RFC 6455 sections 5.3 and 10.3), or
    /// `None` if it has none: then the frame is not sent.
    pub fn client(
        max_message: usize,
        mask_keys: impl FnMut() -> Option<MaskKey> + Send + 'static,
    ) -> Self {
        Self::new(Some(Box::new(MaskKeySource(Box::new(mask_keys)))), max_message)
    }

    fn new(mask_keys: Option<Box<MaskKeySource>>, max_message: usize) -> Self {
        Self {
            mask_keys,
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

    /// Returns the role of this endpoint.
    pub fn role(&self) -> Role {
        if self.mask_keys.is_some() { Role::Client } else { Role::Server }
    }

    /// Enables permessage-deflate as negotiated in the opening handshake (RFC 7692 section 7). Call it before anything
    /// is sent or received.
    pub fn set_deflate(&mut self, negotiated: NegotiatedDeflate) {
        self.deflate = Some(Box::new(DeflateState::new(negotiated)));
    }

    /// Returns the negotiated permessage-deflate parameters, if any.
    pub fn deflate(&self) -> Option<&NegotiatedDeflate> {
        self.deflate.as_ref().map(|state| &state.negotiated)
    }

    /// Returns true if a compressor is kept for the next message.
    pub fn has_compressor(&self) -> bool {
        self.deflate.as_ref().is_some_and(|state| state.has_compressor())
    }

    /// Frees the compressor, if there is one: about 270 KiB with the largest window. The next compressed message
    /// allocates a new one, and does not refer to earlier messages.
    pub fn release_compressor(&mut self) {
        if let Some(state) = &mut self.deflate {
            state.release_compressor();
        }
    }

    /// Returns the memory allocated for the message that is being received, in bytes.
    pub fn incomplete(&self) -> usize {
        self.message.as_ref().map_or(0, IncomingMessage::capacity)
    }

    /// Discards the message that is being received. The connection cannot receive anything after that.
    pub fn discard_incomplete(&mut self) {
        self.message = None;
        self.close_received = true;
    }

    /// Returns true if this endpoint has sent a Close frame, after which it cannot send anything.
    pub fn is_close_sent(&self) -> bool {
        self.close_sent
    }

    /// Returns true if a Close frame was received, after which all input is ignored (RFC 6455 section 1.4).
    pub fn is_close_received(&self) -> bool {
        self.close_received
    }

    /// Decodes bytes from the start of `input`. Returns the number of bytes consumed, and the event that they complete,
    /// if any. Call it again with the rest until all bytes are consumed. Consumed bytes are unmasked in place.
    ///
    /// # Errors
    /// The peer violated the protocol. The connection cannot receive anything after that.
    pub fn receive<'a>(
        &'a mut self,
        input: &'a mut [u8],
    ) -> Result<(usize, Option<Event<'a>>), ProtocolError> {
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
        let chunk = frame.take(&mut input[used..]);
        used += chunk.len();
        let event = if frame.header.opcode.is_control() {
            self.receive_control(frame, chunk)?
        } else {
            self.receive_data(frame, chunk)?
        };
        Ok((used, event))
    }

    /// Parses a header that may arrive in several chunks, and checks it against the state of the connection.
    fn receive_header(
        &mut self,
        input: &[u8],
        used: &mut usize,
    ) -> Result<Option<FrameHeader>, ProtocolError> {
        let mut parsed = None;
        if self.partial_header_len == 0 {
            let compressed = input.first().is_some_and(|first| first & RSV1 != 0);
            if compressed && self.deflate.is_none() {
                return Err(ProtocolError::ReservedBits);
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

    /// Checks that only a client masks (RFC 6455 section 5.1), that fragments are in order (RFC 6455 section 5.4), and that
    /// the message is within the limit (RFC 6455 section 10.4).
    fn check_header(&self, header: &FrameHeader) -> Result<(), ProtocolError> {
        match (self.role(), header.mask) {
            (Role::Server, None) => return Err(ProtocolError::Unmasked),
            (Role::Client, Some(_)) => return Err(ProtocolError::Masked),
            _ => {}
        }
        if header.opcode.is_control() {
            return Ok(());
        }
        match (header.opcode, &self.message) {
            (Opcode::Continuation, None) => return Err(ProtocolError::UnexpectedContinuation),
            (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err(ProtocolError::ExpectedContinuation);
            }
            _ => {}
        }
        let compressed = self.message.as_ref().map_or(header.rsv1, IncomingMessage::is_compressed);
        let limit =
            if compressed { max_compressed_len(self.max_message) } else { self.max_message as u64 };
        let so_far = self.message.as_ref().map_or(0, IncomingMessage::wire_len);
        if header.payload_len > limit.saturating_sub(so_far) {
            return Err(ProtocolError::MessageTooBig { limit: self.max_message });
        }
        Ok(())
    }

    fn receive_control<'a>(
        &'a mut self,
        frame: Frame,
        chunk: &'a [u8],
    ) -> Result<Option<Event<'a>>, ProtocolError> {
        let opcode = frame.header.opcode;
        let remaining = frame.remaining();
        let payload = if remaining == 0 && frame.received == chunk.len() as u64 {
            chunk
        } else {
            if frame.received == chunk.len() as u64 {
                self.control.clear();
            }
            self.control.extend_from_slice(chunk);
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
        chunk: &'a [u8],
    ) -> Result<Option<Event<'a>>, ProtocolError> {
        let kind = match (&self.message, frame.header.opcode) {
            (Some(message), _) => message.kind(),
            (None, Opcode::Text) => MessageKind::Text,
            (None, _) => MessageKind::Binary,
        };
        let ended = frame.header.fin && frame.remaining() == 0;
        let compressed = frame.header.rsv1;
        if ended && self.message.is_none() && !compressed {
            // The whole message is in this chunk.
            if kind == MessageKind::Text && std::str::from_utf8(chunk).is_err() {
                return Err(ProtocolError::InvalidUtf8);
            }
            let payload = Cow::Borrowed(chunk);
            return Ok(Some(Event::Message { kind, payload }));
        }
        let message = self.message.get_or_insert_with(|| IncomingMessage::new(kind, compressed));
        match &mut self.deflate {
            Some(state) if message.is_compressed() => {
                message.inflate(chunk, state, self.max_message)?;
            }
            _ => message.append(chunk)?,
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

    /// Appends a message to `out` as one frame, compressed if that was negotiated and makes it shorter. Returns false, and
    /// appends nothing, after a Close frame was sent (RFC 6455 section 5.5.1), or without a masking key.
    pub fn send(&mut self, message: Message<'_>, out: &mut Vec<u8>) -> bool {
        let Ok(mask) = self.next_mask() else {
            return false;
        };
        let (opcode, payload) = (message.kind().into(), message.payload());
        let is_compressed = self.deflate.as_mut().is_some_and(|state| {
            state.compresses(payload.len()) && state.send(opcode, payload, mask, out)
        });
        if !is_compressed {
            encode_frame(true, opcode, mask, payload, out);
        }
        true
    }

    /// Appends a message that a server sends to several peers to `out`; its frames are encoded once for all of them. A
    /// client masks each frame with a new key, so it encodes the message again. Returns false, and appends nothing, in the
    /// same cases as [`send`](Self::send).
    pub fn send_prepared(&mut self, message: &mut PreparedMessage, out: &mut Vec<u8>) -> bool {
        match self.next_mask() {
            Err(NotSent) => return false,
            Ok(Some(mask)) => {
                encode_frame(true, message.kind().into(), Some(mask), message.payload(), out);
                return true;
            }
            Ok(None) => {}
        }
        if let Some(state) = &mut self.deflate
            && state.compresses(message.payload().len())
            && let Some(frame) = message.compressed(&state.negotiated)
        {
            out.extend_from_slice(frame);
            // The peer's window now contains a message that this compressor has not seen.
            state.release_compressor();
            return true;
        }
        out.extend_from_slice(message.uncompressed());
        true
    }

    /// Appends a Ping frame to `out`; the payload is truncated to 125 bytes (RFC 6455 section 5.5.2). Returns true if
    /// it was appended.
    pub fn ping(&mut self, payload: &[u8], out: &mut Vec<u8>) -> bool {
        let payload = &payload[..payload.len().min(MAX_CONTROL_PAYLOAD)];
        self.send_control(Opcode::Ping, payload, out)
    }

    /// Appends a Pong frame to `out`, with the payload of the Ping frame (RFC 6455 section 5.5.3). Returns true if it
    /// was appended.
    pub fn pong(&mut self, payload: &[u8], out: &mut Vec<u8>) -> bool {
        let payload = &payload[..payload.len().min(MAX_CONTROL_PAYLOAD)];
        self.send_control(Opcode::Pong, payload, out)
    }

    /// Appends a Close frame to `out`, once: to start the closing handshake or to answer the peer's
    /// (RFC 6455 section 7.1.2). With a code that must not be sent the body is empty; a reason over
    /// [`MAX_CLOSE_REASON`] bytes is truncated at a character. Returns true if it was appended.
    pub fn close(&mut self, code: CloseCode, reason: &str, out: &mut Vec<u8>) -> bool {
        let mut body = Vec::new();
        if code.is_sendable() {
            body.extend_from_slice(&code.0.to_be_bytes());
            let end = reason.floor_char_boundary(MAX_CLOSE_REASON);
            body.extend_from_slice(&reason.as_bytes()[..end]);
        }
        let sent = self.send_control(Opcode::Close, &body, out);
        self.close_sent |= sent;
        sent
    }

    fn send_control(&mut self, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) -> bool {
        let Ok(mask) = self.next_mask() else {
            return false;
        };
        encode_frame(true, opcode, mask, payload, out);
        true
    }

    /// Returns the masking key of the next frame, which is `None` on a server.
    fn next_mask(&mut self) -> Result<Option<MaskKey>, NotSent> {
        if self.close_sent {
            return Err(NotSent);
        }
        self.mask_keys.as_mut().map(|keys| (keys.0)().ok_or(NotSent)).transpose()
    }
}

/// A frame was not sent: a Close frame has been sent, or there is no masking key.
struct NotSent;

/// The source of a client's masking keys.
struct MaskKeySource(Box<dyn FnMut() -> Option<MaskKey> + Send>);

impl fmt::Debug for MaskKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskKeySource")
    }
}

#[cfg(test)]
mod tests;
