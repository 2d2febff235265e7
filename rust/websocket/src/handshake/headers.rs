//! The header lines of a request or an answer.

use super::syntax::list;

/// The header lines of a request or an answer, in their order.
///
/// It holds the text as it came and nothing else: the lines are told apart when they are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// The whole header section. It has been checked: each line but the first and the last has a name and a colon.
    section: Box<str>,
}

impl Headers {
    /// Takes a section that the parser has accepted.
    pub(super) fn new(section: Box<str>) -> Self {
        Self { section }
    }

    /// The first line of the section: of a request or a status.
    pub(super) fn first_line(&self) -> &str {
        self.section.split("\r\n").next().unwrap_or_default()
    }

    /// Each line's name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.section
            .split("\r\n")
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name, value.trim_matches([' ', '\t'])))
    }

    /// The value of the first line with this name, whatever its case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The values of every line with this name, whatever its case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of the one line with this name, `Ok(None)` without one, or `twice` if there are more.
    pub(super) fn only<E>(&self, name: &str, twice: E) -> Result<Option<&str>, E> {
        let mut values = self.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value);
        if values.next().is_some() { Err(twice) } else { Ok(value) }
    }

    /// Whether a list in the lines with this name has `token`, whatever its case.
    pub(super) fn has_token(&self, name: &str, token: &str) -> bool {
        self.all(name).flat_map(list).any(|element| element.eq_ignore_ascii_case(token))
    }
}
