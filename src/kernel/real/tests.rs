use std::iter;

use rayon::prelude::*;

use super::super::isa::Instructions;
use super::Real;
use super::measure::{FUNCTIONS, Function, OneByOne, Values, error_in_f32};

/// The greatest error that a function may have, in ulp.
const BOUND: f64 = 2.0;

/// The greatest error over some arguments, and where.
type Worst = (f64, f64);

fn worse(worst: Worst, error: f64, at: f64) -> Worst {
    if error > worst.0 { (error, at) } else { worst }
}

/// Every `step`th bit pattern.
fn floats(step: usize) -> impl Iterator<Item = f32> {
    (0..=u32::MAX).step_by(step).map(f32::from_bits)
}

/// The greatest error of each set of instructions.
fn worst_in_f32(function: Function, step: usize) -> Vec<(Instructions, Worst)> {
    let mut found: Vec<_> = Instructions::all().map(|set| (set, (0.0, 0.0))).collect();
    let mut arguments = floats(step).filter(|&x| function.takes(x.into())).peekable();
    while arguments.peek().is_some() {
        let x: Vec<f32> = arguments.by_ref().take(4096).collect();
        let exact: Vec<f64> = x.iter().map(|&x| function.in_f64(x.into())).collect();
        for (set, worst) in &mut found {
            let values = set.run(Values { function, of: &x });
            for ((&x, &exact), value) in x.iter().zip(&exact).zip(values) {
                *worst = worse(*worst, error_in_f32(value, exact), x.into());
            }
        }
    }
    found
}

fn check_f32(step: usize) {
    FUNCTIONS.into_par_iter().for_each(|function| {
        for (set, (error, at)) in worst_in_f32(function, step) {
            println!("f32 {function:?} {}: {error:.4} ulp at {at:e}", set.name());
            assert!(error <= BOUND, "{function:?} of {at:e} by {set:?} is {error} ulp off");
        }
    });
}

#[test]
fn f32_is_within_two_ulp() {
    check_f32(2003);
}

/// For `cargo test --release --lib every_f32 -- --ignored --nocapture`, a quarter of an hour on two cores.
#[test]
#[ignore = "goes through all 2^32 arguments"]
fn every_f32_is_within_two_ulp() {
    check_f32(1);
}

/// Numbers in [0, 1), the same in every run.
fn random() -> impl Iterator<Item = f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    })
}

/// Arguments where a function may be at its worst, and their neighbours.
fn structured() -> Vec<f64> {
    use std::f64::consts::LN_2;
    let powers = (-1074..1024).step_by(7).map(|e| 2_f64.powi(e));
    let near_one = (1..53).flat_map(|e| [1.0 + 2_f64.powi(-e), 1.0 - 2_f64.powi(-e)]);
    let halfway = (-2151..2051).step_by(13).map(|n| f64::from(n) * LN_2 / 2.0);
    let two_thirds = (-40..40).map(|e| 2.0 / 3.0 * 2_f64.powi(e));
    let ends = [708.39, 709.782_712_893_384, 744.44, 745.133_219_101_941_1, 745.2, 746.0, 1e300];
    let values = powers.chain(near_one).chain(halfway).chain(two_thirds).chain(ends);
    let specials = [0.0, f64::MIN_POSITIVE, f64::MAX, f64::INFINITY, f64::NAN, 1.0, 0.5];
    let with_neighbours = values.flat_map(|x: f64| [x.next_down(), x, x.next_up()]);
    with_neighbours.chain(specials).flat_map(|x| [x, -x]).collect()
}

fn sampled(count: usize) -> impl Iterator<Item = f64> {
    let mut random = random();
    let mut next = move || random.next().expect("endless");
    let samples = iter::repeat_with(move || {
        let (u, scale) = (next(), next());
        let signed = 2.0 * u - 1.0;
        [
            signed,
            4.0 * signed,
            746.0 * signed,
            u * 2_f64.powf(-60.0 * scale),
            -u * 2_f64.powf(-60.0 * scale),
            2_f64.powf(2000.0 * (scale - 0.5)) * u,
        ]
    });
    samples.take(count).flatten()
}

fn check_f64(samples: usize) {
    // The sets between have the bits of the best.
    let sets = [Instructions::Baseline, Instructions::best()];
    for function in FUNCTIONS {
        let arguments = structured().into_iter().chain(sampled(samples));
        let x: Vec<f64> = arguments.filter(|&x| function.takes(x)).collect();
        let exact: Vec<_> = x.iter().map(|&x| function.exact(x)).collect();
        for set in sets {
            let values = set.run(Values { function, of: &x });
            let errors = exact.iter().zip(values).map(|(exact, value)| exact.error(value));
            let (error, at) = errors.zip(&x).fold((0.0, 0.0), |worst, (e, &x)| worse(worst, e, x));
            println!("f64 {function:?} {}: {error:.4} ulp at {at:e}", set.name());
            assert!(error <= BOUND, "{function:?} of {at:e} by {set:?} is {error} ulp off");
        }
    }
}

#[test]
fn f64_is_within_two_ulp() {
    check_f64(500);
}

/// For `cargo test --release --lib many_f64 -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes"]
fn many_f64_are_within_two_ulp() {
    check_f64(60_000);
}

fn bits<R: Real>(values: &[R]) -> Vec<u64> {
    values.iter().map(|value| value.to_f64().to_bits()).collect()
}

fn check_same_bits<R: Real>(arguments: &[R]) {
    for function in FUNCTIONS {
        let x: Vec<R> = arguments.iter().copied().filter(|x| function.takes(x.to_f64())).collect();
        let mut fused = None;
        for set in Instructions::all() {
            let values = bits(&set.run(Values { function, of: &x }));
            let defined = bits(&set.run(OneByOne(Values { function, of: &x })));
            assert!(values == defined, "{function:?} by {set:?} is not as it is defined");
            if set != Instructions::Baseline {
                assert!(*fused.get_or_insert(values.clone()) == values, "{function:?} by {set:?}");
            }
        }
    }
}

