//! States as numbers that an all-reduce adds up: the sum is the merge, to the bit.

mod strategy;

use lossfold::{Activation, Axis, Batch, ErrorKind, Layout, Loss, Ratio, State, Weight};
use lossfold::{bce, max, mean, overlap};
use ndarray::{Array2, Array3, Ix2, IxDyn, arr1, arr2, array};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use strategy::nested::Case;
use strategy::nested::data::case;
use strategy::random::config;

type Said = Result<(u64, Vec<u64>), ErrorKind>;

/// The bits of a number. Which NaN a sum of NaN is depends on the processor, so that all are one.
fn bits(number: f64) -> u64 {
    if number.is_nan() { f64::NAN.to_bits() } else { number.to_bits() }
}

/// The bits of the value, and of the gradient with respect to a batch.
fn said(state: &State, batch: &Batch<'_, f64, IxDyn>) -> Said {
    let value = state.value().map_err(|error| error.kind())?;
    let gradient = state.gradient(batch).map_err(|error| error.kind())?;
    Ok((bits(value), gradient.iter().map(|&number| bits(number)).collect()))
}

/// The entry-wise sum.
fn added(flats: &[Vec<f64>]) -> Vec<f64> {
    let mut sum = vec![0.0; flats[0].len()];
    for flat in flats {
        sum.iter_mut().zip(flat).for_each(|(sum, entry)| *sum += entry);
    }
    sum
}

/// A state of each shard, the last of which has no images.
fn shards(batch: &Batch<'_, f64, IxDyn>, loss: &Loss, cut: Index) -> Option<Vec<State>> {
    let images = batch.extents().image;
    let cut = cut.index(images + 1);
    [0..cut, cut..images, images..images]
        .into_iter()
        .map(|range| {
            let mut state = State::new(loss);
            state.observe(&batch.images(range).ok()?).ok()?;
            Some(state)
        })
        .collect()
}

fn merged(ranks: &[State]) -> Result<State, ErrorKind> {
    let mut all = ranks[0].clone();
    ranks[1..].iter().try_for_each(|rank| all.merge(rank)).map_err(|error| error.kind())?;
    Ok(all)
}

/// Whether the sum over the shards of a case is their merge; none where there is nothing to merge.
fn agrees(case: &Case, cut: Index) -> Option<Result<bool, TestCaseError>> {
    case.with_batch::<f64, _>(|batch| {
        if !case.layout.axes().contains(&Axis::Image) {
            return None;
        }
        let ranks = shards(batch, &case.loss(), cut)?;
        Some(compared(batch, &ranks))
    })
}

/// Holds the sum over ranks against their merge; false where a value per image is kept.
fn compared(batch: &Batch<'_, f64, IxDyn>, ranks: &[State]) -> Result<bool, TestCaseError> {
    let flats: Result<Vec<_>, _> = ranks.iter().map(State::to_flat).collect();
    let kept = ranks.iter().any(State::keeps_images);
    let flats = match flats {
        Ok(flats) => flats,
        Err(error) => {
            prop_assert!(kept, "{}", error);
            prop_assert_eq!(error.kind(), ErrorKind::NotMergeable);
            return Ok(false);
        }
    };
    prop_assert!(!kept);
    let sum = added(&flats);
    match merged(ranks) {
        Err(kind) => {
            prop_assert_eq!(kind, ErrorKind::NotMergeable);
            for rank in ranks {
                let error = rank.with_flat(&sum).expect_err("no merge, no sum");
                prop_assert_eq!(error.kind(), kind);
            }
        }
        Ok(merged) => {
            for rank in ranks {
                let all = rank.with_flat(&sum).expect("a sum of states of one whole");
                prop_assert_eq!(all.images(), merged.images());
                prop_assert_eq!(said(&all, batch), said(&merged, batch));
            }
        }
    }
    Ok(true)
}

proptest! {
    #![proptest_config(config(2048))]

    #[test]
    fn the_sum_of_shards_is_their_merge(case in case(), cut in any::<Index>()) {
        // Most random cases have to be read as a whole: the test below counts those that do not.
        agrees(&case, cut).transpose()?;
    }
}

#[test]
fn many_cases_are_sums() {
    let mut runner = TestRunner::deterministic();
    let (mut sums, mut all) = (0, 0);
    for _ in 0..1000 {
        let (case, cut) = (case(), any::<Index>()).new_tree(&mut runner).expect("a case").current();
        if let Some(agrees) = agrees(&case, cut) {
            all += 1;
            sums += usize::from(agrees.expect("sum and merge agree"));
        }
    }
    assert!(sums > 150 && all - sums > 20, "{sums} of {all} are sums");
}

fn cells(shape: (usize, usize, usize)) -> (Array3<f64>, Array3<u8>) {
    let at = |(image, pixel, class): (usize, usize, usize)| 31 * image + 17 * pixel + 7 * class;
    let prediction = Array3::from_shape_fn(shape, |cell| (at(cell) % 29) as f64 * 0.31 - 4.1);
    (prediction, Array3::from_shape_fn(shape, |cell| u8::from(at(cell) % 3 == 0)))
}

