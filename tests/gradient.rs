//! The gradient against central differences, and what it is where there is a tie.

mod strategy;

use approx::assert_relative_eq;
use lossfold::{Activation, Batch, Layout, Loss, Over, Truth, bce, mean, sum};
use ndarray::{Array2, Array3, arr2, array};
use proptest::collection::vec;
use proptest::prelude::*;

use strategy::Case;
use strategy::oracle::{Verdict, verdict};
use strategy::random::{config, smooth_case};
use strategy::{CELLS, each, place};

/// The case at prediction + h · direction.
fn moved(case: &Case, h: f64, direction: &[f64]) -> Case {
    let mut case = case.clone();
    case.prediction.iter_mut().zip(direction).for_each(|(x, d)| *x += h * d);
    case
}

/// The value of a case, how far a correct one may lie from it, and the choices on the way to it.
fn at(case: &Case) -> Option<(f64, f64, Vec<i32>)> {
    match verdict(case) {
        Verdict::Value { value, slack, choices } if value.is_finite() => {
            Some((value, slack, choices))
        }
        _ => None,
    }
}

/// The slope of the oracle along a direction, and a bound on its error; none at a kink.
///
/// A central difference of step h is off by a h² + O(h⁴), and so differs from that of step h/2 by
/// 3/4 a h²: twice the difference bounds the error of the first. Each value brings its slack / 2h.
fn slope(case: &Case, direction: &[f64]) -> Option<(f64, f64)> {
    let (_, _, choices) = at(case)?;
    let central = |h: f64| {
        let (above, slack_above, choices_above) = at(&moved(case, h, direction))?;
        let (below, slack_below, choices_below) = at(&moved(case, -h, direction))?;
        let smooth = choices_above == choices && choices_below == choices;
        smooth.then_some(((above - below) / (2.0 * h), (slack_above + slack_below) / (2.0 * h)))
    };
    let h = 1e-4;
    let ((wide, rounding), (near, more)) = (central(h)?, central(h / 2.0)?);
    Some((near, 2.0 * (wide - near).abs() + rounding + more))
}

fn gradient(case: &Case) -> Option<Array3<f64>> {
    let found = case.with_batch(&case.predicted(), |batch| case.loss().value_and_gradient(batch));
    found.ok().map(|(_, gradient)| gradient)
}

/// Σ gradient · direction, and Σ |gradient · direction|.
fn along(case: &Case, gradient: &Array3<f64>, direction: &[f64]) -> (f64, f64) {
    let (mut total, mut size) = (0.0, 0.0);
    each(case.extents, |cell| {
        let part = gradient[cell] * direction[place(cell)];
        total += part;
        size += part.abs();
    });
    (total, size)
}

proptest! {
    #![proptest_config(config(1024))]

    #[test]
    fn the_gradient_is_the_slope_in_every_direction(
        case in smooth_case(),
        direction in vec(-1.0..1.0, CELLS),
    ) {
        if let (Some((slope, error)), Some(gradient)) = (slope(&case, &direction), gradient(&case)) {
            let (found, size) = along(&case, &gradient, &direction);
            let allowed = error + 1e-12 * size;
            prop_assert!((found - slope).abs() <= allowed, "{}: {found}, {slope}", case.loss());
        }
    }

    #[test]
    fn the_gradient_is_the_slope_of_every_cell(case in smooth_case(), cell in 0..CELLS) {
        let direction: Vec<f64> = (0..CELLS).map(|c| f64::from(u8::from(c == cell))).collect();
        if let (Some((slope, error)), Some(gradient)) = (slope(&case, &direction), gradient(&case)) {
            let (found, size) = along(&case, &gradient, &direction);
            let allowed = error + 1e-12 * size;
            prop_assert!((found - slope).abs() <= allowed, "{}: {found}, {slope}", case.loss());
        }
    }
}

