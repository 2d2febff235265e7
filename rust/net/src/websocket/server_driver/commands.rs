//! Runs the commands of the game, in order and within the time slice.

use super::ServerDriver;
use crate::reactor::{Context, lock};
use crate::websocket::connection::Turn;
use crate::websocket::endpoint::{Command, Key};
use lodewire_websocket::{HandshakeRejection, PreparedMessage, Role};
use std::collections::VecDeque;

/// The commands of the game that have not been run yet.
#[derive(Default)]
pub(super) struct Commands {
    /// Commands taken in one batch. Their output is written after all of them have been run, so that the messages of
    /// one frame to a peer are sent together.
    queue: VecDeque<Command>,
    broadcast: Option<Broadcast>,
    /// Connections with output, each once.
    dirty: VecDeque<Key>,
}

/// A broadcast in progress.
struct Broadcast {
    /// The remaining recipients.
    keys: std::vec::IntoIter<Key>,
    message: PreparedMessage,
}

impl ServerDriver {
    /// Handles finished jobs and runs commands, at least one, within the time slice. Returns true if none is left.
    pub(super) fn run_commands(&mut self, cx: &mut Context<'_>) -> bool {
        self.finished.extend(self.handshakes.take_finished(self.endpoint.waker.get()));
        while self.run_next(cx) {
            if cx.is_spent() {
                return false;
            }
        }
        // Frees the capacity that a burst has left behind.
        self.commands = Commands::default();
        true
    }

    /// Handles one finished job or command. Returns false if there was none.
    fn run_next(&mut self, cx: &mut Context<'_>) -> bool {
        if let Some(finished) = self.finished.pop_front() {
            if let Some(entry) = self.entry(finished.key) {
                // The queue of the workers was full, which the client has not caused.
                let counted =
                    if finished.result.is_none() { entry.tls_counted_for.take() } else { None };
                if let Some(ip) = counted {
                    self.tls_handshakes.finish(ip);
                }
                let slot = finished.key.slot;
                self.serve(cx, slot, |connection, _| connection.on_job_done(finished.result));
                self.end_tls(slot);
            }
        } else if let Some(broadcast) = &mut self.commands.broadcast {
            match broadcast.keys.next() {
                Some(key) => self.send_prepared(key),
                None => self.commands.broadcast = None,
            }
        } else if let Some(command) = self.commands.queue.pop_front() {
            self.handle_command(cx, command);
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

    /// Runs a command, and notes which connections have output.
    fn handle_command(&mut self, cx: &mut Context<'_>, command: Command) {
        match command {
            Command::Broadcast { keys, message } => {
                let message = PreparedMessage::new(message.as_message());
                self.commands.broadcast = Some(Broadcast { keys: keys.into_iter(), message });
            }
            Command::Accept { key, headers } => self.decide(cx, key, Ok(headers)),
            Command::Reject { key, rejection } => self.decide(cx, key, Err(rejection)),
            Command::Drop { key } | Command::Resume { key } => {
                if self.entry(key).is_some() {
                    self.serve(cx, key.slot, |connection, turn| {
                        connection.handle_command(command, turn)
                    });
                }
            }
            Command::Send { key, .. }
            | Command::Close { key, .. }
            | Command::FinishClose { key }
            | Command::SetNoDelay { key, .. } => {
                let mut spare_buffer = std::mem::take(&mut self.spare_buffer);
                let mut turn = Turn::new(cx);
                if let Some(entry) = self.entry(key) {
                    entry.connection.take_buffer(&mut spare_buffer);
                    entry.connection.handle_command(command, &mut turn);
                    if entry.connection.has_new_compressor() {
                        self.compressing.push_back(key);
                        self.limit_compressors();
                    }
                    self.note_dirty(key);
                }
                self.spare_buffer = spare_buffer;
            }
        }
    }

    /// Sends the current broadcast to one recipient.
    fn send_prepared(&mut self, key: Key) {
        let Some(mut broadcast) = self.commands.broadcast.take() else { return };
        let mut spare_buffer = std::mem::take(&mut self.spare_buffer);
        if let Some(entry) = self.entry(key) {
            entry.connection.take_buffer(&mut spare_buffer);
            entry.connection.send_prepared(&mut broadcast.message);
            self.note_dirty(key);
        }
        self.spare_buffer = spare_buffer;
        self.commands.broadcast = Some(broadcast);
    }

    fn note_dirty(&mut self, key: Key) {
        if let Some(entry) = self.entry(key)
            && !std::mem::replace(&mut entry.is_dirty, true)
        {
            self.commands.dirty.push_back(key);
        }
    }

    /// Applies the game's decision on a held request.
    fn decide(
        &mut self,
        cx: &mut Context<'_>,
        key: Key,
        answer: Result<Vec<(String, String)>, HandshakeRejection>,
    ) {
        let Some(held) = self.entry(key).and_then(|entry| entry.held_request.take()) else {
            return;
        };
        self.admission.resolved(&held);
        let mut out = Vec::new();
        let result = answer.and_then(|headers| self.admission.accept(&held, &headers, &mut out));
        self.serve(cx, key.slot, |connection, turn| match result {
            Ok(opened) => connection.open(Role::Server, opened, &out, turn),
            Err(rejection) => connection.reject(&rejection, turn.now),
        });
    }
}
