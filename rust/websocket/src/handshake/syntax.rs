//! The words of HTTP (RFC 9110 §5.6).

/// Whether `text` is a token (RFC 9110 §5.6.2), as sub-protocol names and header names are: letters, digits and some
/// signs, at least one.
pub fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Whether `name` and `value` can stand in a header line (RFC 9110 §5.5): a token, and no control bytes but the tab, so that
/// the line cannot become two.
pub fn is_header(name: &str, value: &str) -> bool {
    is_token(name) && value.bytes().all(|byte| byte == b'\t' || !byte.is_ascii_control())
}

/// Whether the opening handshake writes the lines with this name itself, or would no longer be one request or one answer
/// with them: such lines are not for the caller to add.
pub fn is_handshake_header(name: &str) -> bool {
    const NAMES: [&str; 7] =
        ["Host", "Upgrade", "Connection", "Content-Length", "Transfer-Encoding", "Trailer", "TE"];
    const PREFIX: &str = "Sec-WebSocket-";
    NAMES.iter().any(|own| own.eq_ignore_ascii_case(name))
        || name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// Appends a header line.
pub(super) fn push_line(name: &str, value: &str, out: &mut Vec<u8>) {
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// The elements of a comma-separated list (RFC 9110 §5.6.1), without the space around them; empty ones are left out.
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
    fn headers_stay_on_their_line() {
        assert!(is_header("X-Game", "a b\tc: é, \"d\""));
        assert!(is_header("X", ""));
        for value in ["a\r\nX: y", "a\nb", "a\rb", "a\0", "\x7F", "\x1B[0m"] {
            assert!(!is_header("X", value), "{value:?}");
        }
        for name in ["", "a b", "a:", "a\r\n", "é"] {
            assert!(!is_header(name, "x"), "{name:?}");
        }
    }

    #[test]
    fn the_handshake_has_headers_of_its_own() {
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
