//! Numbers as they are shown and as they are.

use std::fmt;

use crate::explain::{percent, short};

/// A number as the page shows it, and with all its digits.
pub(super) struct Number {
    shown: String,
    exact: Option<f64>,
}

impl Number {
    /// Four significant digits.
    pub(super) fn short(exact: Option<f64>) -> Self {
        Self { shown: exact.map_or_else(|| "–".into(), short), exact }
    }

    /// Three decimals.
    pub(super) fn score(exact: Option<f64>) -> Self {
        Self { shown: exact.map_or_else(|| "–".into(), |exact| format!("{exact:.3}")), exact }
    }

    pub(super) fn percent(share: f64) -> Self {
        Self { shown: percent(share), exact: Some(share) }
    }

    /// All digits, or nothing.
    pub(super) fn exact(&self) -> String {
        self.exact.map_or_else(String::new, |exact| exact.to_string())
    }

    /// How long a bar is, in per cent.
    pub(super) fn length(&self) -> f64 {
        100.0 * self.exact.unwrap_or(0.0).clamp(0.0, 1.0)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}
