//! The headers of a request or a response.

use super::syntax::list;

/// The headers of a request or a response, in order.
///
/// Only the text is stored; lines are split on access.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// The whole header section, validated: each line except the first and the last has a name and a colon.
    section: Box<str>,
}

impl Headers {
    /// Wraps a section that the parser has accepted.
    pub(super) fn new(section: Box<str>) -> Self {
        Self { section }
    }

    /// Returns the request line or status line.
    pub(super) fn first_line(&self) -> &str {
        self.section.split("\r\n").next().unwrap_or_default()
    }

    /// Iterates over names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.section
            .split("\r\n")
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name, value.trim_matches([' ', '\t'])))
    }

    /// Returns the value of the first header with this name, ignoring case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Iterates over the values of all headers with this name, ignoring case.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Returns the value of the only header with this name, `None` if it is absent, or the error `repeated` if there
    /// are more.
    pub(super) fn single<E>(&self, name: &str, repeated: E) -> Result<Option<&str>, E> {
        let mut values = self.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value);
        if values.next().is_some() { Err(repeated) } else { Ok(value) }
    }

    /// Returns true if the lists in the headers with this name contain `token`, ignoring case.
    pub(super) fn has_token(&self, name: &str, token: &str) -> bool {
        self.get_all(name).flat_map(list).any(|element| element.eq_ignore_ascii_case(token))
    }
}
