//! UTF-8 checked as it arrives (§8.1): a bad byte is refused when it comes, not when the message ends.

/// Checks text that comes in pieces; a character may be cut anywhere.
#[derive(Debug, Default)]
pub(crate) struct Utf8Check {
    /// The first bytes of a character whose rest has not come yet: at most three.
    cut: [u8; 4],
    cut_len: u8,
}

/// The text is not UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidUtf8;

impl Utf8Check {
    /// Checks the next piece.
    pub(crate) fn feed(&mut self, mut piece: &[u8]) -> Result<(), InvalidUtf8> {
        while self.cut_len > 0 {
            let Some((&byte, rest)) = piece.split_first() else {
                return Ok(());
            };
            piece = rest;
            let cut = &mut self.cut[..=usize::from(self.cut_len)];
            cut[usize::from(self.cut_len)] = byte;
            match std::str::from_utf8(cut) {
                Ok(_) => self.cut_len = 0,
                Err(error) if error.error_len().is_none() => self.cut_len += 1,
                Err(_) => return Err(InvalidUtf8),
            }
        }
        match std::str::from_utf8(piece) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_none() => {
                let tail = &piece[error.valid_up_to()..];
                self.cut[..tail.len()].copy_from_slice(tail);
                self.cut_len = u8::try_from(tail.len()).unwrap_or(0);
                Ok(())
            }
            Err(_) => Err(InvalidUtf8),
        }
    }

    /// Ends the text; a character that is still cut short makes it invalid. The check is ready for the next text.
    pub(crate) fn finish(&mut self) -> Result<(), InvalidUtf8> {
        if std::mem::take(&mut self.cut_len) == 0 { Ok(()) } else { Err(InvalidUtf8) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[&[u8]]) -> Result<(), InvalidUtf8> {
        let mut check = Utf8Check::default();
        for piece in pieces {
            check.feed(piece)?;
        }
        check.finish()
    }

    #[test]
    fn every_cut_of_every_width_is_accepted() {
        let text = "aé€𐍈\u{10FFFF}z".as_bytes();
        for first in 0..text.len() {
            for second in first..text.len() {
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                assert_eq!(check(&pieces), Ok(()), "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn a_bad_byte_is_refused_when_it_comes() {
        // A surrogate, an overlong form, a value beyond U+10FFFF, a lone continuation: each at its first wrong byte.
        for bad in [&b"\xED\xA0"[..], b"\xC0", b"\xE0\x80", b"\xF4\x90", b"\x80", b"\xFF"] {
            let mut check = Utf8Check::default();
            let (last, head) = bad.split_last().expect("not empty");
            for byte in head {
                assert_eq!(check.feed(&[*byte]), Ok(()), "{bad:x?}");
            }
            assert_eq!(check.feed(&[*last]), Err(InvalidUtf8), "{bad:x?}");
            assert_eq!(Utf8Check::default().feed(bad), Err(InvalidUtf8), "{bad:x?}");
        }
    }

    #[test]
    fn a_character_cut_short_by_the_end_is_refused() {
        assert_eq!(check(&[b"\xE2\x82"]), Err(InvalidUtf8));
        assert_eq!(check(&[b"\xF0", b"\x90", b"\x8D"]), Err(InvalidUtf8));
    }
}
