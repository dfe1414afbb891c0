//! `tf_keras.losses`, which is Keras 2: `tf.keras` of TensorFlow up to 2.15.
//!
//! The orders are those of [`keras`](super::keras), with three differences: binary cross-entropy of probabilities adds
//! 1e-7 inside both logarithms after the clip; a mean over nothing but masked values is NaN; there is no overlap.
//! Under `class_weight` of `fit` the weight of a pixel is that of its label, as `sample_weight=map`.
//!
//! ```
//! use lossfold::preset;
//!
//! let loss = preset::parse("tf_keras.losses.BinaryCrossentropy()(y_true, y_pred, sample_weight=map)")?;
//! assert_eq!(
//!     loss.to_string(),
//!     "bce(probability; clip=1e-7, epsilon=1e-7) > mean(class) > scale(map) > mean(pixel, image)"
//! );
//! # Ok::<(), lossfold::Error>(())
//! ```

use super::argument::{Tensor, words};
use super::declare::declare;
use super::entry::Entry;
use super::keras::{
    EPSILON, Values, Weights, alpha, categorical, clipped, expect_last, focal, per_pixel,
};
use super::{Given, Places};
use crate::element::{Activation, Bce, Smoothing};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, absolute, cross_entropy, kl, squared};
use crate::reduction::{mean, sum};
use crate::weight::Weight;

pub(super) const ALL: &[&[Entry]] = &[
    BinaryCrossentropy::ENTRIES,
    BinaryFocalCrossentropy::ENTRIES,
    CategoricalCrossentropy::ENTRIES,
    CategoricalFocalCrossentropy::ENTRIES,
    SparseCategoricalCrossentropy::ENTRIES,
    KLDivergence::ENTRIES,
    MeanSquaredError::ENTRIES,
    MeanAbsoluteError::ENTRIES,
];

words! {
    /// What is done with the weighted values.
    ///
    /// With the values L, the sample weights w and a mask m, `auto` and `sum_over_batch_size` are Σ w m L / Σ m, without a
    /// mask Σ w L / number of values; `sum` is Σ w m L; `none` keeps every w m L.
    Reduction {
        /// The mean.
        Auto = "auto",
        /// The mean.
        SumOverBatchSize = "sum_over_batch_size",
        /// The sum.
        Sum = "sum",
        /// Every value is kept.
        None = "none",
    }
}

impl Reduction {
    /// The weighted values, reduced.
    fn of(self, values: Values, weights: Weights<'_>) -> Result<Loss> {
        use super::keras::Reduction as Of3;
        let reduction = match self {
            Self::Auto | Self::SumOverBatchSize => Of3::SumOverBatchSize,
            Self::Sum => Of3::Sum,
            Self::None => Of3::None,
        };
        values.reduced(reduction, weights.or_nan())
    }
}

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

declare! {
    /// `tf_keras.losses.KLDivergence`: Σ t (ln t - ln p) over the last axis, then the reduction.
    ///
    /// Keras clips t and p to [1e-7, 1] first, which makes an absent class worth up to 1.6e-6; here it is worth
    /// nothing.
    KLDivergence: "tf_keras==2.21.0"
        "tf_keras.losses.KLDivergence" "(reduction, name)(y_true, y_pred, sample_weight, mask)",
        "tf_keras.losses.kl_divergence" "(y_true, y_pred)" { reduction = Reduction::None };
    Given::dense(Layout::NHWC); {
        /// What is done with the weighted values.
        reduction: Reduction = Reduction::Auto,
        /// Multiplies the values.
        sample_weight: Option<Tensor> = None,
        /// The mask of the batch.
        mask: Option<Weight> = None,
    }
}

impl KLDivergence {
    fn order(&self, given: &Given) -> Result<Loss> {
        let values = Values::of_last(kl(Activation::Probability), sum, given)?;
        let weights = Weights::new(self.sample_weight.as_ref(), self.mask.as_ref());
        self.reduction.of(values, weights)
    }
}

declare! {
    /// `tf_keras.losses.MeanSquaredError`: (p - t)², the mean over the last axis, then the reduction.
    MeanSquaredError: "tf_keras==2.21.0"
        "tf_keras.losses.MeanSquaredError" "(reduction, name)(y_true, y_pred, sample_weight, mask)",
        "tf_keras.losses.mean_squared_error" "(y_true, y_pred)" { reduction = Reduction::None };
    Given::dense(Layout::NHWC); {
        /// What is done with the weighted values.
        reduction: Reduction = Reduction::Auto,
        /// Multiplies the values.
        sample_weight: Option<Tensor> = None,
        /// The mask of the batch.
        mask: Option<Weight> = None,
    }
}

impl MeanSquaredError {
    fn order(&self, given: &Given) -> Result<Loss> {
        let values = Values::of_last(squared(Activation::Identity), mean, given)?;
        let weights = Weights::new(self.sample_weight.as_ref(), self.mask.as_ref());
        self.reduction.of(values, weights)
    }
}

declare! {
    /// `tf_keras.losses.MeanAbsoluteError`: |p - t|, the mean over the last axis, then the reduction.
    MeanAbsoluteError: "tf_keras==2.21.0"
        "tf_keras.losses.MeanAbsoluteError" "(reduction, name)(y_true, y_pred, sample_weight, mask)",
        "tf_keras.losses.mean_absolute_error" "(y_true, y_pred)" { reduction = Reduction::None };
    Given::dense(Layout::NHWC); {
        /// What is done with the weighted values.
        reduction: Reduction = Reduction::Auto,
        /// Multiplies the values.
        sample_weight: Option<Tensor> = None,
        /// The mask of the batch.
        mask: Option<Weight> = None,
    }
}

impl MeanAbsoluteError {
    fn order(&self, given: &Given) -> Result<Loss> {
        let values = Values::of_last(absolute(Activation::Identity), mean, given)?;
        let weights = Weights::new(self.sample_weight.as_ref(), self.mask.as_ref());
        self.reduction.of(values, weights)
    }
}
