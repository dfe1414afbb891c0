//! How a case is drawn: a layout, numbers for every array, and an expression that fits.

use lossfold::{Activation, Axes, Axis, Empty, Layout, Step, Weight};
use ndarray::{ArrayD, Dimension, IxDyn};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::draw::{MOST_CLASSES, axes, chain, empty, number, step};
use super::fit::fit;
use super::frame::Frame;
use super::{Case, Chain, Container, Head, Integer, Lies, Target, extents, shape_per};

/// The most cells of a case: 4 classes, 4 images, 9 pixels.
const CELLS: usize = 144;

/// How numbers are spread.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Spread {
    Fine,
    /// On a coarse grid, so that there are ties.
    Grid,
    /// To the ends of the domain: probabilities of 0 and 1, logits of ±50.
    Ends,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Truth {
    /// 0 or 1.
    Hard,
    Soft,
    Coarse,
    /// 0 everywhere.
    Absent,
    /// Any numbers, where the loss can take them.
    Any,
}

/// An axis, and one of its places where all weights are 0.
type Dead = Option<(Axis, usize)>;

/// A layout and its extents.
fn tensor() -> impl Strategy<Value = (Layout, Vec<usize>)> {
    let extent = || {
        prop_oneof![
            2 => Just(1_usize),
            3 => Just(2),
            3 => Just(3),
            1 => Just(MOST_CLASSES),
        ]
    };
    let spatial = prop_oneof![
        1 => Just(vec![]),
        4 => vec(1..=6_usize, 1),
        3 => vec(1..=3_usize, 2),
        1 => vec(1..=2_usize, 3),
    ];
    let there = (prop::bool::weighted(0.85), prop::bool::weighted(0.85));
    let none = prop_oneof![30 => Just(None), 1 => (0..5_usize).prop_map(Some)];
    (there, extent(), extent(), spatial, none)
        .prop_flat_map(|((has_class, has_image), class, image, spatial, none)| {
            let mut named: Vec<(Axis, usize)> =
                spatial.into_iter().map(|extent| (Axis::Pixel, extent)).collect();
            named.extend(has_class.then_some((Axis::Class, class)));
            named.extend(has_image.then_some((Axis::Image, image)));
            if let Some((_, extent)) = none.and_then(|none| named.get_mut(none)) {
                *extent = 0;
            }
            Just(named).prop_shuffle()
        })
        .prop_map(|named| {
            let (axes, shape): (Vec<Axis>, Vec<usize>) = named.into_iter().unzip();
            (Layout::new(&axes).expect("each axis once"), shape)
        })
}

fn lies() -> impl Strategy<Value = Lies> {
    prop_oneof![
        5 => Just(Lies::Straight),
        1 => Just(Lies::Turned),
        1 => Just(Lies::Reversed),
        1 => Just(Lies::Wide),
    ]
}

fn container() -> impl Strategy<Value = Container> {
    select(vec![Container::F64, Container::F32, Container::U8, Container::Bool])
}

fn integer() -> impl Strategy<Value = Integer> {
    use Integer::{I8, I16, I32, I64, U8, U16, U64, Usize};
    select(vec![U8, U16, U64, Usize, I8, I16, I32, I64])
}

/// What a target is drawn from.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Dense(Container, Truth),
    Labels(Integer, Option<i64>),
}

fn kind() -> impl Strategy<Value = Kind> {
    let truth = prop_oneof![
        5 => Just(Truth::Hard),
        2 => Just(Truth::Soft),
        1 => Just(Truth::Coarse),
        1 => Just(Truth::Absent),
        1 => Just(Truth::Any),
    ];
    let ignored = select(vec![None, None, Some(255), Some(-100), Some(1)]);
    prop_oneof![
        2 => (container(), truth).prop_map(|(container, truth)| Kind::Dense(container, truth)),
        1 => (integer(), ignored).prop_map(|(integer, ignored)| Kind::Labels(integer, ignored)),
    ]
}

/// Numbers in [0, 1).
fn units() -> impl Strategy<Value = Vec<f64>> {
    vec(any::<u32>().prop_map(|number| f64::from(number) / 4_294_967_296.0), CELLS)
}