#[test]
fn a_gradient_of_the_wrong_size_is_not_the_slope() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let direction: Vec<f64> = (0..CELLS).map(|c| 1.0 + (c % 3) as f64).collect();
    let (mut compared, mut refused) = (0, 0);
    for _ in 0..500 {
        let case = smooth_case().new_tree(&mut runner).expect("a case").current();
        if let (Some((slope, error)), Some(gradient)) = (slope(&case, &direction), gradient(&case))
        {
            let (found, size) = along(&case, &(gradient * 1.01), &direction);
            if size > 1e-3 && slope.abs() > 0.1 * size {
                compared += 1;
                refused += usize::from((found - slope).abs() > error + 1e-12 * size);
            }
        }
    }
    assert!(compared > 50 && refused * 100 >= compared * 99, "{refused} of {compared}");
}

/// The gradient of a loss of values v: |v - 0| has slope 1 above 0.
fn of_values<const C: usize>(steps: &str, values: [f64; C]) -> Vec<f64> {
    let prediction = Array2::from_shape_fn((1, C), |(_, c)| values[c]);
    let target = Array2::<f64>::zeros((1, C));
    let loss: Loss = format!("absolute(identity) > {steps}").parse().unwrap();
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    loss.value_and_gradient(&batch).unwrap().1.into_iter().collect()
}

#[test]
fn ties_share_the_gradient_equally() {
    assert_eq!(of_values("max(all)", [3.0, 1.0, 3.0]), [0.5, 0.0, 0.5]);
    assert_eq!(of_values("min(all)", [3.0, 1.0, 1.0]), [0.0, 0.5, 0.5]);
    assert_eq!(of_values("quantile(all; q=0.5)", [2.0, 2.0, 5.0, 1.0]), [0.5, 0.5, 0.0, 0.0]);
    // The second place is shared by two.
    assert_eq!(of_values("top(all; k=2)", [5.0, 2.0, 2.0, 1.0]), [0.5, 0.25, 0.25, 0.0]);
    assert_eq!(of_values("top(all; fraction=0.5)", [5.0, 2.0, 2.0, 1.0]), [0.5, 0.25, 0.25, 0.0]);
}

#[test]
fn each_aggregate_has_the_gradient_of_its_formula() {
    assert_eq!(of_values("sum(all)", [3.0, 4.0]), [1.0, 1.0]);
    assert_eq!(of_values("mean(all)", [3.0, 4.0]), [0.5, 0.5]);
    // (v / r) / n with r² = (9 + 16) / 2.
    let r = 12.5_f64.sqrt();
    let found = of_values("power(all; p=2)", [3.0, 4.0]);
    assert_relative_eq!(found[0], 1.5 / r, max_relative = 1e-15);
    assert_relative_eq!(found[1], 2.0 / r, max_relative = 1e-15);
    // The softmax of t v.
    let found = of_values("logmeanexp(all; t=2)", [0.5, 1.0]);
    let share = 1.0 / (1.0 + 1_f64.exp());
    assert_relative_eq!(found[0], share, max_relative = 1e-15);
    assert_relative_eq!(found[1], 1.0 - share, max_relative = 1e-15);
}

#[test]
fn cross_entropy_of_logits_is_exact_at_ten_thousand() {
    let prediction = arr2(&[[1e4_f32, -1e4, 1e4, -1e4]]);
    let target = arr2(&[[1_u8, 0, 0, 1]]); // two sure and right, two sure and wrong
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    let loss = bce(Activation::Sigmoid).reduce(sum(Over::All));
    let (value, gradient) = loss.value_and_gradient(&batch).unwrap();
    assert_eq!(value, 2e4);
    assert_eq!(gradient, arr2(&[[0.0, 0.0, 1.0, -1.0]]));
}

