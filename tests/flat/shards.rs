//! Ranks without images, and images without pixels.

use lossfold::{Axis, Batch, Layout, Loss, State};
use ndarray::{Array2, Array3, arr0, arr1, arr2};

use super::{added, cells, losses, observed};

#[test]
fn a_rank_without_images_takes_part() {
    let (prediction, target) = cells((3, 5, 2));
    let batch = Batch::new("NLC".parse().unwrap(), &prediction, &target).unwrap();
    let (none, nothing) = (Array3::<f64>::zeros((0, 5, 2)), Array3::<u8>::zeros((0, 5, 2)));
    let empty = Batch::new("NLC".parse().unwrap(), &none, &nothing).unwrap();
    for loss in losses() {
        let (some, none) = (observed(&loss, &batch), observed(&loss, &empty));
        let sum = added(&[none.to_flat().unwrap(), some.to_flat().unwrap()]);
        let all = none.with_flat(&sum).unwrap();
        assert_eq!(all.images(), 3);
        assert_eq!(all.value().unwrap().to_bits(), loss.value(&batch).unwrap().to_bits());
    }
}

#[test]
fn batches_of_vectors_add_up() {
    let prediction =
        Array2::from_shape_fn((4, 3), |(image, class)| (image * 3 + class) as f64 / 16.0);
    let target = prediction.mapv(|p| u8::from(p > 0.3));
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    let loss: Loss = "bce(sigmoid) > mean(class) > mean(image)".parse().unwrap();
    let mut flats = Vec::new();
    let mut state = State::new(&loss);
    for image in 0..4 {
        state = State::new(&loss);
        state.observe(&batch.images(image..image + 1).unwrap()).unwrap();
        flats.push(state.to_flat().unwrap());
    }
    let all = state.with_flat(&added(&flats)).unwrap();
    assert_eq!(all.value().unwrap(), loss.value(&batch).unwrap());
}

#[test]
fn a_rank_without_images_learns_what_the_others_skip() {
    // The second pixel has no mass in any image.
    let loss: Loss =
        "bce(sigmoid) > weigh(map) > mean(class) > mean(image) > mean(pixel)".parse().unwrap();
    let (prediction, target) = cells((3, 2, 2));
    let map = arr2(&[[1.0, 2.0], [0.0, 0.0]]);
    let batch = Batch::new("NLC".parse().unwrap(), &prediction, &target).unwrap();
    let batch = batch.with_map([Axis::Class, Axis::Pixel], &map).unwrap();
    let ranks = [0..0, 0..2, 2..3].map(|range| observed(&loss, &batch.images(range).unwrap()));
    let flats: Vec<_> = ranks.iter().map(|rank| rank.to_flat().unwrap()).collect();
    for rank in &ranks {
        let all = rank.with_flat(&added(&flats)).unwrap();
        assert_eq!(all.value().unwrap(), loss.value(&batch).unwrap());
        assert_eq!(all.gradient(&batch).unwrap(), loss.value_and_gradient(&batch).unwrap().1);
    }
    // No rank has an image: the sum is one of states without.
    let none = ranks[0].with_flat(&added(&[flats[0].clone(), flats[0].clone()])).unwrap();
    assert_eq!(none.images(), 0);
    assert_eq!(none.to_flat().unwrap(), flats[0]);
}

#[test]
fn what_is_skipped_does_not_decide_how_many_entries_there_are() {
    // Two terms leave a mask each where these differ, and one where they are the same.
    let loss: Loss = "((bce(probability) > weigh(mask) > mean(class)) \
                      + (bce(probability) > weigh(map) > mean(pixel)) + bce(probability)) > sum(image)"
        .parse()
        .unwrap();
    let (prediction, target) = (arr1(&[0.25, 0.5]), arr1(&[0_u8, 1]));
    let batch = Batch::new("image".parse().unwrap(), &prediction, &target).unwrap();
    for (map, mask) in [(0.0, 1.0), (1.0, 1.0), (1.0, 0.0)] {
        let (map, mask) = (arr0(map), arr0(mask));
        let batch = batch.clone().with_map(Axis::Pixel, &map).unwrap();
        let batch = batch.with_mask(Axis::Class, &mask).unwrap();
        let ranks = [0..0, 0..2].map(|range| {
            let mut state = State::new(&loss);
            state.observe(&batch.images(range).unwrap()).unwrap();
            state
        });
        let flats = [ranks[0].to_flat().unwrap(), ranks[1].to_flat().unwrap()];
        assert_eq!(flats[0].len(), flats[1].len());
        let all = ranks[0].with_flat(&added(&flats)).unwrap();
        assert_eq!(all.value(), ranks[1].value());
    }
}
