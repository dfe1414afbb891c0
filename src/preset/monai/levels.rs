//! Deep supervision: the weights of the levels.

use crate::preset::argument::words;

words! {
    /// How the weights of `DeepSupervisionLoss` decrease with the level.
    WeightMode {
        /// All are 1.
        Same = "same",
        /// 1, 1/2, 1/4, ..., at least 1/16.
        Exp = "exp",
        /// 1, and 1/2 for all but the first.
        Two = "two",
    }
}

/// The weights that `DeepSupervisionLoss` takes where none are given; they do not sum to 1. With them
/// [`deep_supervision`](crate::preset::nnunet::deep_supervision) makes the levels; MONAI resizes the target of each to
/// its prediction by the nearest pixel.
///
/// ```
/// use lossfold::preset::monai::{WeightMode, level_weights};
///
/// assert_eq!(level_weights(6, WeightMode::Exp), [1.0, 0.5, 0.25, 0.125, 0.0625, 0.0625]);
/// assert_eq!(level_weights(3, WeightMode::Two), [1.0, 0.5, 0.5]);
/// ```
pub fn level_weights(levels: usize, mode: WeightMode) -> Vec<f64> {
    let halved = std::iter::successors(Some(1.0), |weight| Some(f64::max(weight / 2.0, 0.0625)));
    match mode {
        WeightMode::Same => vec![1.0; levels],
        WeightMode::Exp => halved.take(levels).collect(),
        WeightMode::Two => halved.map(|weight| weight.max(0.5)).take(levels).collect(),
    }
}
