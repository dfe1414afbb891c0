//! `optax.losses`: the class axis comes last, and nothing is reduced over the batch but in
//! `multiclass_generalized_dice_loss`.
//!
//! ```
//! use lossfold::preset;
//!
//! let loss = preset::parse("optax.losses.dice_loss(logits, labels)")?;
//! assert_eq!(loss.to_string(), "overlap(softmax) > dice(pixel; smooth=2) > mean(class)"); // one value per image
//! # Ok::<(), lossfold::Error>(())
//! ```

mod classification;
mod dice;
mod regression;

pub use classification::{
    PolyLossCrossEntropy, SafeSoftmaxCrossEntropy, SigmoidBinaryCrossEntropy, SigmoidFocalLoss,
    SoftmaxCrossEntropy,
};
pub use dice::{BinaryDiceLoss, DiceLoss, MulticlassGeneralizedDiceLoss};
pub use regression::{KlDivergence, L2Loss, SquaredError};

use super::entry::Entry;

pub(super) const ALL: &[&[Entry]] = &[
    SigmoidBinaryCrossEntropy::ENTRIES,
    SoftmaxCrossEntropy::ENTRIES,
    SafeSoftmaxCrossEntropy::ENTRIES,
    PolyLossCrossEntropy::ENTRIES,
    SigmoidFocalLoss::ENTRIES,
    DiceLoss::ENTRIES,
    MulticlassGeneralizedDiceLoss::ENTRIES,
    BinaryDiceLoss::ENTRIES,
    KlDivergence::ENTRIES,
    SquaredError::ENTRIES,
    L2Loss::ENTRIES,
];
