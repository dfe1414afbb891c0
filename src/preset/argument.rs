//! What the arguments of a call may be, and how each is read from Python.

use super::call::{Value, What};
use crate::axis::{Axes, Axis};
use crate::layout::Layout;
use crate::notation::{Number, list};
use crate::weight::Weight;

/// An argument of one type: read from what was written, and shown as Python writes it.
pub(crate) trait Argument: Sized {
    /// What was expected, where it is something else.
    fn read(value: &Value<'_>) -> Result<Self, String>;
    fn show(&self) -> String;
}

/// What a value is, for messages.
pub(super) fn found(value: &Value<'_>) -> String {
    match &value.what {
        What::None => "None".into(),
        What::Bool(flag) => flag.show(),
        What::Number(number) => number.show(),
        What::Text(text) => format!("'{text}'"),
        What::List(_) => "a list".into(),
        What::Name(name) => format!("`{name}`"),
        What::Call(call) => format!("a call of `{}`", call.name),
    }
}

fn expected<T>(what: &str, value: &Value<'_>) -> Result<T, String> {
    Err(format!("expected {what}, found {}", found(value)))
}

impl Argument for bool {
    fn read(value: &Value<'_>) -> Result<Self, String> {
        match value.what {
            What::Bool(flag) => Ok(flag),
            _ => expected("True or False", value),
        }
    }

    fn show(&self) -> String {
        if *self { "True".into() } else { "False".into() }
    }
}

impl Argument for f64 {
    fn read(value: &Value<'_>) -> Result<Self, String> {
        match value.what {
            What::Number(number) => Ok(number),
            _ => expected("a number", value),
        }
    }

    fn show(&self) -> String {
        Number(*self).to_string()
    }
}

impl Argument for i64 {
    fn read(value: &Value<'_>) -> Result<Self, String> {
        match value.what {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "whole numbers below 2^53 are exact"
            )]
            What::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
                Ok(number as Self)
            }
            _ => expected("a whole number", value),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl<T: Argument> Argument for Option<T> {
    fn read(value: &Value<'_>) -> Result<Self, String> {
        match value.what {
            What::None => Ok(None),
            _ => T::read(value)
                .map(Some)
                .map_err(|why| why.replacen("expected ", "expected None or ", 1)),
        }
    }

    fn show(&self) -> String {
        self.as_ref().map_or_else(|| "None".into(), T::show)
    }
}

/// A list; one value is a list of one.
impl<T: Argument> Argument for Vec<T> {
    fn read(value: &Value<'_>) -> Result<Self, String> {
        match &value.what {
            What::List(items) => items.iter().map(T::read).collect(),
            _ => T::read(value).map(|item| vec![item]),
        }
    }

