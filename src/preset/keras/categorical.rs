//! Cross-entropies over the classes.

use super::{EPSILON, Reduction, Values, Weights, focal};
use crate::axis::Axis::Class;
use crate::element::{Activation, Bce, Focal, Smoothing, Truth};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, Map, cross_entropy, predicted};
use crate::preset::argument::{Broadcast, Tensor};
use crate::preset::declare::declare;
use crate::preset::{Given, Places, refuse};
use crate::reduction::sum;
use crate::weight::Weight;

/// Softmax of logits, or scores divided by their sum, which are clipped.
pub(in crate::preset) fn categorical(from_logits: bool) -> Bce {
    if from_logits {
        Bce::new(Activation::Softmax)
    } else {
        Bce::new(Activation::Normalize).clip(EPSILON)
    }
}

/// The values per pixel of a source per class, of which `axis` is the class axis.
pub(in crate::preset) fn per_pixel(source: Loss, axis: i64, given: &Given) -> Result<Values> {
    given.expect_class_axis("axis", axis)?;
    let (_, left) = Places::of(Some(&Places(vec![axis])), given.layout)?;
    Ok(Values::new(source.reduce(sum(Class)), left))
}

/// Refuses an argument that Keras brings to the last axis, where the classes are on another.
pub(in crate::preset) fn expect_last(name: &str, axis: i64, given: &Given) -> Result<()> {
    if axis == -1 || usize::try_from(axis) == Ok(given.layout.axes().len() - 1) {
        return Ok(());
    }
    refuse(format!(
        "{name}: Keras brings it to the last axis, whatever `axis` is; expected axis=-1, found {axis}"
    ))
}

/// The options with the target moved towards one over the extent of the last axis.
fn smoothed(options: Bce, smoothing: f64, axis: i64, given: &Given) -> Result<Bce> {
    if smoothing == 0.0 {
        return Ok(options);
    }
    expect_last("label_smoothing", axis, given)?;
    Ok(options.smoothing(Smoothing::Classes(smoothing)))
}

/// The factor (1 - q)^γ, of q that is clipped as in the logarithm.
pub(in crate::preset) fn clipped(gamma: f64) -> Focal {
    Focal::new(gamma).truth(Truth::Loss)
}

/// The focal values, multiplied by `alpha`: a number, or one per class.
pub(in crate::preset) fn alpha(
    source: Loss,
    alpha: &Tensor,
    axis: i64,
    given: &Given,
) -> Result<Values> {
    let named = alpha.broadcast(Layout::NC).or_else(|why| refuse(format!("alpha: {why}")))?;
    match named {
        Broadcast::Number(number) => {
            Ok(Values { factor: number, ..per_pixel(source, axis, given)? })
        }
        Broadcast::Class(weights) => {
            expect_last("alpha", axis, given)?;
            if let Some(classes) = given.classes.filter(|&classes| classes != weights.len()) {
                return refuse(format!(
                    "alpha: expected a number, or one for each of {classes} classes, found {}",
                    weights.len()
                ));
            }
            per_pixel(source.scale(Weight::Class(weights)), axis, given)
        }
        Broadcast::Weight(weight) => refuse(format!(
            "alpha: expected a number, or one per class, found the weight `{weight}` of the batch"
        )),
    }
}

declare! {
    /// `keras.losses.CategoricalCrossentropy`: Σ_c -t ln q over the classes, then the reduction.
    ///
    /// q is p / Σ_c p clipped to [1e-7, 1 - 1e-7]; of logits the softmax, not clipped. With `label_smoothing` s the
    /// target is (1 - s) t + s / C, where Keras takes the extent of the last axis for C.
    CategoricalCrossentropy: "keras==3.15.1"
        "keras.losses.CategoricalCrossentropy"
            "(from_logits, label_smoothing, axis, reduction, name, dtype)(y_true, y_pred, sample_weight, mask)",
        "keras.losses.categorical_crossentropy" "(y_true, y_pred, from_logits, label_smoothing, axis)"
            { reduction = Reduction::None };
    Given::dense(Layout::NHWC); {
        /// Whether the prediction is logits.
        from_logits: bool = false,
        /// Towards 1/C.
        label_smoothing: f64 = 0.0,
        /// The class axis.
        axis: i64 = -1,
        /// What is done with the weighted values.
        reduction: Reduction = Reduction::SumOverBatchSize,
        /// Multiplies the values.
        sample_weight: Option<Tensor> = None,
        /// The mask of the batch.
        mask: Option<Weight> = None,
    }
}

impl CategoricalCrossentropy {
    fn order(&self, given: &Given) -> Result<Loss> {
        let options = categorical(self.from_logits);
        let options = smoothed(options, self.label_smoothing, self.axis, given)?;
        let weights = Weights::new(self.sample_weight.as_ref(), self.mask.as_ref());
        per_pixel(cross_entropy(options), self.axis, given)?.reduced(self.reduction, weights)
    }
}

