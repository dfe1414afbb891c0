//! The engine against the reference, on random nested losses.

mod strategy;

use lossfold::{Aggregate, Axes, ErrorKind, Over};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use strategy::nested::compare::{Outcome, Said, Verdict, engine, reference, unsure, verdict};
use strategy::nested::data::case;
use strategy::nested::offend::Offender;
use strategy::nested::{Case, Formula, Head, Link};
use strategy::random::config;

/// Holds all that the engine says about a case against the reference; false where the last bits decide.
fn compared(case: &Case) -> Result<bool, TestCaseError> {
    let expected = reference(case);
    for (way, found) in engine(case) {
        match verdict(case, &expected, &found) {
            Verdict::Same => {}
            Verdict::Unsure => return Ok(false),
            Verdict::Differs(why) => return Err(TestCaseError::fail(format!("{way}: {why}"))),
        }
    }
    Ok(true)
}

fn bad_number() -> impl Strategy<Value = f64> {
    select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.125, 1.5])
}

fn offender() -> impl Strategy<Value = Offender> {
    prop_oneof![
        bad_number().prop_map(Offender::Prediction),
        bad_number().prop_map(Offender::Target),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 1 << 15, ..config(512) })]

    #[test]
    fn the_engine_agrees_with_the_reference(case in case()) {
        let all_refuse = || engine(&case).iter().all(|(_, said)| said.is_err());
        if reference(&case).is_ok() || !all_refuse() {
            prop_assume!(compared(&case)?);
        }
    }

    #[test]
    fn the_engine_agrees_on_one_bad_number(
        case in case(),
        offender in offender(),
        spot in any::<prop::sample::Index>(),
    ) {
        let spot = spot.index(1 << 16);
        if let Some((offended, words)) = case.offended(offender, spot) {
            let names_it = |said: &Said| match said {
                Ok(_) => true,
                Err(error) => error.to_string().starts_with(&words),
            };
            // Of several things that are wrong, any may be named.
            if reference(&case).is_ok() && names_it(&reference(&offended)) {
                prop_assume!(compared(&offended)?);
            }
        }
    }

    #[test]
    fn a_bad_number_among_cells_that_count_is_named_with_its_index(
        case in case(),
        offender in offender(),
        spot in any::<prop::sample::Index>(),
    ) {
        let case = case.whole();
        // An error that stands before the check of the numbers hides it.
        let clean = reference(&case);
        if case.has_cells() && clean.is_ok() {
            let spot = spot.index(1 << 16);
            let (case, words) = case.offended(offender, spot).expect("a case with cells");
            for (way, said) in engine(&case) {
                let error = said.expect_err("a bad number is an error");
                prop_assert_eq!(error.kind(), ErrorKind::Domain);
                prop_assert!(error.to_string().starts_with(&words), "{}: {}, not {}", way, error, words);
            }
        }
    }
}

/// Some cases, always the same.
fn drawn(count: usize) -> impl Iterator<Item = Case> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(move |_| case().new_tree(&mut runner).expect("a case").current())
}

#[test]
fn most_errors_are_the_same() {
    // Where several things are wrong with a case, each engine names the one that it meets first.
    let (mut same, mut all) = (0, 0);
    for case in drawn(4000) {
        let expected = reference(&case);
        if expected.is_err() {
            all += 1;
            let said = engine(&case);
            let differs = |said: &Said| verdict(&case, &expected, said) != Verdict::Same;
            same += usize::from(!said.iter().any(|(_, said)| differs(said)));
        }
    }
    assert!(same * 100 > all * 97 && all > 400, "{same} of {all}");
}

#[test]
fn few_cases_are_errors_or_unsure() {
    let (mut errors, mut unsure_values, mut unsure_gradients) = (0, 0, 0);
    let count = 2000;
    for case in drawn(count) {
        let (value, gradient) = unsure(&case);
        errors += usize::from(reference(&case).is_err());
        unsure_values += usize::from(value);
        unsure_gradients += usize::from(gradient);
    }
    println!(
        "{count}: {errors} errors, unsure {unsure_values} values, {unsure_gradients} gradients"
    );
    assert!(errors * 4 < count, "{errors} of {count} are errors");
    // Coarse and saturated logits are frequent on purpose; their ties and edges are what is unsure.
    assert!(unsure_values * 12 < count, "{unsure_values} of {count} have no sure value");
    assert!(unsure_gradients * 8 < count, "{unsure_gradients} of {count} have no sure gradient");
}

