//! Binary cross-entropy: the mean over `axis` of both terms.

use super::Reduction;
use crate::element::{Activation, Bce};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::Loss;
use crate::preset::argument::Tensor;
use crate::preset::declare::declare;
use crate::preset::keras::{EPSILON, Values, Weights, focal};
use crate::preset::{Given, Places};
use crate::weight::Weight;

/// Probabilities, clipped and then moved away from 0, or logits.
fn binary(from_logits: bool) -> Bce {
    if from_logits {
        Bce::new(Activation::Sigmoid)
    } else {
        Bce::new(Activation::Probability).clip(EPSILON).epsilon(EPSILON)
    }
}

declare! {
    /// `tf_keras.losses.BinaryCrossentropy`: -(t ln(q + 1e-7) + (1 - t) ln(1 - q + 1e-7)), the mean over `axis`, then
    /// the reduction; q is the probability clipped to [1e-7, 1 - 1e-7].
    BinaryCrossentropy: "tf_keras==2.21.0"
        "tf_keras.losses.BinaryCrossentropy"
            "(from_logits, label_smoothing, axis, reduction, name)(y_true, y_pred, sample_weight, mask)",
        "tf_keras.losses.binary_crossentropy" "(y_true, y_pred, from_logits, label_smoothing, axis)"
            { reduction = Reduction::None };
    Given::dense(Layout::NHWC); {
        /// Whether the prediction is logits.
        from_logits: bool = false,
        /// Towards 1/2.
        label_smoothing: f64 = 0.0,
        /// The axes that the function takes together.
        axis: Option<Places> = Some(Places::last()),
        /// What is done with the weighted values.
        reduction: Reduction = Reduction::Auto,
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
        self.reduction.of(values, weights)
    }
}

declare! {
    /// `tf_keras.losses.BinaryFocalCrossentropy`: (1 - p_t)^γ times the binary cross-entropy, the mean over `axis`, then
    /// the reduction; p_t = t p + (1 - t) (1 - p), not clipped. The cross-entropy of logits is not clipped, either.
    BinaryFocalCrossentropy: "tf_keras==2.21.0"
        "tf_keras.losses.BinaryFocalCrossentropy"
            "(apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis, reduction, name)(y_true, y_pred, sample_weight, mask)",
        "tf_keras.losses.binary_focal_crossentropy"
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
        reduction: Reduction = Reduction::Auto,
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
        self.reduction.of(values, weights)
    }
}
