//! Overlap sources and what stands on them: the ratios Dice, Jaccard, Tversky and the user's own, and
//! the Lovász steps, which stand where a ratio stands.

mod display;
mod lovasz;
mod ratio;

pub(crate) use lovasz::Errors;
pub use ratio::{Absent, Ratio, SoftOverlap};

use std::sync::Arc;

use crate::axis::Axes;
use crate::element::{Activation, check_own_name};
use crate::error::{Error, ErrorKind, Result};
use crate::loss::{Classes, Loss, Node};
use crate::reduction::Empty;
use crate::weight::Weight;

/// The terms of an overlap per cell, on their way to the ratio that sums them.
///
/// With p the prediction after its activation, t the target, e the exponent and o the soft overlap
/// of the ratio, a cell has a true-positive, a false-positive and a false-negative term:
///
/// ```text
/// tp = o(p, t)    fp = p^e - tp    fn = t^e - tp
/// ```
///
/// An overlap alone is no loss; a ratio makes one of it. What stands before the ratio is inside its
/// sums, what stands after it weighs its result.
#[derive(Clone, Debug)]
#[must_use = "an overlap becomes a loss by a ratio: dice, jaccard, tversky, lovasz, lovasz_hinge or ratio"]
pub struct Overlap {
    pub(crate) activation: Activation,
    pub(crate) clip: Option<f64>,
    pub(crate) steps: Vec<Before>,
}

/// What may stand between an overlap and its ratio.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Before {
    Weigh(Weight),
    Select(Classes),
}

/// The terms of an overlap.
///
/// ```
/// use lossfold::Axis::{Class, Image, Pixel};
/// use lossfold::{Activation, Batch, Layout, Ratio, mean, overlap};
/// use ndarray::array;
///
/// let loss = overlap(Activation::Probability)
///     .dice(Ratio::over(Pixel).smooth(1.0))
///     .reduce(mean([Class, Image]));
/// assert_eq!(loss.to_string(), "overlap(probability) > dice(pixel; smooth=1) > mean(class, image)");
///
/// let (prediction, target) = (array![[[0.5], [0.5]]], array![[[1.0], [0.0]]]);
/// let batch = Batch::new("NLC".parse()?, &prediction, &target)?;
/// assert_eq!(loss.value(&batch)?, 1.0 - (2.0 * 0.5 + 1.0) / (1.0 + 1.0 + 1.0));
/// # Ok::<(), lossfold::Error>(())
/// ```
pub fn overlap(activation: Activation) -> Overlap {
    Overlap { activation, clip: None, steps: Vec::new() }
}

/// The sums of an overlap over one group.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Sums {
    /// TP = Σ m tp.
    pub true_positive: f64,
    /// FP = Σ m fp.
    pub false_positive: f64,
    /// FN = Σ m fn.
    pub false_negative: f64,
}

/// A ratio of the user's own: the loss of one group and its derivatives.
///
/// ```
/// use lossfold::{Activation, Axis, Batch, Layout, Over, RatioFormula, Sums, overlap};
/// use ndarray::array;
///
/// /// The share of the predicted mass that is wrong: 1 - precision.
/// struct FalseDiscovery;
/// impl RatioFormula for FalseDiscovery {
///     fn value(&self, sums: Sums) -> f64 {
///         sums.false_positive / (sums.true_positive + sums.false_positive)
///     }
///     fn derivative(&self, sums: Sums) -> Sums {
///         let predicted = sums.true_positive + sums.false_positive;
///         Sums {
///             true_positive: -sums.false_positive / predicted.powi(2),
///             false_positive: sums.true_positive / predicted.powi(2),
///             false_negative: 0.0,
///         }
///     }
/// }
///
/// let loss = overlap(Activation::Probability).ratio("false_discovery", Over::All, FalseDiscovery);
/// let (prediction, target) = (array![[0.5, 0.25, 0.25]], array![[1.0, 0.0, 0.0]]);
/// assert_eq!(loss.value(&Batch::new(Layout::NC, &prediction, &target)?)?, 0.5);
/// # Ok::<(), lossfold::Error>(())
/// ```
pub trait RatioFormula: Send + Sync + 'static {
    /// The loss of a group with these sums.
    fn value(&self, sums: Sums) -> f64;
    /// The derivatives of [`value`](Self::value) with respect to the three sums.
    fn derivative(&self, sums: Sums) -> Sums;
}

/// What a ratio makes of its sums.
#[derive(Clone)]
pub(crate) enum Formula {
    Dice,
    /// Jaccard with its two weights.
    Tversky,
    /// The Lovász extension of the Jaccard loss, of these errors.
    Lovasz(Errors),
    Own {
        name: String,
        formula: Arc<dyn RatioFormula>,
    },
}

/// A ratio step: a formula and its slots.
#[derive(Clone)]
pub(crate) struct Region {
    pub(crate) formula: Formula,
    pub(crate) ratio: Ratio,
}

impl Overlap {
    /// Clips p to [eps, 1 - eps], both bounds rounded to the element type of the prediction (MONAI's and Yeung's
    /// focal Tversky losses). The gradient is 0 outside. A Lovász step, which sorts errors, takes no clip.
    ///
    /// ```
    /// use lossfold::{Activation, Batch, Layout, Over, overlap};
    /// use ndarray::array;
    ///
    /// let loss = overlap(Activation::Probability).clip(0.25).dice(Over::All);
    /// assert_eq!(loss.to_string(), "overlap(probability; clip=0.25) > dice(all)");
    ///
    /// let (prediction, target) = (array![[1.0, 0.5]], array![[1_u8, 0]]);
    /// let (value, gradient) =
    ///     loss.value_and_gradient(&Batch::new(Layout::NC, &prediction, &target)?)?;
    /// assert_eq!(value, 1.0 - 2.0 * 0.75 / (0.75 + 0.5 + 1.0));
    /// assert_eq!(gradient[[0, 0]], 0.0); // p = 1 is held at 3/4
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn clip(mut self, eps: f64) -> Self {
        self.clip = Some(eps);
        self
    }

