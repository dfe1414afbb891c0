//! Overlap sources and the ratios that stand on them: Dice, Jaccard, Tversky and the user's own.

use std::fmt;
use std::sync::Arc;

use crate::axis::Axes;
use crate::element::Activation;
use crate::error::{Error, ErrorKind, Result};
use crate::loss::{Loss, Node, list_classes};
use crate::notation::{Number, call};
use crate::reduction::{Empty, Over};
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
#[must_use = "an overlap becomes a loss by a ratio: dice, jaccard, tversky or ratio"]
pub struct Overlap {
    pub(crate) activation: Activation,
    pub(crate) steps: Vec<Before>,
}

/// What may stand between an overlap and its ratio.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Before {
    Weigh(Weight),
    Select(Vec<usize>),
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
    Overlap { activation, steps: Vec::new() }
}

/// Where a ratio stands, and every slot of it.
///
/// With TP, FP and FN the sums of the overlap's terms by mass over the axes, a and b the weights of
/// false positives and false negatives, k = 2 for Dice and 1 for Jaccard and Tversky:
///
/// ```text
/// N = k TP + sn    D = max(k TP + a FP + b FN + sd, floor)    loss = 1 - max(N / D, score_floor)
/// ```
///
/// With a = b = 1 the denominator of Dice is Σp^e + Σt^e + sd.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    pub(crate) over: Over,
    pub(crate) smooth_numerator: f64,
    pub(crate) smooth_denominator: f64,
    pub(crate) floor: f64,
    pub(crate) score_floor: Option<f64>,
    pub(crate) exponent: f64,
    pub(crate) soft: SoftOverlap,
    pub(crate) false_positive: f64,
    pub(crate) false_negative: f64,
    pub(crate) absent: Absent,
    pub(crate) empty: Empty,
    pub(crate) carry: bool,
}

/// What the true-positive term of a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum SoftOverlap {
    /// p t.
    #[default]
    Product,
    /// (p^e + t^e - |p - t|) / 2 (MONAI's `soft_label`, SMP). The derivative of |p - t| at p = t is
    /// taken to be 0.
    Distance,
}

/// What a group is worth whose target sums to 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Absent {
    /// What the formula gives.
    #[default]
    Keep,
    /// No mass in later steps.
    Skip,
    /// 0, and it counts.
    Zero,
}

impl Ratio {
    /// The ratio over the axes, without smoothing, floors or policies.
    pub fn over(over: impl Into<Over>) -> Self {
        Self {
            over: over.into(),
            smooth_numerator: 0.0,
            smooth_denominator: 0.0,
            floor: 0.0,
            score_floor: None,
            exponent: 1.0,
            soft: SoftOverlap::default(),
            false_positive: 1.0,
            false_negative: 1.0,
            absent: Absent::default(),
            empty: Empty::default(),
            carry: false,
        }
    }

    /// Adds the same number to numerator and denominator. Text: `smooth=1`.
    pub fn smooth(self, smooth: f64) -> Self {
        self.smooth_numerator(smooth).smooth_denominator(smooth)
    }

    /// Adds to the numerator. Text: `smooth_numerator=1`.
    pub fn smooth_numerator(mut self, smooth: f64) -> Self {
        self.smooth_numerator = smooth;
        self
    }

    /// Adds to the denominator. Text: `smooth_denominator=1`.
    pub fn smooth_denominator(mut self, smooth: f64) -> Self {
        self.smooth_denominator = smooth;
        self
    }

    /// Keeps the denominator at least this large. Text: `floor=1e-7`.
    pub fn floor(mut self, floor: f64) -> Self {
        self.floor = floor;
        self
    }

    /// Keeps the score N / D at least this large. Text: `score_floor=1e-7`.
    pub fn score_floor(mut self, floor: f64) -> Self {
        self.score_floor = Some(floor);
        self
    }

    /// Raises p and t to this power in the denominator (Milletari et al. 2016: 2). Text: `exponent=2`.
    pub fn exponent(mut self, exponent: f64) -> Self {
        self.exponent = exponent;
        self
    }

    /// Chooses the soft overlap. Text: `soft=distance`.
    pub fn soft(mut self, soft: SoftOverlap) -> Self {
        self.soft = soft;
        self
    }

