//! When two results of a case are the same.
//!
//! Both engines may differ by what rounding does, and by no more. With u = 2^-53, a case has at most 144
//! cells and about ten nodes in a row. A plain sum of n terms is off by at most n u Σ|x|, 1.6e-14 of its
//! size; an elementary function by a few u. So every intermediate value is off by less than r = 1e-13 of
//! the largest intermediate value M, unless a node magnifies the error. On predictions in f32 the engine
//! computes cells in f32: then a cell is off by at most 16 u with u = 2^-24, a sum of sixteen of them by as
//! much again, twice that is 32 units of the last place, and r = 3.8e-6.
//!
//! How much the nodes magnify is measured instead of assumed: the reference is evaluated on data that
//! are nudged by a relative [`NUDGE`] = 1e-9, both ways. Where that moves the result by δ, a relative
//! error of r moves it by about δ · r / 1e-9 (to first order, which is checked by δ being small). A result may thus differ by
//!
//! ```text
//! value:    eps_F |v| + r max(1, M) + r / 1e-9 δ
//! gradient: eps_F |g| + r max(max|g|, K) + r / 1e-9 δ, K = max(1, M) / min(1, smallest divisor)
//! ```
//!
//! M, K and δ are only looked at where a result is not within r of itself. K stands for the size of
//! the adjoints that cancel in a gradient, whose noise does not become smaller by cancelling.
//!
//! A case is **unsure** where the nudge moves the result by more than a ten-thousandth, or where a nudge
//! by a few last bits moves it by more than it may differ: a tie, a bound or a test for 0 is decided by
//! the last bits, and there is nothing to compare. Equal numbers are
//! nudged equally, so that ties of equal cells stay ties and are compared.

use lossfold::{Error, Float, Trace};
use ndarray::{ArrayD, Dimension};

use super::build::{memory, seen, seen_mut};
use super::nudge::NUDGE;
use super::{Case, Chain, Element, Formula, Head, Lies, Source};

/// The error of an intermediate value, relative to the largest.
fn rounding(case: &Case) -> f64 {
    if case.single { 32.0 * f64::from(f32::EPSILON) } else { 1e-13 }
}

/// A result that the nudge moves by more is decided by the last bits.
const JUMP: f64 = 1e-4;

/// A value, and a gradient where one was asked for, in f64.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub value: f64,
    pub gradient: Option<ArrayD<f64>>,
}

/// What an engine says about a case.
pub type Said = Result<Outcome, Error>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Same,
    /// Nothing can be said: the last bits decide.
    Unsure,
    Differs(String),
}

fn outcome<F: Float>((value, gradient): (F, ArrayD<F>)) -> Outcome {
    Outcome { value: value.into(), gradient: Some(gradient.mapv(Into::into)) }
}

/// What the reference says.
pub fn reference(case: &Case) -> Said {
    fn of<F: Float>(case: &Case) -> Said {
        let loss = case.loss();
        case.with_batch::<F, _>(|batch| loss.reference().value_and_gradient(batch)).map(outcome)
    }
    if case.single { of::<f32>(case) } else { of::<f64>(case) }
}

