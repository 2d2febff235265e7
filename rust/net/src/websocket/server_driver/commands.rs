//! What the game asks a server for, in its order and as far as a turn's time goes.

use super::ServerDriver;
use crate::reactor::{Context, lock};
use crate::websocket::connection::Turn;
use crate::websocket::endpoint::{Command, Key};
use lodewire_websocket::{HandshakeRejection, PreparedMessage, Role};
use std::collections::VecDeque;

/// What the game asks for and is not done yet.
#[derive(Default)]
pub(super) struct Commands {
    /// Those that were taken at once. What they encode is written when all of them are done, so that what the game sends
    /// to a peer in a frame leaves together.
    queue: VecDeque<Command>,
    broadcast: Option<Broadcast>,
    /// Connections that have something to write, each once.
    dirty: VecDeque<Key>,
}

/// A message to many that is under way.
struct Broadcast {
    /// To whom it is still to be sent.
    keys: std::vec::IntoIter<Key>,
    message: PreparedMessage,
}

impl ServerDriver {
    /// Does what the workers and the game have for it, as far as its share of the thread's time goes, but at least one
    /// thing. Returns whether that is all.
    pub(super) fn work(&mut self, cx: &mut Context<'_>) -> bool {
        self.finished.extend(self.handshakes.take_finished(self.endpoint.waker.get()));
        while self.step(cx) {
            if cx.is_spent() {
                return false;
            }
        }
        // A burst's room is not kept for the next one.
        self.commands = Commands::default();
        true
    }

    /// Does the next thing. Returns whether there was one.
    fn step(&mut self, cx: &mut Context<'_>) -> bool {
        if let Some(finished) = self.finished.pop_front() {
            if let Some(entry) = self.entry(finished.key) {
                // The workers had no room for it: that is not the client's doing.
                let counted = if finished.result.is_none() { entry.counted.take() } else { None };
                if let Some(ip) = counted {
                    self.unfinished.finish(ip);
                }
                let slot = finished.key.slot;
                self.serve(cx, slot, |connection, _| connection.worked(finished.result));
                self.end_tls(slot);
            }
        } else if let Some(broadcast) = &mut self.commands.broadcast {
            match broadcast.keys.next() {
                Some(key) => self.send_prepared(key),
                None => self.commands.broadcast = None,
            }
        } else if let Some(command) = self.commands.queue.pop_front() {
            self.obey(cx, command);
        } else if let Some(key) = self.commands.dirty.pop_front() {
            if let Some(entry) = self.entry(key) {
                entry.is_dirty = false;
                self.serve(cx, key.slot, |connection, turn| connection.flush(turn.now));
            }
        } else {
            self.commands.queue = std::mem::take(&mut *lock(&self.endpoint.commands)).into();
            return !self.commands.queue.is_empty();
        }
        true
    }

    /// Does what the game asks for, and notes which connections have something to write.
    fn obey(&mut self, cx: &mut Context<'_>, command: Command) {
        match command {
            Command::Broadcast { keys, kind, payload } => {
                let message = PreparedMessage::new(kind, payload);
                self.commands.broadcast = Some(Broadcast { keys: keys.into_iter(), message });
            }
            Command::Accept { key, headers } => self.decide(cx, key, Ok(headers)),
            Command::Refuse { key, refusal } => self.decide(cx, key, Err(refusal)),
            Command::Drop { key } | Command::Resume { key } => {
                if self.entry(key).is_some() {
                    self.serve(cx, key.slot, |connection, turn| connection.obey(command, turn));
                }
            }
            Command::Send { key, .. }
            | Command::Close { key, .. }
            | Command::Finish { key }
            | Command::SetNoDelay { key, .. } => {
                let mut spare = std::mem::take(&mut self.spare);
                let mut turn = Turn::new(cx);
                if let Some(entry) = self.entry(key) {
                    entry.connection.lend(&mut spare);
                    entry.connection.obey(command, &mut turn);
                    if entry.connection.has_new_compressor() {
                        self.compressing.push_back(key);
                        self.bound_compressors();
                    }
                    self.note_dirty(key);
                }
                self.spare = spare;
            }
        }
    }

    /// Sends the message to many that is under way to one of them.
    fn send_prepared(&mut self, key: Key) {
        let Some(mut broadcast) = self.commands.broadcast.take() else { return };
        let mut spare = std::mem::take(&mut self.spare);
        if let Some(entry) = self.entry(key) {
            entry.connection.lend(&mut spare);
            entry.connection.send_prepared(&mut broadcast.message);
            self.note_dirty(key);
        }
        self.spare = spare;
        self.commands.broadcast = Some(broadcast);
    }

    fn note_dirty(&mut self, key: Key) {
        if let Some(entry) = self.entry(key)
            && !std::mem::replace(&mut entry.is_dirty, true)
        {
            self.commands.dirty.push_back(key);
        }
    }

    /// The game has decided on a request that waited.
    fn decide(
        &mut self,
        cx: &mut Context<'_>,
        key: Key,
        answer: Result<Vec<(String, String)>, HandshakeRejection>,
    ) {
        let Some(waiting) = self.entry(key).and_then(|entry| entry.waiting.take()) else {
            return;
        };
        self.admission.answered(&waiting);
        let mut out = Vec::new();
        let verdict =
            answer.and_then(|headers| self.admission.accept(&waiting, &headers, &mut out));
        self.serve(cx, key.slot, |connection, turn| match verdict {
            Ok(opened) => connection.open(Role::Server, opened, &out, turn),
            Err(refusal) => connection.refuse(&refusal, turn.now),
        });
    }
}
