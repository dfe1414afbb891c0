//! A place in a text, and what can be read from there.

use crate::error::{Error, Result};

/// A place in a text. Every reading skips white space first and, if it fails, says where.
pub(crate) struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let mut cursor = Self { text, at: 0 };
        cursor.skip_space();
        cursor
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(crate) fn advance(&mut self, bytes: usize) {
        self.at += bytes;
        self.skip_space();
    }

    /// The byte offset of what comes next.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn error_at(&self, at: usize, message: impl std::fmt::Display) -> Error {
        Error::parse(self.text, at, message)
    }

    /// An error at what comes next: expected this, found that.
    pub(crate) fn expected(&self, what: impl std::fmt::Display) -> Error {
        let found = match self.rest().chars().next() {
            None => "the end of the text".to_owned(),
            Some(letter) if letter.is_alphanumeric() => {
                let end = self.rest().find(|c: char| !(c.is_alphanumeric() || c == '_'));
                format!("`{}`", &self.rest()[..end.unwrap_or(self.rest().len())])
            }
            Some(sign) => format!("`{sign}`"),
        };
        self.error_at(self.at, format!("expected {what}, found {found}"))
    }

    pub(crate) fn finished(&self) -> bool {
        self.rest().is_empty()
    }

    /// Whether this sign comes next.
    pub(crate) fn sees(&self, sign: char) -> bool {
        self.rest().starts_with(sign)
    }

    /// Takes the sign if it comes next.
    pub(crate) fn takes(&mut self, sign: char) -> bool {
        self.takes_text(sign.encode_utf8(&mut [0; 4]))
    }

    /// Takes the text if it comes next.
    pub(crate) fn takes_text(&mut self, text: &str) -> bool {
        let sees = self.rest().starts_with(text);
        if sees {
            self.advance(text.len());
        }
        sees
    }

    /// Takes the sign, which must come next.
    pub(crate) fn expect(&mut self, sign: char) -> Result<()> {
        if self.takes(sign) { Ok(()) } else { Err(self.expected(format!("`{sign}`"))) }
    }

    /// The word that comes next, not taken: letters, digits and `_`, the first a letter.
    pub(crate) fn peek_word(&self) -> Option<&'t str> {
        let rest = self.rest();
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        Some(&rest[..end.unwrap_or(rest.len())])
    }

    /// Takes a word, which must come next.
    pub(crate) fn word(&mut self, what: impl std::fmt::Display) -> Result<&'t str> {
        let word = self.peek_word().ok_or_else(|| self.expected(what))?;
        self.advance(word.len());
        Ok(word)
    }

    /// Takes one of the words, which must come next, and gives what it stands for.
    pub(crate) fn one_of<T: Copy>(&mut self, what: &str, words: &[(&str, T)]) -> Result<T> {
        let found = self.peek_word().and_then(|word| words.iter().find(|(name, _)| *name == word));
        let Some(&(word, meaning)) = found else {
            let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
            return Err(self.expected(format!("{what} ({})", names.join(", "))));
        };
        self.advance(word.len());
        Ok(meaning)
    }

    /// Whether a number comes next, signs aside.
    pub(crate) fn sees_number(&self) -> bool {
        self.rest().starts_with(|c: char| c.is_ascii_digit() || c == '.')
    }

    /// Takes a number with an optional minus.
    pub(crate) fn number(&mut self, what: &str) -> Result<f64> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let mut end = usize::from(rest.starts_with('-'));
        while let Some(&byte) = bytes.get(end) {
            let sign_of_exponent =
                matches!(byte, b'+' | b'-') && end > 0 && matches!(bytes[end - 1], b'e' | b'E');
            if !(byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E') || sign_of_exponent) {
                break;
            }
            end += 1;
        }
        let number: f64 = rest[..end].parse().map_err(|_| self.expected(what))?;
        if !number.is_finite() {
            return Err(self.expected(format!("{what} that an f64 can hold")));
        }
        self.advance(end);
        Ok(number)
    }

    /// Takes a whole number.
    pub(crate) fn whole(&mut self, what: &str) -> Result<usize> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let whole = rest[..end].parse().map_err(|_| self.expected(what))?;
        self.advance(end);
        Ok(whole)
    }

    /// Takes `[item, item, ...]`.
    pub(crate) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.expect('[')?;
        let mut items = Vec::new();
        if self.takes(']') {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.takes(']') {
                return Ok(items);
            }
            if !self.takes(',') {
                return Err(self.expected("`,` or `]`"));
            }
        }
    }

    /// Takes `; key, key=value, ...)` or `)`: the options of a call, each at most once. `option`
    /// reads the value of a key and says whether it knows the key.
    pub(crate) fn options(
        &mut self,
        known: &[&str],
        mut option: impl FnMut(&mut Self, &'t str) -> Result<()>,
    ) -> Result<()> {
        let mut seen: Vec<&str> = Vec::new();
        if self.takes(';') {
            loop {
                let place = self.at;
                let key = self.word("an option")?;
                if !known.contains(&key) {
                    let known = if known.is_empty() {
                        "there are none here".to_owned()
                    } else {
                        format!("known are {}", known.join(", "))
                    };
                    return Err(self.error_at(place, format!("unknown option `{key}`; {known}")));
                }
                if seen.contains(&key) {
                    return Err(self.error_at(place, format!("option `{key}` is given twice")));
                }
                seen.push(key);
                option(self, key)?;
                if !self.takes(',') {
                    break;
                }
            }
        }
        if self.takes(')') { Ok(()) } else { Err(self.expected("`)`")) }
    }

    /// Takes `= number`.
    pub(crate) fn equals_number(&mut self) -> Result<f64> {
        self.expect('=')?;
        self.number("a number")
    }

    /// Reads the whole text with `read`; `or` says what else could follow.
    pub(crate) fn whole_text<T>(
        text: &'t str,
        or: &str,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let mut cursor = Self::new(text);
        let value = read(&mut cursor)?;
        if cursor.finished() { Ok(value) } else { Err(cursor.expected(or)) }
    }
}
