//! States as numbers that an all-reduce adds up: the sum is the merge, to the bit.

#[path = "../strategy/mod.rs"]
mod strategy;

mod entries;
mod refusals;
mod shards;

use lossfold::{Axis, Batch, ErrorKind, Loss, State};
use ndarray::{Array3, Ix3, IxDyn};
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

fn observed(loss: &Loss, batch: &Batch<'_, f64, Ix3>) -> State {
    let mut state = State::new(loss);
    state.observe(batch).expect("a batch of the loss");
    state
}
