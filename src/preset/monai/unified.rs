//! The asymmetric focal loss of the unified focal losses.
//!
//! The asymmetric focal Tversky loss, and with it the unified one, take ratios of *clipped* probabilities and a root
//! of what they lack to 1, so that the clip decides the loss of a good prediction; an overlap has no clip here.

use super::{Seen, reduced};
use crate::element::{Activation, Bce};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, cross_entropy};
use crate::preset::Given;
use crate::preset::argument::Reduce;
use crate::preset::declare::declare;
use crate::reduction::{Empty, Over, mean, sum};
use crate::weight::Weight;

declare! {
    /// `monai.losses.unified_focal_loss.AsymmetricFocalLoss`: probabilities of two classes, clipped;
    /// (1 - δ) (1 - p)^γ (-t ln p) of the background and δ (-t ln p) of the foreground, the mean over both and all pixels.
    ///
    /// Pixels with the label `ignore_index` do not count in the mean; where the target is dense they come as the mask
    /// of the batch.
    AsymmetricFocalLoss: "monai==1.6.1"
        "monai.losses.unified_focal_loss.AsymmetricFocalLoss"
            "(to_onehot_y, delta, gamma, epsilon, reduction, ignore_index)(y_pred, y_true)";
    Given::dense(Layout::NCHW).classes(2); {
        /// Whether the target is labels.
        to_onehot_y: bool = false,
        /// The weight of the foreground.
        delta: f64 = 0.7,
        /// The exponent, of the background only.
        gamma: f64 = 2.0,
        /// The clip.
        epsilon: f64 = 1e-7,
        /// What is done with the values.
        reduction: Reduce = Reduce::Mean,
        /// The label that is ignored.
        ignore_index: Option<i64> = None,
    }
}

impl AsymmetricFocalLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let seen = Seen::new(given, self.to_onehot_y, true)?;
        let plain = Bce::new(Activation::Probability).clip(self.epsilon);
        let background = cross_entropy(plain.clone().focal(self.gamma))
            .scale(Weight::class([1.0 - self.delta, 0.0]));
        let loss = background + cross_entropy(plain).scale(Weight::class([0.0, self.delta]));
        let masked = seen.masked(self.ignore_index);
        Ok(match self.reduction {
            _ if self.ignore_index.is_none() => reduced(loss, self.reduction),
            Reduce::None if masked => loss.scale(Weight::Mask),
            Reduce::None => loss,
            Reduce::Sum if masked => loss.weigh(Weight::Mask).reduce(sum(Over::All)),
            Reduce::Sum => loss.reduce(sum(Over::All)),
            Reduce::Mean => {
                let loss = if masked { loss.weigh(Weight::Mask) } else { loss };
                loss.reduce(mean(Over::All).empty(Empty::Zero))
            }
        })
    }
}
