//! Means of means: what each rule gives, where it is the loss of the whole, and where it is not.

mod strategy;

use std::ops::Range;

use approx::assert_relative_eq;
use lossfold::{Across, Batch, ErrorKind, Layout, Loss, State};
use ndarray::{Array1, Array2, Array3, Ix3, array, s};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use strategy::random::{config, smooth_case};

const RULES: [Across; 3] = [Across::ByImages, Across::Evenly, Across::Sum];

/// Means over images that weigh them alike.
const MEANS_OVER_IMAGES: [&str; 4] = [
    "squared(sigmoid) > mean(all)",
    "bce(sigmoid) > mean(class) > mean(pixel) > mean(image)",
    "overlap(sigmoid) > dice(pixel; smooth=1) > mean(class) > mean(image)",
    "0.5 * (bce(sigmoid) > sum(class, pixel) > mean(image)) + 0.5 * (bce(sigmoid) > max(class) > mean(all))",
];

/// Losses that a split into parts changes.
const NO_MEANS_OVER_IMAGES: [&str; 4] = [
    "overlap(sigmoid) > dice(pixel, image; smooth=1) > mean(class)",
    "overlap(sigmoid) > jaccard(all; smooth=1)",
    "bce(sigmoid) > weigh(target=[1, 8]) > mean(all)",
    "bce(sigmoid) > mean(class, pixel) > max(image)",
];

/// Images of 3 pixels and 2 classes, and where the parts end.
#[derive(Clone, Debug)]
struct Data {
    prediction: Array3<f64>,
    target: Array3<f64>,
    parts: Vec<Range<usize>>,
}

impl Data {
    fn new(sizes: &[usize], numbers: &[(f64, bool)]) -> Self {
        let mut images = 0;
        let parts = sizes.iter().map(|size| {
            images += size;
            images - size..images
        });
        let parts = parts.collect();
        let number =
            |(i, p, c): (usize, usize, usize)| numbers[(6 * i + 2 * p + c) % numbers.len()];
        Self {
            prediction: Array3::from_shape_fn((images, 3, 2), |cell| number(cell).0),
            target: Array3::from_shape_fn((images, 3, 2), |cell| {
                f64::from(u8::from(number(cell).1))
            }),
            parts,
        }
    }

    fn batch(&self) -> Batch<'_, f64, Ix3> {
        Batch::new("NLC".parse().unwrap(), &self.prediction, &self.target).unwrap()
    }

    fn batches(&self) -> Vec<Batch<'_, f64, Ix3>> {
        let images = self.parts.iter().cloned();
        images.map(|images| self.batch().images(images).unwrap()).collect()
    }

    fn states(&self, loss: &Loss) -> Vec<State> {
        self.batches().iter().map(|batch| observed(loss, batch)).collect()
    }
}

fn observed(loss: &Loss, batch: &Batch<'_, f64, Ix3>) -> State {
    let mut state = State::new(loss);
    state.observe(batch).unwrap();
    state
}

fn data(sizes: impl Strategy<Value = Vec<usize>>) -> impl Strategy<Value = Data> {
    (sizes, vec((-3.0..3.0_f64, any::<bool>()), 6 * 12))
        .prop_map(|(sizes, numbers)| Data::new(&sizes, &numbers))
}

fn ragged() -> impl Strategy<Value = Vec<usize>> {
    vec(1..=3_usize, 1..=4)
}

fn even() -> impl Strategy<Value = Vec<usize>> {
    (1..=3_usize, 1..=4_usize).prop_map(|(size, parts)| vec![size; parts])
}

