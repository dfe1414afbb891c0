//! Deep supervision: the same loss at several resolutions.

use super::refuse;
use crate::error::Result;
use crate::loss::Loss;
use crate::outputs::Outputs;

/// `DeepSupervisionWrapper`: Σ w loss over the levels, each with a prediction and a target of its own, as [`Outputs`] with the
/// heads `level 0`, `level 1`, ... A level of weight 0 is left out, as nnU-Net does not evaluate it.
///
/// **Errors** ([`ErrorKind::Preset`](crate::ErrorKind::Preset)): no weight, or none that is not 0.
///
/// ```
/// use lossfold::preset;
/// use lossfold::preset::nnunet::{deep_supervision, level_weights};
///
/// let loss = preset::parse("SoftDiceLoss(apply_nonlin=softmax_helper_dim1)")?;
/// let outputs = deep_supervision(&loss, level_weights(3))?;
/// let heads: Vec<(&str, f64)> =
///     outputs.heads().iter().map(|head| (head.name(), head.coefficient())).collect();
/// assert_eq!(heads, [("level 0", 2.0 / 3.0), ("level 1", 1.0 / 3.0)]);
/// # Ok::<(), lossfold::Error>(())
/// ```
pub fn deep_supervision(
    loss: &Loss,
    weight_factors: impl IntoIterator<Item = f64>,
) -> Result<Outputs> {
    let weights = weight_factors.into_iter().enumerate().filter(|(_, weight)| *weight != 0.0);
    let outputs = weights.fold(Outputs::new(), |outputs, (level, weight)| {
        outputs.head(format!("level {level}"), weight, loss)
    });
    if outputs.heads().is_empty() {
        return refuse("weight_factors: expected at least one that is not 0");
    }
    Ok(outputs)
}

/// The weights of nnU-Net's trainer: 2^-i, that of the last level 0, divided by their sum. A single level has 1.
pub fn level_weights(levels: usize) -> Vec<f64> {
    let last = if levels > 1 { levels - 1 } else { levels };
    let halved = std::iter::successors(Some(1.0), |weight| Some(weight / 2.0));
    let mut weights: Vec<f64> = halved.take(last).collect();
    let total: f64 = weights.iter().sum();
    for weight in &mut weights {
        *weight /= total;
    }
    weights.resize(levels, 0.0);
    weights
}
