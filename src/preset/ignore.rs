//! `ignore_index`, where what is ignored still counts.

use super::argument::{Argument, found};
use super::call::{Value, What};

/// The number of a target that a framework ignores and yet counts in the divisor. What has it comes as the mask of
/// the batch, which scales the values: where labels were ignored, they would not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignore {
    /// Nothing is ignored.
    Nothing,
    /// The framework's default, which no target has.
    Unused(i64),
    /// This number.
    Number(i64),
}

impl Ignore {
    /// Whether the loss has a mask.
    pub(super) fn masks(self) -> bool {
        matches!(self, Self::Number(_))
    }
}

impl Argument for Ignore {
    fn read(value: &Value<'_>) -> Result<Self, String> {
        match value.what {
            What::None => Ok(Self::Nothing),
            _ => i64::read(value)
                .map(Self::Number)
                .map_err(|_| format!("expected None or a whole number, found {}", found(value))),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Nothing => "None".into(),
            Self::Unused(number) | Self::Number(number) => number.show(),
        }
    }
}
