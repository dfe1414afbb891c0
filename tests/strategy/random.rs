//! How random cases are drawn.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::FileFailurePersistence;

use super::{
    Absent, CELLS, CLASS, Case, Container, Focus, Formula, IMAGE, Item, Kind, MOST, Named, PIXEL,
    Policy, Ratio, Set, Source, Squash, Start, Step, Target, Truth, both, either, some, without,
};

/// At least `cases` of each property; more where `PROPTEST_CASES` asks for more.
pub fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = default.cases.max(cases);
    ProptestConfig {
        cases,
        max_global_rejects: cases.saturating_mul(4),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..default
    }
}

/// A weight that floating point multiplies and adds without rounding; 0 is frequent.
fn weight() -> impl Strategy<Value = f64> {
    select(vec![0.0, 0.25, 0.5, 1.0, 1.0, 2.0, 3.0])
}

fn per_class() -> impl Strategy<Value = Vec<f64>> {
    vec(weight(), MOST[CLASS])
}

fn named() -> impl Strategy<Value = Named> {
    prop_oneof![
        per_class().prop_map(Named::Class),
        per_class().prop_map(Named::Target),
        Just(Named::Image),
        Just(Named::Map),
        Just(Named::Mask),
    ]
}

pub fn set() -> impl Strategy<Value = Set> {
    any::<Set>()
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        3 => Just(Kind::Sum),
        5 => Just(Kind::Mean),
        1 => Just(Kind::Max),
        1 => Just(Kind::Min),
        1 => select(vec![-1.0, 0.5, 2.0, 3.0]).prop_map(Kind::Power),
        1 => select(vec![-1.0, 0.5, 2.0]).prop_map(Kind::LogMeanExp),
        1 => select(vec![0.0, 0.25, 0.5, 0.75, 1.0]).prop_map(Kind::Quantile),
        1 => (1..=8_usize).prop_map(Kind::TopEighths),
        1 => (1..=5_usize).prop_map(Kind::TopK),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![
        6 => Just(Policy::Skip),
        2 => Just(Policy::Zero),
        2 => Just(Policy::One),
        1 => Just(Policy::Nan),
        1 => Just(Policy::Error),
    ]
}

pub fn step() -> impl Strategy<Value = Step> {
    let by = prop_oneof![4 => Just(Vec::new()), 1 => vec(named(), 1..=2)];
    (kind(), set(), by, prop::bool::weighted(0.3), policy())
        .prop_map(|(kind, over, by, carry, policy)| Step { kind, over, by, carry, policy })
}

pub fn item() -> impl Strategy<Value = Item> {
    prop_oneof![
        3 => step().prop_map(Item::Step),
        3 => named().prop_map(Item::Weigh),
        1 => named().prop_map(Item::Scale),
    ]
}

fn focus() -> impl Strategy<Value = Source> {
    let squash = select(vec![Squash::Sigmoid, Squash::Probability, Squash::Softmax]);
    let gamma = select(vec![0.0, 0.5, 1.0, 2.0, 2.0, 3.0]);
    let truth = select(vec![Truth::Mixed, Truth::Terms, Truth::Loss, Truth::Logit]);
    let threshold = option::weighted(0.25, select(vec![0.3, 0.5, 1.0]));
    let alpha = option::weighted(0.5, select(vec![0.0, 0.25, 0.5, 1.0]));
    (squash, gamma, truth, threshold, alpha).prop_map(|(squash, gamma, truth, threshold, alpha)| {
        let squash = if truth == Truth::Logit { Squash::Sigmoid } else { squash };
        Source::Focal(squash, Focus { gamma, truth, threshold, alpha })
    })
}

fn source() -> impl Strategy<Value = Start> {
    let others = select(vec![
        Source::Bce(Squash::Sigmoid),
        Source::Bce(Squash::Sigmoid),
        Source::Bce(Squash::Probability),
        Source::Bce(Squash::Softmax),
        Source::Bce(Squash::LogProbability),
        Source::Kl(Squash::LogProbability),
        Source::Kl(Squash::Softmax),
        Source::Squared(Squash::Identity),
        Source::Squared(Squash::Sigmoid),
        Source::Squared(Squash::Softmax),
        Source::Absolute(Squash::Identity),
        Source::Absolute(Squash::Probability),
        Source::Absolute(Squash::LogProbability),
        Source::Predicted(Squash::Identity),
        Source::Predicted(Squash::Softmax),
    ]);
    prop_oneof![3 => others, 1 => focus()].prop_map(Start::Element)
}

