//! What is no sum, and ranks that are not of one whole.

use lossfold::{Activation, Axis, Batch, ErrorKind, Layout, Loss, Ratio, State, Weight};
use lossfold::{bce, max, mean, overlap};
use ndarray::{Ix2, arr1, arr2, array};

use super::{added, cells, losses, merged, observed};

#[test]
fn a_step_that_keeps_values_is_named() {
    let (prediction, target) = cells((3, 5, 2));
    let batch = Batch::new("NLC".parse().unwrap(), &prediction, &target).unwrap();
    let loss =
        bce(Activation::Sigmoid).reduce(mean([Axis::Class, Axis::Pixel])).reduce(max(Axis::Image));
    let error = observed(&loss, &batch).to_flat().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMergeable);
    assert_eq!(
        error.to_string(),
        "flat: step `max(image)` keeps a value for each image, and adding such values does not merge \
         them; merge the states instead"
    );

    let (one, truth) = (array![[0.5, -0.5]], array![[1_u8, 0]]);
    let mut state = State::new(&"bce(sigmoid) > mean(class, pixel)".parse().unwrap());
    state.observe(&Batch::new("pixel class".parse().unwrap(), &one, &truth).unwrap()).unwrap();
    assert_eq!(
        state.to_flat().unwrap_err().to_string(),
        "flat: the layout has no image axis, so that a state is of one image and no ranks can share it"
    );
}

#[test]
fn a_state_that_has_seen_nothing_has_no_shapes() {
    let error = State::new(&losses()[0]).to_flat().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Empty);
    assert!(State::new(&losses()[0]).with_flat(&[]).is_err());
}

#[test]
fn ranks_of_another_loss_are_noticed() {
    let (prediction, target) = cells((3, 5, 2));
    let batch = Batch::new("NLC".parse().unwrap(), &prediction, &target).unwrap();
    let of = |smooth| {
        overlap(Activation::Sigmoid)
            .dice(Ratio::over([Axis::Pixel, Axis::Image]).smooth(smooth))
            .reduce(mean(Axis::Class))
    };
    let [one, two] = [1.0, 2.0].map(|smooth| observed(&of(smooth), &batch));
    let sum = added(&[one.to_flat().unwrap(), two.to_flat().unwrap(), one.to_flat().unwrap()]);
    let error = one.with_flat(&sum).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMergeable);
    assert_eq!(
        error.to_string(),
        "flat: the 3 ranks do not all have the same loss on batches with the same classes, axes and kinds \
         of weights, by the same version of this crate"
    );
    let error = one.with_flat(&sum[1..]).unwrap_err().to_string();
    let (found, expected) = (sum.len() - 1, sum.len());
    assert!(error.starts_with(&format!("flat: there are {found} entries, expected {expected}, ")));
}

#[test]
fn ranks_with_other_weights_are_noticed() {
    let (prediction, target) = cells((3, 5, 2));
    let loss = bce(Activation::Sigmoid)
        .reduce(mean([Axis::Pixel, Axis::Image]))
        .weigh(Weight::Map)
        .reduce(mean(Axis::Class));
    let mut states = Vec::new();
    for second in [1.0, 1.0 + f64::EPSILON] {
        let map = array![0.5, second];
        let batch = Batch::new("NLC".parse().unwrap(), &prediction, &target).unwrap();
        states.push(observed(&loss, &batch.with_map(Axis::Class, &map).unwrap()));
    }
    let flats: Vec<_> = states.iter().map(|state| state.to_flat().unwrap()).collect();
    assert!(states[0].with_flat(&added(&[flats[0].clone(), flats[0].clone()])).is_ok());
    let error = states[0].with_flat(&added(&flats)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMergeable);
    assert_eq!(
        error.to_string(),
        "flat: the 2 ranks do not all have the same given weights without an image axis"
    );
    assert!(states[0].clone().merge(&states[1]).is_err());
}

/// Whether the ranks with one image each are refused, by merge and by sum.
fn refused(loss: &Loss, batch: &Batch<'_, f64, Ix2>) -> bool {
    let ranks = [0, 1].map(|image| {
        let mut state = State::new(loss);
        state.observe(&batch.images(image..image + 1).unwrap()).expect("alone, nothing is wrong");
        state
    });
    let sum = added(&[ranks[0].to_flat().unwrap(), ranks[1].to_flat().unwrap()]);
    let merged = merged(&ranks);
    for rank in &ranks {
        match (rank.with_flat(&sum), &merged) {
            (Ok(all), Ok(merged)) => assert_eq!(all.value().unwrap(), merged.value().unwrap()),
            (Err(error), Err(kind)) => {
                assert_eq!(error.kind(), *kind);
                let why = "because of weights that are 0 there and not in the whole";
                assert!(
                    error.to_string().starts_with("flat: ") && error.to_string().ends_with(why)
                );
            }
            (all, merged) => panic!("{all:?} is not {merged:?}"),
        }
    }
    merged.is_err()
}

#[test]
fn a_number_that_one_rank_leaves_out_and_the_whole_reads_is_refused() {
    // The NaN is under class 2, which is absent, but a rank must know which classes the others have.
    let loss = "bce(probability) > weigh(presence(pixel, image)) > mean(all)".parse().unwrap();
    let prediction = arr2(&[[0.25, 0.5, f64::NAN], [0.5, 0.75, 0.5]]);
    for (target, expected) in [([[1_u8, 0, 0], [0, 1, 0]], true), ([[1, 1, 0], [1, 1, 0]], false)] {
        let target = arr2(&target);
        assert_eq!(
            refused(&loss, &Batch::new(Layout::NC, &prediction, &target).unwrap()),
            expected
        );
    }
    // The mask leaves out the first image, but Dice reads it where another image counts.
    let loss = "((bce(probability) > mean(class)) + (overlap(probability) > dice(all))) \
                > scale(mask) > mean(pixel, image)";
    let prediction = arr2(&[[f64::NAN, 0.5], [0.5, 0.75]]);
    let (target, mask) = (arr2(&[[1_u8, 0], [0, 1]]), arr1(&[false, true]));
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    assert!(refused(&loss.parse().unwrap(), &batch.with_mask(Axis::Image, &mask).unwrap()));
}
