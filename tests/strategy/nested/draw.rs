//! How the parts of an expression are drawn.

use lossfold::{
    Absent, AbsentVolume, Activation, Aggregate, Axes, Axis, Empty, Map, Over, Ratio, Smoothing,
    SoftOverlap, Step, Truth, Weight,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Chain, Element, Focus, Formula, Head, Link, Logs, Region, Repair, Source};

/// The most classes of a case: lists per class are drawn with as many numbers.
pub const MOST_CLASSES: usize = 4;

pub fn axes() -> impl Strategy<Value = Axes> {
    any::<[bool; 3]>().prop_map(|set| {
        let kept = Axis::ALL.into_iter().zip(set).filter(|&(_, kept)| kept);
        kept.map(|(axis, _)| axis).collect()
    })
}

fn some_axes() -> impl Strategy<Value = Axes> {
    axes().prop_map(|axes| if axes.is_empty() { Axes::ALL } else { axes })
}

/// The axes over which a weight is counted.
fn counted() -> impl Strategy<Value = Axes> {
    use Axis::{Image, Pixel};
    prop_oneof![
        3 => Just(Axes::from(Pixel)),
        2 => Just(Axes::from([Pixel, Image])),
        1 => Just(Axes::from(Image)),
        2 => some_axes(),
    ]
}

/// Weights of 0 are frequent: whole groups without mass have rules of their own.
pub fn number() -> impl Strategy<Value = f64> {
    select(vec![0.0, 0.25, 0.5, 1.0, 1.0, 2.0, 3.0])
}

fn per_class() -> impl Strategy<Value = Vec<f64>> {
    vec(number(), MOST_CLASSES)
}

fn weight() -> impl Strategy<Value = Weight> {
    let absent = select(vec![
        AbsentVolume::Error,
        AbsentVolume::Zero,
        AbsentVolume::Zero,
        AbsentVolume::Largest,
        AbsentVolume::Largest,
    ]);
    let volume = (select(vec![-2.0, -1.0, 1.0]), counted(), absent)
        .prop_map(|(power, over, absent)| Weight::volume(power).over(over).absent(absent));
    let bounded = (select(vec![-2.0, -1.0, -0.5]), counted(), select(vec![1e-2, 0.5]))
        .prop_map(|(power, over, epsilon)| Weight::volume(power).over(over).epsilon(epsilon));
    prop_oneof![
        2 => per_class().prop_map(Weight::Class),
        2 => per_class().prop_map(Weight::Target),
        1 => Just(Weight::Image),
        2 => Just(Weight::Map),
        2 => Just(Weight::Mask),
        1 => Just(Weight::Positives),
        1 => Just(Weight::Negatives),
        1 => counted().prop_map(|over| Weight::presence().over(over)),
        1 => volume,
        1 => bounded,
        1 => counted().prop_map(|over| Weight::balance().over(over)),
    ]
}

fn aggregate() -> impl Strategy<Value = Aggregate> {
    prop_oneof![
        3 => Just(Aggregate::Sum),
        5 => Just(Aggregate::Mean),
        1 => Just(Aggregate::Max),
        1 => Just(Aggregate::Min),
        1 => select(vec![-1.0, 0.5, 2.0, 3.0]).prop_map(Aggregate::Power),
        1 => select(vec![-1.0, 0.5, 2.0]).prop_map(Aggregate::LogMeanExp),
        1 => select(vec![0.0, 0.3, 0.5, 0.8, 1.0]).prop_map(Aggregate::Quantile),
        1 => select(vec![0.1, 0.3, 0.5, 1.0]).prop_map(Aggregate::TopFraction),
        1 => (1..=4_usize).prop_map(Aggregate::TopK),
    ]
}

pub fn empty() -> impl Strategy<Value = Empty> {
    prop_oneof![
        8 => Just(Empty::Skip),
        3 => Just(Empty::Zero),
        2 => Just(Empty::One),
        1 => Just(Empty::Nan),
        1 => Just(Empty::Error),
    ]
}

pub fn step() -> impl Strategy<Value = Step> {
    let over = prop_oneof![1 => Just(Over::All), 8 => axes().prop_map(Over::Axes)];
    let by = option::weighted(0.15, vec(weight(), 0..=2));
    (aggregate(), over, by, prop::bool::weighted(0.25), empty())
        .prop_map(|(aggregate, over, by, carry, empty)| Step { aggregate, over, by, carry, empty })
}

fn classes() -> impl Strategy<Value = Vec<usize>> {
    vec(0..MOST_CLASSES, 1..=3)
}

