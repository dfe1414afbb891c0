//! The loss of a boundary.

use super::times;
use crate::element::Activation;
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, bce};
use crate::preset::Given;
use crate::preset::declare::declare;
use crate::reduction::{Over, mean};
use crate::weight::Weight;

declare! {
    /// `BoundaryLoss`: the binary cross-entropy of logits, a positive times the share of negatives and a negative times the share of
    /// positives; the mean over all elements.
    BoundaryLoss: "mmseg==1.2.2"
        "mmseg.BoundaryLoss" "(loss_weight, loss_name)(bd_pre, bd_gt)";
    Given::dense(Layout::NCHW).classes(1); {
        /// Multiplies the loss.
        loss_weight: f64 = 1.0,
    }
}

impl BoundaryLoss {
    #[expect(clippy::unnecessary_wraps, reason = "presets may refuse their arguments")]
    fn order(&self, _: &Given) -> Result<Loss> {
        let loss = bce(Activation::Sigmoid).scale(Weight::balance()).reduce(mean(Over::All));
        Ok(times(0.5 * self.loss_weight, loss))
    }
}