/// Sums of every kind: plain, of a ratio, by volumes, under a factor that is known after the images.
fn losses() -> Vec<Loss> {
    let texts = [
        "bce(sigmoid) > mean(pixel) > mean(image) > mean(class)",
        "overlap(sigmoid) > dice(pixel, image; smooth=1) > mean(class)",
        "overlap(sigmoid) > weigh(volume(pixel, image; absent=zero)=-1) > dice(all)",
        "((bce(sigmoid) > mean(class)) + (overlap(sigmoid) > dice(all))) > scale(target=[1, 3]) > mean(pixel, image)",
    ];
    texts.map(|text| text.parse().expect("a loss")).to_vec()
}

fn observed(loss: &Loss, batch: &Batch<'_, f64, ndarray::Ix3>) -> State {
    let mut state = State::new(loss);
    state.observe(batch).expect("a batch of the loss");
    state
}

#[test]
fn two_to_the_twenty_ranks_add_up() {
    let (prediction, target) = cells((3, 5, 2));
    let batch = Batch::new("NLC".parse().unwrap(), &prediction, &target).unwrap();
    for loss in losses() {
        let one = observed(&loss, &batch);
        let flat = one.to_flat().unwrap();
        let mut copies = one.clone();
        for k in 0..=20_u32 {
            let sum: Vec<f64> = flat.iter().map(|entry| entry * 2.0_f64.powi(k as i32)).collect();
            let all = one.with_flat(&sum).unwrap();
            assert_eq!(all.images(), 3 << k);
            assert_eq!(all.value().unwrap().to_bits(), copies.value().unwrap().to_bits());
            assert_eq!(all.gradient(&batch).unwrap(), copies.gradient(&batch).unwrap());
            copies.merge(&copies.clone()).unwrap();
        }
        let twice: Vec<f64> = flat.iter().map(|entry| entry * 2.0_f64.powi(21)).collect();
        assert_eq!(
            one.with_flat(&twice).unwrap_err().to_string(),
            "flat: entry 0 (the number of ranks) is 2097152, expected a whole number from 1 to 1048576"
        );
    }
}

#[test]
fn more_images_than_add_up_are_refused() {
    let (prediction, target) = cells((3, 5, 2));
    let batch = Batch::new("NLC".parse().unwrap(), &prediction, &target).unwrap();
    let mut state = observed(&losses()[0], &batch);
    for expected in [3 << 20, 3 << 40] {
        let sum: Vec<f64> =
            state.to_flat().unwrap().iter().map(|entry| entry * 2.0_f64.powi(20)).collect();
        state = state.with_flat(&sum).unwrap();
        assert_eq!(state.images(), expected);
    }
    let error = state.to_flat().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMergeable);
    assert!(error.to_string().starts_with("flat: the state has seen 3298534883328 images"));
}

#[test]
fn an_entry_that_is_off_is_an_error_or_another_state() {
    let (prediction, target) = cells((3, 5, 2));
    let batch = Batch::new("NLC".parse().unwrap(), &prediction, &target).unwrap();
    for loss in losses() {
        let (one, two) = (observed(&loss, &batch.images(0..2).unwrap()), observed(&loss, &batch));
        let sum = added(&[one.to_flat().unwrap(), two.to_flat().unwrap()]);
        let all = one.with_flat(&sum).unwrap().to_flat().unwrap();
        let mut same = 0;
        for at in 0..sum.len() {
            let with = |entry: f64| {
                let mut other = sum.clone();
                other[at] = entry;
                one.with_flat(&other).map(|state| state.to_flat().unwrap())
            };
            match with(sum[at] + 1.0) {
                Ok(other) => same += usize::from(other == all),
                Err(error) => assert!(error.to_string().starts_with("flat: "), "{error}"),
            }
            let error = with(sum[at] + 0.5).unwrap_err();
            let place = format!("flat: entry {at} (");
            assert!(error.to_string().starts_with(&place), "{error}");
            if let Err(error) = with(f64::NAN) {
                assert!(error.to_string().starts_with(&place), "{error}");
            } else {
                assert_eq!(sum[at], 0.0, "only what lies beyond the finite can be NaN");
            }
        }
        // A flag of one rank or of two is the same flag; more than there are ranks are an error.
        assert!(same <= 12, "{same} entries of `{loss}` do not matter");
    }
}

#[test]
fn what_is_not_exact_is_another_sum() {
    // The twin of the law: the sum in f32, and the mean of the ranks' values, are not the merge.
    let (prediction, target) = cells((3, 5, 2));
    let batch = Batch::new("NLC".parse().unwrap(), &prediction, &target).unwrap();
    let dice = &losses()[1];
    let ranks = [
        observed(dice, &batch.images(0..1).unwrap()),
        observed(dice, &batch.images(1..3).unwrap()),
    ];
    let flats = [ranks[0].to_flat().unwrap(), ranks[1].to_flat().unwrap()];
    let value = ranks[0].with_flat(&added(&flats)).unwrap().value().unwrap();
    assert_eq!(value, dice.value(&batch).unwrap());
    let mean = ranks.iter().map(|rank| rank.value().unwrap()).sum::<f64>() / 2.0;
    assert!((value - mean).abs() > 1e-3);
    #[expect(clippy::cast_possible_truncation, reason = "that is the mistake")]
    let narrow: Vec<f64> = added(&flats).iter().map(|&entry| f64::from(entry as f32)).collect();
    assert!(ranks[0].with_flat(&narrow).map_or(true, |state| state.value().unwrap() != value));
}

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
