//! Losses on tensors of burn, against the reference.

mod errors;
mod half;
#[path = "../strategy/mod.rs"]
mod strategy;
mod tensors;

use lossfold::ErrorKind;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use strategy::nested::compare::{Said, Verdict, reference, unsure, verdict};
use strategy::nested::data::case;
use strategy::nested::{Case, Element, Formula, Head};
use strategy::random::config;
use tensors::{Way, said};

/// Whether tensors can say what the reference says of a case: it has a cell and no formula in code.
fn is_of_tensors(case: &Case) -> bool {
    let mut own = false;
    case.chain.clone().each(&mut |chain| {
        own |= match &chain.head {
            Head::Element(source) => source.formula == Element::Own,
            Head::Overlap(region) => region.formula == Formula::Own,
            _ => false,
        };
    });
    !own && case.prediction.ndim() > 0 && !case.prediction.is_empty()
}

/// Holds the lowered loss against the reference; false where there is nothing to compare.
fn lowered(case: &Case) -> Result<bool, String> {
    let expected = reference(case);
    let found = said(case, &case.loss(), Way::Lowered);
    let Ok(known) = &expected else {
        // What depends on the numbers of tensors is not waited for.
        let kind = expected.unwrap_err().kind();
        let of_numbers = matches!(kind, ErrorKind::Domain | ErrorKind::Empty | ErrorKind::Weight);
        return match (found, of_numbers) {
            (Ok(_), false) => Err(format!("{kind:?} was expected")),
            _ => Ok(false),
        };
    };
    match &found {
        // Weights that are equal by their numbers alone.
        Err(error) if error.to_string().contains("carry different") => return Ok(false),
        _ => {}
    }
    if !known.value.is_finite() {
        // Beyond the finite, which of the rules of infinity a derivative meets is a matter of its form.
        return Ok(false);
    }
    match verdict(case, &expected, &found) {
        Verdict::Same => Ok(true),
        Verdict::Unsure => Ok(false),
        Verdict::Differs(why) => Err(why),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 1 << 12, ..config(512) })]

    #[test]
    fn the_lowered_loss_agrees_with_the_reference(case in case()) {
        prop_assume!(is_of_tensors(&case));
        let compared = lowered(&case).map_err(TestCaseError::fail)?;
        prop_assume!(compared);
    }
}
