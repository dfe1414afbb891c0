//! What a state refuses. The messages of losses that cannot be made of parts are in `tests/errors.rs`.

use lossfold::{Batch, Error, ErrorKind, Layout, Loss, State};
use ndarray::{Array3, Array4};

use super::batches::Arrays;
use super::bits;

const DICE: &str = "overlap(sigmoid) > dice(pixel, image) > mean(class)";
/// Keeps a value per pixel when the images are gone.
const PER_PIXEL: &str = "bce(sigmoid) > mean(image) > mean(class, pixel)";

fn seen(text: &str, shape: (usize, usize, usize, usize)) -> State {
    let loss: Loss = text.parse().expect("a loss");
    let mut state = State::new(&loss);
    state.observe(&Arrays::new(shape).batch(&loss)).expect("a batch");
    state
}

/// The error of a merge, which leaves the state as it was.
fn refused(one: &State, other: &State) -> Error {
    let mut state = one.clone();
    let error = state.merge(other).expect_err("other things");
    assert_eq!(state.images(), one.images());
    assert_eq!(state.value().map(bits), one.value().map(bits));
    error
}

#[test]
fn a_state_of_another_loss_is_refused() {
    let shape = (2, 3, 4, 2);
    let error = refused(&seen(DICE, shape), &seen("bce(sigmoid) > mean(all)", shape));
    assert_eq!(error.kind(), ErrorKind::NotMergeable);
    assert_eq!(
        error.to_string(),
        "state: is of `overlap(sigmoid) > dice(pixel, image) > mean(class)`, found one of \
         `bce(sigmoid) > mean(all)`"
    );
    // Also where it has seen nothing.
    let nothing = State::new(&"bce(sigmoid) > mean(all)".parse().expect("a loss"));
    assert_eq!(refused(&seen(DICE, shape), &nothing).kind(), ErrorKind::NotMergeable);
}

#[test]
fn another_number_of_classes_is_refused() {
    let (two, three) = (seen(DICE, (2, 3, 4, 2)), seen(DICE, (2, 3, 4, 3)));
    let error = refused(&two, &three);
    assert_eq!(error.kind(), ErrorKind::Shape);
    let words = error.to_string();
    assert!(
        words.contains("with 2 classes") && words.contains("found one with 3 classes"),
        "{words}"
    );

    let loss: Loss = DICE.parse().expect("a loss");
    let arrays = Arrays::new((1, 3, 4, 3));
    let mut state = two.clone();
    assert_eq!(state.observe(&arrays.batch(&loss)).expect_err("3 classes"), error);
    assert_eq!(state.gradient(&arrays.batch(&loss)).expect_err("3 classes"), error);
    assert_eq!((state.images(), state.value().map(bits)), (2, two.value().map(bits)));
}

#[test]
fn other_images_are_refused_where_a_value_per_pixel_is_kept() {
    let (one, other) = ((2, 3, 4, 2), (1, 4, 3, 2));
    let error = refused(&seen(PER_PIXEL, one), &seen(PER_PIXEL, other));
    assert_eq!(error.kind(), ErrorKind::Shape);
    assert_eq!(
        error.to_string(),
        "state: `bce(sigmoid) > mean(image) > mean(class, pixel)` keeps a value per pixel, so images \
         have one shape: seen were [3, 4], found [4, 3]"
    );
    // Elsewhere images may have any size.
    seen(DICE, one).merge(&seen(DICE, other)).expect("any shape");
}

#[test]
fn other_axes_are_refused() {
    let (prediction, target) = (Array3::<f32>::zeros((3, 4, 2)), Array3::<u8>::zeros((3, 4, 2)));
    let batch =
        Batch::new("HWC".parse().expect("a layout"), &prediction, &target).expect("a batch");
    let mut state = seen(DICE, (2, 3, 4, 2));
    assert_eq!(state.observe(&batch).expect_err("no images").kind(), ErrorKind::Shape);
    assert_eq!(state.images(), 2);
}

#[test]
fn another_weight_without_an_image_axis_is_refused() {
    let loss: Loss =
        "bce(sigmoid) > mean(image) > scale(map) > mean(class, pixel)".parse().expect("a loss");
    let (prediction, target) =
        (Array4::<f32>::zeros((1, 2, 1, 1)), Array4::<u8>::zeros((1, 2, 1, 1)));
    let state = |map: [f64; 2]| {
        let map = ndarray::arr2(&[[map[0]], [map[1]]]);
        let batch = Batch::new(Layout::NHWC, &prediction, &target).expect("a batch");
        let batch = batch.with_map(lossfold::Axis::Pixel, &map).expect("a map");
        let mut state = State::new(&loss);
        state.observe(&batch).map(|()| state)
    };
    let (one, other) = (state([1.0, 2.0]).expect("a batch"), state([1.0, 3.0]).expect("a batch"));
    let error = refused(&one, &other);
    assert!(error.to_string().contains("`map` has no image axis"), "{error}");
    let mut twice = one.clone();
    twice.merge(&one).expect("the same map");
}

#[test]
fn nothing_has_no_value() {
    let loss: Loss = DICE.parse().expect("a loss");
    let mut state = State::new(&loss);
    state.merge(&State::new(&loss)).expect("the same loss");
    let error = state.value().expect_err("nothing");
    assert_eq!(error.kind(), ErrorKind::Empty);
    assert_eq!(
        error.to_string(),
        "state: of `overlap(sigmoid) > dice(pixel, image) > mean(class)` has observed nothing"
    );
    let arrays = Arrays::new((1, 3, 4, 2));
    let gradient = state.gradient(&arrays.batch(&loss));
    assert_eq!(gradient.expect_err("nothing").kind(), ErrorKind::Empty);
}
