//! Where the numbers lie changes nothing: any layout, any strides.

use lossfold::{Axes, Axis, Batch, Float, Layout, Loss, Result};
use ndarray::{Array, Array4, ArrayD, ArrayView4, IxDyn};
use proptest::prelude::*;
use proptest::sample::select;

use super::batches::{Arrays, FIVE_CHUNKS, TWO_CHUNKS, losses};
use super::strategy::nested::build::{memory, seen};
use super::strategy::nested::data::case;
use super::strategy::nested::{Case, Lies, Target};
use super::strategy::random::config;
use super::{Ask, all_bits, ask, evaluated};

const ALL_LIES: [Lies; 4] = [Lies::Straight, Lies::Turned, Lies::Reversed, Lies::Wide];

/// What NHWC is turned into: the axes of the new layout, and where each was. Height stays before width,
/// since another order would be other pixels.
const ORDERS: [[usize; 4]; 6] =
    [[0, 1, 2, 3], [0, 3, 1, 2], [3, 0, 1, 2], [1, 2, 3, 0], [1, 3, 0, 2], [1, 0, 3, 2]];

fn as_4<A>(view: ndarray::ArrayViewD<'_, A>) -> ArrayView4<'_, A> {
    view.into_dimensionality().expect("four axes")
}

#[test]
fn images_of_many_blocks_have_the_same_bits_in_any_memory() {
    let nhwc = [Axis::Image, Axis::Pixel, Axis::Pixel, Axis::Class];
    for (shape, step) in [(TWO_CHUNKS, 1), (FIVE_CHUNKS, 3)] {
        let arrays = Arrays::new(shape);
        let expected: Vec<(u64, Array4<f32>)> =
            losses().map(|loss| evaluated(&loss, &arrays.batch(&loss)).expect("a value")).collect();
        for (order, lies) in ORDERS.iter().zip(ALL_LIES.iter().cycle().skip(1)).step_by(step) {
            let layout = Layout::new(&order.map(|axis| nhwc[axis])).expect("each axis");
            let turned = |array: ArrayD<f32>| array.permuted_axes(&order[..]);
            let prediction = turned(arrays.prediction.clone().into_dyn());
            let target = arrays.target.clone().into_dyn().permuted_axes(&order[..]);
            let prediction = memory(&prediction.as_standard_layout().into_owned(), *lies, f32::NAN);
            let target = memory(&target, *lies, 77);
            let (prediction, target) = (as_4(seen(&prediction, *lies)), as_4(seen(&target, *lies)));
            // Of the axes image, height and width, their order among those of the layout.
            let mut without_class = order.iter().copied().filter(|&axis| axis != 3);
            let without_class = [(); 3].map(|()| without_class.next().expect("three others"));
            for (loss, (value, gradient)) in losses().zip(&expected) {
                let batch = arrays
                    .batch_of(&loss, layout, prediction, target, without_class)
                    .expect("the same batch");
                let (found, found_gradient) = evaluated(&loss, &batch).expect("a value");
                assert_eq!(found, *value, "{loss} on `{layout}`, {lies:?}");
                let expected = gradient.view().permuted_axes(*order);
                assert!(
                    all_bits(found_gradient.view()) == all_bits(expected),
                    "gradient of {loss} on `{layout}`, {lies:?}"
                );
            }
        }
    }
}

/// The value and the gradient.
struct Evaluated;

impl Ask for Evaluated {
    type Answer = Result<(u64, ArrayD<f64>)>;

    fn ask<F: Float>(self, loss: &Loss, batch: &Batch<'_, F, IxDyn>) -> Self::Answer {
        evaluated(loss, batch).map(|(value, gradient)| (value, gradient.mapv(Into::into)))
    }
}

/// An order of the axes of a layout by these keys, in which the spatial axes keep theirs.
fn order(layout: Layout, keys: &[u8]) -> Vec<usize> {
    let axes = layout.axes();
    let mut order: Vec<usize> = (0..axes.len()).collect();
    order.sort_by_key(|&axis| keys[axis]);
    let mut pixels = (0..axes.len()).filter(|&axis| axes[axis] == Axis::Pixel);
    for place in &mut order {
        if axes[*place] == Axis::Pixel {
            *place = pixels.next().expect("as many spatial axes");
        }
    }
    order
}

fn turned<A: Clone>(array: &ArrayD<A>, order: &[usize]) -> ArrayD<A> {
    Array::from_shape_vec(
        order.iter().map(|&axis| array.shape()[axis]).collect::<Vec<_>>(),
        array.view().permuted_axes(order).iter().cloned().collect(),
    )
    .expect("as many numbers")
}

/// The case in another layout.
fn in_order(case: &Case, order: &[usize]) -> Case {
    let axes = case.layout.axes();
    // The order of the axes that are left, numbered as in what has only them.
    let kept = |wanted: Axes| -> Vec<usize> {
        let has = |axis: usize| wanted.contains(axes[axis]);
        let number = |axis: usize| (0..axis).filter(|&before| has(before)).count();
        order.iter().copied().filter(|&axis| has(axis)).map(number).collect()
    };
    let mut moved = case.clone();
    let layout: Vec<Axis> = order.iter().map(|&axis| axes[axis]).collect();
    moved.layout = Layout::new(&layout).expect("each axis once");
    moved.prediction = turned(&case.prediction, order);
    match &mut moved.target {
        Target::Dense(_, target) => *target = turned(target, order),
        Target::Labels(_, labels, _) => {
            *labels = turned(labels, &kept(Axes::ALL.without(Axis::Class)));
        }
    }
    moved.map.2 = turned(&case.map.2, &kept(case.map.0));
    moved.mask.2 = turned(&case.mask.2, &kept(case.mask.0));
    moved
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn random_losses_have_the_same_bits_in_any_memory(
        case in case(),
        lies in prop::array::uniform4(select(ALL_LIES.to_vec())),
        keys in prop::collection::vec(any::<u8>(), 8),
    ) {
        let order = order(case.layout, &keys);
        let moved = Case { lies, ..in_order(&case, &order) };
        match (ask(&case, Evaluated), ask(&moved, Evaluated)) {
            (Ok((value, gradient)), Ok((other, other_gradient))) => {
                prop_assert_eq!(value, other, "{:?}", moved);
                let expected = turned(&gradient, &order);
                prop_assert_eq!(
                    all_bits(expected.view()),
                    all_bits(other_gradient.view()),
                    "{:?}",
                    moved
                );
            }
            // Of several things that are wrong, the first in the order of the layout is named.
            (one, other) => prop_assert_eq!(one.is_ok(), other.is_ok()),
        }
    }
}

#[test]
fn other_pixels_are_another_value() {
    let arrays = Arrays::new(TWO_CHUNKS);
    let mirrored = arrays.prediction.slice(ndarray::s![.., ..;-1, .., ..]);
    for loss in losses() {
        let batch = arrays.batch_of(&loss, Layout::NHWC, mirrored, arrays.target.view(), [0, 1, 2]);
        let (value, _) = evaluated(&loss, &batch.expect("a batch")).expect("a value");
        let (expected, _) = evaluated(&loss, &arrays.batch(&loss)).expect("a value");
        assert_ne!(value, expected, "{loss}");
    }
}

#[test]
fn most_orders_of_random_layouts_are_others() {
    let others = super::drawn(200).filter(|case| {
        let order = order(case.layout, &[5, 2, 9, 1, 7, 3, 8, 4]);
        in_order(case, &order).layout != case.layout
    });
    assert!(others.count() > 100);
}
