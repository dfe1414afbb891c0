//! `tf_keras.losses`, which is Keras 2: `tf.keras` of TensorFlow up to 2.15.
//!
//! The orders are those of [`keras`](super::keras), with three differences: binary cross-entropy of probabilities adds
//! 1e-7 inside both logarithms after the clip; a mean over nothing but masked values is NaN; there is no overlap.
//! Under `class_weight` of `fit` the weight of a pixel is that of its label, as `sample_weight=map`.
//!
//! ```
//! use lossfold::preset;
//!
//! let loss = preset::parse("tf_keras.losses.BinaryCrossentropy()(y_true, y_pred, sample_weight=map)")?;
//! assert_eq!(
//!     loss.to_string(),
//!     "bce(probability; clip=1e-7, epsilon=1e-7) > mean(class) > scale(map) > mean(pixel, image)"
//! );
//! # Ok::<(), lossfold::Error>(())
//! ```

mod binary;
mod categorical;
mod regression;

pub use binary::{BinaryCrossentropy, BinaryFocalCrossentropy};
pub use categorical::{
    CategoricalCrossentropy, CategoricalFocalCrossentropy, SparseCategoricalCrossentropy,
};
pub use regression::{KLDivergence, MeanAbsoluteError, MeanSquaredError};

use super::argument::words;
use super::entry::Entry;
use super::keras::{Values, Weights};
use crate::error::Result;
use crate::loss::Loss;

pub(super) const ALL: &[&[Entry]] = &[
    BinaryCrossentropy::ENTRIES,
    BinaryFocalCrossentropy::ENTRIES,
    CategoricalCrossentropy::ENTRIES,
    CategoricalFocalCrossentropy::ENTRIES,
    SparseCategoricalCrossentropy::ENTRIES,
    KLDivergence::ENTRIES,
    MeanSquaredError::ENTRIES,
    MeanAbsoluteError::ENTRIES,
];

words! {
    /// What is done with the weighted values.
    ///
    /// With the values L, the sample weights w and a mask m, `auto` and `sum_over_batch_size` are Σ w m L / Σ m, without a
    /// mask Σ w L / number of values; `sum` is Σ w m L; `none` keeps every w m L.
    Reduction {
        /// The mean.
        Auto = "auto",
        /// The mean.
        SumOverBatchSize = "sum_over_batch_size",
        /// The sum.
        Sum = "sum",
        /// Every value is kept.
        None = "none",
    }
}

impl Reduction {
    /// The weighted values, reduced.
    fn of(self, values: Values, weights: Weights<'_>) -> Result<Loss> {
        use crate::preset::keras::Reduction as Of3;
        let reduction = match self {
            Self::Auto | Self::SumOverBatchSize => Of3::SumOverBatchSize,
            Self::Sum => Of3::Sum,
            Self::None => Of3::None,
        };
        values.reduced(reduction, weights.or_nan())
    }
}