fn close(a: f64, b: f64) -> bool {
    // Two infinities of one sign have no difference.
    a == b || (a - b).abs() <= 1e-13 * (1.0 + a.abs().max(b.abs()))
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn a_rule_weighs_what_the_loss_gives_for_each_part(
        case in smooth_case(),
        cut in any::<prop::sample::Index>(),
    ) {
        let loss = case.loss();
        case.with_batch(&case.predicted(), |batch| {
            let images = batch.extents().image;
            let cut = cut.index(images + 1);
            let parts: Vec<_> = [0..cut, cut..images].into_iter().filter(|part| !part.is_empty()).collect();
            let batches: Vec<_> = parts.iter().map(|part| batch.images(part.clone()).unwrap()).collect();
            let mut states = vec![State::new(&loss); parts.len()];
            let mut observe = states.iter_mut().zip(&batches);
            let locals: Result<Vec<_>, _> =
                batches.iter().map(|batch| loss.value_and_gradient(batch)).collect();
            // Losses that cannot be made of parts, or have no value there, are tested below.
            prop_assume!(observe.try_for_each(|(state, batch)| state.observe(batch)).is_ok());
            prop_assume!(locals.is_ok());
            let locals = locals.unwrap();
            prop_assume!(locals.iter().all(|(value, _)| value.is_finite()));
            let sizes: Vec<f64> = parts.iter().map(|part| part.len() as f64).collect();
            for rule in RULES {
                let factor = |place: usize| match rule {
                    Across::ByImages => sizes[place] / images as f64,
                    Across::Evenly => 1.0 / parts.len() as f64,
                    Across::Sum => 1.0,
                };
                let values = locals.iter().enumerate();
                let expected: f64 = values.map(|(place, (value, _))| factor(place) * value).sum();
                prop_assert!(close(rule.value(&states).unwrap(), expected), "{rule} of {loss}");
                for (place, (_, local)) in locals.iter().enumerate() {
                    let found = rule.gradient(&states, place, &batches[place]).unwrap();
                    let same = |(&found, &slope): (&f64, &f64)| {
                        close(found, factor(place) * slope) || found.is_nan() && slope.is_nan()
                    };
                    prop_assert!(found.iter().zip(local).all(same), "{rule} of {loss}");
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn the_gradient_is_the_derivative_of_the_value(data in data(ragged()), rule in select(&RULES[..])) {
        let loss: Loss = NO_MEANS_OVER_IMAGES[0].parse().unwrap();
        let states = data.states(&loss);
        let step = 1e-5;
        for (place, (images, batch)) in data.parts.iter().zip(data.batches()).enumerate() {
            let gradient = rule.gradient(&states, place, &batch).unwrap();
            let moved = |by: f64| {
                let mut data = data.clone();
                data.prediction[[images.start, 1, 0]] += by;
                rule.value(&data.states(&loss)).unwrap()
            };
            let slope = (moved(step) - moved(-step)) / (2.0 * step);
            prop_assert!((gradient[[0, 1, 0]] - slope).abs() < 1e-8, "{} {slope}", gradient[[0, 1, 0]]);
        }
    }

    #[test]
    fn by_images_is_the_whole_for_means_over_images(
        data in data(ragged()),
        loss in select(&MEANS_OVER_IMAGES[..]),
    ) {
        let loss: Loss = loss.parse().unwrap();
        let states = data.states(&loss);
        let whole = State::merged(&states).unwrap();
        prop_assert!(close(Across::ByImages.value(&states).unwrap(), whole.value().unwrap()));
        for (place, batch) in data.batches().iter().enumerate() {
            let by_images = Across::ByImages.gradient(&states, place, batch).unwrap();
            let of_whole = whole.gradient(batch).unwrap();
            prop_assert!(by_images.iter().zip(&of_whole).all(|(&a, &b)| close(a, b)));
        }
    }

    #[test]
    fn on_even_parts_two_rules_are_one(data in data(even()), loss in select(&NO_MEANS_OVER_IMAGES[..])) {
        let states = data.states(&loss.parse().unwrap());
        let (by_images, evenly) = (Across::ByImages.value(&states).unwrap(), Across::Evenly.value(&states).unwrap());
        prop_assert!(close(by_images, evenly));
        prop_assert!(close(evenly * states.len() as f64, Across::Sum.value(&states).unwrap()));
    }

    #[test]
    fn the_sum_is_the_whole_for_sums(data in data(ragged())) {
        let states = data.states(&"bce(sigmoid) > sum(all)".parse().unwrap());
        let whole = State::merged(&states).unwrap().value().unwrap();
        prop_assert!(close(Across::Sum.value(&states).unwrap(), whole));
    }

    #[test]
    fn merged_parts_are_the_whole_to_the_bit_in_any_order(
        data in data(ragged()),
        loss in select([MEANS_OVER_IMAGES, NO_MEANS_OVER_IMAGES].concat()),
    ) {
        let loss: Loss = loss.parse().unwrap();
        let states = data.states(&loss);
        let whole = loss.value(&data.batch()).unwrap();
        prop_assert_eq!(State::merged(&states).unwrap().value().unwrap().to_bits(), whole.to_bits());
        let backwards = State::merged(states.iter().rev()).unwrap();
        prop_assert_eq!(backwards.value().unwrap().to_bits(), whole.to_bits());
    }

    #[test]
    fn a_part_may_have_seen_several_batches(data in data(ragged()), rule in select(&RULES[..])) {
        let loss: Loss = NO_MEANS_OVER_IMAGES[0].parse().unwrap();
        let rank = State::merged(&data.states(&loss)).unwrap();
        let batches = data.batches();
        let one = rule.gradient([&rank], 0, &batches[0]).unwrap();
        prop_assert_eq!(one, rank.gradient(&batches[0]).unwrap());
        prop_assert!(close(rule.value([&rank]).unwrap(), rank.value().unwrap()));
    }
}

/// Five images in parts of 2, 2 and 1 that get worse.
fn worsening() -> Data {
    let numbers: Vec<_> =
        (0..30).map(|i| (f64::from(i % 7) - 0.2 * f64::from(i), i % 5 < 2)).collect();
    Data::new(&[2, 2, 1], &numbers)
}

#[test]
fn no_rule_is_the_whole_for_batch_ratios_divided_weights_and_maxima() {
    let data = worsening();
    for loss in NO_MEANS_OVER_IMAGES {
        let loss: Loss = loss.parse().unwrap();
        let states = data.states(&loss);
        let whole = State::merged(&states).unwrap();
        let value = whole.value().unwrap();
        for rule in RULES {
            let found = rule.value(&states).unwrap();
            assert!((found - value).abs() > 1e-3 * value, "{rule} of {loss}: {found}, {value}");
            let batch = &data.batches()[2];
            let (found, right) =
                (rule.gradient(&states, 2, batch).unwrap(), whole.gradient(batch).unwrap());
            let size = right.iter().fold(0.0, |most: f64, slope| most.max(slope.abs()));
            let off = (&found - &right).iter().fold(0.0, |most: f64, slope| most.max(slope.abs()));
            assert!(off > 1e-3 * size, "{rule} of {loss}: {off} of {size}");
        }
    }
}

#[test]
fn on_ragged_parts_a_plain_mean_is_not_the_whole_even_for_a_mean_over_images() {
    let states = worsening().states(&MEANS_OVER_IMAGES[0].parse().unwrap());
    let whole = State::merged(&states).unwrap().value().unwrap();
    let evenly = Across::Evenly.value(&states).unwrap();
    assert!((evenly - whole).abs() > 1e-3 * whole, "{evenly} {whole}");
}

#[test]
fn batch_dice_of_ragged_shards_by_hand() {
    // Intersections 1, 2 and 0 of 2, 4 and 2 in all: local Dice losses 0, 0 and 1.
    let prediction = array![[1.0], [0.0], [1.0], [1.0], [1.0]];
    let target = array![[1_u8], [0], [1], [1], [0]];
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    let loss: Loss = "overlap(probability) > dice(all)".parse().unwrap();
    let shards: Vec<State> = [0..2, 2..4, 4..5]
        .into_iter()
        .map(|images| {
            let mut state = State::new(&loss);
            state.observe(&batch.images(images).unwrap()).unwrap();
            state
        })
        .collect();
    assert_eq!(State::merged(&shards).unwrap().value().unwrap(), 1.0 - 6.0 / 7.0);
    assert_eq!(Across::ByImages.value(&shards).unwrap(), 0.2);
    assert_eq!(Across::Evenly.value(&shards).unwrap(), 1.0 / 3.0);
    assert_eq!(Across::Sum.value(&shards).unwrap(), 1.0);
}

#[test]
fn data_parallelism_over_masked_ranks_averages_local_gradients() {
    let (prediction, target) =
        (array![[[1.0], [2.0]], [[3.0], [4.0]]], Array3::<f64>::zeros((2, 2, 1)));
    let mask = array![[1.0, 1.0], [1.0, 0.0]]; // 2 pixels count in the first image, 1 in the second
    let batch = Batch::new("NLC".parse().unwrap(), &prediction, &target).unwrap();
    let batch = batch.with_mask([lossfold::Axis::Pixel, lossfold::Axis::Image], &mask).unwrap();
    let loss: Loss = "squared(identity) > weigh(mask) > mean(all)".parse().unwrap();
    let locals = [0..1, 1..2].map(|images| batch.images(images).unwrap());
    let ranks = locals.each_ref().map(|local| observed(&loss, local));

    assert_eq!(Across::Evenly.value(&ranks).unwrap(), f64::midpoint(2.5, 9.0));
    let ddp = [0, 1].map(|rank| Across::Evenly.gradient(&ranks, rank, &locals[rank]).unwrap());
    assert_eq!(ddp, [array![[[0.5], [1.0]]], array![[[3.0], [0.0]]]]); // half of 2p / 2 and of 2p / 1

    let whole = State::merged(&ranks).unwrap();
    assert_eq!(whole.value().unwrap(), 14.0 / 3.0);
    let right = whole.gradient(&locals[1]).unwrap();
    assert_eq!(right, array![[[2.0], [0.0]]]); // 2p / 3
    assert_eq!(right, loss.value_and_gradient(&batch).unwrap().1.slice(s![1..2, .., ..]));
}

#[test]
fn a_loss_that_cannot_be_made_of_parts_takes_the_factors() {
    let data = worsening();
    let loss: Loss = "bce(sigmoid) > weigh(balance(pixel, image)) > mean(all)".parse().unwrap();
    let batches = data.batches();
    let error = State::new(&loss).observe(&batches[0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMergeable);
    let locals: Vec<f64> = batches.iter().map(|batch| loss.value(batch).unwrap()).collect();
    let factors = Across::ByImages.factors([2, 2, 1]).unwrap();
    let value: f64 = factors.iter().zip(&locals).map(|(factor, local)| factor * local).sum();
    assert_relative_eq!(value, (2.0 * locals[0] + 2.0 * locals[1] + locals[2]) / 5.0);
    assert!((value - loss.value(&data.batch()).unwrap()).abs() > 1e-3);
}

#[test]
fn f32_gradients_are_multiplied_in_f64() {
    let loss: Loss = "squared(identity) > mean(all)".parse().unwrap();
    let prediction =
        Array2::from_shape_fn((3, 1), |(image, _)| f32::from(u8::try_from(image).unwrap()) + 0.1);
    let target = Array2::<f32>::zeros((3, 1));
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    let mut states = vec![State::new(&loss); 3];
    for (image, state) in states.iter_mut().enumerate() {
        state.observe(&batch.images(image..image + 1).unwrap()).unwrap();
    }
    let last = batch.images(2..3).unwrap();
    let mut gradient = Array2::<f32>::zeros((1, 1));
    Across::Evenly.gradient_into(&states, 2, &last, &mut gradient).unwrap();
    assert_eq!(gradient[[0, 0]], (2.0 * 2.1_f32 / 3.0));
    assert_eq!(gradient, Across::Evenly.gradient(&states, 2, &last).unwrap());
}

#[test]
fn errors_name_the_part() {
    let (prediction, target) = (array![[1.0]], array![[0.0]]);
    let zero = Array1::from(vec![0.0]);
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    let loss: Loss = "squared(identity) > mean(all)".parse().unwrap();
    let mut seen = State::new(&loss);
    seen.observe(&batch).unwrap();
    let mut other = State::new(&"absolute(identity) > mean(all)".parse().unwrap());
    other.observe(&batch).unwrap();
    let mut masked = State::new(&"squared(identity) > weigh(image) > mean(all)".parse().unwrap());
    masked.observe(&batch.clone().with_image_weights(&zero).unwrap()).unwrap();
    let empty = State::new(&loss);

    for rule in RULES {
        let says = |parts: &[State], kind: ErrorKind, words: &str| {
            let error = rule.value(parts).unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, words), "{rule}");
            let error = rule.gradient(parts, 0, &batch).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
        };
        says(&[], ErrorKind::Empty, "parts: there are none, expected at least one");
        says(
            &[seen.clone(), empty.clone()],
            ErrorKind::Empty,
            "part 1: has seen no image, expected at least one",
        );
        says(
            &[seen.clone(), other.clone()],
            ErrorKind::NotMergeable,
            "part 1: is a state of `absolute(identity) > mean(all)`, expected one of \
             `squared(identity) > mean(all)` like part 0",
        );
        let error = rule.value([&masked]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Empty);
        assert!(error.to_string().starts_with("part 0: value: "), "{error}");

        let mut gradient = array![[7.0]];
        let error = rule.gradient_into([&seen], 1, &batch, &mut gradient).unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::Shape, "part 1: was asked for, there are 0..1")
        );
        assert_eq!(gradient, array![[7.0]]);
    }
    let error = State::merged([&seen, &other]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMergeable);
    assert_eq!(State::merged([&seen, &empty]).unwrap().images(), 1);
    assert_eq!(State::merged([]).unwrap_err().kind(), ErrorKind::Empty);
}

#[test]
fn rules_print_what_they_do() {
    let printed = RULES.map(|rule| format!("{rule:<16}|"));
    assert_eq!(printed, ["mean by images  |", "mean over parts |", "sum over parts  |"]);
}
