//! Squared errors and the Kullback-Leibler divergence.

use super::classification::left;
use crate::axis::Axis::Class;
use crate::element::Activation;
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, kl, squared};
use crate::preset::Given;
use crate::preset::declare::declare;
use crate::reduction::sum;
use crate::weight::Weight;

declare! {
    /// `kl_divergence`: Σ t (ln t - ln p) over class, of every pixel, ln p being the prediction; 0 for the pixels that `where` leaves
    /// out.
    KlDivergence: "optax==0.2.8" "optax.losses.kl_divergence" "(log_predictions, targets, axis, where)";
    Given::dense(Layout::NHWC); {
        /// The class axis.
        axis: i64 = -1,
        /// The pixels that count: the mask of the batch.
        r#where: Option<Weight> = None,
    }
}

impl KlDivergence {
    fn order(&self, given: &Given) -> Result<Loss> {
        given.expect_class_axis("axis", self.axis)?;
        left(kl(Activation::LogProbability).reduce(sum(Class)), self.r#where.as_ref())
    }
}

declare! {
    /// `squared_error`: (p - t)² of every element.
    SquaredError: "optax==0.2.8" "optax.losses.squared_error" "(predictions, targets)";
    Given::dense(Layout::NHWC); {}
}

impl SquaredError {
    fn order(&self, _: &Given) -> Result<Loss> {
        Ok(squared(Activation::Identity))
    }
}

declare! {
    /// `l2_loss`: (p - t)² / 2 of every element.
    L2Loss: "optax==0.2.8" "optax.losses.l2_loss" "(predictions, targets)";
    Given::dense(Layout::NHWC); {}
}

impl L2Loss {
    fn order(&self, _: &Given) -> Result<Loss> {
        Ok(0.5 * squared(Activation::Identity))
    }
}
