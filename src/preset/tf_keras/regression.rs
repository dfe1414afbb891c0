//! Divergence, squared and absolute error.

use super::Reduction;
use crate::element::Activation;
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, absolute, kl, squared};
use crate::preset::Given;
use crate::preset::argument::Tensor;
use crate::preset::declare::declare;
use crate::preset::keras::{Values, Weights};
use crate::reduction::{mean, sum};
use crate::weight::Weight;

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
