//! `paddleseg.models.losses` 2.8.0.
//!
//! Ignored pixels are left out of sums and divisors. The 1e-8 and 1e-10 that keep a divisor of a mean above 0 are
//! left out where it is not 0, and where it is 0 the loss is 0.
//!
//! ```
//! use lossfold::preset;
//!
//! let loss = preset::parse("paddleseg.models.losses.BCELoss(weight='dynamic')")?;
//! assert_eq!(loss.to_string(), "bce(sigmoid) > scale(balance) > mean(all)");
//!
//! let loss = preset::parse("paddleseg.models.losses.CrossEntropyLoss(weight=[1, 2, 5])")?;
//! assert_eq!(
//!     loss.to_string(),
//!     "cross_entropy(softmax) > sum(class) > weigh(target=[1, 2, 5]) > mean(pixel, image; empty=zero)"
//! );
//! # Ok::<(), lossfold::Error>(())
//! ```

mod entropy;
mod focal;
mod overlap;
mod regression;

pub use entropy::{BCELoss, CrossEntropyLoss, Rescaling};
pub use focal::{FocalLoss, MultiClassFocalLoss};
pub use overlap::{DiceLoss, LovaszHingeLoss, LovaszSoftmaxLoss};
pub use regression::{L1Loss, MSELoss};

use super::entry::Entry;

pub(super) const ALL: &[&[Entry]] = &[
    CrossEntropyLoss::ENTRIES,
    BCELoss::ENTRIES,
    DiceLoss::ENTRIES,
    FocalLoss::ENTRIES,
    MultiClassFocalLoss::ENTRIES,
    LovaszSoftmaxLoss::ENTRIES,
    LovaszHingeLoss::ENTRIES,
    L1Loss::ENTRIES,
    MSELoss::ENTRIES,
];
