//! The words of HTTP (RFC 9110 §5.6).

/// Whether `text` is a token (RFC 9110 §5.6.2), as sub-protocol names and header names are: letters, digits and some
/// signs, at least one.
pub fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
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
    fn lists() {
        assert_eq!(list(" a,\tb ,, c").collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(list("").count(), 0);
    }
}
