//! One step: an aggregate over some axes.

use crate::axis::{Axes, Axis};
use crate::error::{Error, ErrorKind, Result};
use crate::weight::Weight;

/// One step of a reduction.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What the step does with a group of cells.
    pub aggregate: Aggregate,
    /// The axes that vanish.
    pub over: Over,
    /// The weights whose total divides, for a mean; its mass if there is none.
    pub by: Option<Vec<Weight>>,
    /// Whether the divisor is left behind as mass ("micro") or 1 ("macro").
    pub carry: bool,
    /// What a group without mass is worth.
    pub empty: Empty,
}

/// What a step does with the values v and masses m of a group of cells.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Aggregate {
    /// Σ m v.
    Sum,
    /// Σ m v / Σ m.
    Mean,
    /// The largest value with mass.
    Max,
    /// The smallest value with mass.
    Min,
    /// (Σ m v^p / Σ m)^(1/p), for values of at least 0 and p other than 0.
    Power(f64),
    /// ln(Σ m e^(t v) / Σ m) / t, for t other than 0.
    LogMeanExp(f64),
    /// The smallest value that holds, with those below it, a share q in [0, 1] of the mass.
    Quantile(f64),
    /// The mean by mass of the max(1, floor(fraction · n)) largest of n values with mass, the
    /// fraction in (0, 1].
    TopFraction(f64),
    /// The mean by mass of the k largest values with mass, k at least 1.
    TopK(usize),
}

/// The axes over which a step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Over {
    /// The axes that are still there.
    All,
    /// These axes.
    Axes(Axes),
}

/// What a group whose divisor is 0 is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Empty {
    /// No mass in later steps. If nothing is left at the end, that is an error.
    #[default]
    Skip,
    /// 0, and it counts.
    Zero,
    /// 1, and it counts.
    One,
    /// NaN, and it counts: the only way to a NaN.
    Nan,
    /// An error that names the group.
    Error,
}

impl Over {
    /// The axes meant, where a field has the axes `left`; or why there is no such step.
    pub(crate) fn of(self, left: Axes) -> Result<Axes, String> {
        let gone = |axes: Axes| {
            let left = if left.is_empty() { "no axes".to_owned() } else { left.to_string() };
            let (word, is) =
                if axes.iter().count() == 1 { ("which is", "are") } else { ("which are", "are") };
            format!("is over {axes}, {word} gone; left {is} {left}")
        };
        match self {
            Self::All if left.is_empty() => Err("is over all axes, but none is left".into()),
            Self::All => Ok(left),
            Self::Axes(axes) if axes.is_empty() => {
                Err("is over no axes, expected at least one".into())
            }
            Self::Axes(axes) if !left.contains_all(axes) => Err(gone(axes.without(left))),
            Self::Axes(axes) => Ok(axes),
        }
    }
}

impl From<Axis> for Over {
    fn from(axis: Axis) -> Self {
        Self::Axes(axis.into())
    }
}

impl From<Axes> for Over {
    fn from(axes: Axes) -> Self {
        Self::Axes(axes)
    }
}

impl<const N: usize> From<[Axis; N]> for Over {
    fn from(axes: [Axis; N]) -> Self {
        Self::Axes(axes.into())
    }
}

impl Step {
    /// The aggregate over the axes, with the mass as divisor, macro, and empty groups skipped.
    pub fn new(aggregate: Aggregate, over: impl Into<Over>) -> Self {
        Self { aggregate, over: over.into(), by: None, carry: false, empty: Empty::default() }
    }

    /// Whether the step has a divisor to carry: mean, power and logmeanexp.
    pub(crate) fn can_carry(&self) -> bool {
        matches!(self.aggregate, Aggregate::Mean | Aggregate::Power(_) | Aggregate::LogMeanExp(_))
    }

    /// Whether groups without mass have none in later steps.
    pub(crate) fn can_skip(&self) -> bool {
        self.empty == Empty::Skip && self.aggregate != Aggregate::Sum
    }

    /// Refuses a number out of its range and an option that the aggregate does not have.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse =
            |why: String| Err(Error::new(ErrorKind::Order, format!("order: step `{self}`: {why}")));
        match self.aggregate {
            Aggregate::Power(p) if !p.is_finite() || p == 0.0 => {
                return refuse(format!("p is {p}, expected a finite number other than 0"));
            }
            Aggregate::LogMeanExp(t) if !t.is_finite() || t == 0.0 => {
                return refuse(format!("t is {t}, expected a finite number other than 0"));
            }
            Aggregate::Quantile(q) if !(0.0..=1.0).contains(&q) => {
                return refuse(format!("q is {q}, expected a number in [0, 1]"));
            }
            Aggregate::TopFraction(fraction) if !(fraction > 0.0 && fraction <= 1.0) => {
                return refuse(format!("fraction is {fraction}, expected a number in (0, 1]"));
            }
            Aggregate::TopK(0) => return refuse("k is 0, expected at least 1".into()),
            _ => {}
        }
        if self.carry && !self.can_carry() {
            return refuse(
                "only mean, power and logmeanexp have a divisor to carry (a sum that carried it \
                 would count it twice)"
                    .into(),
            );
        }
        if self.carry && !matches!(self.empty, Empty::Skip | Empty::Error) {
            return refuse(
                "a divisor of 0 is carried as no mass; empty can be skip or error".into(),
            );
        }
        if self.aggregate == Aggregate::Sum && self.empty != Empty::default() {
            return refuse("a sum of nothing is 0; it has no policy for empty groups".into());
        }
        match &self.by {
            Some(_) if self.aggregate != Aggregate::Mean => {
                refuse("only a mean can name its divisor".into())
            }
            Some(weights) => weights.iter().try_for_each(Weight::check),
            None => Ok(()),
        }
    }
}