    /// Weighs false positives. Text: `fp=0.3`.
    pub fn false_positive(mut self, weight: f64) -> Self {
        self.false_positive = weight;
        self
    }

    /// Weighs false negatives. Text: `fn=0.7`.
    pub fn false_negative(mut self, weight: f64) -> Self {
        self.false_negative = weight;
        self
    }

    /// Names what a group is worth whose target sums to 0. Text: `absent=skip`.
    pub fn absent(mut self, absent: Absent) -> Self {
        self.absent = absent;
        self
    }

    /// Names what a group is worth whose denominator is 0. Text: `empty=zero`.
    pub fn empty(mut self, empty: Empty) -> Self {
        self.empty = empty;
        self
    }

    /// Leaves the denominator behind as mass. Text: `carry`.
    pub fn carry(mut self) -> Self {
        self.carry = true;
        self
    }
}

impl<T: Into<Over>> From<T> for Ratio {
    fn from(over: T) -> Self {
        Self::over(over)
    }
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
    /// Weighs the terms inside the ratio's sums.
    pub fn weigh(mut self, weight: Weight) -> Self {
        self.steps.push(Before::Weigh(weight));
        self
    }

    /// Drops all classes but these.
    pub fn select(mut self, classes: impl IntoIterator<Item = usize>) -> Self {
        self.steps.push(Before::Select(classes.into_iter().collect()));
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

    /// A ratio of the user's own over the axes, per what remains. It prints by its name, and is
    /// built in code, not parsed.
    pub fn ratio(
        self,
        name: impl Into<String>,
        over: impl Into<Over>,
        formula: impl RatioFormula,
    ) -> Loss {
        let formula = Formula::Own { name: name.into(), formula: Arc::new(formula) };
        self.region(formula, Ratio::over(over))
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

    pub(crate) fn check(&self) -> Result<()> {
        let ratio = &self.ratio;
        let refuse = |why: String| {
            Err(Error::new(ErrorKind::Order, format!("order: ratio `{self}`: {why}")))
        };
        for (name, number, least) in [
            ("smooth_numerator", ratio.smooth_numerator, 0.0),
            ("smooth_denominator", ratio.smooth_denominator, 0.0),
            ("floor", ratio.floor, 0.0),
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
        self.over(Axes::ALL).map(drop)
    }
}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "overlap({})", self.activation)?;
        self.steps.iter().try_for_each(|step| match step {
            Before::Weigh(weight) => write!(f, " > weigh({weight})"),
            Before::Select(classes) => write!(f, " > select({})", list_classes(classes)),
        })
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ratio { smooth_numerator, smooth_denominator, floor, score_floor, .. } = self.ratio;
        let Ratio { exponent, false_positive, false_negative, .. } = self.ratio;
        let tversky = matches!(self.formula, Formula::Tversky)
            && (false_positive != 1.0 || false_negative != 1.0);
        let name = match &self.formula {
            Formula::Dice => "dice",
            Formula::Tversky if tversky => "tversky",
            Formula::Tversky => "jaccard",
            Formula::Own { name, .. } => name,
        };
        let mut options = Vec::new();
        let mut number = |key: &str, value: f64, default: f64| {
            if value != default {
                options.push(format!("{key}={}", Number(value)));
            }
        };
        // A Tversky ratio prints both weights, even where one of them is 1.
        let default = if tversky { f64::NAN } else { 1.0 };
        number("fp", false_positive, default);
        number("fn", false_negative, default);
        if smooth_numerator == smooth_denominator {
            number("smooth", smooth_numerator, 0.0);
        } else {
            number("smooth_numerator", smooth_numerator, 0.0);
            number("smooth_denominator", smooth_denominator, 0.0);
        }
        number("floor", floor, 0.0);
        if let Some(floor) = score_floor {
            number("score_floor", floor, f64::NAN);
        }
        number("exponent", exponent, 1.0);
        if self.ratio.soft == SoftOverlap::Distance {
            options.push("soft=distance".into());
        }
        match self.ratio.absent {
            Absent::Keep => {}
            Absent::Skip => options.push("absent=skip".into()),
            Absent::Zero => options.push("absent=zero".into()),
        }
        if self.ratio.carry {
            options.push("carry".into());
        }
        if self.ratio.empty != Empty::default() {
            options.push(format!("empty={}", self.ratio.empty));
        }
        call(f, name, self.ratio.over, &options)
    }
}
