//! The reference engine against plain nested loops that share no code with it.

mod strategy;

use lossfold::{Error, ErrorKind};
use proptest::prelude::*;

use strategy::Case;
use strategy::oracle::{Verdict, verdict};
use strategy::random::{case, config};

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
    #![proptest_config(config(512))]

    #[test]
    fn value_is_that_of_nested_loops(case in case()) {
        let expected = verdict(&case);
        prop_assume!(expected != Verdict::Unsure);
        let found = value(&case);
        prop_assert!(agrees(&expected, &found), "{}: {expected:?}, found {found:?}", case.loss());
    }
}