    fn show(&self) -> String {
        let items: Vec<String> = self.iter().map(T::show).collect();
        format!("[{}]", items.join(", "))
    }
}

/// A weight that the batch carries: `map`, `mask` or `image`.
impl Argument for Weight {
    fn read(value: &Value<'_>) -> Result<Self, String> {
        match value.what {
            What::Name("map") => Ok(Self::Map),
            What::Name("mask") => Ok(Self::Mask),
            What::Name("image") => Ok(Self::Image),
            _ => expected("the weight of the batch that it is (map, mask, image)", value),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// An enum of words that Python writes as texts or constants.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$of])* $variant),+ }

        impl $crate::preset::argument::Argument for $name {
            fn read(value: &$crate::preset::call::Value<'_>) -> Result<Self, String> {
                $crate::preset::argument::word(value, &[$(($word, Self::$variant)),+])
            }

            fn show(&self) -> String {
                match self { $(Self::$variant => format!("'{}'", $word)),+ }
            }
        }
    };
}
pub(super) use words;

/// One of the words, as a text, as None where that is one, or as a constant: `smp.losses.BINARY_MODE`.
pub(super) fn word<T: Copy>(value: &Value<'_>, words: &[(&str, T)]) -> Result<T, String> {
    let word = match value.what {
        What::Text(text) => text.to_owned(),
        What::None => "none".into(),
        What::Name(name) => {
            let last = name.rsplit('.').next().unwrap_or(name).to_lowercase();
            last.trim_end_matches("_mode").to_owned()
        }
        _ => String::new(),
    };
    let meaning = words.iter().find(|(known, _)| *known == word).map(|&(_, meaning)| meaning);
    meaning.ok_or_else(|| {
        let known: Vec<String> = words.iter().map(|(word, _)| format!("'{word}'")).collect();
        format!("expected one of {}, found {}", known.join(", "), found(value))
    })
}

words! {
    /// What a framework does with the values that are left.
    Reduce {
        /// Nothing: every value is kept.
        None = "none",
        /// The mean.
        Mean = "mean",
        /// The sum.
        Sum = "sum",
    }
}

/// Numbers with a shape, which a framework broadcasts from the right; or a weight that the batch carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Tensor {
    /// One number.
    Number(f64),
    /// Numbers in row-major order.
    Numbers {
        /// The extents of the axes.
        shape: Vec<usize>,
        /// The numbers.
        data: Vec<f64>,
    },
    /// What the batch carries.
    Carried(Weight),
}

impl Argument for Tensor {
    fn read(value: &Value<'_>) -> Result<Self, String> {
        match &value.what {
            What::Number(number) => Ok(Self::Number(*number)),
            What::Name(_) => Weight::read(value).map(Self::Carried),
            What::List(items) => {
                let items = items.iter().map(Self::read).collect::<Result<Vec<_>, _>>()?;
                Self::stacked(items).ok_or_else(|| "expected lists of one length".into())
            }
            _ => expected(
                "a number, a list of numbers, or a weight of the batch (map, mask, image)",
                value,
            ),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Number(number) => number.show(),
            Self::Numbers { shape, data } if shape.len() == 1 => list(data),
            Self::Numbers { shape, .. } => format!("a tensor of shape {shape:?}"),
            Self::Carried(weight) => weight.show(),
        }
    }
}

impl<W: Into<f64>, const N: usize> From<[W; N]> for Tensor {
    fn from(weights: [W; N]) -> Self {
        Self::Numbers { shape: vec![N], data: weights.map(Into::into).to_vec() }
    }
}

impl Tensor {
    fn stacked(items: Vec<Self>) -> Option<Self> {
        let mut inner: Option<Vec<usize>> = None;
        let mut data = Vec::new();
        let count = items.len();
        for item in items {
            let (shape, numbers) = match item {
                Self::Number(number) => (Vec::new(), vec![number]),
                Self::Numbers { shape, data } => (shape, data),
                Self::Carried(_) => return None,
            };
            if inner.get_or_insert_with(|| shape.clone()) != &shape {
                return None;
            }
            data.extend(numbers);
        }
        Some(Self::Numbers { shape: [vec![count], inner.unwrap_or_default()].concat(), data })
    }

    /// The numbers of a list, one per class.
    pub(super) fn list(&self) -> Result<Vec<f64>, String> {
        match self {
            Self::Number(number) => Ok(vec![*number]),
            Self::Numbers { shape, data } if shape.len() == 1 => Ok(data.clone()),
            _ => Err(format!("expected a list of numbers, one per class, found {}", self.show())),
        }
    }

    /// The weight by the axes along which it varies, broadcast from the right to tensors of a layout.
    pub(super) fn broadcast(&self, layout: Layout) -> Result<Broadcast, String> {
        let (shape, data) = match self {
            Self::Number(number) => return Ok(Broadcast::Number(*number)),
            Self::Carried(weight) => return Ok(Broadcast::Weight(weight.clone())),
            Self::Numbers { shape, data } => (shape, data),
        };
        let axes = layout.axes();
        let Some(lacks) = axes.len().checked_sub(shape.len()) else {
            return Err(format!("has the shape {shape:?}, which has more axes than {layout}"));
        };
        let varies = shape.iter().zip(&axes[lacks..]).filter(|(extent, _)| **extent != 1);
        let varies: Axes = varies.map(|(_, &axis)| axis).collect();
        if varies.is_empty() {
            Ok(Broadcast::Number(data.first().copied().unwrap_or(1.0)))
        } else if varies == Axis::Class.into() {
            Ok(Broadcast::Class(data.clone()))
        } else {
            Err(format!(
                "of shape {shape:?} is broadcast from the right, so it varies per {varies} of {layout}; \
                 let the batch carry it and write `map` (per class it would have its length on the class \
                 axis and 1 on those after it)"
            ))
        }
    }
}

/// A weight by the axes along which it varies.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Broadcast {
    Number(f64),
    Class(Vec<f64>),
    Weight(Weight),
}

impl Broadcast {
    /// The loss, its value multiplied by the weight.
    pub(super) fn scale(self, loss: crate::loss::Loss) -> crate::loss::Loss {
        match self {
            Self::Number(1.0) => loss,
            Self::Number(number) => number * loss,
            Self::Class(weights) => loss.scale(Weight::Class(weights)),
            Self::Weight(weight) => loss.scale(weight),
        }
    }
}