#[test]
fn every_set_gives_the_bits_of_the_definition_and_all_fused_ones_the_same() {
    let without_nan = |x: &f64| !x.is_nan();
    check_same_bits(&floats(100_003).filter(|x| !x.is_nan()).collect::<Vec<_>>());
    check_same_bits(&structured().into_iter().filter(without_nan).collect::<Vec<_>>());
}

#[test]
fn both_forms_of_a_negative_exponent_have_the_same_bits() {
    let x: Vec<f32> = floats(10_007).filter(|x| !x.is_nan()).collect();
    let negative: Vec<f32> = x.iter().map(|x| -x.abs()).collect();
    for set in Instructions::all() {
        let by_sign = set.run(Values { function: Function::ExpOfMinusAbs, of: &x });
        let by_value = set.run(Values { function: Function::ExpOfNegative, of: &negative });
        assert!(bits(&by_sign) == bits(&by_value), "{set:?}");
    }
}

/// Values that are exact, or stand for no number.
fn check_ends<R: Real>() {
    use Function::{ExpOfMinusAbs, ExpOfNegative, Ln, Ln1p, Ln1pUnit, OneOverOnePlus};
    let (zero, one, infinite, nan) = (R::ZERO, R::ONE, R::INFINITY, R::NAN);
    let least = R::MIN_POSITIVE;
    let cases: &[(Function, &[(R, R)])] = &[
        (ExpOfNegative, &[(zero, one), (-zero, one), (-infinite, zero), (nan, nan), (-least, one)]),
        (ExpOfMinusAbs, &[(zero, one), (infinite, zero), (-infinite, zero), (nan, nan)]),
        (Ln, &[(zero, -infinite), (-zero, -infinite), (one, zero), (infinite, infinite)]),
        (Ln, &[(-least, nan), (-one, nan), (-infinite, nan), (nan, nan)]),
        (Ln1pUnit, &[(zero, zero), (least, least), (nan, nan)]),
        (OneOverOnePlus, &[(nan, nan)]),
        (Ln1p, &[(zero, zero), (-zero, zero), (-one, -infinite), (infinite, infinite)]),
        (
            Ln1p,
            &[(least, least), (-least, -least), (-infinite, nan), (-one - one, nan), (nan, nan)],
        ),
    ];
    for (function, pairs) in cases {
        let (of, expected): (Vec<R>, Vec<R>) = pairs.iter().copied().unzip();
        for set in Instructions::all() {
            for ((x, found), expected) in
                of.iter().zip(set.run(Values { function: *function, of: &of })).zip(&expected)
            {
                let (x, found, expected) = (x.to_f64(), found.to_f64(), expected.to_f64());
                let same = found == expected || (found.is_nan() && expected.is_nan());
                assert!(same, "{function:?} of {x} by {set:?} is {found}, not {expected}");
            }
        }
    }
}

#[test]
fn ends_and_exact_values() {
    check_ends::<f32>();
    check_ends::<f64>();
}

#[test]
fn a_nan_of_any_payload_stays_one() {
    let nans: Vec<f32> = (0..1 << 12).map(|k| f32::from_bits(0x7fc0_0000 | k | k << 20)).collect();
    for function in FUNCTIONS {
        for set in Instructions::all() {
            let values = set.run(Values { function, of: &nans });
            assert!(values.iter().all(|value| value.is_nan()), "{function:?} by {set:?}");
        }
    }
}

#[test]
fn what_is_three_ulp_off_is_found() {
    let up = |x: f64, places| (0..places).fold(x, |x, _| x.next_up());
    let up_32 = |x: f32, places| (0..places).fold(x, |x, _| x.next_up());
    for (function, x) in [
        (Function::ExpOfNegative, -1.5),
        (Function::ExpOfNegative, -740.0), // subnormal in f64
        (Function::OneOverOnePlus, 0.3),
        (Function::Ln, 0.3),
        (Function::Ln1pUnit, 1e-310),
        (Function::Ln1p, -0.75),
    ] {
        let exact = function.exact(x);
        assert!(exact.error(exact.nearest) <= 1.0, "{function:?} of {x}");
        let error = exact.error(up(exact.nearest, 3));
        assert!(error > BOUND && error < 4.0, "{function:?} of {x}: {error}");
        assert_eq!(exact.error(f64::NAN), f64::INFINITY);
        assert_eq!(exact.error(f64::INFINITY), f64::INFINITY);
    }
    for exact in [1.0 / 3.0, -2.9, 1e-40] {
        let near = f32::from_f64(exact);
        assert!(error_in_f32(near, exact) <= 0.5);
        assert!(error_in_f32(up_32(near, 3), exact) > BOUND);
        assert_eq!(error_in_f32(f32::NAN, exact), f64::INFINITY);
    }
}

#[test]
fn selections() {
    let (one, two) = (1_f64, 2_f64);
    assert_eq!((Real::max(one, two), Real::min(one, two)), (two, one));
    assert_eq!((Real::max(f64::NAN, two), Real::min(f64::NAN, two)), (two, two));
    assert!(Real::max(two, f64::NAN).is_nan() && Real::min(two, f64::NAN).is_nan());
    assert_eq!(
        (<f32 as Real>::select(true, 1.0, 2.0), <f32 as Real>::select(false, 1.0, 2.0)),
        (1.0, 2.0)
    );
    assert_eq!(f32::from_f64(0.1).to_f64(), f64::from(0.1_f32));
}
