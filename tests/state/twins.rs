//! What a state is not: a mean of means, a sum in f64, another state.

use std::collections::BTreeSet;

use lossfold::{Loss, State};
use ndarray::s;

use super::batches::{Arrays, TWO_CHUNKS, losses};
use super::{all_bits, bits};

const MEAN: &str = "bce(sigmoid) > mean(all)";

/// The value of every image alone.
fn of_images(text: &str, arrays: &Arrays, images: usize) -> Vec<f64> {
    let loss: Loss = text.parse().expect("a loss");
    let batch = arrays.batch(&loss);
    let of_image = |image: usize| {
        let mut state = State::new(&loss);
        state.observe(&batch.images(image..image + 1)?)?;
        state.value()
    };
    (0..images).map(|image| of_image(image).expect("a value")).collect()
}

fn whole(text: &str, arrays: &Arrays) -> f64 {
    let loss: Loss = text.parse().expect("a loss");
    let mut state = State::new(&loss);
    state.observe(&arrays.batch(&loss)).expect("a batch");
    state.value().expect("a value")
}

#[test]
fn a_mean_of_the_means_of_ragged_parts_is_not_the_whole() {
    let arrays = Arrays::new((3, 20, 20, 4));
    let loss: Loss = MEAN.parse().expect("a loss");
    let batch = arrays.batch(&loss);
    let value =
        |part| f64::from(loss.value(&batch.images(part).expect("a part")).expect("a value"));
    let of_means = f64::midpoint(value(0..2), value(2..3));
    let whole = whole(MEAN, &arrays);
    assert!((of_means - whole).abs() > 1e-6 * whole, "{of_means}, {whole}");
    // Batch Dice is not even the mean of parts of one size.
    let dice = "overlap(softmax) > dice(pixel, image) > mean(class)";
    let parts = of_images(dice, &arrays, 3);
    let of_parts = parts.iter().sum::<f64>() / 3.0;
    assert!((of_parts - self::whole(dice, &arrays)).abs() > 1e-6, "{of_parts}");
}

#[test]
fn a_sum_in_f64_depends_on_the_order() {
    // Weights in f64, so that what an image leaves is no short number of f32.
    let text = "bce(sigmoid) > scale(class=[0.1, 0.2, 0.3, 0.7]) > sum(all)";
    let arrays = Arrays::new((60, 10, 10, 4));
    let parts = of_images(text, &arrays, 60);
    let sum = |order: &dyn Fn(&mut Vec<f64>)| {
        let mut parts = parts.clone();
        order(&mut parts);
        bits(parts.iter().sum::<f64>())
    };
    let sums = BTreeSet::from([
        sum(&|_| {}),
        sum(&|parts| parts.reverse()),
        sum(&|parts| parts.sort_by(f64::total_cmp)),
        sum(&|parts| parts.rotate_left(17)),
    ]);
    assert!(sums.len() > 1, "nothing that is merged may be summed like that");
    // The state of the same parts does not.
    let loss: Loss = text.parse().expect("a loss");
    let batch = arrays.batch(&loss);
    let mut state = State::new(&loss);
    for image in (0..60).rev() {
        state.observe(&batch.images(image..image + 1).expect("a part")).expect("a part");
    }
    assert_eq!(bits(state.value().expect("a value")), bits(whole(text, &arrays)));
}

#[test]
fn a_state_of_other_numbers_is_another_state() {
    let arrays = Arrays::new(TWO_CHUNKS);
    let mut other = Arrays::new(TWO_CHUNKS);
    other.prediction.slice_mut(s![1, 13, .., 0]).mapv_inplace(|logit| logit + 0.5);
    for loss in losses() {
        let said = |arrays: &Arrays| {
            let batch = arrays.batch(&loss);
            let mut state = State::new(&loss);
            state.observe(&batch).expect("a batch");
            let gradient =
                state.gradient(&batch.images(1..2).expect("a part")).expect("a gradient");
            (bits(state.value().expect("a value")), all_bits(gradient.view()))
        };
        let (one, two) = (said(&arrays), said(&other));
        // Not every loss reads every cell: the largest of some classes, pixels or images may be elsewhere.
        let reads_all = !["max(", "top("].iter().any(|word| loss.to_string().contains(word));
        assert!(!reads_all || one.0 != two.0 && one.1 != two.1, "{loss}");
    }
}

#[test]
fn one_image_more_is_another_state() {
    let arrays = Arrays::new((3, 20, 20, 4));
    for loss in losses() {
        let batch = arrays.batch(&loss);
        let mut state = State::new(&loss);
        state.observe(&batch).expect("a batch");
        let before = state.value().map(bits);
        state.observe(&batch.images(1..2).expect("a part")).expect("a part");
        let keeps_largest = loss.to_string().ends_with("max(image)");
        assert!(keeps_largest || state.value().map(bits) != before, "{loss}");
    }
}
