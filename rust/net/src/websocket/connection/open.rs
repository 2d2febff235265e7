//! An open connection: decodes frames into arrivals, encodes messages, and tracks the closing handshake.

use super::heartbeat::{Beat, Heartbeat};
use super::mask_keys::MaskKeys;
use crate::websocket::peer::Message;
use crate::websocket::peer_shared::{Arrival, PeerShared};
use lodewire_websocket::{
    CloseCode, CloseFrame, Connection as Codec, Event, FrameHeader, MessageKind, NegotiatedDeflate,
    PreparedMessage, ProtocolError, Role,
};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

pub(super) struct Open {
    pub(super) codec: Codec,
    pub(super) peer: Arc<PeerShared>,
    /// Reading is paused because the inbox is full.
    pub(super) read_paused: bool,
    /// The payload of the last ping, while [too many](super::MAX_UNSENT_FOR_PONG) bytes are unwritten
    /// (RFC 6455 section 5.5.3 allows answering only the last one).
    #[allow(
        clippy::box_collection,
        reason = "one word in each of thousands, for what few ever have"
    )]
    pub(super) pong: Option<Box<Vec<u8>>>,
    /// The heartbeat, if it is enabled.
    heartbeat: Option<Box<Heartbeat>>,
    /// The state at the last call of [`Connection::has_new_compressor`](super::Connection::has_new_compressor).
    pub(super) had_compressor: bool,
    pub(super) close_state: CloseState,
    /// Number of bytes accounted for besides its messages.
    incomplete_bytes: usize,
}

impl Drop for Open {
    /// Releases what the connection accounts for, however it ends.
    fn drop(&mut self) {
        self.peer.endpoint.release_in(self.incomplete_bytes);
        self.peer.release_queued();
        self.peer.depart();
    }
}

/// The progress of the closing handshake.
#[derive(Default)]
pub(super) enum CloseState {
    /// The peer has not sent a Close frame, and has not violated the protocol.
    #[default]
    Open,
    /// The peer's Close frame, or its protocol error, has been delivered to the game. The answering Close frame waits
    /// until the game has read the messages before it and has sent its replies; nothing more is read.
    PeerCloseReported(Box<CloseOutcome>),
    /// The last Close frame is encoded. The close is reported when the last bytes are written.
    CloseQueued(Box<CloseOutcome>),
}

/// The outcome of a connection that is reported to the game.
#[derive(Clone)]
pub(super) struct CloseOutcome {
    pub(super) clean: bool,
    pub(super) close: CloseFrame,
}

impl CloseOutcome {
    pub(super) fn abnormal(reason: &str) -> Self {
        let close = CloseFrame { code: CloseCode::ABNORMAL, reason: reason.to_owned() };
        Self { clean: false, close }
    }
}

impl Open {
    pub(super) fn new(
        role: Role,
        deflate: Option<NegotiatedDeflate>,
        peer: Arc<PeerShared>,
    ) -> Self {
        let settings = &peer.endpoint.settings;
        let max_message = settings.limits.in_bytes;
        let mut codec = match role {
            Role::Server => Codec::server(max_message),
            Role::Client => {
                let mut keys = MaskKeys::new();
                Codec::client(max_message, move || keys.next())
            }
        };
        if let Some(deflate) = deflate {
            codec.set_deflate(deflate);
        }
        let heartbeat = settings.heartbeat.map(|interval| Box::new(Heartbeat::new(interval)));
        Self {
            codec,
            peer,
            read_paused: false,
            pong: None,
            heartbeat,
            had_compressor: false,
            close_state: CloseState::Open,
            incomplete_bytes: 0,
        }
    }

    /// Accounts for the incomplete message and `undecoded` bytes.
    pub(super) fn count_incomplete(&mut self, undecoded: usize) {
        let incomplete = self.codec.incomplete() + undecoded;
        let counted = std::mem::replace(&mut self.incomplete_bytes, incomplete);
        if incomplete != counted {
            self.peer.endpoint.charge_in(incomplete);
            self.peer.endpoint.release_in(counted);
        }
    }

