//! Hard decisions: which class a prediction is for, and how often it is right.

use ndarray::{Array3, ArrayView1, Axis, Dimension};

use crate::batch::{Batch, Float};
use crate::error::Result;
use crate::reference::Cells;

/// How a class fares over the batch.
pub(super) struct Score {
    pub(super) pixels: f64,
    pub(super) dice: Option<f64>,
    pub(super) iou: Option<f64>,
}

/// Where the targets of every pixel that counts add up to 1, decides for the class with the largest
/// prediction, and the truth is the class with the largest target. Otherwise (one class, or several
/// true at once) each class decides for itself, where its prediction is above `threshold`, and is the
/// truth where its target is above 1/2. Ignored and masked cells do not count.
pub(super) fn scores<F: Float, D: Dimension>(
    batch: &Batch<'_, F, D>,
    threshold: f64,
) -> Result<Vec<Score>> {
    let Cells { prediction, target, counts } = Cells::of(batch)?;
    let dead = |pixel: &ArrayView1<'_, f64>| pixel.iter().all(|&counts| counts == 0.0);
    let exclusive = prediction.dim().0 > 1
        && (target.lanes(Axis(0)).into_iter().zip(counts.lanes(Axis(0))))
            .all(|(targets, counts)| dead(&counts) || (targets.sum() - 1.0).abs() < 1e-6);
    let decide =
        |scores, threshold| if exclusive { largest(scores) } else { above(scores, threshold) };
    let decided = decide(&prediction, threshold);
    let truth = decide(&target, 0.5);
    let scores = (0..batch.extents().class)
        .map(|class| {
            let (mut cells, mut volume) = (0.0, 0.0);
            let (mut both, mut either) = (0.0, 0.0);
            let of_class = |array: &Array3<f64>| {
                array.index_axis(Axis(0), class).iter().copied().collect::<Vec<_>>()
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

/// 1 for the class with the largest score of each pixel, the first of them, and 0 for the others.
fn largest(scores: &Array3<f64>) -> Array3<f64> {
    let mut decided = Array3::zeros(scores.dim());
    for (mut decided, scores) in decided.lanes_mut(Axis(0)).into_iter().zip(scores.lanes(Axis(0))) {
        let best = (1..scores.len())
            .fold(0, |best, class| if scores[class] > scores[best] { class } else { best });
        decided[best] = 1.0;
    }
    decided
}

/// 1 where a score is above the threshold, 0 elsewhere.
fn above(scores: &Array3<f64>, threshold: f64) -> Array3<f64> {
    scores.mapv(|score| f64::from(score > threshold))
}
