//! `Sec-WebSocket-Extensions` (RFC 6455 section 9.1): the offered or negotiated extensions with their parameters.

use super::syntax::is_token;
use std::borrow::Cow;

/// An extension of the list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Extension<'a> {
    pub(crate) name: &'a str,
    /// The names of the parameters, and their values if they have any.
    pub(crate) parameters: Vec<(&'a str, Option<Cow<'a, str>>)>,
}

impl<'a> Extension<'a> {
    /// Parses the list from all header values; returns `None` if one of them is malformed.
    pub(crate) fn list(values: impl Iterator<Item = &'a str>) -> Option<Vec<Self>> {
        let mut extensions = Vec::new();
        for value in values {
            let mut cursor = Cursor { rest: value };
            loop {
                // Empty elements are ignored (RFC 9110 section 5.6.1).
                while cursor.take(',') {}
                if cursor.rest.is_empty() {
                    break;
                }
                extensions.push(cursor.extension()?);
                if !cursor.rest.is_empty() && !cursor.take(',') {
                    return None;
                }
            }
        }
        Some(extensions)
    }
}

/// The unparsed rest of a value.
struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    /// Takes one character and the whitespace around it, if it is next.
    fn take(&mut self, c: char) -> bool {
        self.space();
        let Some(rest) = self.rest.strip_prefix(c) else {
            return false;
        };
        self.rest = rest;
        self.space();
        true
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn token(&mut self) -> Option<&'a str> {
        let end = self.rest.find([' ', '\t', ',', ';', '=', '"']).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        is_token(token).then_some(token)
    }

    fn extension(&mut self) -> Option<Extension<'a>> {
        let name = self.token()?;
        let mut parameters = Vec::new();
        while self.take(';') {
            let name = self.token()?;
            let value = if self.take('=') { Some(self.value()?) } else { None };
            parameters.push((name, value));
        }
        Some(Extension { name, parameters })
    }

    /// Parses a token, or a quoted string that contains a token (RFC 6455 section 9.1).
    fn value(&mut self) -> Option<Cow<'a, str>> {
        let Some(quoted) = self.rest.strip_prefix('"') else {
            return self.token().map(Cow::Borrowed);
        };
        let mut value = String::new();
        let mut chars = quoted.char_indices();
        loop {
            match chars.next()?.1 {
                '"' => break,
                '\\' => value.push(chars.next()?.1),
                c => value.push(c),
            }
        }
        self.rest = chars.as_str();
        is_token(&value).then_some(Cow::Owned(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Plain<'a> = (&'a str, Vec<(&'a str, Option<String>)>);

    fn list(value: &str) -> Option<Vec<Plain<'_>>> {
        let extensions = Extension::list([value].into_iter())?.into_iter();
        let plain = extensions.map(|extension| {
            let parameters = extension.parameters.into_iter();
            let owned = parameters.map(|(name, value)| (name, value.map(Cow::into_owned)));
            (extension.name, owned.collect())
        });
        Some(plain.collect())
    }

    #[test]
    fn lists_have_names_parameters_and_values() {
        assert_eq!(list(""), Some(vec![]));
        assert_eq!(list(" , ,"), Some(vec![]));
        assert_eq!(list("a"), Some(vec![("a", vec![])]));
        assert_eq!(
            list("a;x;y = 1 , b ; z=\"q\\2\",,"),
            Some(vec![
                ("a", vec![("x", None), ("y", Some("1".into()))]),
                ("b", vec![("z", Some("q2".into()))]),
            ])
        );
    }

    #[test]
    fn malformed_lists_are_rejected() {
        for bad in [
            "a b",
            "a;",
            "a;;b",
            ";a",
            "a;x=",
            "a;x=\"",
            "a;x=\"\"",
            "a;x=\"1",
            "a;x=\"1\\",
            "=",
            "a=1",
            "a;x=1 2",
            "a;x=\"a,b\"",
            "é",
            "a;x=\"1\"2",
            "a;=1",
            "\"a\"",
        ] {
            assert_eq!(list(bad), None, "{bad}");
        }
    }
}