fn ratio() -> impl Strategy<Value = Ratio> {
    let smooth = || select(vec![0.0, 0.0, 0.5, 1.0]);
    let slots =
        (smooth(), smooth(), select(vec![0.0, 0.0, 0.5]), option::weighted(0.2, Just(0.25)));
    let least = option::weighted(0.2, select(vec![0.25, 1.5]));
    let shape = (prop::bool::weighted(0.3), prop::bool::weighted(0.3));
    let wrong = [0.25, 0.5, 1.0];
    let wrong = (select(wrong.to_vec()), select(wrong.to_vec()));
    let absent = select(vec![Absent::Keep, Absent::Keep, Absent::Skip, Absent::Zero]);
    let formula = select(vec![Formula::Dice, Formula::Jaccard, Formula::Tversky]);
    // Bounds that f32 holds, and that no number of the coarse grid meets.
    let formula = (formula, option::weighted(0.2, select(vec![0.1875, 0.34375])));
    let rules = (absent, policy(), prop::bool::weighted(0.3));
    (formula, set(), (slots, least), shape, wrong, rules).prop_map(
        |((formula, clip), over, (slots, least), (squared, distance), wrong, rules)| {
            let (absent, policy, carry) = rules;
            Ratio {
                clip,
                formula,
                over: if some(over) { over } else { [true; 3] },
                smooth_numerator: slots.0,
                smooth_denominator: slots.1,
                floor: slots.2,
                true_positive_floor: least,
                score_floor: slots.3,
                squared,
                distance,
                wrong: [wrong.0, wrong.1],
                absent,
                policy: if carry && policy != Policy::Error { Policy::Skip } else { policy },
                carry,
            }
        },
    )
}

/// The Lovász step that stands where a ratio does, without the slots that it does not have.
fn lovasz(ratio: &Ratio) -> Ratio {
    Ratio {
        clip: None,
        formula: Formula::Lovasz,
        over: ratio.over,
        smooth_numerator: 0.0,
        smooth_denominator: 0.0,
        floor: 0.0,
        true_positive_floor: None,
        score_floor: None,
        squared: false,
        distance: false,
        wrong: [1.0; 2],
        absent: ratio.absent,
        policy: ratio.policy,
        carry: false,
    }
}

fn start() -> impl Strategy<Value = Start> {
    let squashes = [Squash::Probability, Squash::LogProbability, Squash::Sigmoid, Squash::Softmax];
    let before = || vec(named(), 0..=2);
    let overlap = (select(squashes.to_vec()), before(), ratio())
        .prop_map(|(squash, before, ratio)| Start::Overlap(squash, before, ratio));
    // A hinge takes the prediction as it is.
    let squashes = [&squashes[..], &[Squash::Identity; 2]].concat();
    let lovasz = (select(squashes), before(), ratio())
        .prop_map(|(squash, before, ratio)| Start::Overlap(squash, before, lovasz(&ratio)));
    prop_oneof![6 => source(), 4 => overlap, 1 => lovasz]
}

/// Numbers in [0, 1]; those of a coarse grid make ties.
fn units() -> impl Strategy<Value = Vec<f64>> {
    vec(prop_oneof![1 => (0..=8_u8).prop_map(|k| f64::from(k) / 8.0), 2 => 0.0..=1.0], CELLS)
}

fn target() -> impl Strategy<Value = Target> {
    let hard = vec(prop::bool::weighted(0.4), CELLS)
        .prop_map(|cells| cells.into_iter().map(|t| f64::from(u8::from(t))).collect());
    let containers = vec![Container::F32, Container::F64, Container::U8, Container::Bool];
    let labels = vec(0..=u8::MAX, MOST[PIXEL] * MOST[IMAGE]);
    let ignored = select(vec![None, Some(255), Some(255), Some(1)]);
    prop_oneof![
        3 => (select(containers), hard).prop_map(|(container, cells)| Target::Dense(container, cells)),
        1 => units().prop_map(|cells| Target::Dense(Container::F64, cells)),
        2 => (labels, ignored).prop_map(|(labels, ignored)| Target::Labels(labels, ignored)),
    ]
}

fn extents() -> impl Strategy<Value = [usize; 3]> {
    let extent = |most| prop_oneof![1 => Just(0), 25 => 1..=most];
    [extent(MOST[CLASS]), extent(MOST[PIXEL]), extent(MOST[IMAGE])]
}

