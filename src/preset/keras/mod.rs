//! `keras.losses` of Keras 3: a function takes the values of an axis together, weights are multiplied in, and what is
//! left is reduced.
//!
//! The function is called with its small letters, and keeps every value that it leaves: `keras.losses.dice(y_true, y_pred)`.
//! The class reduces them. What weighs the values stands in its second pair of parentheses: `sample_weight` is a number,
//! or `image` or `map` of the batch; `mask` is what a masking layer attaches to the prediction (`_keras_mask`).
//!
//! Keras aligns a weight with the values from the right. The batch carries it with its axes named instead: a weight
//! of shape (N, 1, 1) is `image`, one of the shape of the values is `map`.
//!
//! Probabilities are clipped to [1e-7, 1 - 1e-7] where a logarithm is taken. On TensorFlow, the output of a sigmoid or
//! softmax *layer* is traced back to its logits: such a loss is that with `from_logits=True`.
//!
//! ```
//! use lossfold::preset;
//!
//! let loss = preset::parse("keras.losses.BinaryCrossentropy()")?;
//! assert_eq!(loss.to_string(), "bce(probability; clip=1e-7) > mean(class) > mean(pixel, image)");
//!
//! let weighted = preset::parse("keras.losses.BinaryCrossentropy()(y_true, y_pred, sample_weight=map)")?;
//! assert_eq!(
//!     weighted.to_string(),
//!     "bce(probability; clip=1e-7) > mean(class) > scale(map) > mean(pixel, image)"
//! );
//!
//! let dice = preset::parse("keras.losses.Dice()")?; // one ratio of the whole batch
//! assert_eq!(dice.to_string(), "overlap(probability) > dice(all; smooth_denominator=1e-7)");
//! # Ok::<(), lossfold::Error>(())
//! ```

mod binary;
mod categorical;
mod overlap;
mod reduce;
mod regression;

pub use binary::{BinaryCrossentropy, BinaryFocalCrossentropy};
pub use categorical::{
    CategoricalCrossentropy, CategoricalFocalCrossentropy, CategoricalGeneralizedCrossEntropy,
    SparseCategoricalCrossentropy,
};
pub use overlap::{Dice, Tversky, TverskyOf316};
pub use reduce::Reduction;
pub use regression::{KLDivergence, MeanAbsoluteError, MeanSquaredError};

pub(super) use binary::focal;
pub(super) use categorical::{alpha, categorical, clipped, expect_last, per_pixel};
pub(super) use reduce::{Values, Weights};

use super::entry::Entry;

/// The epsilon of Keras.
pub(super) const EPSILON: f64 = 1e-7;

pub(super) const ALL: &[&[Entry]] = &[
    BinaryCrossentropy::ENTRIES,
    BinaryFocalCrossentropy::ENTRIES,
    CategoricalCrossentropy::ENTRIES,
    CategoricalFocalCrossentropy::ENTRIES,
    SparseCategoricalCrossentropy::ENTRIES,
    CategoricalGeneralizedCrossEntropy::ENTRIES,
    Dice::ENTRIES,
    Tversky::ENTRIES,
    TverskyOf316::ENTRIES,
    KLDivergence::ENTRIES,
    MeanSquaredError::ENTRIES,
    MeanAbsoluteError::ENTRIES,
];
