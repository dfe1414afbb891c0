//! `segmentation_models_pytorch.losses`: one ratio per class over the whole batch, and pixelwise losses.
//!
//! A class that the batch does not have is worth 0 and counts, so that it makes the mean smaller. In the mode
//! `multiclass` the target is labels, otherwise it is dense. Dense elements that are ignored come as the mask of the batch.
//!
//! ```
//! use lossfold::preset;
//!
//! let loss = preset::parse("smp.losses.DiceLoss('multiclass', smooth=1)")?;
//! assert_eq!(
//!     loss.to_string(),
//!     "overlap(softmax) > dice(pixel, image; smooth=2, floor=2e-7, soft=distance, absent=zero) > mean(class)"
//! );
//! # Ok::<(), lossfold::Error>(())
//! ```

mod focal;
mod lovasz;
mod mcc;
mod overlap;
mod soft;

pub use focal::{FocalLoss, FocalReduce};
pub use lovasz::LovaszLoss;
pub use mcc::MCCLoss;
pub use overlap::{DiceLoss, JaccardLoss, TverskyLoss};
pub use soft::{SoftBCEWithLogitsLoss, SoftCrossEntropyLoss};

use super::argument::words;
use super::entry::Entry;
use crate::element::Activation;

pub(super) const ALL: &[&[Entry]] = &[
    DiceLoss::ENTRIES,
    JaccardLoss::ENTRIES,
    TverskyLoss::ENTRIES,
    FocalLoss::ENTRIES,
    LovaszLoss::ENTRIES,
    SoftBCEWithLogitsLoss::ENTRIES,
    SoftCrossEntropyLoss::ENTRIES,
    MCCLoss::ENTRIES,
];

words! {
    /// What the channels mean.
    Mode {
        /// Foreground, all in one ratio.
        Binary = "binary",
        /// Classes that exclude each other; the target is labels.
        Multiclass = "multiclass",
        /// Classes that do not.
        Multilabel = "multilabel",
    }
}

impl Mode {
    fn activation(self, from_logits: bool) -> Activation {
        match self {
            _ if !from_logits => Activation::Probability,
            Self::Multiclass => Activation::Softmax,
            Self::Binary | Self::Multilabel => Activation::Sigmoid,
        }
    }

    /// Whether ignored elements come as a mask: labels are ignored by themselves.
    fn masked(self, ignore_index: Option<i64>) -> bool {
        ignore_index.is_some() && self != Self::Multiclass
    }
}
