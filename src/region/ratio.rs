//! Where a ratio stands, and its slots.

use crate::reduction::{Empty, Over};

/// Where a ratio stands, and every slot of it.
///
/// With TP, FP and FN the sums of the overlap's terms by mass over the axes, a and b the weights of
/// false positives and false negatives, k = 2 for Dice and 1 for Jaccard and Tversky:
///
/// ```text
/// TP ← max(TP, tp_floor), where that floor is named
/// N = k TP + sn    D = max(k TP + a FP + b FN + sd, floor)    loss = 1 - max(N / D, score_floor)
/// ```
///
/// With a = b = 1 the denominator of Dice is Σp^e + Σt^e + sd. A floor counts only where it is named: a
/// denominator of predictions below 0 (`identity`) may be negative.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    pub(crate) over: Over,
    pub(crate) smooth_numerator: f64,
    pub(crate) smooth_denominator: f64,
    pub(crate) floor: f64,
    pub(crate) true_positive_floor: Option<f64>,
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
            true_positive_floor: None,
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

    /// Keeps TP at least this large, in numerator and denominator (nnU-Net's `clip_tp`). Below it TP has no
    /// slope; FP and FN keep theirs. Text: `tp_floor=1e-7`.
    ///
    /// ```
    /// use lossfold::{Activation, Batch, Layout, Over, Ratio, overlap};
    /// use ndarray::array;
    ///
    /// let loss = overlap(Activation::Probability).dice(Ratio::over(Over::All).true_positive_floor(0.5));
    /// assert_eq!(loss.to_string(), "overlap(probability) > dice(all; tp_floor=0.5)");
    ///
    /// let (prediction, target) = (array![[0.25, 0.25]], array![[1.0, 0.0]]); // TP 1/4, FP 1/4, FN 3/4
    /// let batch = Batch::new(Layout::NC, &prediction, &target)?;
    /// assert_eq!(loss.value(&batch)?, 1.0 - 2.0 * 0.5 / (2.0 * 0.5 + 0.25 + 0.75));
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn true_positive_floor(mut self, floor: f64) -> Self {
        self.true_positive_floor = Some(floor);
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

impl Ratio {
    /// Whether groups may have no mass in later steps.
    pub(crate) fn can_skip(&self) -> bool {
        self.absent == Absent::Skip || self.empty == Empty::Skip
    }
}

impl<T: Into<Over>> From<T> for Ratio {
    fn from(over: T) -> Self {
        Self::over(over)
    }
}