/// Of the cases that `changed` gives another word on, how many are refused, and how many there are.
fn refused(changed: impl Fn(&Case, &Outcome) -> Option<Said>) -> (usize, usize) {
    let (mut refused, mut all) = (0, 0);
    for case in drawn(1000) {
        let expected = reference(&case);
        let finite = expected.as_ref().ok().filter(|outcome| outcome.value.is_finite());
        if let Some(found) = finite.and_then(|outcome| changed(&case, outcome)) {
            all += 1;
            refused +=
                usize::from(matches!(verdict(&case, &expected, &found), Verdict::Differs(_)));
        }
    }
    (refused, all)
}

#[test]
fn what_is_not_changed_is_not_refused() {
    let (refused, all) = refused(|_, outcome| Some(Ok(outcome.clone())));
    assert!(refused == 0 && all > 500, "{refused} of {all}");
}

#[test]
fn errors_of_the_size_of_rounding_are_not_refused() {
    for case in drawn(2000) {
        // The numbers of the batch are off by about 2e-15, as if the engine had rounded them differently.
        let (case, rounded) = (case.nudged(0.0), case.nudged(1.7e-6));
        let verdict = verdict(&case, &reference(&case), &reference(&rounded));
        assert!(!matches!(verdict, Verdict::Differs(_)), "{case:?}: {verdict:?}");
    }
}

#[test]
fn a_perturbed_value_is_refused() {
    let (refused, all) = refused(|case, outcome| {
        let by = if case.single { 1e-4 } else { 1e-9 };
        // Where the last bits decide on a value, nothing is said of it.
        (outcome.value != 0.0 && !unsure(case).0)
            .then(|| Ok(Outcome { value: outcome.value * (1.0 + by), ..outcome.clone() }))
    });
    assert!(refused * 20 > all * 19 && all > 300, "{refused} of {all}");
}

#[test]
fn one_perturbed_derivative_is_refused() {
    let (refused, all) = refused(|case, outcome| {
        let by = if case.single { 1e-2 } else { 1e-9 };
        let mut gradient = outcome.gradient.clone()?;
        let size = gradient.iter().fold(0.0_f64, |size, g| size.max(g.abs()));
        let place = gradient.iter_mut().find(|g| g.abs() == size)?;
        *place *= 1.0 + by;
        (size > 1e-3 && size.is_finite())
            .then(|| Ok(Outcome { value: outcome.value, gradient: Some(gradient) }))
    });
    assert!(refused * 20 > all * 17 && all > 300, "{refused} of {all}");
}

/// What the reference says about the case after a change of its loss.
fn after(case: &Case, change: impl FnOnce(&mut Case)) -> Option<Said> {
    let mut other = case.clone();
    change(&mut other);
    let said = reference(&other);
    (other.chain != case.chain && said.is_ok()).then_some(said)
}

#[test]
fn a_wrong_order_is_refused() {
    let (refused, all) =
        refused(|case, _| after(case, |case| case.chain.each(&mut |chain| chain.links.reverse())));
    assert!(refused > 20, "{refused} of {all}");
}

#[test]
fn a_wrong_divisor_is_refused() {
    let (refused, all) = refused(|case, _| {
        after(case, |case| {
            case.chain.each_step(&mut |step| {
                if step.aggregate == Aggregate::Mean && !step.carry {
                    step.by = Some(Vec::new());
                }
            });
        })
    });
    assert!(refused > 50, "{refused} of {all}");
}

#[test]
fn a_weight_that_scales_instead_of_weighing_is_refused() {
    let (refused, all) = refused(|case, _| {
        after(case, |case| {
            case.chain.each(&mut |chain| {
                for link in &mut chain.links {
                    if let Link::Weigh(weight) = link {
                        *link = Link::Scale(weight.clone());
                    }
                }
            });
        })
    });
    assert!(refused > 50, "{refused} of {all}");
}

