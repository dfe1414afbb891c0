//! `nnunetv2.training.loss`: the negative of the Dice coefficient, with cross-entropy.
//!
//! The Dice of nnU-Net is the mean of -(2 TP + smooth) / max(2 TP + FP + FN + smooth, 1e-8), so that the best value
//! is -1. Labels have a class axis of their own, of length 1, which a batch here does not have.
//!
//! ```
//! use lossfold::preset;
//!
//! let loss = preset::parse("DC_and_CE_loss({'batch_dice': True, 'smooth': 1e-5, 'do_bg': False}, {})")?;
//! assert_eq!(
//!     loss.to_string(),
//!     "(cross_entropy(softmax) > sum(class) > mean(pixel, image; empty=nan)) \
//!      + (overlap(softmax) > without([0]) > dice(pixel, image; smooth=1e-5, floor=1e-8) > mean(all)) - 1"
//! );
//! # Ok::<(), lossfold::Error>(())
//! ```

mod dice;
mod entropy;
mod levels;
mod sums;

pub use dice::{MemoryEfficientSoftDiceLoss, Nonlinearity, SoftDiceLoss};
pub use entropy::{RobustCrossEntropyLoss, TopKLoss};
pub use levels::{deep_supervision, level_weights};
pub use sums::{DcAndBceLoss, DcAndCeLoss, DcAndTopkLoss};

use super::entry::Entry;
use super::refuse;
use crate::loss::Loss;

pub(super) const ALL: &[&[Entry]] = &[
    SoftDiceLoss::ENTRIES,
    MemoryEfficientSoftDiceLoss::ENTRIES,
    RobustCrossEntropyLoss::ENTRIES,
    TopKLoss::ENTRIES,
    DcAndCeLoss::ENTRIES,
    DcAndBceLoss::ENTRIES,
    DcAndTopkLoss::ENTRIES,
];

/// The sum of the two, each with its weight; what has the weight 0 is left out, unless both have.
fn combined((first, one): (f64, Loss), (second, other): (f64, Loss)) -> Loss {
    match (first == 0.0, second == 0.0) {
        (true, false) => second * other,
        (false, true) => first * one,
        _ => first * one + second * other,
    }
}
