//! `mmseg.models.losses` of mmsegmentation 1.2.2; [`mmseg_0_30`](super::mmseg_0_30) is the version before the rewrite.
//!
//! What is passed with the batch stands in the second pair of parentheses: the weight of every pixel, the divisor
//! `avg_factor`, and for cross-entropy the ignored label. A mean divides by the number of values, ignored ones
//! among them, or by `avg_factor` + 2^-23.
//!
//! ```
//! use lossfold::preset;
//!
//! let loss = preset::parse("mmseg.models.losses.CrossEntropyLoss()(score, label, ignore_index=255)")?;
//! assert_eq!(loss.to_string(), "cross_entropy(softmax) > sum(class) > scale(mask) > mean(pixel, image)");
//!
//! let loss = preset::parse("mmseg.models.losses.DiceLoss(use_sigmoid=False)")?;
//! assert_eq!(
//!     loss.to_string(),
//!     "overlap(softmax) > dice(class, pixel; smooth_denominator=0.002, exponent=2) > mean(image)"
//! );
//! # Ok::<(), lossfold::Error>(())
//! ```

mod boundary;
mod entropy;
mod focal;
mod lovasz;
mod overlap;

pub use boundary::BoundaryLoss;
pub use entropy::CrossEntropyLoss;
pub use focal::FocalLoss;
pub use lovasz::{Choice, LovaszLoss, LovaszType};
pub use overlap::{DiceLoss, TverskyLoss};

pub(super) use entropy::Divisor;
pub(super) use lovasz::hinge;
pub(super) use overlap::per_class;

use super::argument::Reduce;
use super::entry::Entry;
use super::refuse;
use crate::error::Result;
use crate::loss::Loss;
use crate::reduction::{Over, Reduction, sum};

pub(super) const ALL: &[&[Entry]] = &[
    CrossEntropyLoss::ENTRIES,
    DiceLoss::ENTRIES,
    TverskyLoss::ENTRIES,
    FocalLoss::ENTRIES,
    LovaszLoss::ENTRIES,
    BoundaryLoss::ENTRIES,
];

/// What `weight_reduce_loss` does with the values of a loss, and the weight of the whole.
#[derive(Clone, Copy)]
pub(super) struct Ending {
    pub(super) reduction: Reduce,
    pub(super) avg_factor: Option<f64>,
    pub(super) loss_weight: f64,
}

impl Ending {
    /// The sum over the axes, divided by `avg_factor` if there is one, or as this mean divides.
    pub(super) fn of(self, loss: Loss, over: impl Into<Over>, mean: Reduction) -> Result<Loss> {
        let loss = match (self.reduction, self.avg_factor) {
            (Reduce::None, _) => loss,
            (Reduce::Mean, None) => loss.reduce(mean),
            (Reduce::Mean, Some(divisor)) => divided(loss.reduce(sum(over)), divisor),
            (Reduce::Sum, None) => loss.reduce(sum(over)),
            (Reduce::Sum, Some(_)) => {
                return refuse("avg_factor: can not be used with reduction='sum'");
            }
        };
        Ok(times(self.loss_weight, loss))
    }

    /// Whether the mean is what the framework makes of it, and not `avg_factor`.
    pub(super) fn is_mean(self) -> bool {
        self.reduction == Reduce::Mean && self.avg_factor.is_none()
    }
}

/// Divided by `avg_factor`, to which mmseg adds the epsilon of an f32.
pub(super) fn divided(loss: Loss, avg_factor: f64) -> Loss {
    1.0 / (avg_factor + f64::from(f32::EPSILON)) * loss
}

pub(super) fn times(weight: f64, loss: Loss) -> Loss {
    if weight == 1.0 { loss } else { weight * loss }
}
