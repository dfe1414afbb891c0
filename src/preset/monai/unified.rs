//! The unified focal losses (Yeung et al. 2022), of two classes: 0 is the background, 1 the foreground.

use super::{Seen, reduced};
use crate::axis::Axis::{Class, Image};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::Loss;
use crate::preset::argument::Reduce;
use crate::preset::declare::declare;
use crate::preset::paper::unified::{clipped, expect_two_classes, focal, focal_tversky};
use crate::preset::{Given, refuse};
use crate::reduction::{Empty, Over, mean, sum};
use crate::weight::Weight;

declare! {
    /// `monai.losses.unified_focal_loss.AsymmetricFocalTverskyLoss`: probabilities, clipped to [ε, 1 - ε]; per image
    /// 1 - TI of the background and (1 - TI)^(1 - γ) of the foreground, TI = (TP + ε) / (TP + δ FN + (1 - δ) FP + ε).
    ///
    /// Pixels with the label `ignore_index` are in no sum; where the target is dense they come as the mask of the batch.
    AsymmetricFocalTverskyLoss: "monai==1.6.1"
        "monai.losses.unified_focal_loss.AsymmetricFocalTverskyLoss"
            "(to_onehot_y, delta, gamma, epsilon, reduction, ignore_index)(y_pred, y_true)";
    Given::dense(Layout::NCHW).classes(2); {
        /// Whether the target is labels.
        to_onehot_y: bool = false,
        /// The weight of false negatives; that of false positives is 1 - δ.
        delta: f64 = 0.7,
        /// What the exponent of the foreground lacks to 1.
        gamma: f64 = 0.75,
        /// The clip, and the smoothing above and below.
        epsilon: f64 = 1e-7,
        /// What is done with the ratios.
        reduction: Reduce = Reduce::Mean,
        /// The label that is ignored.
        ignore_index: Option<i64> = None,
    }
}

impl AsymmetricFocalTverskyLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        expect_two_classes(given)?;
        let seen = Seen::new(given, self.to_onehot_y, true)?;
        let terms = clipped(self.epsilon);
        let terms = if seen.masked(self.ignore_index) { terms.weigh(Weight::Mask) } else { terms };
        let loss = focal_tversky(&terms, self.delta, [0.0, self.gamma], self.epsilon)?;
        Ok(match self.reduction {
            Reduce::None => loss,
            Reduce::Mean => loss.reduce(mean([Class, Image])),
            Reduce::Sum => loss.reduce(sum([Class, Image])),
        })
    }
}

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
        expect_two_classes(given)?;
        let seen = Seen::new(given, self.to_onehot_y, true)?;
        let loss = focal(self.delta, [self.gamma, 0.0], self.epsilon);
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

declare! {
    /// `monai.losses.AsymmetricUnifiedFocalLoss`: `weight` times [`AsymmetricFocalLoss`] plus 1 - `weight` times
    /// [`AsymmetricFocalTverskyLoss`], both with ε = 1e-7.
    ///
    /// The authors' code has the weights the other way round and sums the classes of the cross-entropy, of which MONAI takes
    /// the mean ([`AsymUnifiedFocalLoss`](crate::preset::paper::AsymUnifiedFocalLoss)). Both parts are means whatever
    /// `reduction` is. A single channel, of which MONAI makes two, is refused, and so is `ignore_index`.
    AsymmetricUnifiedFocalLoss: "monai==1.6.1"
        "monai.losses.AsymmetricUnifiedFocalLoss"
            "(to_onehot_y, num_classes, weight, gamma, delta, reduction, ignore_index)(y_pred, y_true)",
        "monai.losses.unified_focal_loss.AsymmetricUnifiedFocalLoss"
            "(to_onehot_y, num_classes, weight, gamma, delta, reduction, ignore_index)(y_pred, y_true)";
    Given::dense(Layout::NCHW).classes(2); {
        /// Whether the target is labels.
        to_onehot_y: bool = false,
        /// The share of the focal cross-entropy.
        weight: f64 = 0.5,
        /// The exponent of the background's factor, and what the foreground's lacks to 1.
        gamma: f64 = 0.5,
        /// The weight of the foreground, and of false negatives.
        delta: f64 = 0.7,
        /// The label that is ignored.
        ignore_index: Option<i64> = None,
    }
}

impl AsymmetricUnifiedFocalLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let Self { to_onehot_y, weight, gamma, delta, .. } = *self;
        if self.ignore_index.is_some() {
            return refuse(
                "ignore_index: the ignored pixels stay in the mean and in the false positives, where the clip raises \
                 their 0 to 1e-7",
            );
        }
        let focal = AsymmetricFocalLoss { to_onehot_y, delta, gamma, ..Default::default() };
        let tversky =
            AsymmetricFocalTverskyLoss { to_onehot_y, delta, gamma, ..Default::default() };
        Ok(weight * focal.order(given)? + (1.0 - weight) * tversky.order(given)?)
    }
}
