//! `kornia.losses`: ratios of a softmax per image, and focal and Lovász losses.
//!
//! Dice and Tversky leave ignored pixels out; the focal losses make them 0 and count them, so that they come as the mask of
//! the batch.
//!
//! ```
//! use lossfold::preset;
//!
//! let loss = preset::parse("kornia.losses.DiceLoss(average='macro')")?;
//! assert_eq!(
//!     loss.to_string(),
//!     "overlap(softmax) > dice(pixel; smooth_denominator=1e-8, absent=skip) > mean(class; empty=one) > mean(image)"
//! );
//! # Ok::<(), lossfold::Error>(())
//! ```

mod focal;
mod lovasz;
mod overlap;

pub use focal::{BinaryFocalLossWithLogits, FocalLoss};
pub use lovasz::{LovaszHingeLoss, LovaszSoftmaxLoss};
pub use overlap::{Average, DiceLoss, TverskyLoss};

use super::entry::Entry;
use super::{Given, refuse};
use crate::error::Result;

pub(super) const ALL: &[&[Entry]] = &[
    DiceLoss::ENTRIES,
    TverskyLoss::ENTRIES,
    FocalLoss::ENTRIES,
    BinaryFocalLossWithLogits::ENTRIES,
    LovaszHingeLoss::ENTRIES,
    LovaszSoftmaxLoss::ENTRIES,
];

/// Refuses a list that has not one number per class.
fn expect_per_class(name: &str, numbers: &[f64], given: &Given) -> Result<()> {
    match given.classes.filter(|&classes| classes != numbers.len()) {
        Some(classes) => refuse(format!(
            "{name}: expected one number for each of {classes} classes, found {}",
            numbers.len()
        )),
        None => Ok(()),
    }
}