fn link() -> impl Strategy<Value = Link> {
    let map = prop_oneof![
        1 => Just(Map::NegativeLog),
        2 => select(vec![0.5, 0.75, 1.0, 2.0, 3.0]).prop_map(Map::Power),
    ];
    prop_oneof![
        6 => step().prop_map(Link::Step),
        4 => weight().prop_map(Link::Weigh),
        2 => weight().prop_map(Link::Scale),
        1 => map.prop_map(Link::Map),
        1 => classes().prop_map(Link::Select),
        1 => classes().prop_map(Link::Without),
    ]
}

fn focus() -> impl Strategy<Value = Focus> {
    let gamma = select(vec![0.0, 0.5, 1.0, 1.5, 2.0, 2.0, 3.0]);
    // No p of equal logits, or of the eighths, is at one of them: there, the last bit decides.
    let threshold = option::weighted(0.3, select(vec![0.3, 0.45, 0.8]));
    (gamma, select(Truth::ALL.to_vec()), threshold).prop_map(|(gamma, truth, threshold)| Focus {
        gamma,
        truth,
        threshold,
    })
}

fn bce() -> impl Strategy<Value = Element> {
    let logs = prop_oneof![
        4 => Just(Logs::Plain),
        1 => select(vec![1e-7, 0.2]).prop_map(Logs::Clip),
        1 => select(vec![1e-7, 0.1]).prop_map(Logs::Epsilon),
        1 => (select(vec![1e-3, 0.2]), select(vec![1e-7, 0.1])).prop_map(|(c, e)| Logs::Both(c, e)),
        1 => select(vec![-100.0, -1.0]).prop_map(Logs::Floor),
    ];
    let positive = prop_oneof![
        3 => Just(None),
        1 => vec(number(), 1).prop_map(Some),
        1 => per_class().prop_map(Some),
    ];
    let amount = || select(vec![0.0, 0.1, 0.5, 1.0]);
    let smoothing = prop_oneof![
        amount().prop_map(Smoothing::Half),
        amount().prop_map(Smoothing::Classes),
        amount().prop_map(Smoothing::Flip),
    ];
    let alpha = option::weighted(0.3, select(vec![0.0, 0.25, 0.5, 1.0]));
    let weights = (positive, option::weighted(0.25, smoothing));
    let factors = (option::weighted(0.4, focus()), alpha);
    (logs, weights, factors, prop::bool::weighted(0.75)).prop_map(
        |(logs, (positive, smoothing), (mut focal, alpha), negative)| {
            let alpha = alpha.filter(|_| negative);
            if let Some(focus) = focal.as_mut().filter(|_| !negative)
                && focus.truth != Truth::Loss
            {
                focus.truth = Truth::Mixed;
            }
            Element::Bce { logs, positive, smoothing, focal, alpha, negative }
        },
    )
}

fn activation() -> impl Strategy<Value = Activation> {
    select(Activation::ALL.to_vec())
}

fn source() -> impl Strategy<Value = Head> {
    let formula = prop_oneof![
        4 => bce(),
        1 => Just(Element::Kl),
        2 => Just(Element::Squared),
        2 => Just(Element::Absolute),
        1 => Just(Element::Predicted),
        1 => Just(Element::Own),
    ];
    (formula, activation()).prop_map(|(mut formula, activation)| {
        let identity = activation == Activation::Identity;
        let activation = match formula {
            Element::Bce { .. } | Element::Kl if identity => Activation::Sigmoid,
            _ => activation,
        };
        if let Element::Bce { focal: Some(focus), .. } = &mut formula
            && focus.truth == Truth::Logit
            && activation != Activation::Sigmoid
        {
            focus.truth = Truth::Loss;
        }
        Head::Element(Source { formula, activation })
    })
}

