//! Texts of a script, as the network takes them.

use godot::prelude::*;
use lodewire_net::websocket::{is_handshake_header, is_header, is_token};

/// Reads lines such as `Name: value`.
///
/// # Errors
/// The first that is no header line, or one that the handshake writes itself.
pub(crate) fn headers_of(lines: &PackedStringArray) -> Result<Vec<(String, String)>, String> {
    let read = |line: &GString| {
        let line = line.to_string();
        let (name, value) = line.split_once(':').ok_or_else(|| line.clone())?;
        let value = value.trim_matches([' ', '\t']);
        if is_header(name, value) && !is_handshake_header(name) {
            Ok((name.to_owned(), value.to_owned()))
        } else {
            Err(line.clone())
        }
    };
    lines.as_slice().iter().map(read).collect()
}

/// Reads the names of sub-protocols.
///
/// # Errors
/// The first that is none.
pub(crate) fn protocols_of(names: &PackedStringArray) -> Result<Vec<String>, String> {
    let read = |name: &GString| {
        let name = name.to_string().trim_matches(' ').to_owned();
        if is_token(&name) { Ok(name) } else { Err(name) }
    };
    names.as_slice().iter().map(read).collect()
}

pub(crate) fn texts_of(texts: &PackedStringArray) -> Vec<String> {
    texts.as_slice().iter().map(ToString::to_string).collect()
}