/// A prediction that every activation of the loss can take.
fn place(activations: &[(Activation, bool)], spread: Spread, unit: f64) -> f64 {
    let has = |wanted| activations.iter().any(|&(activation, _)| activation == wanted);
    let grid = |steps: f64| (unit * (steps + 1.0)).floor();
    match spread {
        Spread::Fine if has(Activation::LogProbability) => -0.02 - 4.0 * unit,
        Spread::Grid if has(Activation::LogProbability) => -(1.0 + grid(6.0)) / 4.0,
        Spread::Ends if has(Activation::LogProbability) => -12.5 * grid(4.0),
        Spread::Fine if has(Activation::Probability) => (1.0 + 62.0 * unit) / 64.0,
        Spread::Grid if has(Activation::Probability) => (1.0 + grid(6.0)) / 8.0,
        Spread::Ends if has(Activation::Probability) => grid(4.0) / 4.0,
        Spread::Fine if has(Activation::Normalize) => 0.01 + 4.0 * unit,
        Spread::Grid if has(Activation::Normalize) => 0.5 + grid(6.0) / 2.0,
        Spread::Ends if has(Activation::Normalize) => 8.0 * grid(4.0),
        Spread::Fine => 8.0 * unit - 4.0,
        Spread::Grid => grid(8.0) - 4.0,
        Spread::Ends => 25.0 * grid(4.0) - 50.0,
    }
}

/// One domain for all sources: no number is a probability and the logarithm of one, but 0. The first of
/// the sources decides.
fn of_one_domain(mut chain: Chain) -> Chain {
    let logarithms = matches!(chain.activations()[..], [(Activation::LogProbability, _), ..]);
    let settle = |activation: &mut Activation| {
        *activation = match *activation {
            Activation::Probability | Activation::Normalize if logarithms => {
                Activation::LogProbability
            }
            Activation::LogProbability if !logarithms => Activation::Probability,
            activation => activation,
        };
    };
    chain.each(&mut |chain| match &mut chain.head {
        Head::Element(source) => settle(&mut source.activation),
        Head::Overlap(region) => settle(&mut region.activation),
        _ => {}
    });
    chain
}

/// What the element type holds of a number.
#[expect(clippy::cast_possible_truncation, reason = "the nearest f32 is what is asked for")]
pub fn held(container: Container, number: f64) -> f64 {
    match container {
        Container::F64 => number,
        Container::F32 => f64::from(number as f32),
        Container::U8 => number.trunc().clamp(0.0, 255.0),
        Container::Bool => f64::from(u8::from(number >= 0.5)),
    }
}

fn array<A: Clone>(shape: &[usize], numbers: impl Iterator<Item = A>) -> ArrayD<A> {
    let cells = shape.iter().product();
    ArrayD::from_shape_vec(IxDyn(shape), numbers.take(cells).collect()).expect("a number per cell")
}

/// Whether the loss takes targets outside [0, 1].
fn takes_any(chain: &Chain) -> bool {
    let free =
        |&(activation, unit): &(Activation, bool)| activation == Activation::Identity && !unit;
    let counts = |weight: &Weight| {
        !matches!(weight, Weight::Class(_) | Weight::Image | Weight::Map | Weight::Mask)
    };
    chain.activations().iter().all(free) && !chain.weights().iter().any(counts)
}

fn target(kind: Kind, free: bool, layout: Layout, shape: &[usize], units: &[f64]) -> Target {
    let classes = extents(layout, shape).class;
    match kind {
        Kind::Dense(container, truth) => {
            let number = |&unit: &f64| match truth {
                Truth::Hard => f64::from(u8::from(unit >= 0.6)),
                Truth::Absent => 0.0,
                Truth::Any if free => 4.0 * unit - 2.0,
                Truth::Soft | Truth::Any => unit,
                Truth::Coarse => (5.0 * unit).floor() / 4.0,
            };
            let numbers = units.iter().map(number).map(|number| held(container, number));
            Target::Dense(container, array(shape, numbers))
        }
        Kind::Labels(integer, ignored) => {
            let ignored = ignored.filter(|ignored| match integer {
                Integer::I8 => (-128..128).contains(ignored),
                Integer::I16 | Integer::I32 | Integer::I64 => true,
                _ => *ignored >= 0,
            });
            // There is one class for every share of [0.3, 1).
            let class = |unit: f64| {
                let shares = (1..classes).map(|class| 0.3 + 0.7 * class as f64 / classes as f64);
                shares.filter(|&share| share <= unit).fold(0, |class, _| class + 1)
            };
            let label = |&unit: &f64| match ignored {
                Some(ignored) if unit < 0.3 || classes == 0 => ignored,
                _ => class(unit),
            };
            let shape = shape_per(Axes::ALL.without(Axis::Class), layout, shape);
            Target::Labels(integer, array(&shape, units.iter().map(label)), ignored)
        }
    }
}