#[test]
fn a_jaccard_loss_for_a_lovasz_loss_is_refused() {
    let (refused, all) = refused(|case, _| {
        after(case, |case| {
            case.chain.each(&mut |chain| match &mut chain.head {
                Head::Overlap(region) if region.formula == Formula::Lovasz => {
                    region.formula = Formula::Jaccard;
                }
                _ => {}
            });
        })
    });
    assert!(refused > 10, "{refused} of {all}");
}

#[test]
fn another_error_is_refused() {
    let mut refused = 0;
    for case in drawn(1000) {
        let (expected, mut other) = (reference(&case), case.clone());
        other.chain.links.clear();
        let found = reference(&other);
        if expected.is_err() && found.is_err() && found.as_ref().err() != expected.as_ref().err() {
            refused +=
                usize::from(matches!(verdict(&case, &expected, &found), Verdict::Differs(_)));
        }
    }
    assert!(refused > 20, "{refused}");
}

#[test]
fn most_cases_can_be_made_ones_in_which_every_cell_counts() {
    let clean = |case: &Case| case.has_cells() && reference(case).is_ok();
    let count = drawn(1000).map(Case::whole).filter(clean).count();
    assert!(count > 600, "{count} of 1000");
}

#[test]
fn terms_without_axes_are_added_to_terms_with_axes() {
    let seed = |case: &Case| {
        let mut found = false;
        case.chain.clone().each(&mut |chain| {
            if let Head::Sum { terms, .. } = &chain.head {
                let ends = |over: Over| {
                    terms.iter().any(|(_, term)| match term.links.last() {
                        Some(Link::Step(step)) => (step.over == Over::All) == (over == Over::All),
                        _ => false,
                    })
                };
                found |= ends(Over::All) && ends(Over::Axes(Axes::NONE));
            }
        });
        found
    };
    assert!(drawn(2000).filter(seed).count() > 10);
}

#[test]
fn the_cases_that_are_evaluated_have_every_kind_of_node() {
    let words = [
        "bce(probability",
        "bce(log_probability",
        "cross_entropy(log_probability",
        "overlap(log_probability",
        "overlap(sigmoid; clip=",
        "bce(sigmoid",
        "bce(softmax",
        "bce(normalize",
        "clip=",
        "epsilon=",
        "log_floor=",
        "positive=",
        "smoothing=half",
        "smoothing=classes",
        "smoothing=flip",
        "focal=",
        "truth=terms",
        "truth=loss",
        "truth=logit",
        "threshold=",
        "alpha=",
        "kl(",
        "squared(",
        "absolute(",
        "predicted(",
        "huber(",
        "identity)",
        "dice(",
        "jaccard(",
        "tversky(",
        "lovasz(",
        "lovasz_hinge(",
        "missed(",
        "smooth=",
        "smooth_numerator=",
        "smooth_denominator=",
        " floor=",
        "tp_floor=",
        "score_floor=",
        "exponent=2",
        "exponent=1.5",
        "soft=distance",
        "absent=skip",
        "absent=zero",
        "carry",
        "sum(",
        "mean(",
        "max(",
        "min(",
        "power(",
        "logmeanexp(",
        "quantile(",
        "fraction=",
        "k=",
        "by=[",
        "empty=zero",
        "empty=one",
        "empty=nan",
        "empty=error",
        "scale(class=",
        "weigh(class=",
        "target=[",
        "(image)",
        "(map)",
        "(mask)",
        "(positives)",
        "(negatives)",
        "presence",
        "volume",
        "absent=largest",
        "; epsilon=",
        "=-2)",
        "=-1)",
        "=1)",
        "balance",
        "map(-ln(x))",
        "map(x^",
        "select(",
        "without(",
        " / ",
        " - ",
        " + ",
        "0 * (",
        "(all",
    ];
    let texts: Vec<String> = drawn(3000)
        .filter(|case| reference(case).is_ok())
        .map(|case| case.loss().to_string())
        .collect();
    let few =
        words.iter().map(|word| (texts.iter().filter(|text| text.contains(word)).count(), word));
    let few: Vec<_> = few.filter(|(count, _)| *count < 15).collect();
    assert!(few.is_empty(), "{few:?}");
}
