//! Dice and Tversky: one ratio over `axis`.

use super::{EPSILON, Reduction, Values, Weights};
use crate::element::Activation;
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::Loss;
use crate::preset::argument::Tensor;
use crate::preset::declare::declare;
use crate::preset::{Given, Places};
use crate::region::{Ratio, overlap};
use crate::weight::Weight;

declare! {
    /// `keras.losses.Dice`: 1 - 2 Σ t p / (Σ t + Σ p + 1e-7), the sums over `axis`, then the reduction.
    ///
    /// Without an `axis` the sums are over everything, images and classes included. Where target and prediction are
    /// empty it is 1.
    Dice: "keras==3.15.1"
        "keras.losses.Dice" "(reduction, name, axis, dtype)(y_true, y_pred, sample_weight, mask)",
        "keras.losses.dice" "(y_true, y_pred, axis)" { reduction = Reduction::None };
    Given::dense(Layout::NHWC); {
        /// What is done with the weighted values.
        reduction: Reduction = Reduction::SumOverBatchSize,
        /// The axes of one ratio.
        axis: Option<Places> = None,
        /// Multiplies the values.
        sample_weight: Option<Tensor> = None,
        /// The mask of the batch, which weighs the ratios, not the pixels in them.
        mask: Option<Weight> = None,
    }
}

impl Dice {
    fn order(&self, given: &Given) -> Result<Loss> {
        let (over, left) = Places::of(self.axis.as_ref(), given.layout)?;
        let ratio = Ratio::over(over).smooth_denominator(EPSILON);
        let weights = Weights::new(self.sample_weight.as_ref(), self.mask.as_ref());
        Values::new(overlap(Activation::Probability).dice(ratio), left)
            .reduced(self.reduction, weights)
    }
}

declare! {
    /// `keras.losses.Tversky` up to 3.15: 1 - I / (I + α FN + β FP + 1e-7), the sums over `axis`, then the reduction; I =
    /// Σ t p, FN = Σ t (1 - p), FP = Σ (1 - t) p.
    ///
    /// The documentation has it that `alpha` weighs false positives; here, as in the code, it weighs false
    /// negatives. Where target and prediction are empty the loss is 1.
    Tversky: "keras==3.15.1"
        "keras.losses.Tversky"
            "(alpha, beta, reduction, name, axis, dtype)(y_true, y_pred, sample_weight, mask)",
        "keras.losses.tversky" "(y_true, y_pred, alpha, beta, axis)" { reduction = Reduction::None };
    Given::dense(Layout::NHWC); {
        /// The weight of false negatives.
        alpha: f64 = 0.5,
        /// The weight of false positives.
        beta: f64 = 0.5,
        /// What is done with the weighted values.
        reduction: Reduction = Reduction::SumOverBatchSize,
        /// The axes of one ratio.
        axis: Option<Places> = None,
        /// Multiplies the values.
        sample_weight: Option<Tensor> = None,
        /// The mask of the batch, which weighs the ratios, not the pixels in them.
        mask: Option<Weight> = None,
    }
}

impl Tversky {
    fn order(&self, given: &Given) -> Result<Loss> {
        let (over, left) = Places::of(self.axis.as_ref(), given.layout)?;
        let ratio = Ratio::over(over).smooth_denominator(EPSILON);
        let ratio = ratio.false_negative(self.alpha).false_positive(self.beta);
        let weights = Weights::new(self.sample_weight.as_ref(), self.mask.as_ref());
        Values::new(overlap(Activation::Probability).tversky(ratio), left)
            .reduced(self.reduction, weights)
    }
}

declare! {
    /// `keras.losses.Tversky` from 3.16 on: `alpha` weighs false positives and `beta` false negatives, as documented.
    /// Read, not run.
    TverskyOf316: "keras==3.16.0"
        "keras.losses.Tversky"
            "(alpha, beta, reduction, name, axis, dtype)(y_true, y_pred, sample_weight, mask)",
        "keras.losses.tversky" "(y_true, y_pred, alpha, beta, axis)" { reduction = Reduction::None };
    Given::dense(Layout::NHWC); {
        /// The weight of false positives.
        alpha: f64 = 0.5,
        /// The weight of false negatives.
        beta: f64 = 0.5,
        /// What is done with the weighted values.
        reduction: Reduction = Reduction::SumOverBatchSize,
        /// The axes of one ratio.
        axis: Option<Places> = None,
        /// Multiplies the values.
        sample_weight: Option<Tensor> = None,
        /// The mask of the batch, which weighs the ratios, not the pixels in them.
        mask: Option<Weight> = None,
    }
}

impl TverskyOf316 {
    fn order(&self, given: &Given) -> Result<Loss> {
        let Self { alpha, beta, reduction, axis, sample_weight, mask } = self.clone();
        Tversky { alpha: beta, beta: alpha, reduction, axis, sample_weight, mask }.order(given)
    }
}