#[test]
fn softmax_is_exact_at_ten_thousand() {
    let prediction = arr2(&[[1e4_f32, -1e4]]);
    let target = arr2(&[[0_u8, 1]]);
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    // p = (1, e^-20000): both -ln p of the second and -ln(1 - p) of the first are 20000.
    let loss = bce(Activation::Softmax).reduce(sum(Over::All));
    let (value, gradient) = loss.value_and_gradient(&batch).unwrap();
    assert_eq!(value, 4e4);
    assert_eq!(gradient, arr2(&[[2.0, -2.0]]));
}

/// The value and the gradient of a source, summed over two images of two classes.
fn summed(source: &str, prediction: &Array2<f64>, target: &Array2<f64>) -> (f64, Array2<f64>) {
    let loss: Loss = format!("{source} > sum(all)").parse().unwrap();
    let batch = Batch::new(Layout::NC, prediction, target).unwrap();
    loss.value_and_gradient(&batch).unwrap()
}

/// The slopes of a source in each of its predictions, by central differences.
fn slopes(source: &str, prediction: &Array2<f64>, target: &Array2<f64>) -> Array2<f64> {
    let h = 1e-5;
    Array2::from_shape_fn(prediction.dim(), |cell| {
        let at = |step: f64| {
            let mut moved = prediction.clone();
            moved[cell] += step;
            summed(source, &moved, target).0
        };
        (at(h) - at(-h)) / (2.0 * h)
    })
}