type Drawn = (
    [usize; 3],
    Vec<f64>,
    Target,
    (Vec<f64>, (Set, Vec<f64>), (Set, Vec<bool>)),
    Start,
    Vec<Item>,
    Step,
);

/// A loss that leaves no axis, with its batch.
pub fn case() -> impl Strategy<Value = Case> {
    let carried = (
        vec(weight(), MOST[IMAGE]),
        (set(), vec(weight(), CELLS)),
        (set(), vec(prop::bool::weighted(0.6), CELLS)),
    );
    (extents(), units(), target(), carried, start(), vec(item(), 0..=5), step()).prop_map(settled)
}

/// A case that gradients can be taken of: few cells, none without any.
pub fn smooth_case() -> impl Strategy<Value = Case> {
    case().prop_filter("a gradient needs a cell", |case| !case.extents.contains(&0))
}

/// Makes a drawn loss one that can be carried out: steps go over axes that are there, the last goes
/// over all that are left, and no option stands where it does not belong.
fn settled((extents, units, target, carried, start, items, last): Drawn) -> Case {
    let (image, map, mask) = carried;
    let start = with_two_classes(start, extents[CLASS] == 1);
    let mut case = Case {
        extents,
        prediction: Vec::new(),
        target: fitting(target, extents[CLASS]),
        image,
        map,
        mask,
        start,
        items: Vec::new(),
    };
    let range = |unit: f64| match case.squash() {
        Squash::Probability => (1.0 + 62.0 * unit) / 64.0,
        Squash::LogProbability => -0.125 - 6.0 * unit,
        _ => 16.0 * unit - 8.0,
    };
    case.prediction = units.into_iter().map(range).collect();
    // Without classes no pixel has a true one.
    let stands = |named: &Named| extents[CLASS] > 0 || !matches!(named, Named::Target(_));
    let mut there = match &mut case.start {
        Start::Element(_) => [true; 3],
        Start::Overlap(_, before, ratio) => {
            before.retain(stands);
            without([true; 3], ratio.over)
        }
    };
    for item in items {
        match item {
            Item::Step(step) => case.items.extend(fitting_step(step, there, &case).map(Item::Step)),
            Item::Weigh(ref named) | Item::Scale(ref named) if stands(named) => {
                there = either(there, case.axes(named));
                case.items.push(item);
            }
            _ => {}
        }
        if let Some(Item::Step(step)) = case.items.last() {
            there = without(there, step.over);
        }
    }
    let last = fitting_step(Step { over: [true; 3], ..last }, there, &case);
    case.items.extend(last.map(Item::Step));
    case
}

/// The step over those of its axes that are there; none if there are none.
fn fitting_step(step: Step, there: Set, case: &Case) -> Option<Step> {
    let over = both(step.over, there);
    let carries = matches!(step.kind, Kind::Mean | Kind::Power(_) | Kind::LogMeanExp(_));
    let carry = step.carry && carries;
    let policy = match step.policy {
        _ if step.kind == Kind::Sum => Policy::Skip,
        Policy::Zero | Policy::One | Policy::Nan if carry => Policy::Skip,
        policy => policy,
    };
    let mut by = if step.kind == Kind::Mean { step.by } else { Vec::new() };
    by.retain(|named| !some(without(case.axes(named), there)));
    by.retain(|named| case.extents[CLASS] > 0 || !matches!(named, Named::Target(_)));
    some(over).then_some(Step { over, by, carry, policy, ..step })
}

/// Softmax over one class is always certain: its cross-entropy of a target below 1 is infinite.
fn with_two_classes(start: Start, single: bool) -> Start {
    match start {
        Start::Element(Source::Bce(Squash::Softmax)) if single => {
            Start::Element(Source::Bce(Squash::Sigmoid))
        }
        Start::Element(Source::Focal(Squash::Softmax, focus)) if single => {
            Start::Element(Source::Focal(Squash::Sigmoid, focus))
        }
        start => start,
    }
}

/// Labels that are classes, or the one to ignore.
fn fitting(target: Target, classes: usize) -> Target {
    match target {
        Target::Labels(labels, ignored) => {
            let class = |label: u8| u8::try_from(usize::from(label) % classes.max(1)).unwrap_or(0);
            let fits = |label: u8| match ignored {
                Some(ignored) if label.is_multiple_of(5) => ignored,
                _ => class(label),
            };
            Target::Labels(labels.into_iter().map(fits).collect(), ignored)
        }
        dense @ Target::Dense(..) => dense,
    }
}
