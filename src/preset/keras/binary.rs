//! Binary cross-entropy: the mean over `axis` of both terms.

use super::{EPSILON, Reduction, Values, Weights};
use crate::element::{Activation, Bce, Focal, Smoothing};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, bce};
use crate::preset::argument::Tensor;
use crate::preset::declare::declare;
use crate::preset::{Given, Places};
use crate::reduction::mean;
use crate::weight::Weight;

/// Logits, or probabilities, which are clipped.
fn binary(from_logits: bool) -> Bce {
    if from_logits {
        Bce::new(Activation::Sigmoid)
    } else {
        Bce::new(Activation::Probability).clip(EPSILON)
    }
}

/// The options with the target moved towards 1/2.
fn smoothed(options: Bce, smoothing: f64) -> Bce {
    if smoothing == 0.0 { options } else { options.smoothing(Smoothing::Half(smoothing)) }
}

/// The options with a focal factor, if it is one.
pub(in crate::preset) fn focal(options: Bce, factor: impl Into<Focal>) -> Bce {
    let factor = factor.into();
    if factor.gamma == 0.0 { options } else { options.focal(factor) }
}

impl Values {
    /// The mean over `axis` of a binary cross-entropy.
    pub(in crate::preset) fn binary(
        options: Bce,
        smoothing: f64,
        axis: Option<&Places>,
        given: &Given,
    ) -> Result<Self> {
        let (over, left) = Places::of(axis, given.layout)?;
        Ok(Self::new(bce(smoothed(options, smoothing)).reduce(mean(over)), left))
    }
}

declare! {
    /// `keras.losses.BinaryCrossentropy`: -(t ln q + (1 - t) ln(1 - q)), the mean over `axis`, then the reduction.
    ///
    /// q is the probability clipped to [1e-7, 1 - 1e-7]; logits are not clipped. With `label_smoothing` s the target
    /// is (1 - s) t + s / 2.
    BinaryCrossentropy: "keras==3.15.1"
        "keras.losses.BinaryCrossentropy"
            "(from_logits, label_smoothing, axis, reduction, name, dtype)(y_true, y_pred, sample_weight, mask)",
        "keras.losses.binary_crossentropy" "(y_true, y_pred, from_logits, label_smoothing, axis)"
            { reduction = Reduction::None };
    Given::dense(Layout::NHWC); {
        /// Whether the prediction is logits.
        from_logits: bool = false,
        /// Towards 1/2.
        label_smoothing: f64 = 0.0,
        /// The axes that the function takes together.
        axis: Option<Places> = Some(Places::last()),
        /// What is done with the weighted values.
        reduction: Reduction = Reduction::SumOverBatchSize,
        /// Multiplies the values.
        sample_weight: Option<Tensor> = None,
        /// The mask of the batch.
        mask: Option<Weight> = None,
    }
}

impl BinaryCrossentropy {
    fn order(&self, given: &Given) -> Result<Loss> {
        let options = binary(self.from_logits);
        let values = Values::binary(options, self.label_smoothing, self.axis.as_ref(), given)?;
        let weights = Weights::new(self.sample_weight.as_ref(), self.mask.as_ref());
        values.reduced(self.reduction, weights)
    }
}

declare! {
    /// `keras.losses.BinaryFocalCrossentropy`: (1 - p_t)^γ times the binary cross-entropy, the mean over `axis`, then
    /// the reduction; p_t = t p + (1 - t) (1 - p).
    ///
    /// The cross-entropy of probabilities is clipped; the factor is not. Keras takes the sigmoid of logits itself, and on
    /// TensorFlow finds them again for the cross-entropy, as here; other backends clip it. With `apply_class_balancing` it is
    /// multiplied by α t + (1 - α) (1 - t), else `alpha` does nothing.
    BinaryFocalCrossentropy: "keras==3.15.1"
        "keras.losses.BinaryFocalCrossentropy"
            "(apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis, reduction, name, dtype)(y_true, y_pred, sample_weight, mask)",
        "keras.losses.binary_focal_crossentropy"
            "(y_true, y_pred, apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis)"
            { reduction = Reduction::None };
    Given::dense(Layout::NHWC); {
        /// Whether `alpha` counts.
        apply_class_balancing: bool = false,
        /// The weight of positives.
        alpha: f64 = 0.25,
        /// The exponent.
        gamma: f64 = 2.0,
        /// Whether the prediction is logits.
        from_logits: bool = false,
        /// Towards 1/2.
        label_smoothing: f64 = 0.0,
        /// The axes that the function takes together.
        axis: Option<Places> = Some(Places::last()),
        /// What is done with the weighted values.
        reduction: Reduction = Reduction::SumOverBatchSize,
        /// Multiplies the values.
        sample_weight: Option<Tensor> = None,
        /// The mask of the batch.
        mask: Option<Weight> = None,
    }
}

impl BinaryFocalCrossentropy {
    fn order(&self, given: &Given) -> Result<Loss> {
        let options = focal(binary(self.from_logits), self.gamma);
        let options = if self.apply_class_balancing { options.alpha(self.alpha) } else { options };
        let values = Values::binary(options, self.label_smoothing, self.axis.as_ref(), given)?;
        let weights = Weights::new(self.sample_weight.as_ref(), self.mask.as_ref());
        values.reduced(self.reduction, weights)
    }
}
