//! The entries: how far they add up, and that each of them matters.

use lossfold::{Batch, ErrorKind};

use super::{added, cells, losses, observed};

#[test]
fn two_to_the_twenty_ranks_add_up() {
    let (prediction, target) = cells((3, 5, 2));
    let batch = Batch::new("NLC".parse().unwrap(), &prediction, &target).unwrap();
    for loss in losses() {
        let one = observed(&loss, &batch);
        let flat = one.to_flat().unwrap();
        let mut copies = one.clone();
        for k in 0..=20 {
            let sum: Vec<f64> = flat.iter().map(|entry| entry * 2.0_f64.powi(k)).collect();
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