    /// Returns the memory of the incomplete message and of undecoded bytes.
    pub(super) fn incomplete(&self) -> usize {
        self.incomplete_bytes
    }

    /// Returns true if the peer must not be read: the total receive buffer is half full, and this peer holds at least
    /// its share of the other half.
    pub(super) fn is_throttled(&self) -> bool {
        let endpoint = &self.peer.endpoint;
        endpoint.is_half_full()
            && self.peer.buffered_in() + self.incomplete_bytes >= endpoint.share()
    }

    /// Drops the incomplete message, and closes the connection.
    pub(super) fn drop_incomplete(&mut self) {
        self.codec.discard_incomplete();
        let reason = "the server is out of receive buffer for this message".to_owned();
        self.fail_with(CloseFrame { code: CloseCode::TRY_AGAIN_LATER, reason });
    }

    /// Decodes until the input ends, the inbox is full or the connection closes. Returns the number of bytes consumed.
    /// While `out` is longer than `pong_limit`, only the last ping is answered, once `out` is written.
    pub(super) fn decode(
        &mut self,
        input: &mut [u8],
        now: Instant,
        pong_limit: usize,
        out: &mut Vec<u8>,
    ) -> usize {
        if let Some(heart) = &mut self.heartbeat {
            heart.has_received = true;
        }
        let mut used = 0;
        while used < input.len()
            && !self.read_paused
            && matches!(self.close_state, CloseState::Open)
        {
            let closing = self.codec.is_close_sent();
            match self.codec.receive(&mut input[used..]) {
                Err(violation) => self.on_protocol_error(violation),
                Ok((len, event)) => {
                    used += len;
                    match event {
                        None => {}
                        // Messages after the game has closed are discarded.
                        Some(Event::Message { .. }) if closing => {}
                        Some(Event::Message { kind, payload })
                            if self.peer.endpoint.settings.echo =>
                        {
                            let before = out.len();
                            echo(kind, &payload, out);
                            self.count(out.len() - before);
                        }
                        Some(Event::Message { kind, payload }) => {
                            let message = Message { kind, payload: payload.into_owned() };
                            self.read_paused = !self.peer.deliver(Arrival::Message(message));
                        }
                        Some(Event::Pong(payload)) => {
                            let heart = self.heartbeat.as_mut();
                            if let Some(time) = heart.and_then(|heart| heart.pong(payload, now)) {
                                let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
                                self.peer.round_trip.store(micros.max(1), Ordering::Relaxed);
                            }
                        }
                        Some(Event::Ping(payload)) => {
                            let payload = payload.to_vec();
                            if out.len() > pong_limit {
                                self.pong = Some(Box::new(payload));
                            } else {
                                self.pong = None;
                                self.answer_ping(&payload, out);
                            }
                        }
                        Some(Event::Close(close)) => self.on_close(close),
                    }
                }
            }
        }
        self.peer.endpoint.counters.received(0, used);
        used
    }

    fn on_close(&mut self, close: CloseFrame) {
        if self.codec.is_close_sent() {
            self.close_state =
                CloseState::CloseQueued(Box::new(CloseOutcome { clean: true, close }));
        } else {
            self.peer.deliver(Arrival::CloseRequest(close.clone()));
            self.close_state =
                CloseState::PeerCloseReported(Box::new(CloseOutcome { clean: true, close }));
        }
    }

    fn on_protocol_error(&mut self, violation: ProtocolError) {
        let reason = violation.to_string();
        self.fail_with(CloseFrame { code: violation.close_code(), reason });
    }

