//! Messages to send.

use lodewire_websocket::{Message, MessageKind};
use std::string::FromUtf8Error;

/// A message to send, which the I/O thread encodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutgoingMessage {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
}

impl OutgoingMessage {
    /// Creates a message of a type that is not known at compile time.
    ///
    /// # Errors
    /// The payload of a text message is not UTF-8.
    pub fn new(kind: MessageKind, payload: Vec<u8>) -> Result<Self, FromUtf8Error> {
        Ok(match kind {
            MessageKind::Text => Self::Text(String::from_utf8(payload)?),
            MessageKind::Binary => Self::Binary(payload),
        })
    }

    /// Returns the message for the encoder.
    pub(super) fn as_message(&self) -> Message<'_> {
        match self {
            Self::Text(text) => Message::Text(text),
            Self::Binary(payload) => Message::Binary(payload),
        }
    }

    /// Returns the length of the payload.
    pub(super) fn len(&self) -> usize {
        self.as_message().payload().len()
    }
}
