//! Hard decisions: which class a prediction is for, and how often it is right.

use ndarray::{Array3, Dimension};

use crate::batch::{Batch, Float};
use crate::error::Result;
use crate::reference::Cells;

/// How a class fares over the batch.
pub(super) struct Score {
    pub(super) pixels: f64,
    pub(super) dice: Option<f64>,
    pub(super) iou: Option<f64>,
}

/// Decides for the class with the largest prediction, or for the only class where its prediction
/// is above `threshold`; the truth is the class with the largest target, or above 1/2. Ignored and
/// masked cells do not count.
pub(super) fn scores<F: Float, D: Dimension>(
    batch: &Batch<'_, F, D>,
    threshold: f64,
) -> Result<Vec<Score>> {
    let Cells { prediction, target, counts } = Cells::of(batch)?;
    let decided = decide(&prediction, threshold);
    let truth = decide(&target, 0.5);
    let scores = (0..batch.extents().class)
        .map(|class| {
            let (mut cells, mut volume) = (0.0, 0.0);
            let (mut both, mut either) = (0.0, 0.0);
            let of_class = |array: &Array3<f64>| {
                array.index_axis(ndarray::Axis(0), class).iter().copied().collect::<Vec<_>>()
            };
            let (t, counts) = (of_class(&target), of_class(&counts));
            let (truth, decided) = (of_class(&truth), of_class(&decided));
            for cell in (0..t.len()).filter(|&cell| counts[cell] != 0.0) {
                cells += 1.0;
                volume += t[cell];
                both += truth[cell].min(decided[cell]);
                either += truth[cell].max(decided[cell]);
            }
            let ratio = |over: f64, under: f64| (under > 0.0).then_some(over / under);
            Score {
                pixels: ratio(volume, cells).unwrap_or(0.0),
                dice: ratio(2.0 * both, both + either),
                iou: ratio(both, either),
            }
        })
        .collect();
    Ok(scores)
}

/// 1 for the class that is decided for in each pixel, 0 for the others.
fn decide(scores: &Array3<f64>, threshold: f64) -> Array3<f64> {
    let classes = scores.dim().0;
    let mut decided = Array3::zeros(scores.dim());
    for ((class, pixel, image), decision) in decided.indexed_iter_mut() {
        let score = |class: usize| scores[[class, pixel, image]];
        let first_largest =
            (1..classes).fold(0, |best, c| if score(c) > score(best) { c } else { best });
        let is = if classes == 1 { score(0) > threshold } else { first_largest == class };
        *decision = f64::from(is);
    }
    decided
}
