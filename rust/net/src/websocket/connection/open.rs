//! A connection that is open: frames to arrivals, messages to frames, and how it ends.

use super::heartbeat::{Beat, Heartbeat};
use super::mask_keys::MaskKeys;
use crate::websocket::peer::Message;
use crate::websocket::peer_shared::{Arrival, PeerShared};
use lodewire_websocket::{
    CloseCode, CloseFrame, Connection as Codec, Event, FrameHeader, MaskKey, MessageKind,
    NegotiatedDeflate, PreparedMessage, ProtocolError, Role,
};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

pub(super) struct Open {
    pub(super) codec: Codec,
    pub(super) peer: Arc<PeerShared>,
    /// Only a client masks.
    masks: Option<Box<MaskKeys>>,
    /// The inbox is full.
    pub(super) stalled: bool,
    /// The answer to the latest ping, while [enough](super::PONGS_AT_ONCE) earlier bytes wait for the network (§5.5.3 allows
    /// to answer that one alone).
    #[allow(
        clippy::box_collection,
        reason = "one word in each of thousands, for what few ever have"
    )]
    pub(super) pong: Option<Box<Vec<u8>>>,
    /// There only if the game asks for one.
    heartbeat: Option<Box<Heartbeat>>,
    /// What [`Connection::has_new_compressor`](super::Connection::has_new_compressor) told last.
    pub(super) had_compressor: bool,
    pub(super) ending: Ending,
    /// What is counted as held beside its messages.
    counted: usize,
}

impl Drop for Open {
    /// However it ends.
    fn drop(&mut self) {
        self.peer.endpoint.free(self.counted);
        self.peer.forget_queue();
        self.peer.leave();
    }
}

/// How far the end has come.
#[derive(Default)]
pub(super) enum Ending {
    /// No end in sight.
    #[default]
    None,
    /// The peer's Close, or its fault, is told to the game. The Close that answers it waits until the game has read what
    /// came before, and has answered that; nothing more is read.
    Told(Box<End>),
    /// The last Close is encoded. The end is told when the last bytes are out.
    Said(Box<End>),
}

#[derive(Clone)]
pub(super) struct End {
    pub(super) clean: bool,
    pub(super) close: CloseFrame,
}

impl End {
    pub(super) fn abnormal(why: &str) -> Self {
        let close = CloseFrame { code: CloseCode::ABNORMAL, reason: why.to_owned() };
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
        let mut codec = Codec::new(role, settings.limits.in_bytes);
        if let Some(deflate) = deflate {
            codec.set_deflate(deflate);
        }
        let heartbeat = settings.heartbeat.map(|interval| Box::new(Heartbeat::new(interval)));
        Self {
            codec,
            peer,
            masks: (role == Role::Client).then(|| Box::new(MaskKeys::new())),
            stalled: false,
            pong: None,
            heartbeat,
            had_compressor: false,
            ending: Ending::None,
            counted: 0,
        }
    }

    /// Counts what it holds beside its messages: one that is incomplete, and `undecoded` bytes.
    pub(super) fn count_incomplete(&mut self, undecoded: usize) {
        let incomplete = self.codec.incomplete() + undecoded;
        let counted = std::mem::replace(&mut self.counted, incomplete);
        if incomplete != counted {
            self.peer.endpoint.hold(incomplete);
            self.peer.endpoint.free(counted);
        }
    }

    /// What a message that is incomplete holds.
    pub(super) fn incomplete(&self) -> usize {
        self.counted
    }

    /// Returns whether there is no room for more of this peer: all peers together hold too much, and this one more than its
    /// share.
    pub(super) fn is_crowded(&self) -> bool {
        let endpoint = &self.peer.endpoint;
        endpoint.is_full() && self.peer.held() + self.counted >= endpoint.share()
    }

    /// Gives up the message that is incomplete, and the connection with it.
    pub(super) fn give_up_incomplete(&mut self) {
        self.codec.discard_incomplete();
        let reason = "the server has no room for the message".to_owned();
        self.break_off(CloseFrame { code: CloseCode::TRY_AGAIN_LATER, reason });
    }

    /// The key for the next frame. Without randomness nothing can be sent: `Err`.
    fn mask(&mut self) -> Result<Option<MaskKey>, ()> {
        match &mut self.masks {
            None => Ok(None),
            Some(masks) => masks.next().map(Some).ok_or(()),
        }
    }

