//! Parts in which something that the whole has is lacking: images, or the positives of a class.

use lossfold::Axis::{Class, Image, Pixel};
use lossfold::{Batch, ErrorKind, Layout, Loss, State};
use ndarray::{Array4, Ix2, arr1, arr2, array, s};

use super::bits;

#[test]
fn a_part_without_images_can_be_merged_where_groups_are_skipped() {
    // The second pixel has no mass in any image, which a part without images cannot know.
    let loss: Loss = "bce(sigmoid) > weigh(map) > mean(class) > mean(image) > mean(pixel)"
        .parse()
        .expect("a loss");
    let prediction =
        Array4::from_shape_fn((2, 1, 2, 2), |(n, _, w, c)| (n * 2 + w) as f64 - c as f64);
    let target = Array4::<u8>::zeros((2, 1, 2, 2));
    // Per pixel (a row and its columns) and class.
    let map = array![[[1.0, 2.0], [0.0, 0.0]]];
    let batch = Batch::new(Layout::NHWC, &prediction, &target).expect("a batch");
    let batch = batch.with_map([Class, Pixel], &map).expect("a map");
    let whole = loss.value(&batch).expect("a value");
    for parts in [[0..0, 0..2, 2..2], [0..1, 1..1, 1..2], [0..2, 2..2, 2..2]] {
        let states = parts.map(|part| {
            let mut state = State::new(&loss);
            state.observe(&batch.images(part).expect("a part")).expect("a part");
            state
        });
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let mut merged = State::new(&loss);
            for part in order {
                merged.merge(&states[part]).expect("a part");
            }
            assert_eq!((merged.images(), merged.value().map(bits)), (2, Ok(bits(whole))));
        }
    }
}

#[test]
fn images_without_a_denominator_are_skipped_whatever_axis_comes_before_they_meet() {
    // p = t = 0: no image has a denominator to carry. The class comes in after it and does not divide, so that a
    // sum over the class does not turn what was skipped into a 0 that counts.
    let zeros = arr2(&[[0.0; 2]; 2]);
    let batch = Batch::new(Layout::NC, &zeros, &zeros).expect("a batch");
    for later in ["scale(class=[1, 1])", "weigh(class=[1, 1])"] {
        let text = format!(
            "overlap(probability) > dice(class, pixel; carry) > {later} > max(image) > sum(class)"
        );
        let loss: Loss = text.parse().expect("a loss");
        assert_eq!(loss.value(&batch).expect_err("nothing is left").kind(), ErrorKind::Empty);
    }
}

/// Observes image after image, in both orders; every order is refused, and leaves what was there before.
fn refused(batch: &Batch<'_, f64, Ix2>, loss: &Loss) {
    for order in [[0, 1], [1, 0]] {
        let mut state = State::new(loss);
        let part = |image: usize| batch.images(image..image + 1).expect("a part");
        state.observe(&part(order[0])).expect("alone, nothing is wrong");
        let before = state.value().map(bits).map_err(|error| error.kind());
        let error = state.observe(&part(order[1])).expect_err("together, something is");
        assert_eq!(error.kind(), ErrorKind::NotMergeable);
        assert!(error.to_string().contains("weights that are 0 there and not in the whole"));
        assert_eq!(state.value().map(bits).map_err(|error| error.kind()), before);
        // The gradient of what was not observed is refused in the same way.
        let gradient = state.gradient(&part(order[1])).expect_err("not a part");
        assert_eq!(gradient, error);
    }
}

#[test]
fn a_class_that_is_absent_from_one_part_only_is_not_left_out_of_the_whole() {
    // The NaN is under class 2, which is absent: its weight is 0. To pass over it, the first image would
    // have to know that class 1, which is absent there, counts in the whole.
    let text = "bce(probability) > weigh(presence(pixel, image)) > mean(all)";
    let loss: Loss = text.parse().expect("a loss");
    let prediction = arr2(&[[0.25, 0.5, f64::NAN], [0.5, 0.75, 0.5]]);
    let target = arr2(&[[1_u8, 0, 0], [0, 1, 0]]);
    let batch = Batch::new(Layout::NC, &prediction, &target).expect("a batch");
    let mut whole = State::new(&loss);
    whole.observe(&batch).expect("a batch");
    assert_eq!(whole.value().map(bits), loss.value(&batch).map(bits));
    refused(&batch, &loss);

    // Where the parts have the same classes, they can be merged.
    let target = arr2(&[[1_u8, 1, 0], [1, 1, 0]]);
    let batch = Batch::new(Layout::NC, &prediction, &target).expect("a batch");
    let mut parts = State::new(&loss);
    for image in [1, 0] {
        parts.observe(&batch.images(image..image + 1).expect("a part")).expect("a part");
    }
    assert_eq!(parts.value().map(bits), loss.value(&batch).map(bits));
    let (_, gradient) = loss.value_and_gradient(&batch).expect("a gradient");
    let of_first = parts.gradient(&batch.images(0..1).expect("a part")).expect("a gradient");
    assert_eq!(of_first, gradient.slice(s![0..1, ..]));
}

#[test]
fn a_number_for_the_batch_that_one_part_does_not_read_is_read_in_the_whole() {
    // The mask leaves out the first image, but where another image counts, Dice reads all.
    let text = "((bce(probability) > mean(class)) + (overlap(probability) > dice(all))) \
                > scale(mask) > mean(pixel, image)";
    let loss: Loss = text.parse().expect("a loss");
    let prediction = arr2(&[[f64::NAN, 0.5], [0.5, 0.75]]);
    let target = arr2(&[[1_u8, 0], [0, 1]]);
    let mask = arr1(&[false, true]);
    let batch = Batch::new(Layout::NC, &prediction, &target).expect("a batch");
    let batch = batch.with_mask(Image, &mask).expect("a mask");
    assert_eq!(loss.value(&batch).expect_err("a NaN").kind(), ErrorKind::Domain);
    refused(&batch, &loss);
}
