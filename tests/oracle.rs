//! The reference engine against plain nested loops that share no code with it.

mod strategy;

use lossfold::{Error, ErrorKind, Float};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use strategy::oracle::{Verdict, verdict};
use strategy::random::{case, config};
use strategy::{Case, Formula, Item, Kind, Start};

/// Whether a result is what the oracle says.
fn agrees(expected: &Verdict, found: &Result<f64, Error>) -> bool {
    match (expected, found) {
        (Verdict::Value { value, slack, .. }, Ok(found)) => {
            (value - found).abs() <= *slack || value.is_nan() && found.is_nan()
        }
        (Verdict::Empty, Err(error)) => error.kind() == ErrorKind::Empty,
        _ => false,
    }
}

fn value(case: &Case) -> Result<f64, Error> {
    case.with_batch(&case.predicted(), |batch| case.loss().value(batch))
}

proptest! {
    #![proptest_config(config(2048))]

    #[test]
    fn value_is_that_of_nested_loops(case in case()) {
        let expected = verdict(&case);
        prop_assume!(expected != Verdict::Unsure);
        let found = value(&case);
        prop_assert!(agrees(&expected, &found), "{}: {expected:?}, found {found:?}", case.loss());
    }
}

/// What an error says but for the value that it found, which each precision rounds in its own way.
fn said(error: Error) -> (ErrorKind, String) {
    let message = error.to_string();
    let (before, after) = message.split_once(" is ").unwrap_or((&message, ""));
    let after = after.split_once(", ").map_or("", |(_, expected)| expected);
    (error.kind(), format!("{before} is … {after}"))
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn single_precision_differs_by_rounding_only(case in case()) {
        let narrow = case.predicted().mapv(f32::narrow);
        let wide = narrow.mapv(f64::from);
        let in_f32 = case.with_batch(&narrow, |batch| case.loss().value_and_gradient(batch));
        let in_f64 = case.with_batch(&wide, |batch| case.loss().value_and_gradient(batch));
        match (in_f32, in_f64) {
            (Ok((value, gradient)), Ok((wide_value, wide_gradient))) => {
                // 64 units of 2^-24 of what is added, which is of the order of 1.
                let near = |found: f32, wide: f64| {
                    let (found, size) = (f64::from(found), wide.abs().max(1.0));
                    found == wide || found.is_nan() && wide.is_nan() || (found - wide).abs() <= 4e-6 * size
                };
                prop_assert!(near(value, wide_value), "{} is not {}", value, wide_value);
                for (&found, &wide) in gradient.iter().zip(&wide_gradient) {
                    prop_assert!(near(found, wide), "{} is not {}", found, wide);
                }
            }
            (in_f32, in_f64) => {
                prop_assert_eq!(in_f32.map(drop).map_err(said), in_f64.map(drop).map_err(said));
            }
        }
    }

    #[test]
    fn a_perturbed_value_is_refused(case in case()) {
        let expected = verdict(&case);
        if let Verdict::Value { value, .. } = expected && value.is_finite() {
            let perturbed = value + 1e-6 * value.abs().max(1.0);
            prop_assert!(!agrees(&expected, &Ok(perturbed)));
        }
    }
}

/// Of many losses, how many have a value that the oracle refuses after a change of the loss.
fn refused(change: impl Fn(&mut Case)) -> usize {
    let mut runner = TestRunner::deterministic();
    let drawn = (0..2000).map(|_| case().new_tree(&mut runner).expect("a case").current());
    let wrong = drawn.filter(|case| {
        let expected = verdict(case);
        let mut changed = case.clone();
        change(&mut changed);
        let found = value(&changed);
        matches!(expected, Verdict::Value { .. }) && found.is_ok() && !agrees(&expected, &found)
    });
    wrong.count()
}

#[test]
fn what_is_not_changed_is_not_refused() {
    assert_eq!(refused(|_| {}), 0);
}

#[test]
fn a_wrong_order_is_refused() {
    let reversed = refused(|case| {
        let mut steps: Vec<_> = case.steps().map(|step| step.clone()).collect();
        for step in case.steps() {
            *step = steps.pop().expect("as many steps as before");
        }
    });
    assert!(reversed > 20, "{reversed}");
}

#[test]
fn a_jaccard_loss_for_a_lovasz_loss_is_refused() {
    let divided = refused(|case| {
        if let Start::Overlap(_, _, ratio) = &mut case.start
            && ratio.formula == Formula::Lovasz
        {
            ratio.formula = Formula::Jaccard;
        }
    });
    assert!(divided > 20, "{divided}");
}

#[test]
fn a_wrong_divisor_is_refused() {
    let summed = refused(|case| {
        for step in case.steps().filter(|step| step.kind == Kind::Mean && !step.carry) {
            step.kind = Kind::Sum;
            step.policy = strategy::Policy::Skip;
            step.by.clear();
        }
    });
    assert!(summed > 100, "{summed}");
}

#[test]
fn a_weight_that_scales_instead_of_weighing_is_refused() {
    let scaled = refused(|case| {
        for item in &mut case.items {
            if let Item::Weigh(named) = item {
                *item = Item::Scale(named.clone());
            }
        }
    });
    assert!(scaled > 100, "{scaled}");
}
