//! How well the held-out slices are segmented.

use burn::tensor::Tensor;
use ndarray::Array3;

use crate::data::CLASSES;

/// The intersection over union of each class over all slices; the prediction is the class with the
/// largest logit, as in `explain`.
pub fn iou(logits: Tensor<4>, labels: &Array3<u8>) -> Result<[f64; CLASSES], String> {
    let pixels = labels.dim().1 * labels.dim().2;
    let logits = logits.into_data().try_into_vec::<f32>().map_err(|error| format!("{error:?}"))?;
    let (mut both, mut either) = ([0.0; CLASSES], [0.0; CLASSES]);
    for (place, &truth) in labels.iter().enumerate() {
        let first = place / pixels * CLASSES * pixels + place % pixels;
        let logit = |class: usize| logits[first + class * pixels];
        let largest = |best, class| if logit(class) > logit(best) { class } else { best };
        let (found, truth) = ((1..CLASSES).fold(0, largest), usize::from(truth));
        either[truth] += 1.0;
        if found == truth {
            both[truth] += 1.0;
        } else {
            either[found] += 1.0;
        }
    }
    Ok(std::array::from_fn(|class| both[class] / either[class]))
}
