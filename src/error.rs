//! One error type: what was wrong, with which argument, what was expected and where.

use std::fmt;

/// A loss, a reduction or a batch that cannot be used, and why.
///
/// The message names the argument first, then what was expected, what was found and where:
///
/// ```
/// use lossfold::{ErrorKind, Layout};
///
/// let error = "NHWX".parse::<Layout>().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Layout);
/// assert_eq!(
///     error.to_string(),
///     "layout: `X` in `NHWX` is no axis; letters are N (image), C (class) and D, H, W, L, T (pixel)"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: Box<str>,
}

/// What an [`Error`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Shapes of prediction, target, weights or buffers that do not belong together.
    Shape,
    /// A layout that names an axis twice or not at all.
    Layout,
    /// An order that cannot be carried out: a step over an axis that is gone, a number out of range.
    Order,
    /// A text that does not parse; the message points at the place.
    Parse,
    /// Weights that are missing, unused, negative or of the wrong length.
    Weight,
    /// A value outside its domain: NaN, infinity, a probability above 1, a label without a class.
    Domain,
    /// Nothing was left to take a mean of, and no policy named what that is worth.
    Empty,
    /// States that cannot be merged, or a loss that cannot be made of parts.
    NotMergeable,
    /// A head of several outputs that is unknown, missing or named twice.
    Head,
    /// A framework's call that the framework refuses, or that has no order here.
    Preset,
    /// A loss that a tensor library's operations cannot compute.
    Backend,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into().into_boxed_str() }
    }

    /// A parse error that shows the text with a caret under the byte offset `at`.
    pub(crate) fn parse(text: &str, at: usize, message: impl fmt::Display) -> Self {
        let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
        let column = text[line_start..at].chars().count();
        let line = &text[line_start..line_end];
        Self::new(ErrorKind::Parse, format!("text: {message}\n  {line}\n  {:column$}^", ""))
    }

    /// The same error, with the place where it arose in front.
    pub(crate) fn within(self, place: impl fmt::Display) -> Self {
        Self::new(self.kind, format!("{place}: {}", self.message))
    }

    /// What the error is about.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;
