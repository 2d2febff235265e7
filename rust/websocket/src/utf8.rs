//! Incremental UTF-8 validation (RFC 6455 section 8.1): an invalid byte is rejected when it arrives, not at the end of
//! the message.

/// Validates text that arrives in chunks; a character may be split between chunks.
#[derive(Debug, Default)]
pub(crate) struct Utf8Validator {
    /// The first bytes of an incomplete character: at most three.
    incomplete: [u8; 4],
    incomplete_len: u8,
}

/// The text is not UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidUtf8;

impl Utf8Validator {
    /// Validates the next chunk.
    pub(crate) fn feed(&mut self, mut chunk: &[u8]) -> Result<(), InvalidUtf8> {
        while self.incomplete_len > 0 {
            let Some((&byte, rest)) = chunk.split_first() else {
                return Ok(());
            };
            chunk = rest;
            let character = &mut self.incomplete[..=usize::from(self.incomplete_len)];
            character[usize::from(self.incomplete_len)] = byte;
            match std::str::from_utf8(character) {
                Ok(_) => self.incomplete_len = 0,
                Err(error) if error.error_len().is_none() => self.incomplete_len += 1,
                Err(_) => return Err(InvalidUtf8),
            }
        }
        match std::str::from_utf8(chunk) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_none() => {
                let tail = &chunk[error.valid_up_to()..];
                self.incomplete[..tail.len()].copy_from_slice(tail);
                self.incomplete_len = u8::try_from(tail.len()).unwrap_or(0);
                Ok(())
            }
            Err(_) => Err(InvalidUtf8),
        }
    }

    /// Ends the text, which is invalid if its last character is incomplete, and resets the validator.
    pub(crate) fn finish(&mut self) -> Result<(), InvalidUtf8> {
        if std::mem::take(&mut self.incomplete_len) == 0 { Ok(()) } else { Err(InvalidUtf8) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(chunks: &[&[u8]]) -> Result<(), InvalidUtf8> {
        let mut check = Utf8Validator::default();
        for chunk in chunks {
            check.feed(chunk)?;
        }
        check.finish()
    }

    #[test]
    fn characters_may_be_split_anywhere() {
        let text = "aé€𐍈\u{10FFFF}z".as_bytes();
        for first in 0..text.len() {
            for second in first..text.len() {
                let chunks = [&text[..first], &text[first..second], &text[second..]];
                assert_eq!(check(&chunks), Ok(()), "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn an_invalid_byte_is_rejected_when_it_arrives() {
        // A surrogate, overlong forms, a value over U+10FFFF, a lone continuation byte: each at its first invalid byte.
        for bad in [&b"\xED\xA0"[..], b"\xC0", b"\xE0\x80", b"\xF4\x90", b"\x80", b"\xFF"] {
            let mut check = Utf8Validator::default();
            let (last, head) = bad.split_last().expect("not empty");
            for byte in head {
                assert_eq!(check.feed(&[*byte]), Ok(()), "{bad:x?}");
            }
            assert_eq!(check.feed(&[*last]), Err(InvalidUtf8), "{bad:x?}");
            assert_eq!(Utf8Validator::default().feed(bad), Err(InvalidUtf8), "{bad:x?}");
        }
    }

    #[test]
    fn an_incomplete_character_at_the_end_is_rejected() {
        assert_eq!(check(&[b"\xE2\x82"]), Err(InvalidUtf8));
        assert_eq!(check(&[b"\xF0", b"\x90", b"\x8D"]), Err(InvalidUtf8));
    }
}
