//! How large a state becomes.

use lossfold::{Loss, State};

use super::batches::{Arrays, SEED};

/// How many letters a state takes to print after some batches of three images, and the state.
fn after(batches: usize, text: &str) -> (usize, State) {
    let loss: Loss = text.parse().expect("a loss");
    let mut state = State::new(&loss);
    for number in 0..batches {
        // Every batch has another number of pixels, so that every image leaves other sums.
        let arrays = Arrays::new((3, 5 + number % 7, 4 + number, 4));
        state.observe(&arrays.batch(&loss)).expect("a batch");
    }
    (format!("{state:?}").len(), state)
}

const POOLED: [&str; 6] = [
    "bce(sigmoid) > mean(all)",
    "bce(softmax) > top(pixel; fraction=0.1) > mean(class) > mean(image)",
    "overlap(softmax) > dice(pixel; smooth=1) > mean(class) > mean(image)",
    "overlap(softmax) > dice(pixel, image) > mean(class)",
    "overlap(softmax) > weigh(volume(pixel, image; absent=largest)=-2) > jaccard(all)",
    SEED,
];

#[test]
fn a_state_of_sums_stays_small() {
    for text in POOLED {
        let ((one, _), (fifty, state)) = (after(1, text), after(50, text));
        println!("{one} letters after a batch, {fifty} after 50: {text}");
        assert_eq!(state.images(), 150);
        assert!(!state.keeps_images(), "{text}");
        // Some more parts of the exact sums, and longer numbers.
        assert!(fifty < one + 1500, "{one} letters, then {fifty}: {text}");
    }
}

#[test]
fn a_state_that_keeps_images_says_so_and_grows() {
    for text in [
        "bce(sigmoid) > mean(class, pixel) > max(image)",
        "overlap(softmax) > dice(pixel; smooth=1) > top(image; k=2) > mean(class)",
    ] {
        let ((one, _), (fifty, state)) = (after(1, text), after(50, text));
        println!("{one} letters after a batch, {fifty} after 50: {text}");
        assert!(state.keeps_images(), "{text}");
        assert!(fifty > one + 147 * 20, "{one} letters, then {fifty}: {text}");
    }
    let loss: Loss = POOLED[0].parse().expect("a loss");
    assert!(!State::new(&loss).keeps_images());
}