/// Weights per some axes, 0 at the dead place.
fn weights(
    (axes, container, dead): (Axes, Container, Dead),
    (layout, shape): (Layout, &[usize]),
    numbers: impl Iterator<Item = f64>,
) -> (Axes, Container, ArrayD<f64>) {
    let mut weights = array(&shape_per(axes, layout, shape), numbers);
    let kept: Vec<Axis> =
        layout.axes().iter().copied().filter(|&axis| axes.contains(axis)).collect();
    for (index, weight) in weights.indexed_iter_mut() {
        let at = |&(axis, place): &(Axis, usize)| {
            kept.iter().zip(index.slice()).any(|(&along, &at)| along == axis && at == place)
        };
        *weight = if dead.as_ref().is_some_and(at) { 0.0 } else { held(container, *weight) };
    }
    (axes, container, weights)
}

/// A case: most of them are evaluated, some are errors.
pub fn case() -> impl Strategy<Value = Case> {
    let spread =
        prop_oneof![4 => Just(Spread::Fine), 2 => Just(Spread::Grid), 1 => Just(Spread::Ends)];
    let carried = || {
        let dead = (select(Axis::ALL.to_vec()), 0..2_usize);
        (axes(), container(), option::weighted(0.3, dead))
    };
    let weight = prop_oneof![3 => number(), 1 => 0.01..2.0];
    let numbers = (units(), units(), vec(weight, CELLS), vec(prop::bool::weighted(0.7), CELLS));
    let whole = prop::bool::weighted(0.8);
    let memory = [lies(), lies(), lies(), lies()];
    (
        tensor(),
        chain(),
        (step(), empty(), whole),
        (any::<bool>(), spread, kind()),
        numbers,
        (carried(), carried()),
        memory,
    )
        .prop_map(
            |(
                tensor,
                chain,
                (last, empty, whole),
                (single, spread, kind),
                numbers,
                carried,
                lies,
            )| {
                let (layout, shape) = tensor;
                let (predicted, targets, weighed, masked) = numbers;
                let ignores = matches!(
                    target(kind, false, layout, &shape, &targets),
                    Target::Labels(_, _, Some(_))
                );
                let (map, mask) = (carried.0.0, carried.1.0);
                let frame = Frame { extents: extents(layout, &shape), map, mask, ignores };
                // Half of the last steps name what nothing is worth.
                let last = if last.empty == Empty::Skip { Step { empty, ..last } } else { last };
                // An axis that the layout lacks may remain.
                let wanted =
                    if whole { Axes::ALL } else { layout.axes().iter().copied().collect() };
                let chain = fit(of_one_domain(chain), last, wanted, frame);
                let activations = chain.activations();
                let float = if single { Container::F32 } else { Container::F64 };
                let predicted =
                    predicted.iter().map(|&unit| held(float, place(&activations, spread, unit)));
                let tensor = (layout, &shape[..]);
                let masked = masked.iter().map(|&kept| f64::from(u8::from(kept)));
                Case {
                    prediction: array(&shape, predicted),
                    target: target(kind, takes_any(&chain), layout, &shape, &targets),
                    image: array(&[frame.extents.image], weighed.iter().rev().copied()),
                    map: weights(carried.0, tensor, weighed.iter().copied()),
                    mask: weights(carried.1, tensor, masked),
                    chain,
                    layout,
                    single,
                    lies,
                }
            },
        )
}