    /// Weighs the terms inside the ratio's sums.
    pub fn weigh(mut self, weight: Weight) -> Self {
        self.steps.push(Before::Weigh(weight));
        self
    }

    /// Drops all classes but these.
    pub fn select(mut self, classes: impl IntoIterator<Item = usize>) -> Self {
        self.steps.push(Before::Select(Classes::Only(classes.into_iter().collect())));
        self
    }

    /// Drops these classes and keeps all others: `overlap(softmax) > without([0]) > dice(pixel)` is a Dice
    /// without the background. A class that is not there, or none that is left, is an error with the batch.
    pub fn without(mut self, classes: impl IntoIterator<Item = usize>) -> Self {
        self.steps.push(Before::Select(Classes::Without(classes.into_iter().collect())));
        self
    }

    /// The Dice loss 1 - (2 TP + sn) / (2 TP + a FP + b FN + sd), per what remains.
    pub fn dice(self, ratio: impl Into<Ratio>) -> Loss {
        self.region(Formula::Dice, ratio.into())
    }

    /// The Jaccard loss 1 - (TP + sn) / (TP + FP + FN + sd), per what remains.
    pub fn jaccard(self, ratio: impl Into<Ratio>) -> Loss {
        self.region(Formula::Tversky, ratio.into())
    }

    /// The Tversky loss 1 - (TP + sn) / (TP + a FP + b FN + sd), per what remains (Salehi et al.
    /// 2017). With a = b = 1 it is, and prints as, [`jaccard`](Self::jaccard).
    pub fn tversky(self, ratio: impl Into<Ratio>) -> Loss {
        self.region(Formula::Tversky, ratio.into())
    }

    /// A ratio of the user's own, per what remains. It prints by its name, and is built in code, not
    /// parsed. It has the exponent, the soft overlap and the policies of a [`Ratio`], but no smoothing,
    /// floors or weights: these are the formula's. A group without mass is an empty one.
    pub fn ratio(
        self,
        name: impl Into<String>,
        ratio: impl Into<Ratio>,
        formula: impl RatioFormula,
    ) -> Loss {
        let formula = Formula::Own { name: name.into(), formula: Arc::new(formula) };
        self.region(formula, ratio.into())
    }

    /// Refuses a clip of no interval.
    pub(crate) fn check(&self) -> Result<()> {
        match self.clip.filter(|clip| !(*clip > 0.0 && *clip < 0.5)) {
            None => Ok(()),
            Some(clip) => Err(Error::new(
                ErrorKind::Order,
                format!("source `{self}`: clip is {clip}, expected a number in (0, 0.5)"),
            )),
        }
    }

    fn region(self, formula: Formula, ratio: Ratio) -> Loss {
        Loss::new(Node::Region { overlap: self, region: Region { formula, ratio } })
    }
}

impl Region {
    /// The axes of the ratio, where a field with `axes` enters.
    pub(crate) fn over(&self, axes: Axes) -> Result<Axes> {
        self.ratio
            .over
            .of(axes)
            .map_err(|why| Error::new(ErrorKind::Order, format!("order: ratio `{self}` {why}")))
    }

    pub(crate) fn check(&self, overlap: &Overlap) -> Result<()> {
        let ratio = &self.ratio;
        let refuse = |why: String| Err(self.refusal(&why));
        for (name, number, least) in [
            ("smooth_numerator", ratio.smooth_numerator, 0.0),
            ("smooth_denominator", ratio.smooth_denominator, 0.0),
            ("floor", ratio.floor, 0.0),
            ("tp_floor", ratio.true_positive_floor.unwrap_or(0.0), 0.0),
            ("score_floor", ratio.score_floor.unwrap_or(0.0), 0.0),
            ("exponent", ratio.exponent, 1.0),
            ("fp", ratio.false_positive, 0.0),
            ("fn", ratio.false_negative, 0.0),
        ] {
            if !(number.is_finite() && number >= least) {
                return refuse(format!(
                    "{name} is {number}, expected a finite number of at least {least}"
                ));
            }
        }
        if ratio.carry && !matches!(ratio.empty, Empty::Skip | Empty::Error) {
            return refuse(
                "a denominator of 0 is carried as no mass; empty can be skip or error".into(),
            );
        }
        if let Formula::Lovasz(errors) = self.formula {
            self.check_lovasz(errors, overlap)?;
        }
        if let Formula::Own { name, .. } = &self.formula {
            check_own_name(name)?;
            let plain = Ratio {
                over: ratio.over,
                exponent: ratio.exponent,
                soft: ratio.soft,
                absent: ratio.absent,
                empty: ratio.empty,
                ..Ratio::over(ratio.over)
            };
            if *ratio != plain {
                return refuse(
                    "smoothing, floors, weights and carry belong into the own formula".into(),
                );
            }
        }
        self.over(Axes::ALL).map(drop)
    }

    fn refusal(&self, why: &str) -> Error {
        Error::new(ErrorKind::Order, format!("order: ratio `{self}`: {why}"))
    }
}
