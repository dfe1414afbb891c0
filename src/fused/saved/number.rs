//! Numbers and sets of axes as texts. JSON has no infinity, and its readers may round.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::axis::{Axes, Axis};

/// A number of which every bit survives.
#[derive(Clone, Copy)]
pub(super) struct Number(pub(super) f64);

/// Numbers that are saved.
pub(super) fn numbers<'n>(numbers: impl IntoIterator<Item = &'n f64>) -> Vec<Number> {
    numbers.into_iter().map(|&number| Number(number)).collect()
}

/// The bits of a NaN that the processor did not make.
const NAN: &str = "NaN(";

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bits = self.0.to_bits();
        if self.0.is_nan() && bits != f64::NAN.to_bits() {
            return serializer.collect_str(&format_args!("{NAN}{bits:x})"));
        }
        serializer.collect_str(&format_args!("{:?}", self.0))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        read(&text).map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "state: `{text}` is no number; expected a decimal, inf, -inf, NaN or NaN(bits)"
            ))
        })
    }
}

fn read(text: &str) -> Option<f64> {
    match text.strip_prefix(NAN).and_then(|rest| rest.strip_suffix(')')) {
        Some(bits) => {
            let number = f64::from_bits(u64::from_str_radix(bits, 16).ok()?);
            number.is_nan().then_some(number)
        }
        None => text.parse().ok(),
    }
}

/// A set of axes.
#[derive(Clone, Copy)]
pub(super) struct Set(pub(super) Axes);

impl Serialize for Set {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Set {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let words = text.split(", ").filter(|word| !word.is_empty());
        let by_word = |word| Axis::ALL.into_iter().find(|axis| axis.word() == word);
        let axes: Option<Axes> = words.map(by_word).collect();
        match axes {
            Some(axes) if axes.to_string() == text => Ok(Self(axes)),
            _ => Err(D::Error::custom(format!(
                "state: `{text}` names no axes; expected some of `class, pixel, image`"
            ))),
        }
    }
}