fn overlap() -> impl Strategy<Value = Head> {
    let smooth = || select(vec![0.0, 0.0, 0.5, 1.0]);
    let floors = (
        select(vec![0.0, 0.0, 0.0, 0.6]),
        option::weighted(0.2, select(vec![0.3, 1.5])),
        option::weighted(0.2, Just(0.3)),
    );
    let exponent = select(vec![1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 1.5]);
    let wrong = || select(vec![0.0, 0.3, 1.0, 1.0]);
    let clip = option::weighted(0.2, select(vec![1e-7, 0.2]));
    let formula = prop_oneof![
        4 => Just(Formula::Dice),
        2 => Just(Formula::Jaccard),
        2 => Just(Formula::Tversky),
        1 => Just(Formula::Lovasz),
        1 => Just(Formula::LovaszHinge),
        2 => Just(Formula::Own),
    ];
    let absent = select(vec![Absent::Keep, Absent::Keep, Absent::Skip, Absent::Zero]);
    let slots = (smooth(), smooth(), floors, exponent, prop::bool::weighted(0.3));
    let rules = (absent, empty(), prop::bool::weighted(0.25));
    let inside = prop_oneof![
        4 => weight().prop_map(Link::Weigh),
        1 => classes().prop_map(Link::Select),
        1 => classes().prop_map(Link::Without),
    ];
    let source = (activation(), clip);
    (source, vec(inside, 0..=2), formula, some_axes(), slots, (wrong(), wrong()), rules).prop_map(
        |((activation, clip), before, formula, over, slots, wrong, (absent, empty, carry))| {
            if matches!(formula, Formula::Lovasz | Formula::LovaszHinge) {
                return lovasz(formula, activation, before, over, (absent, empty));
            }
            let (numerator, denominator, (floor, least, score_floor), exponent, distance) = slots;
            // A broken power of a number below 0 is no number.
            let any_sign = activation == Activation::Identity && exponent == 1.5;
            let exponent = if any_sign { 2.0 } else { exponent };
            let soft = if distance { SoftOverlap::Distance } else { SoftOverlap::Product };
            let mut ratio = Ratio::over(over).exponent(exponent).soft(soft).absent(absent);
            let own = formula == Formula::Own;
            let carry = carry && !own;
            let empty = if carry && empty != Empty::Error { Empty::Skip } else { empty };
            ratio = ratio.empty(empty);
            let wrong = if formula == Formula::Tversky { wrong } else { (1.0, 1.0) };
            if !own {
                ratio = ratio.smooth_numerator(numerator).smooth_denominator(denominator);
                ratio = ratio.floor(floor).false_positive(wrong.0).false_negative(wrong.1);
                if let Some(least) = least {
                    ratio = ratio.true_positive_floor(least);
                }
                if let Some(floor) = score_floor {
                    ratio = ratio.score_floor(floor);
                }
            }
            // p^e - t p may be negative for e above 1, and so may p of any sign.
            let even = exponent == 1.0 || (!own && !distance && wrong.0 == wrong.1);
            let small = own || numerator <= denominator;
            let unit = even && small && activation != Activation::Identity;
            Head::Overlap(Region { activation, clip, before, formula, over, ratio, carry, unit })
        },
    )
}

/// A Lovász step, which has few slots and few activations.
fn lovasz(
    formula: Formula,
    activation: Activation,
    before: Vec<Link>,
    over: Axes,
    (absent, empty): (Absent, Empty),
) -> Head {
    let activation = match (formula, activation) {
        (Formula::LovaszHinge, _) => Activation::Identity,
        (_, Activation::Identity) => Activation::Softmax,
        (_, activation) => activation,
    };
    let unit = formula == Formula::Lovasz;
    let ratio = Ratio::over(over).absent(absent).empty(empty);
    let (clip, carry) = (None, false);
    Head::Overlap(Region { activation, clip, before, formula, over, ratio, carry, unit })
}

fn repair() -> impl Strategy<Value = Repair> {
    prop_oneof![10 => Just(Repair::Mean), 8 => Just(Repair::Weigh), 1 => Just(Repair::Leave)]
}

fn coefficient() -> impl Strategy<Value = f64> {
    select(vec![1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 2.0, 2.0, 0.3, 0.3, -1.0, -0.5, 0.0])
}

/// An expression as it is drawn: nothing in it fits together yet.
pub fn chain() -> impl Strategy<Value = Chain> {
    let leaf = (prop_oneof![3 => source(), 2 => overlap()], vec(link(), 0..=3))
        .prop_map(|(head, links)| Chain { head, links });
    leaf.prop_recursive(3, 8, 3, |inner| {
        let constant = || select(vec![0.0, 0.0, 1.0, -2.0, 0.25]);
        let sum = (vec((coefficient(), inner.clone()), 1..=3), constant(), repair())
            .prop_map(|(terms, constant, repair)| Head::Sum { terms, constant, repair });
        let quotient = (inner.clone(), inner, select(vec![0.0, 0.5, 1.0, 1.0]), repair()).prop_map(
            |(over, under, constant, repair)| Head::Quotient {
                over: Box::new(over),
                under: Box::new(under),
                constant,
                repair,
            },
        );
        (prop_oneof![4 => sum, 1 => quotient], vec(link(), 0..=3))
            .prop_map(|(head, links)| Chain { head, links })
    })
}