/// What the engine says, in each of the three ways to ask it.
///
/// # Panics
///
/// If a buffer is changed where the gradient is not.
pub fn engine(case: &Case) -> [(&'static str, Said); 3] {
    fn of<F: Float>(case: &Case) -> [(&'static str, Said); 3] {
        let loss = case.loss();
        case.with_batch::<F, _>(|batch| {
            let value = loss.value(batch);
            let both = loss.value_and_gradient(batch);
            let lies = case.lies[0];
            let filler = F::narrow(7.5);
            let before = ArrayD::from_elem(case.prediction.raw_dim(), filler);
            let mut buffer = memory(&before, lies, filler);
            let into = loss.value_and_gradient_into(batch, &mut seen_mut(&mut buffer, lies));
            let gradient = seen(&buffer, lies).to_owned();
            if lies == Lies::Wide {
                seen_mut(&mut buffer, lies).fill(filler);
                assert!(buffer.iter().all(|&x| x == filler), "only the gradient is written");
            }
            [
                ("value", value.map(|value| Outcome { value: value.into(), gradient: None })),
                ("value_and_gradient", both.map(outcome)),
                ("value_and_gradient_into", into.map(|value| outcome((value, gradient)))),
            ]
        })
    }
    if case.single { of::<f32>(case) } else { of::<f64>(case) }
}

/// Holds what a tensor library's operation says against the reference; false where there is nothing to compare.
pub fn held(case: &Case, found: &Said) -> Result<bool, String> {
    let expected = reference(case);
    match verdict(case, &expected, found) {
        Verdict::Same => Ok(true),
        // Of several things that are wrong, any may be named.
        Verdict::Differs(_) if expected.is_err() => Ok(false),
        Verdict::Unsure => Ok(false),
        Verdict::Differs(why) => Err(why),
    }
}

/// Whether `found` is `expected`, the reference's word on the case, up to rounding.
pub fn verdict(case: &Case, expected: &Said, found: &Said) -> Verdict {
    let slack =
        Slack { epsilon: epsilon(case), rounding: rounding(case), value: 0.0, gradient: 0.0 };
    if difference(expected, found, slack).is_none() {
        return Verdict::Same;
    }
    match slack_of(case) {
        None => Verdict::Unsure,
        Some((slack, smooth)) => match difference(expected, found, slack) {
            None => Verdict::Same,
            // Values are continuous at a tie, and compared there; gradients are not.
            Some((true, _)) if !smooth => Verdict::Unsure,
            Some((_, why)) => Verdict::Differs(why),
        },
    }
}

/// Whether a case, and whether its gradient, is decided by the last bits.
pub fn unsure(case: &Case) -> (bool, bool) {
    slack_of(case).map_or((true, true), |(_, smooth)| (false, !smooth))
}

fn epsilon(case: &Case) -> f64 {
    if case.single { f64::from(f32::EPSILON) } else { f64::EPSILON }
}

/// How far results may lie from each other.
#[derive(Clone, Copy, Debug)]
struct Slack {
    epsilon: f64,
    rounding: f64,
    value: f64,
    gradient: f64,
}

/// Whether two numbers agree: two NaN do, and two infinities of one sign.
fn near(a: f64, b: f64, slack: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= slack
}

fn largest(numbers: impl IntoIterator<Item = f64>) -> f64 {
    numbers.into_iter().map(f64::abs).filter(|x| x.is_finite()).fold(0.0, f64::max)
}

/// How two results differ, and whether only in their gradients.
fn difference(expected: &Said, found: &Said, slack: Slack) -> Option<(bool, String)> {
    let (expected, found) = match (expected, found) {
        (Ok(expected), Ok(found)) => (expected, found),
        // What is wrong with every batch may be said before what is wrong with this one.
        (Err(_), Err(found)) if found.to_string().ends_with("have different classes") => {
            return None;
        }
        (Err(expected), Err(found)) => {
            let same = expected.kind() == found.kind()
                && same_words(&expected.to_string(), &found.to_string());
            return (!same).then(|| (false, format!("expected `{expected}`, found `{found}`")));
        }
        _ => return Some((false, format!("expected {expected:?}, found {found:?}"))),
    };
    // The narrowest number of F is a slack of its own, and far below all others.
    let narrowest = 2e-45;
    let allowed = (slack.epsilon + slack.rounding) * expected.value.abs() + slack.value + narrowest;
    if !near(expected.value, found.value, allowed) {
        let text = format!("value: expected {}, found {}", expected.value, found.value);
        return Some((false, format!("{text}, allowed {allowed:e}")));
    }
    // Beyond the finite, which of the rules of infinity a derivative meets is a matter of its form.
    let finite = expected.value.is_finite();
    let (Some(expected), Some(found)) = (&expected.gradient, &found.gradient) else { return None };
    if expected.shape() != found.shape() {
        return Some((false, "the gradient has another shape".into()));
    }
    let common = slack.rounding * largest(expected.iter().copied()) + slack.gradient + narrowest;
    expected.indexed_iter().filter(|_| finite).find_map(|(index, &expected)| {
        let (found, allowed) = (found[&index], slack.epsilon * expected.abs() + common);
        (!near(expected, found, allowed)).then(|| {
            let index = index.slice().to_vec();
            let text = format!("gradient{index:?}: expected {expected}, found {found}");
            (true, format!("{text}, allowed {allowed:e}"))
        })
    })
}

/// Whether two messages are the same but for the last digits of their numbers, and for which of several
/// groups is named: each engine has an order of its own in which it meets them.
pub fn same_words(one: &str, other: &str) -> bool {
    let words = |text: &'_ str| -> Vec<String> {
        text.split(|c: char| c.is_whitespace() || ",:`[];()=".contains(c))
            .map(str::to_owned)
            .collect()
    };
    let (one, other) = (words(one), words(other));
    let places = ["class", "pixel", "image"];
    let named = |at: usize| at > 0 && places.contains(&one[at - 1].as_str());
    one.len() == other.len()
        && one.iter().zip(&other).enumerate().all(|(at, (a, b))| {
            let group = named(at) && a.parse::<usize>().is_ok() && b.parse::<usize>().is_ok();
            // Above the nudge, below any number that differs on purpose.
            let close = |a: f64, b: f64| near(a, b, 1e-7 * a.abs());
            group || a == b || a.parse().is_ok_and(|a| b.parse().is_ok_and(|b| close(a, b)))
        })
}

/// How far a correct result may lie from the reference's, and whether its gradient can be compared;
/// none where the last bits decide the value or whether there is one.
fn slack_of(case: &Case) -> Option<(Slack, bool)> {
    let base = case.nudged(0.0);
    let here = match reference(&base) {
        Ok(here) => here,
        Err(error) => {
            let (epsilon, rounding) = (epsilon(case), rounding(case));
            let slack = Slack { epsilon, rounding, value: 0.0, gradient: 0.0 };
            let same = |said: Said| difference(&Err(error.clone()), &said, slack).is_none();
            let edge = at_bound(&error, rounding) || at_nothing(&error) && squashed(case);
            return (!edge && nudges(case).all(same)).then_some((slack, true));
        }
    };
    let gradient = here.gradient.as_ref()?;
    // How far the value and the gradient move, by 1e-9 and by a few last bits.
    let (mut far, mut bits) = ([0.0_f64; 2], [0.0_f64; 2]);
    for (by, other) in NUDGES.into_iter().zip(nudges(case)) {
        let other = other.ok()?;
        let moved = if by.abs() == 1.0 { &mut far } else { &mut bits };
        moved[0] = moved[0].max(distance(here.value, other.value));
        for (&a, &b) in gradient.iter().zip(other.gradient.iter().flatten()) {
            moved[1] = moved[1].max(distance(a, b));
        }
    }
    let trace = base.with_batch::<f64, _>(|batch| base.loss().trace(batch)).ok()?;
    let fields = trace.nodes.iter().flat_map(|node| node.field.values().to_owned());
    let size = largest(fields.chain([here.value])).max(1.0);
    let divisors = trace.nodes.iter().flat_map(|node| node.divisor.iter().flatten().copied());
    let least = divisors.map(f64::abs).filter(|&d| d > 0.0).fold(1.0, f64::min);
    let steepest = largest(gradient.iter().copied());
    let rounding = rounding(case);
    let noise = rounding * size / least;
    let slack = Slack {
        epsilon: epsilon(case),
        rounding,
        value: rounding * size + rounding / NUDGE * far[0],
        gradient: noise + rounding / NUDGE * far[1],
    };
    // With masses, which cells tie for the last place decides the value, too.
    if nearly_ties(&trace, &["top("], rounding * size, mirrored(case)) {
        return None;
    }
    if far[0] > JUMP * size
        || bits[0] > slack.value
        || at_edge(&trace, size, rounding, saturated(case))
    {
        return None;
    }
    let smooth = far[1] <= (JUMP * steepest).max(noise)
        && bits[1] <= slack.gradient
        && !nearly_ties(
            &trace,
            &["max(", "min(", "quantile(", "top("],
            rounding * size,
            mirrored(case),
        )
        && !errors_nearly_tie(&base, rounding);
    Some((slack, smooth))
}

/// How far a case is nudged: by 1e-9 both ways, and by a few last bits, which also part what 1e-9
/// moved alike by chance.
const NUDGES: [f64; 7] = [1.0, -1.0, 1e-6, -1e-6, 2e-6, -3e-6, 5e-6];

/// What the reference says about the nudged case.
fn nudges(case: &Case) -> impl Iterator<Item = Said> {
    NUDGES.into_iter().map(|by| reference(&case.nudged(by)))
}

/// Whether an error is about a value that is below 0 by rounding.
fn at_bound(error: &Error, rounding: f64) -> bool {
    let words = error.to_string();
    let numbers = words.split(' ').filter_map(|word| word.trim_end_matches(',').parse().ok());
    words.ends_with("at least 0")
        && numbers.into_iter().any(|x: f64| x < 0.0 && x > -1e3 * rounding)
}

/// Whether an error is about a denominator that is 0: made of squashed numbers, it may be far below the
/// last bit of 1 instead.
fn at_nothing(error: &Error) -> bool {
    error.to_string().starts_with("quotient ") && error.to_string().ends_with("is 0")
}

fn distance(a: f64, b: f64) -> f64 {
    if near(a, b, 0.0) {
        0.0
    } else if (a - b).is_nan() {
        f64::INFINITY
    } else {
        (a - b).abs()
    }
}

/// Whether probabilities are made from logits or scores.
fn squashed(case: &Case) -> bool {
    use lossfold::Activation::{Identity, Probability};
    let plain = |&(activation, _): &_| matches!(activation, Identity | Probability);
    !case.chain.activations().iter().all(plain)
}

/// Whether cells of other logits may tie, or may not, by the last bit of an exponential: those of x and
/// -x, two classes whose logits are swapped, and saturated ones.
fn mirrored(case: &Case) -> bool {
    let has = |x: f64| case.prediction.iter().filter(|other| **other == x).count();
    let pairs = case.extents().class == 2
        && case.chain.activations().iter().any(|(a, _)| *a == lossfold::Activation::Softmax);
    let twice = |&x: &f64| has(-x) > 0 && x > 0.0 || pairs && has(x) > 1;
    saturated(case) || squashed(case) && case.prediction.iter().any(twice)
}

/// Whether probabilities that are made of logits or scores are nearly 0 or 1.
fn saturated(case: &Case) -> bool {
    squashed(case) && case.prediction.iter().any(|x| x.abs() > 20.0)
}

/// Whether a step that chooses among values has two that rounding tells apart, or may.
fn nearly_ties(trace: &Trace, steps: &[&str], rounding: f64, mirrored: bool) -> bool {
    let mut before: Option<&lossfold::Traced> = None;
    let mut nearly = false;
    for node in &trace.nodes {
        if steps.iter().any(|name| node.step.starts_with(name)) {
            let values = before.into_iter().flat_map(|input| input.field.values().to_owned());
            nearly |= tie(values, rounding, mirrored);
        }
        before = Some(node);
    }
    nearly
}

/// Whether rounding tells two numbers apart, or may.
fn tie(values: impl Iterator<Item = f64>, rounding: f64, mirrored: bool) -> bool {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.windows(2).any(|pair| {
        let apart = pair[1] - pair[0];
        (apart > 0.0 || mirrored) && apart <= rounding
    })
}

/// Whether a Lovász step has two errors that rounding tells apart, or may. Those of a hinge are made of
/// the numbers of the batch by one and the same formula.
fn errors_nearly_tie(case: &Case, rounding: f64) -> bool {
    let mut sorted = Vec::new();
    case.chain.clone().each(&mut |chain| match &chain.head {
        Head::Overlap(region) if region.formula == Formula::Lovasz => {
            sorted.push(region.activation);
        }
        _ => {}
    });
    sorted.into_iter().any(|activation| {
        let source = Source { formula: Element::Absolute, activation };
        let errors = Case {
            chain: Chain { head: Head::Element(source), links: Vec::new() },
            ..case.clone()
        };
        let trace = errors.with_batch::<f64, _>(|batch| errors.loss().trace(batch));
        // What is wrong in cells that the step does not read hides the errors of those that it does.
        trace.map_or(true, |trace| {
            let errors = trace.nodes[0].field.values();
            tie(errors.iter().copied().filter(|&e| e != 0.0), rounding, mirrored(case))
        })
    })
}

/// Whether a map, a power or a quotient meets a value that is 0 but for rounding: what is below 0 is
/// an error, and roots are steep at 0. A 0 counts only where something was taken from something,
/// as 1 - p is where p is nearly 1.
fn at_edge(trace: &Trace, size: f64, rounding: f64, saturated: bool) -> bool {
    let mut taken = saturated;
    let mut edge = false;
    let mut before: Option<&lossfold::Traced> = None;
    for node in &trace.nodes {
        let is = |names: &[&str]| names.iter().any(|name| node.step.starts_with(name));
        let tiny = |&x: &f64| x.abs() < rounding * 10.0 * size && (x != 0.0 || taken);
        if is(&["map(", "power("]) {
            edge |= before.is_some_and(|input| {
                let mass = input.field.mass();
                input.field.values().iter().zip(&mass).any(|(x, &mass)| mass != 0.0 && tiny(x))
            });
        }
        if is(&["quotient", "dice", "jaccard", "tversky"]) {
            edge |= node.divisor.iter().flatten().any(|x| *x != 0.0 && tiny(x));
        }
        taken |= is(&["sum of", "dice", "jaccard", "tversky", "missed", "lovasz"]);
        before = Some(node);
    }
    edge
}
