//! HTTP syntax (RFC 9110 section 5.6).

/// Returns true if `text` is a token (RFC 9110 section 5.6.2), like the names of sub-protocols and headers: at least
/// one character, only letters, digits and certain punctuation.
pub fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Returns true if `name` and `value` form a valid header (RFC 9110 section 5.5): the name is a token, and the value
/// has no control characters except tabs, so that it cannot add lines.
pub fn is_valid_header(name: &str, value: &str) -> bool {
    is_token(name) && value.bytes().all(|byte| byte == b'\t' || !byte.is_ascii_control())
}

/// Returns true if the header of this name is set by the opening handshake, or would change how the request or response
/// is parsed: callers cannot add such headers.
pub fn is_handshake_header(name: &str) -> bool {
    const NAMES: [&str; 7] =
        ["Host", "Upgrade", "Connection", "Content-Length", "Transfer-Encoding", "Trailer", "TE"];
    const PREFIX: &str = "Sec-WebSocket-";
    NAMES.iter().any(|own| own.eq_ignore_ascii_case(name))
        || name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// Appends a header.
pub(super) fn push_line(name: &str, value: &str, out: &mut Vec<u8>) {
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Iterates over the elements of a comma-separated list (RFC 9110 section 5.6.1), trimmed and without empty ones.
pub(crate) fn list(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(|element| element.trim_matches([' ', '\t']))
        .filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens() {
        for good in ["chat", "v1.chat", "a", "x-y_z~"] {
            assert!(is_token(good), "{good}");
        }
        for bad in ["", "a b", "a,b", "a\r\nb", "é", "a;b", "a\0"] {
            assert!(!is_token(bad), "{bad:?}");
        }
    }

    #[test]
    fn header_values_cannot_add_lines() {
        assert!(is_valid_header("X-Game", "a b\tc: é, \"d\""));
        assert!(is_valid_header("X", ""));
        for value in ["a\r\nX: y", "a\nb", "a\rb", "a\0", "\x7F", "\x1B[0m"] {
            assert!(!is_valid_header("X", value), "{value:?}");
        }
        for name in ["", "a b", "a:", "a\r\n", "é"] {
            assert!(!is_valid_header(name, "x"), "{name:?}");
        }
    }

    #[test]
    fn handshake_headers_are_recognised() {
        for name in ["host", "UPGRADE", "connection", "sec-websocket-", "Sec-WebSocket-Key"] {
            assert!(is_handshake_header(name), "{name}");
        }
        for name in ["Origin", "Sec-WebSocke", "Cookie", "sec-websocke\u{e9}-"] {
            assert!(!is_handshake_header(name), "{name}");
        }
    }

    #[test]
    fn lists() {
        assert_eq!(list(" a,\tb ,, c").collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(list("").count(), 0);
    }
}