declare! {
    /// `keras.losses.CategoricalFocalCrossentropy`: Σ_c -α (1 - q)^γ t ln q over the classes, then the reduction.
    ///
    /// q is p / Σ_c p, of logits the softmax, clipped to [1e-7, 1 - 1e-7], in the factor, too.
    CategoricalFocalCrossentropy: "keras==3.15.1"
        "keras.losses.CategoricalFocalCrossentropy"
            "(alpha, gamma, from_logits, label_smoothing, axis, reduction, name, dtype)(y_true, y_pred, sample_weight, mask)",
        "keras.losses.categorical_focal_crossentropy"
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
        reduction: Reduction = Reduction::SumOverBatchSize,
        /// Multiplies the values.
        sample_weight: Option<Tensor> = None,
        /// The mask of the batch.
        mask: Option<Weight> = None,
    }
}

impl CategoricalFocalCrossentropy {
    fn order(&self, given: &Given) -> Result<Loss> {
        let options = categorical(self.from_logits).clip(EPSILON);
        let options =
            smoothed(focal(options, clipped(self.gamma)), self.label_smoothing, self.axis, given)?;
        let weights = Weights::new(self.sample_weight.as_ref(), self.mask.as_ref());
        alpha(cross_entropy(options), &self.alpha, self.axis, given)?
            .reduced(self.reduction, weights)
    }
}

declare! {
    /// `keras.losses.SparseCategoricalCrossentropy`: -ln q of the label, then the reduction.
    ///
    /// q is p / Σ_c p clipped to [1e-7, 1 - 1e-7]; of logits the softmax, not clipped. (On TensorFlow the clip comes
    /// first, which is the same where no probability is beyond the bounds.) Pixels with the label `ignore_class`, which is
    /// the ignored label of the batch, are 0 and a mask: means divide by the number of the others.
    SparseCategoricalCrossentropy: "keras==3.15.1"
        "keras.losses.SparseCategoricalCrossentropy"
            "(from_logits, ignore_class, reduction, axis, name, dtype)(y_true, y_pred, sample_weight, mask)",
        "keras.losses.sparse_categorical_crossentropy" "(y_true, y_pred, from_logits, ignore_class, axis)"
            { reduction = Reduction::None };
    Given::labels(Layout::NHWC); {
        /// Whether the prediction is logits.
        from_logits: bool = false,
        /// The label that is ignored.
        ignore_class: Option<i64> = None,
        /// What is done with the weighted values.
        reduction: Reduction = Reduction::SumOverBatchSize,
        /// The class axis.
        axis: i64 = -1,
        /// Multiplies the values.
        sample_weight: Option<Tensor> = None,
        /// The mask of the batch.
        mask: Option<Weight> = None,
    }
}

impl SparseCategoricalCrossentropy {
    fn order(&self, given: &Given) -> Result<Loss> {
        let weights = Weights::new(self.sample_weight.as_ref(), self.mask.as_ref())
            .ignoring(self.ignore_class.is_some());
        per_pixel(cross_entropy(categorical(self.from_logits)), self.axis, given)?
            .reduced(self.reduction, weights)
    }
}

declare! {
    /// `keras.losses.CategoricalGeneralizedCrossEntropy`: (1 - p^q) / q of the label, then the reduction.
    CategoricalGeneralizedCrossEntropy: "keras==3.15.1"
        "keras.losses.CategoricalGeneralizedCrossEntropy"
            "(q, reduction, name, dtype)(y_true, y_pred, sample_weight, mask)",
        "keras.losses.categorical_generalized_cross_entropy" "(y_true, y_pred, q!)"
            { reduction = Reduction::None };
    Given::labels(Layout::NHWC); {
        /// The exponent, in (0, 1).
        q: f64 = 0.5,
        /// What is done with the weighted values.
        reduction: Reduction = Reduction::SumOverBatchSize,
        /// Multiplies the values.
        sample_weight: Option<Tensor> = None,
        /// The mask of the batch.
        mask: Option<Weight> = None,
    }
}

impl CategoricalGeneralizedCrossEntropy {
    fn order(&self, given: &Given) -> Result<Loss> {
        let q = self.q;
        if !(q > 0.0 && q < 1.0) {
            return refuse(format!("q: is {q}, expected a number in (0, 1)"));
        }
        let of_label = predicted(Activation::Probability).scale(Weight::Positives);
        let values = per_pixel(of_label, -1, given)?;
        let values =
            Values { loss: 1.0 - values.loss.map(Map::Power(q)), factor: 1.0 / q, ..values };
        let weights = Weights::new(self.sample_weight.as_ref(), self.mask.as_ref());
        values.reduced(self.reduction, weights)
    }
}