    /// Fails the connection with this Close frame (RFC 6455 section 7.1.7).
    fn fail_with(&mut self, close: CloseFrame) {
        let end = Box::new(CloseOutcome { clean: false, close: close.clone() });
        if self.codec.is_close_sent() {
            self.close_state = CloseState::CloseQueued(end);
        } else {
            self.peer.deliver(Arrival::Failing(close));
            self.close_state = CloseState::PeerCloseReported(end);
        }
    }

    /// Encodes a message of the game, whose bytes are already accounted for.
    pub(super) fn send(&mut self, message: lodewire_websocket::Message<'_>, out: &mut Vec<u8>) {
        let before = out.len();
        self.codec.send(message, out);
        self.sent(message.payload().len(), out.len() - before);
    }

    /// Encodes a prepared message, whose bytes are already accounted for.
    pub(super) fn send_prepared(&mut self, message: &mut PreparedMessage, out: &mut Vec<u8>) {
        let before = out.len();
        let len = message.payload().len();
        self.codec.send_prepared(message, out);
        self.sent(len, out.len() - before);
    }

    /// Replaces the accounting for a message of `len` bytes by `encoded` bytes: fewer, if it was compressed or sent
    /// after a Close frame.
    fn sent(&self, len: usize, encoded: usize) {
        self.peer.endpoint.counters.sent(1, 0);
        self.count(encoded);
        let counted = FrameHeader::frame_len(len, self.codec.role() == Role::Client);
        self.peer.release_out(counted);
        self.peer.out_packets.fetch_sub(1, Ordering::Relaxed);
    }

    /// Answers a ping (RFC 6455 section 5.5.3).
    pub(super) fn answer_ping(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        let before = out.len();
        self.codec.pong(payload, out);
        self.count(out.len() - before);
    }

    /// Returns when the first beat of the heartbeat is due, if it is enabled.
    pub(super) fn first_beat(&self, now: Instant) -> Option<Instant> {
        self.heartbeat.as_ref().map(|heart| heart.first(now, self.peer.id))
    }

    /// Performs a beat. Returns when the next one is due, or `None` if the peer has timed out.
    pub(super) fn beat(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Instant> {
        let read = !self.read_paused;
        let (beat, next) = self.heartbeat.as_mut()?.beat(now, read);
        if let Beat::Ping(payload) = beat {
            let before = out.len();
            self.codec.ping(&payload, out);
            self.count(out.len() - before);
        }
        (beat != Beat::TimedOut).then_some(next)
    }

    /// Encodes a Close frame, once.
    pub(super) fn queue_close(&mut self, code: CloseCode, reason: &str, out: &mut Vec<u8>) -> bool {
        let before = out.len();
        let queued = self.codec.close(code, reason, out);
        self.count(out.len() - before);
        queued
    }

    /// Encodes the Close frame that has waited for the game, if any.
    pub(super) fn finish_close(&mut self, out: &mut Vec<u8>) -> bool {
        match std::mem::take(&mut self.close_state) {
            CloseState::PeerCloseReported(end) => {
                // The peer's code is echoed (RFC 6455 section 5.5.1); a protocol error is named.
                let reason = if end.clean { "" } else { end.close.reason.as_str() };
                self.queue_close(end.close.code, reason, out);
                self.close_state = CloseState::CloseQueued(end);
                true
            }
            state => {
                self.close_state = state;
                false
            }
        }
    }

    /// Accounts for bytes queued for the network.
    pub(super) fn count(&self, len: usize) {
        self.peer.endpoint.counters.sent(0, len);
        self.peer.charge_out(len);
    }
}

/// Appends a received message: the codec cannot send a payload that it still lends.
fn echo(kind: MessageKind, payload: &[u8], out: &mut Vec<u8>) {
    let payload_len = payload.len() as u64;
    out.reserve(FrameHeader::MAX_LEN + payload.len());
    FrameHeader { fin: true, rsv1: false, opcode: kind.into(), mask: None, payload_len }
        .encode(out);
    out.extend_from_slice(payload);
}