#[test]
fn the_derivative_goes_through_the_focal_factor() {
    let target = arr2(&[[1.0, 0.0], [0.7, 0.2]]);
    let options = [
        "",
        "clip=0.35, ",
        "epsilon=0.2, ",
        "log_floor=-100, ",
        "positive=[2, 3], smoothing=half(0.1), ",
    ];
    for (activation, prediction) in [
        ("probability", arr2(&[[0.9, 0.2], [0.4, 0.6]])),
        ("sigmoid", arr2(&[[2.0, -1.0], [-0.5, 0.5]])),
        ("softmax", arr2(&[[2.0, -1.0], [-0.5, 0.5]])),
        ("normalize", arr2(&[[3.0, 1.0], [0.4, 0.8]])),
    ] {
        for truth in Truth::ALL {
            for option in options {
                for focal in ["focal=0.5", "focal=2, threshold=0.3", "focal=3, alpha=0.25"] {
                    if truth == Truth::Logit && activation != "sigmoid" {
                        continue;
                    }
                    // A threshold at which the factor jumps is far from all p here.
                    let (factor, rest) = focal.split_once(',').unwrap_or((focal, ""));
                    let more = if rest.is_empty() { "" } else { "," };
                    let source =
                        format!("bce({activation}; {option}{factor}, truth={truth}{more}{rest})");
                    let (_, gradient) = summed(&source, &prediction, &target);
                    let expected = slopes(&source, &prediction, &target);
                    for (found, expected) in gradient.iter().zip(&expected) {
                        let near = (found - expected).abs() <= 1e-8 * expected.abs().max(1.0);
                        assert!(near, "{source}: {found}, expected {expected}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_factor_that_is_taken_for_constant_has_another_gradient() {
    let (prediction, target) = (arr2(&[[0.5]]), arr2(&[[1.0]]));
    let (_, plain) = summed("bce(sigmoid)", &prediction, &target);
    let (_, focal) = summed("bce(sigmoid; focal=2)", &prediction, &target);
    let q = 1.0 / (1.0 + 0.5_f64.exp());
    assert!((focal[[0, 0]] - q * q * plain[[0, 0]]).abs() > 0.05);
}

#[test]
fn focal_losses_of_logits_are_exact_at_ten_thousand() {
    let prediction = arr2(&[[1e4, -1e4, 1e4, -1e4]]);
    let target = arr2(&[[1.0, 0.0, 0.0, 1.0]]); // two sure and right, two sure and wrong
    for truth in Truth::ALL {
        for gamma in [0.0, 0.01, 0.5, 1.0, 2.0, 5.0] {
            let source = format!("bce(sigmoid; focal={gamma}, truth={truth})");
            let (value, gradient) = summed(&source, &prediction, &target);
            assert_eq!((value, gradient), (2e4, arr2(&[[0.0, 0.0, 1.0, -1.0]])), "{source}");
        }
    }
    let (prediction, target) = (arr2(&[[1e4, -1e4]]), arr2(&[[0.0, 1.0]]));
    for source in ["cross_entropy(softmax; focal=2)", "cross_entropy(softmax; focal=0.5)"] {
        let found = summed(source, &prediction, &target);
        assert_eq!(found, (2e4, arr2(&[[1.0, -1.0]])), "{source}");
    }
}

#[test]
fn focal_losses_of_confident_logits_keep_their_digits() {
    // Of what p lacks, q: F = q and L = q, but for a share q. So F^g L is q^(1 + g), and its slope
    // -(1 + g) times as much.
    for x in [40.0_f64, 100.0, 690.0] {
        let q = (-x).exp();
        for truth in Truth::ALL {
            for gamma in [0.01, 0.5, 1.0] {
                if (1.0 + gamma) * x > 700.0 {
                    continue;
                }
                let source = format!("bce(sigmoid; focal={gamma}, truth={truth})");
                let (value, gradient) = summed(&source, &arr2(&[[x]]), &arr2(&[[1.0]]));
                assert_relative_eq!(value, q.powf(1.0 + gamma), max_relative = 1e-12);
                let slope = -(1.0 + gamma) * q.powf(1.0 + gamma);
                assert_relative_eq!(gradient[[0, 0]], slope, max_relative = 1e-12);
            }
        }
    }
}

#[test]
fn where_the_slope_of_a_focal_factor_is_infinite_it_is_0() {
    // At p = 1 the clipped loss is -ln(3/4), and has no slope; F has the slope -1.
    let (one, target) = (arr2(&[[1.0]]), arr2(&[[1.0]]));
    let gradient = |options: &str| {
        summed(&format!("bce(probability; clip=0.25, {options})"), &one, &target).1[[0, 0]]
    };
    for truth in ["mixed", "terms"] {
        assert_eq!(gradient(&format!("focal=0, truth={truth}")), 0.0);
        assert_eq!(gradient(&format!("focal=0.5, truth={truth}")), 0.0);
        assert_eq!(gradient(&format!("focal=1, truth={truth}")), 0.75_f64.ln());
        assert_eq!(gradient(&format!("focal=2, truth={truth}")), 0.0);
    }
    // A factor that is made of the loss is clipped with it.
    assert_eq!(gradient("focal=1, truth=loss"), 0.0);
    let of_class = "cross_entropy(probability; clip=0.25, focal=1, truth=loss)";
    assert_eq!(summed(of_class, &one, &target).1[[0, 0]], 0.0);
    // The slope of √(p (1 - p)) at p = 1, where F is 1; that of the loss is -1/2 / (p + 1/2) + 1/2 / (1 - p + 1/2).
    let soft = arr2(&[[0.5]]);
    let (_, gradient) = summed("bce(probability; epsilon=0.5, focal=2, truth=loss)", &one, &soft);
    assert!((gradient[[0, 0]] - 2.0 / 3.0).abs() < 1e-15);
}

#[test]
fn a_masked_cell_has_no_gradient() {
    let prediction = array![[0.5, f64::NAN]];
    let (target, mask) = (array![[1.0, 0.0]], array![[true, false]]);
    let axes = [lossfold::Axis::Class, lossfold::Axis::Image];
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    let batch = batch.with_mask(axes, &mask).unwrap();
    let loss = bce(Activation::Probability).weigh(lossfold::Weight::Mask).reduce(mean(Over::All));
    let (value, gradient) = loss.value_and_gradient(&batch).unwrap();
    assert_eq!((value, gradient), (2_f64.ln(), array![[-2.0, 0.0]]));
}