    /// Decodes until the input, the room in the inbox or the connection ends; returns how much was used. Once `out` is
    /// longer than `room`, only the latest ping is answered, when that is written.
    pub(super) fn decode(
        &mut self,
        input: &mut [u8],
        now: Instant,
        room: usize,
        out: &mut Vec<u8>,
    ) -> usize {
        if let Some(heart) = &mut self.heartbeat {
            heart.heard = true;
        }
        let mut used = 0;
        while used < input.len() && !self.stalled && matches!(self.ending, Ending::None) {
            let closing = self.codec.is_close_sent();
            match self.codec.receive(&mut input[used..]) {
                Err(violation) => self.violated(violation),
                Ok((len, event)) => {
                    used += len;
                    match event {
                        None => {}
                        // What comes after the game has closed is nobody's.
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
                            self.stalled = !self.peer.deliver(Arrival::Message(message));
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
                            if out.len() > room {
                                self.pong = Some(Box::new(payload));
                            } else {
                                self.pong = None;
                                self.answer_ping(&payload, out);
                            }
                        }
                        Some(Event::Close(close)) => self.close_came(close),
                    }
                }
            }
        }
        self.peer.endpoint.counters.received(0, used);
        used
    }

    fn close_came(&mut self, close: CloseFrame) {
        if self.codec.is_close_sent() {
            self.ending = Ending::Said(Box::new(End { clean: true, close }));
        } else {
            self.peer.deliver(Arrival::CloseRequest(close.clone()));
            self.ending = Ending::Told(Box::new(End { clean: true, close }));
        }
    }

    fn violated(&mut self, violation: ProtocolError) {
        let reason = violation.to_string();
        self.break_off(CloseFrame { code: violation.close_code(), reason });
    }

    /// The connection cannot go on: it ends with this Close.
    fn break_off(&mut self, close: CloseFrame) {
        let end = Box::new(End { clean: false, close: close.clone() });
        if self.codec.is_close_sent() {
            self.ending = Ending::Said(end);
        } else {
            self.peer.deliver(Arrival::Failing(close));
            self.ending = Ending::Told(end);
        }
    }

    /// Encodes a message of the game's, which has counted its bytes.
    pub(super) fn send(&mut self, kind: MessageKind, payload: &[u8], out: &mut Vec<u8>) {
        let before = out.len();
        if let Ok(mask) = self.mask() {
            self.codec.send(kind, payload, mask, out);
        }
        self.sent(payload.len(), out.len() - before);
    }

    /// Encodes a message that goes to many, and whose bytes are counted.
    pub(super) fn send_prepared(&mut self, message: &mut PreparedMessage, out: &mut Vec<u8>) {
        let before = out.len();
        let len = message.payload().len();
        self.codec.send_prepared(message, out);
        self.sent(len, out.len() - before);
    }

    /// What was counted as a message of `len` bytes is `encoded` bytes now: fewer, if it was compressed or came after a
    /// Close.
    fn sent(&self, len: usize, encoded: usize) {
        self.peer.endpoint.counters.sent(1, 0);
        self.count(encoded);
        let counted = FrameHeader::frame_len(len, self.masks.is_some());
        self.peer.unqueue(counted);
        self.peer.out_packets.fetch_sub(1, Ordering::Relaxed);
    }

    /// Answers a ping (§5.5.3).
    pub(super) fn answer_ping(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        let before = out.len();
        if let Ok(mask) = self.mask() {
            self.codec.pong(payload, mask, out);
        }
        self.count(out.len() - before);
    }

    /// When the heart beats first, if there is one.
    pub(super) fn first_beat(&self, now: Instant) -> Option<Instant> {
        self.heartbeat.as_ref().map(|heart| heart.first(now, self.peer.id))
    }

    /// A beat of the heart: when the next one is due, or `None` if the peer is dead.
    pub(super) fn beat(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Instant> {
        let read = !self.stalled;
        let (beat, next) = self.heartbeat.as_mut()?.beat(now, read);
        if let Beat::Ping(payload) = beat
            && let Ok(mask) = self.mask()
        {
            let before = out.len();
            self.codec.ping(&payload, mask, out);
            self.count(out.len() - before);
        }
        (beat != Beat::Dead).then_some(next)
    }

    /// Encodes a Close, once.
    pub(super) fn say_close(&mut self, code: CloseCode, reason: &str, out: &mut Vec<u8>) -> bool {
        let before = out.len();
        let said = self.mask().is_ok_and(|mask| self.codec.close(code, reason, mask, out));
        self.count(out.len() - before);
        said
    }

    /// Encodes the Close that has waited for the game, if one has.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> bool {
        match std::mem::take(&mut self.ending) {
            Ending::Told(end) => {
                // The peer's own code is echoed (§5.5.1); its fault is named.
                let reason = if end.clean { "" } else { end.close.reason.as_str() };
                self.say_close(end.close.code, reason, out);
                self.ending = Ending::Said(end);
                true
            }
            ending => {
                self.ending = ending;
                false
            }
        }
    }

    /// Counts bytes for the network.
    pub(super) fn count(&self, len: usize) {
        self.peer.endpoint.counters.sent(0, len);
        self.peer.queue(len);
    }
}

/// Appends a message as it came: the codec cannot send what it still lends.
fn echo(kind: MessageKind, payload: &[u8], out: &mut Vec<u8>) {
    let payload_len = payload.len() as u64;
    out.reserve(FrameHeader::MAX_LEN + payload.len());
    FrameHeader { fin: true, rsv1: false, opcode: kind.into(), mask: None, payload_len }
        .encode(out);
    out.extend_from_slice(payload);
}
