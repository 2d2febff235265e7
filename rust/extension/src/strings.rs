//! Converts texts of a script.

use godot::prelude::*;
use lodewire_net::websocket::{is_handshake_header, is_token, is_valid_header};

/// Converts lines such as `Name: value`.
///
/// # Errors
/// Returns the first line that is not a header, or that the handshake writes itself.
pub(crate) fn headers_of(lines: &PackedStringArray) -> Result<Vec<(String, String)>, String> {
    let read = |line: &GString| {
        let line = line.to_string();
        let (name, value) = line.split_once(':').ok_or_else(|| line.clone())?;
        let value = value.trim_matches([' ', '\t']);
        if is_valid_header(name, value) && !is_handshake_header(name) {
            Ok((name.to_owned(), value.to_owned()))
        } else {
            Err(line.clone())
        }
    };
    lines.as_slice().iter().map(read).collect()
}

/// Converts the names of sub-protocols.
///
/// # Errors
/// Returns the first invalid name.
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
