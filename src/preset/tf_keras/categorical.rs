//! Cross-entropies over the classes.

use super::Reduction;
use crate::element::{Bce, Smoothing};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, cross_entropy};
use crate::preset::Given;
use crate::preset::argument::Tensor;
use crate::preset::declare::declare;
use crate::preset::keras::{
    EPSILON, Weights, alpha, categorical, clipped, expect_last, focal, per_pixel,
};
use crate::weight::Weight;

declare! {
    /// `tf_keras.losses.CategoricalCrossentropy`: Σ_c -t ln q over the classes, then the reduction.
    ///
    /// q is p / Σ_c p clipped to [1e-7, 1 - 1e-7]; of logits the softmax, not clipped. With `label_smoothing` s the
    /// target is (1 - s) t + s / C.
    CategoricalCrossentropy: "tf_keras==2.21.0"
        "tf_keras.losses.CategoricalCrossentropy"
            "(from_logits, label_smoothing, axis, reduction, name)(y_true, y_pred, sample_weight, mask)",
        "tf_keras.losses.categorical_crossentropy" "(y_true, y_pred, from_logits, label_smoothing, axis)"
            { reduction = Reduction::None };
    Given::dense(Layout::NHWC); {
        /// Whether the prediction is logits.
        from_logits: bool = false,
        /// Towards 1/C.
        label_smoothing: f64 = 0.0,
        /// The class axis.
        axis: i64 = -1,
        /// What is done with the weighted values.
        reduction: Reduction = Reduction::Auto,
        /// Multiplies the values.
        sample_weight: Option<Tensor> = None,
        /// The mask of the batch.
        mask: Option<Weight> = None,
    }
}

impl CategoricalCrossentropy {
    fn order(&self, given: &Given) -> Result<Loss> {
        let options = smoothed(categorical(self.from_logits), self.label_smoothing);
        let values = per_pixel(cross_entropy(options), self.axis, given)?;
        let weights = Weights::new(self.sample_weight.as_ref(), self.mask.as_ref());
        self.reduction.of(values, weights)
    }
}

/// The options with the target moved towards 1/C.
fn smoothed(options: Bce, smoothing: f64) -> Bce {
    if smoothing == 0.0 { options } else { options.smoothing(Smoothing::Classes(smoothing)) }
}

declare! {
    /// `tf_keras.losses.CategoricalFocalCrossentropy`: Σ_c -α (1 - q)^γ t ln q over the classes, then the reduction.
    ///
    /// q is p / Σ_c p, of logits the softmax, clipped to [1e-7, 1 - 1e-7], in the factor, too.
    CategoricalFocalCrossentropy: "tf_keras==2.21.0"
        "tf_keras.losses.CategoricalFocalCrossentropy"
            "(alpha, gamma, from_logits, label_smoothing, axis, reduction, name)(y_true, y_pred, sample_weight, mask)",
        "tf_keras.losses.categorical_focal_crossentropy"
            "(y_true, y_pred, alpha, gamma, from_logits, label_smoothing, axis)"
            { reduction = Reduction::None };
    Given::dense(Layout::NHWC); {
        /// Multiplies the values: a number, or one per class.
        alpha: Tensor = Tensor::Number(0.25),
        /// The exponent.
        gamma: f64 = 2.0,
        /// Whether the prediction is logits.
        from_logits: bool = false,
        /// Towards 1/C.
        label_smoothing: f64 = 0.0,
        /// The class axis.
        axis: i64 = -1,
        /// What is done with the weighted values.
        reduction: Reduction = Reduction::Auto,
        /// Multiplies the values.
        sample_weight: Option<Tensor> = None,
        /// The mask of the batch.
        mask: Option<Weight> = None,
    }
}

impl CategoricalFocalCrossentropy {
    fn order(&self, given: &Given) -> Result<Loss> {
        if self.label_smoothing != 0.0 {
            expect_last("label_smoothing", self.axis, given)?;
        }
        let options = focal(categorical(self.from_logits).clip(EPSILON), clipped(self.gamma));
        let source = cross_entropy(smoothed(options, self.label_smoothing));
        let values = alpha(source, &self.alpha, self.axis, given)?;
        let weights = Weights::new(self.sample_weight.as_ref(), self.mask.as_ref());
        self.reduction.of(values, weights)
    }
}

declare! {
    /// `tf_keras.losses.SparseCategoricalCrossentropy`: -ln q of the label, then the reduction.
    ///
    /// q is p / Σ_c p clipped to [1e-7, 1 - 1e-7]; of logits the softmax, not clipped. (Keras clips first, which is the
    /// same where no probability is beyond the bounds.) Pixels with the label `ignore_class`, which is the ignored
    /// label of the batch, are 0 and a mask: the mean divides by the number of the others.
    SparseCategoricalCrossentropy: "tf_keras==2.21.0"
        "tf_keras.losses.SparseCategoricalCrossentropy"
            "(from_logits, ignore_class, reduction, name)(y_true, y_pred, sample_weight, mask)",
        "tf_keras.losses.sparse_categorical_crossentropy" "(y_true, y_pred, from_logits, axis, ignore_class)"
            { reduction = Reduction::None };
    Given::labels(Layout::NHWC); {
        /// Whether the prediction is logits.
        from_logits: bool = false,
        /// The label that is ignored.
        ignore_class: Option<i64> = None,
        /// What is done with the weighted values.
        reduction: Reduction = Reduction::Auto,
        /// The class axis, of which the function can be told.
        axis: i64 = -1,
        /// Multiplies the values.
        sample_weight: Option<Tensor> = None,
        /// The mask of the batch.
        mask: Option<Weight> = None,
    }
}

impl SparseCategoricalCrossentropy {
    fn order(&self, given: &Given) -> Result<Loss> {
        let values = per_pixel(cross_entropy(categorical(self.from_logits)), self.axis, given)?;
        let weights = Weights::new(self.sample_weight.as_ref(), self.mask.as_ref());
        self.reduction.of(values, weights.ignoring(self.ignore_class.is_some()))
    }
}
