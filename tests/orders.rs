//! Every rule of the language by hand, on numbers that a reader can check in the head.

use lossfold::Axis::{Class, Image, Pixel};
use lossfold::{
    Activation, Aggregate, Axes, Batch, ErrorKind, Extents, Field, Labels, Layout, Loss, Reduction,
    Result,
};
use ndarray::{Array1, Array3, Array4, ArrayD, arr1, arr2, arr3};

const NAN: f64 = f64::NAN;
const ONE: Extents = Extents { class: 1, pixel: 1, image: 1 };

fn near(value: f64, expected: f64) -> bool {
    value == expected || (value - expected).abs() <= 1e-12 * expected.abs().max(1.0)
}

/// Reduces a field by an order that leaves one number.
#[track_caller]
fn gives(field: &Field, order: &str, expected: f64) {
    let value = order.parse::<Reduction>().unwrap().apply(field).unwrap().scalar().unwrap();
    assert!(near(value, expected), "{order} gives {value}, expected {expected}");
}

/// One class of one image: its pixels.
fn pixels<const P: usize>(values: [f64; P]) -> Field {
    Field::from_fn(Extents { pixel: P, ..ONE }, |_, pixel, _| values[pixel])
}

/// One class of one image: its pixels with their masses.
fn weighed<const P: usize>(values: [f64; P], masses: [f64; P]) -> Field {
    pixels(values).weighed(Pixel, |_, pixel, _| masses[pixel])
}

// The order of the steps.

/// Two classes of two pixels in two images:
///
/// ```text
/// image 0: class 0:  1  3    image 1: class 0:  2  0
///          class 1:  5  9             class 1:  4 16
/// ```
fn small() -> Field {
    let images = [[[1.0, 3.0], [5.0, 9.0]], [[2.0, 0.0], [4.0, 16.0]]];
    Field::from_fn(Extents { class: 2, pixel: 2, image: 2 }, |c, p, i| images[i][c][p])
}

/// The ways to remove class, pixel and image, singly or together.
const ORDERS: [&[&str]; 13] = [
    &["class, pixel, image"],
    &["class, pixel", "image"],
    &["class, image", "pixel"],
    &["pixel, image", "class"],
    &["class", "pixel, image"],
    &["pixel", "class, image"],
    &["image", "class, pixel"],
    &["class", "pixel", "image"],
    &["class", "image", "pixel"],
    &["pixel", "class", "image"],
    &["pixel", "image", "class"],
    &["image", "class", "pixel"],
    &["image", "pixel", "class"],
];

#[test]
fn one_aggregate_gives_the_same_in_all_thirteen_orders() {
    for (aggregate, expected) in [("mean", 5.0), ("sum", 40.0), ("max", 16.0), ("min", 0.0)] {
        for order in ORDERS {
            let steps: Vec<String> =
                order.iter().map(|axes| format!("{aggregate}({axes})")).collect();
            gives(&small(), &steps.join(" > "), expected);
        }
    }
}

#[test]
fn class_first() {
    let field = small();
    gives(&field, "max(class) > mean(pixel, image)", 8.5); // 5 9, 4 16
    gives(&field, "mean(class) > max(pixel, image)", 8.0); // 3 6, 3 8
    gives(&field, "sum(class) > max(pixel, image)", 16.0); // 6 12, 6 16
    gives(&field, "max(class) > mean(pixel) > sum(image)", 17.0); // 7, 10
    gives(&field, "mean(class) > max(pixel) > sum(image)", 14.0); // 6, 8
    gives(&field, "sum(class) > max(pixel) > mean(image)", 14.0); // 12, 16
    gives(&field, "max(class) > sum(pixel) > mean(image)", 17.0); // 14, 20
    gives(&field, "max(class) > mean(image) > sum(pixel)", 17.0); // 4.5 12.5
    gives(&field, "mean(class) > max(image) > sum(pixel)", 11.0); // 3 8
    gives(&field, "sum(class) > max(image) > mean(pixel)", 11.0); // 6 16
    gives(&field, "max(class) > sum(image) > mean(pixel)", 17.0); // 9 25
}

#[test]
fn pixel_first() {
    let field = small();
    gives(&field, "max(pixel) > mean(class, image)", 7.5); // 3 9, 2 16
    gives(&field, "mean(pixel) > max(class, image)", 10.0); // 2 7, 1 10
    gives(&field, "sum(pixel) > max(class, image)", 20.0); // 4 14, 2 20
    gives(&field, "max(pixel) > mean(class) > sum(image)", 15.0); // 6, 9
    gives(&field, "mean(pixel) > max(class) > sum(image)", 17.0); // 7, 10
    gives(&field, "sum(pixel) > max(class) > mean(image)", 17.0); // 14, 20
    gives(&field, "max(pixel) > sum(class) > mean(image)", 15.0); // 12, 18
    gives(&field, "max(pixel) > mean(image) > sum(class)", 15.0); // 2.5 12.5
    gives(&field, "mean(pixel) > max(image) > sum(class)", 12.0); // 2 10
    gives(&field, "sum(pixel) > max(image) > mean(class)", 12.0); // 4 20
    gives(&field, "max(pixel) > sum(image) > mean(class)", 15.0); // 5 25
}

#[test]
fn image_first() {
    let field = small();
    gives(&field, "max(image) > mean(class, pixel)", 6.5); // 2 3, 5 16
    gives(&field, "mean(image) > max(class, pixel)", 12.5); // 1.5 1.5, 4.5 12.5
    gives(&field, "sum(image) > max(class, pixel)", 25.0); // 3 3, 9 25
    gives(&field, "max(image) > mean(class) > sum(pixel)", 13.0); // 3.5 9.5
    gives(&field, "mean(image) > max(class) > sum(pixel)", 17.0); // 4.5 12.5
    gives(&field, "sum(image) > max(class) > mean(pixel)", 17.0); // 9 25
    gives(&field, "max(image) > sum(class) > mean(pixel)", 13.0); // 7 19
    gives(&field, "max(image) > mean(pixel) > sum(class)", 13.0); // 2.5 10.5
    gives(&field, "mean(image) > max(pixel) > sum(class)", 14.0); // 1.5 12.5
    gives(&field, "sum(image) > max(pixel) > mean(class)", 14.0); // 3 25
    gives(&field, "max(image) > sum(pixel) > mean(class)", 13.0); // 5 21
}

#[test]
fn two_axes_first() {
    let field = small();
    gives(&field, "max(class, pixel) > mean(image)", 12.5); // 9, 16
    gives(&field, "mean(class, pixel) > max(image)", 5.5); // 4.5, 5.5
    gives(&field, "sum(class, pixel) > max(image)", 22.0); // 18, 22
    gives(&field, "max(class, image) > mean(pixel)", 10.5); // 5 16
    gives(&field, "mean(class, image) > max(pixel)", 7.0); // 3 7
    gives(&field, "sum(class, image) > max(pixel)", 28.0); // 12 28
    gives(&field, "max(pixel, image) > mean(class)", 9.5); // 3 16
    gives(&field, "mean(pixel, image) > max(class)", 8.5); // 1.5 8.5
    gives(&field, "sum(pixel, image) > max(class)", 34.0); // 6 34
}

#[test]
fn all_is_the_axes_that_are_left() {
    let field = small();
    gives(&field, "mean(pixel) > max(all)", 10.0);
    gives(&field, "mean(pixel) > max(class) > sum(all)", 17.0);
    gives(&field, "mean(all)", 5.0);
}

#[test]
fn an_order_that_leaves_axes_gives_the_values_per_those() {
    let after = "mean(pixel) > max(image)".parse::<Reduction>().unwrap().apply(&small()).unwrap();
    assert_eq!((after.axes(), after.shape()), (Class.into(), (2, 1, 1)));
    assert_eq!((after.at(0, 0, 0), after.at(1, 0, 0)), (2.0, 10.0));
    let kept = Reduction::Keep.apply(&small()).unwrap();
    assert_eq!(kept, small());
}

#[test]
fn each_level_of_the_ladder_is_the_step_over_what_is_left() {
    let max_then = || Reduction::Keep.per_pixel(Aggregate::Max);
    let mean = Aggregate::Mean;
    for (order, text, value) in [
        (
            max_then().per_class(mean).per_image(mean).per_batch(mean),
            "max(class) > mean(pixel) > mean(image)",
            8.5,
        ),
        (max_then().per_image(mean).per_batch(mean), "max(class) > mean(pixel) > mean(image)", 8.5),
        (max_then().per_batch(mean), "max(class) > mean(pixel, image)", 8.5),
        (
            Reduction::Keep.per_class(mean).per_pixel(Aggregate::Max).per_batch(Aggregate::Sum),
            "mean(pixel) > max(class) > sum(image)",
            17.0,
        ),
        (
            Reduction::Keep.per_class(mean).per_image(Aggregate::Max).per_batch(mean),
            "mean(pixel) > max(class) > mean(image)",
            8.5,
        ),
        (
            Reduction::Keep.per_image(mean).per_batch(Aggregate::Max),
            "mean(class, pixel) > max(image)",
            5.5,
        ),
        (Reduction::Keep.per_batch(mean), "mean(class, pixel, image)", 5.0),
        (
            Reduction::Keep.per_batch(mean).per_image(Aggregate::Max),
            "mean(class, pixel, image)",
            5.0,
        ),
    ] {
        assert_eq!(order.to_string(), text);
        gives(&small(), text, value);
    }
    assert_eq!(max_then().keeps(), Axes::from([Pixel, Image]));
    assert_eq!(Reduction::Keep.per_class(mean).keeps(), Axes::from([Class, Image]));
    assert_eq!(Reduction::Keep.per_image(mean).keeps(), Axes::from(Image));
    assert!(Reduction::Keep.per_batch(mean).keeps().is_empty());
}

// Aggregates and their options.

#[test]
fn a_mean_divides_by_the_mass_and_a_sum_by_nothing() {
    let field = weighed([1.0, 5.0], [3.0, 1.0]);
    gives(&field, "mean(all)", 2.0); // (3 + 5) / 4
    gives(&field, "sum(all)", 8.0);
}

#[test]
fn max_and_min_count_the_cells_with_mass() {
    let field = weighed([9.0, 5.0, 2.0, -7.0], [0.0, 0.5, 4.0, 0.0]);
    gives(&field, "max(all)", 5.0);
    gives(&field, "min(all)", 2.0);
}

#[test]
fn top_is_the_mean_of_the_largest() {
    let field = pixels([4.0, 1.0, 5.0, 2.0, 3.0]);
    gives(&field, "top(all; k=1)", 5.0);
    gives(&field, "top(all; k=2)", 4.5);
    gives(&field, "top(all; k=9)", 3.0); // there are five
    gives(&field, "top(all; fraction=0.4)", 4.5); // 2 of 5
    gives(&field, "top(all; fraction=0.59)", 4.5); // floor(2.95)
    gives(&field, "top(all; fraction=0.1)", 5.0); // at least one
    gives(&field, "top(all; fraction=1)", 3.0);
    let masked = weighed([9.0, 1.0, 5.0, 3.0, 3.0], [0.0, 1.0, 1.0, 1.0, 1.0]);
    gives(&masked, "top(all; fraction=0.5)", 4.0); // 2 of the 4 with mass
    gives(&weighed([5.0, 3.0, 1.0], [1.0, 3.0, 9.0]), "top(all; k=2)", 3.5); // (5 + 9) / 4
    gives(&pixels([5.0, 3.0, 3.0, 1.0]), "top(all; k=2)", 4.0); // one place for two
}

#[test]
fn a_quantile_is_the_smallest_value_that_holds_its_share() {
    let field = pixels([4.0, 1.0, 3.0, 2.0]);
    for (q, value) in [(0.0, 1.0), (0.25, 1.0), (0.26, 2.0), (0.5, 2.0), (0.75, 3.0), (1.0, 4.0)] {
        gives(&field, &format!("quantile(all; q={q})"), value);
    }
    let field = weighed([1.0, 10.0, 99.0], [3.0, 1.0, 0.0]);
    gives(&field, "quantile(all; q=0.75)", 1.0);
    gives(&field, "quantile(all; q=0.76)", 10.0);
    gives(&field, "quantile(all; q=1)", 10.0);
}

#[test]
fn a_power_is_the_generalised_mean() {
    gives(&pixels([1.0, 7.0]), "power(all; p=2)", 5.0); // √(50 / 2)
    gives(&pixels([1.0, 7.0]), "power(all; p=1)", 4.0);
    gives(&pixels([1.0, 3.0]), "power(all; p=-1)", 1.5); // 2 / (1 + 1/3)
    gives(&pixels([1.0, 9.0]), "power(all; p=0.5)", 4.0); // ((1 + 3) / 2)²
    gives(&pixels([0.0, 9.0]), "power(all; p=-1)", 0.0);
    gives(&weighed([1.0, 5.0], [3.0, 1.0]), "power(all; p=2)", 7_f64.sqrt()); // √(28 / 4)
}

#[test]
fn no_power_overflows() {
    gives(&pixels([3e200, 4e200]), "power(all; p=2)", 12.5_f64.sqrt() * 1e200);
    let harmonic = "power(all; p=-2)".parse::<Reduction>().unwrap().apply(&pixels([1e-200, 1.0]));
    assert!(near(harmonic.unwrap().at(0, 0, 0) * 1e200, 2_f64.sqrt()));
    gives(&pixels([0.5, 500.0]), "power(all; p=-500)", 0.5 * 2_f64.powf(1.0 / 500.0));
}

#[test]
fn logmeanexp_is_a_soft_maximum() {
    let logarithms = [2_f64.ln(), 4_f64.ln()];
    gives(&pixels(logarithms), "logmeanexp(all; t=1)", 3_f64.ln());
    gives(&pixels(logarithms), "logmeanexp(all; t=2)", 10_f64.ln() / 2.0);
    gives(&pixels(logarithms), "logmeanexp(all; t=-1)", (8_f64 / 3.0).ln()); // 1 / mean(1/2, 1/4)
    gives(&weighed(logarithms, [3.0, 1.0]), "logmeanexp(all; t=1)", 2.5_f64.ln());
    gives(&pixels([1e5, 1e5]), "logmeanexp(all; t=1)", 1e5);
}

/// Image 0 has one valid pixel, image 1 three.
fn ragged() -> Field {
    let (values, mask) = ([[8.0, 0.0, 0.0], [1.0, 2.0, 3.0]], [[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]);
    Field::from_fn(Extents { class: 1, pixel: 3, image: 2 }, |_, p, i| values[i][p])
        .weighed([Pixel, Image], |_, p, i| mask[i][p])
}

#[test]
fn carry_leaves_the_divisor_behind_as_mass() {
    gives(&ragged(), "mean(pixel) > mean(class, image)", 5.0); // (8 + 2) / 2
    gives(&ragged(), "mean(pixel; carry) > mean(class, image)", 3.5); // (1 · 8 + 3 · 2) / 4
    gives(&ragged(), "mean(all)", 3.5); // (8 + 1 + 2 + 3) / 4
    gives(&ragged(), "mean(pixel; carry) > sum(class, image)", 14.0);
    gives(&ragged(), "mean(pixel; carry) > max(class, image)", 8.0);
    let after = "mean(pixel; carry)".parse::<Reduction>().unwrap().apply(&ragged()).unwrap();
    assert_eq!(after.mass().into_raw_vec_and_offset().0, [1.0, 3.0]);
    let after = "mean(pixel)".parse::<Reduction>().unwrap().apply(&ragged()).unwrap();
    assert_eq!(after.mass().into_raw_vec_and_offset().0, [1.0, 1.0]);
}

#[test]
fn by_names_another_divisor() {
    let classes = Field::from_fn(Extents { class: 2, ..ONE }, |class, _, _| [3.0, 5.0][class]);
    gives(&classes, "mean(all; by=[class=[1, 3]])", 2.0); // (3 + 5) / 4
    let masked = classes.weighed(Class, |class, _, _| [1.0, 0.0][class]);
    gives(&masked, "mean(all; by=[class=[1, 3]])", 0.75); // 3 / 4
    gives(&masked, "mean(all; by=[class=[1, 3], class=[2, 2]])", 0.375); // 3 / (2 + 6)
    gives(&masked, "mean(all; by=[])", 1.5); // 3 / 2: without weights, the number of cells
    gives(&masked, "mean(class; carry, by=[class=[1, 3]]) > mean(all)", 0.75);
}

/// Pixels 2 and 4 in image 0; image 1 is masked.
fn half_masked() -> Field {
    Field::from_fn(Extents { class: 1, pixel: 2, image: 2 }, |_, p, i| {
        [[2.0, 4.0], [7.0, 9.0]][i][p]
    })
    .weighed([Pixel, Image], |_, _, i| [1.0, 0.0][i])
}

#[test]
fn a_group_without_mass_is_worth_what_its_policy_says() {
    let of = |policy: &str| {
        let order = format!("mean(pixel; empty={policy}) > mean(class, image)");
        order.parse::<Reduction>().unwrap().apply(&half_masked())
    };
    let value = |policy| of(policy).unwrap().scalar().unwrap();
    assert_eq!(value("skip"), 3.0);
    assert_eq!(value("zero"), 1.5); // (3 + 0) / 2
    assert_eq!(value("one"), 2.0); // (3 + 1) / 2
    assert!(value("nan").is_nan());
    assert_eq!(of("error").unwrap_err().kind(), ErrorKind::Empty);
}

#[test]
fn every_aggregate_but_the_sum_has_policies() {
    for (step, value) in [
        ("mean(pixel", 3.0),
        ("max(pixel", 4.0),
        ("min(pixel", 2.0),
        ("power(pixel; p=2", 10_f64.sqrt()),
        ("logmeanexp(pixel; t=1", 2.0 + (1_f64.exp().powi(2) + 1.0).ln() - 2_f64.ln()),
        ("quantile(pixel; q=0.5", 2.0),
        ("top(pixel; k=1", 4.0),
    ] {
        let sign = if step.contains(';') { ',' } else { ';' };
        gives(&half_masked(), &format!("{step}) > mean(class, image)"), value);
        gives(
            &half_masked(),
            &format!("{step}{sign} empty=zero) > mean(class, image)"),
            value / 2.0,
        );
        gives(&half_masked(), &format!("{step}{sign} empty=one) > sum(class, image)"), value + 1.0);
    }
    // A sum of nothing is 0, and counts.
    gives(&half_masked(), "sum(pixel) > mean(class, image)", 3.0); // (6 + 0) / 2
}

// Losses: a batch of values v is one of absolute errors |p - t| with p = t + v.

/// Values per image, pixel and class, of a target of the same shape.
type Cells<const I: usize, const P: usize, const C: usize> = [[[f64; C]; P]; I];

/// The value of a loss of the cells `v`: `v` in its text stands for the source.
fn value<const I: usize, const P: usize, const C: usize>(
    loss: &str,
    v: Cells<I, P, C>,
    target: Cells<I, P, C>,
) -> Result<f64> {
    value_with(loss, v, target, None, None, None)
}

/// The axes and the values of a map or a mask.
type Given<'g> = Option<(Axes, &'g ArrayD<f64>)>;

fn value_with<const I: usize, const P: usize, const C: usize>(
    loss: &str,
    v: Cells<I, P, C>,
    target: Cells<I, P, C>,
    image: Option<&Array1<f64>>,
    map: Given<'_>,
    mask: Given<'_>,
) -> Result<f64> {
    let target = arr3(&target);
    let prediction = arr3(&v) + &target;
    let mut batch = Batch::new("image pixel class".parse()?, &prediction, &target)?;
    if let Some(weights) = image {
        batch = batch.with_image_weights(weights)?;
    }
    if let Some((axes, values)) = map {
        batch = batch.with_map(axes, values)?;
    }
    if let Some((axes, values)) = mask {
        batch = batch.with_mask(axes, values)?;
    }
    loss.replace("v ", "absolute(identity) ").parse::<Loss>()?.value(&batch)
}

#[track_caller]
fn costs<const I: usize, const P: usize, const C: usize>(
    loss: &str,
    v: Cells<I, P, C>,
    target: Cells<I, P, C>,
    expected: f64,
) {
    let value = value(loss, v, target).unwrap();
    assert!(near(value, expected), "{loss} is {value}, expected {expected}");
}

/// Values of two pixels (rows) and two classes (columns).
const V: Cells<1, 2, 2> = [[[1.0, 5.0], [3.0, 9.0]]];
/// Pixel 0 is of class 0, pixel 1 of class 1.
const T: Cells<1, 2, 2> = [[[1.0, 0.0], [0.0, 1.0]]];

#[test]
fn scale_multiplies_the_value_and_weigh_the_mass() {
    costs("v > scale(class=[1, 3]) > mean(all)", V, T, 11.5); // (4 + 42) / 4
    costs("v > weigh(class=[1, 3]) > mean(all)", V, T, 5.75); // (4 + 42) / 8
    costs("v > scale(class=[1, 3]) > sum(all)", V, T, 46.0);
    costs("v > weigh(class=[1, 3]) > sum(all)", V, T, 46.0);
    costs("v > weigh(class=[1, 3]) > weigh(class=[3, 0]) > mean(all)", V, T, 2.0); // (3 + 9) / 6
}

#[test]
fn a_weight_waits_for_a_step_over_one_of_its_axes() {
    let map = arr2(&[[1.0, 3.0]]).into_dyn();
    let value =
        |loss| value_with(loss, V, T, None, Some(([Pixel, Image].into(), &map)), None).unwrap();
    // Per pixel the mean over class is 3 and 6.
    assert_eq!(value("v > weigh(map) > mean(class) > mean(pixel) > mean(image)"), 5.25); // (3 + 18) / 4
    assert_eq!(value("v > mean(class) > weigh(map) > mean(pixel) > mean(image)"), 5.25);
    assert_eq!(value("v > weigh(map) > mean(class) > sum(pixel) > mean(image)"), 21.0);
    assert_eq!(value("v > weigh(map) > max(class) > mean(pixel) > mean(image)"), 8.0); // (5 + 27) / 4
    // What mean(pixel) leaves is 1, so the classes count the same: (2.5 + 8) / 2.
    assert_eq!(value("v > weigh(map) > mean(pixel) > mean(class) > mean(image)"), 5.25);
}

#[test]
fn a_weight_finer_than_the_field_widens_it() {
    let map = arr2(&[[1.0, 3.0]]).into_dyn();
    let value =
        |loss| value_with(loss, V, T, None, Some(([Pixel, Image].into(), &map)), None).unwrap();
    // 4.5 per image, then 4.5 and 13.5 per pixel.
    assert_eq!(value("v > mean(class, pixel) > scale(map) > mean(pixel, image)"), 9.0);
    assert_eq!(value("v > mean(class, pixel) > scale(map) > max(all)"), 13.5);
    assert_eq!(value("v > mean(all) > weigh(map) > sum(all)"), 18.0);
}

#[test]
fn image_weights_count_per_image() {
    let v = [[[2.0]], [[6.0]]];
    let weights = arr1(&[3.0, 1.0]);
    let value = |loss| value_with(loss, v, [[[0.0]], [[0.0]]], Some(&weights), None, None).unwrap();
    assert_eq!(value("v > weigh(image) > mean(all)"), 3.0); // (6 + 6) / 4
    assert_eq!(value("v > scale(image) > mean(all)"), 6.0); // (6 + 6) / 2
    assert_eq!(value("v > mean(all; by=[image])"), 2.0); // (2 + 6) / 4
}

#[test]
fn a_mask_has_the_axes_that_the_batch_declares() {
    let masked = |axes: &[lossfold::Axis], mask: ArrayD<f64>| {
        let axes: Axes = axes.iter().copied().collect();
        value_with("v > weigh(mask) > mean(all)", V, T, None, None, Some((axes, &mask))).unwrap()
    };
    assert_eq!(masked(&[Class], arr1(&[1.0, 0.0]).into_dyn()), 2.0); // 1, 3
    assert_eq!(masked(&[Pixel], arr1(&[1.0, 0.0]).into_dyn()), 3.0); // 1, 5
    assert_eq!(masked(&[Pixel, Class], arr2(&[[1.0, 0.0], [0.0, 1.0]]).into_dyn()), 5.0); // 1, 9
    assert_eq!(masked(&[Image, Pixel, Class], arr3(&[[[1.0, 1.0], [0.0, 1.0]]]).into_dyn()), 5.0);
}

#[test]
fn a_nan_under_a_mask_is_never_read() {
    let mask = arr2(&[[1.0, 0.0]]).into_dyn();
    let mask = Some(([Pixel, Image].into(), &mask));
    let (v, t) = ([[[1.0, 5.0], [NAN, NAN]]], [[[1.0, 0.0], [0.0, NAN]]]);
    let value = |loss| value_with(loss, v, t, None, None, mask).unwrap();
    for (loss, expected) in [
        ("v > weigh(mask) > mean(all)", 3.0),
        ("v > weigh(mask) > mean(class) > mean(pixel) > mean(image)", 3.0),
        ("v > mean(class) > weigh(mask) > max(all)", 3.0),
        ("v > scale(mask) > mean(all)", 1.5), // scaling by 0 gives 0
        ("(v + v ) > weigh(mask) > top(all; k=1)", 10.0),
        ("v > weigh(positives) > weigh(mask) > mean(all)", 1.0),
        ("v > weigh(target=[1, 2]) > weigh(mask) > mean(all)", 3.0),
        ("overlap(identity) > weigh(mask) > dice(all)", 0.5), // p = 2 5, t = 1 0: 1 - 4 / 8
    ] {
        assert!(near(value(loss), expected), "{loss} is {}, expected {expected}", value(loss));
    }
}

#[test]
fn a_nan_target_under_a_mask_is_not_counted_by_a_weight() {
    let mask = arr2(&[[1.0, 0.0]]).into_dyn();
    let mask = Some(([Pixel, Image].into(), &mask));
    for (weight, target) in
        [("volume=-1", [1.0, 1.0]), ("presence", [1.0, 1.0]), ("balance", [1.0, 0.0])]
    {
        let (v, target) = ([[[1.0, 5.0], [NAN, NAN]]], [[target, [NAN, NAN]]]);
        let loss = format!("v > weigh(mask) > weigh({weight}) > mean(all)");
        assert_eq!(value_with(&loss, v, target, None, None, mask).unwrap(), 3.0, "{weight}");
    }
}

#[test]
fn a_nan_of_a_class_that_does_not_count_is_never_read() {
    let v = [[[1.0, NAN], [3.0, NAN]]];
    costs("v > weigh(class=[1, 0]) > mean(all)", v, T, 2.0);
    costs("v > mean(pixel) > weigh(class=[1, 0]) > mean(all)", v, T, 2.0);
    costs("v > scale(class=[1, 0]) > mean(all)", v, T, 1.0);
    costs("v > select([0]) > mean(all)", v, T, 2.0);
    costs("v > weigh(class=[1, 0]) > max(class) > mean(all)", v, T, 2.0);
}

#[test]
fn a_nan_of_a_term_times_0_is_never_read() {
    costs("0 * (v > mean(all)) + 2", [[[1.0, 3.0], [NAN, NAN]]], T, 2.0);
}

// Weights that are made from the target.

#[test]
fn a_target_weight_is_that_of_the_true_class() {
    costs("v > weigh(target=[1, 3]) > mean(all)", V, T, 5.25); // (1 + 5 + 3 · 3 + 3 · 9) / 8
    costs("v > scale(target=[1, 3]) > mean(all)", V, T, 10.5); // 42 / 4
    let soft = [[[0.2, 0.8], [0.5, 0.5]]]; // the first of the largest
    costs("v > scale(target=[1, 3]) > mean(all)", V, soft, 7.5); // (3 · 6 + 12) / 4
}

#[test]
fn an_ignored_label_has_no_mass_anywhere() {
    // Three pixels of two classes; the labels are the targets (1, 0), (0, 1) and none.
    let prediction = arr3(&[[[2.0, 1.0], [5.0, 6.0], [NAN, NAN]]]);
    let labels = arr2(&[[0_u8, 1, 255]]);
    let batch = Batch::new(
        "image pixel class".parse().unwrap(),
        &prediction,
        Labels::new(&labels).ignore(255),
    )
    .unwrap();
    for (loss, expected) in [
        ("v > mean(all)", 3.0),                        // 1, 1, 5, 5
        ("v > weigh(target=[1, 3]) > mean(all)", 4.0), // (2 + 3 · 10) / 8
        ("v > mean(class) > mean(pixel) > mean(image)", 3.0),
        ("v > mean(all; by=[target=[1, 3]])", 1.5), // 12 / (2 · (1 + 3))
        ("v > sum(class) > max(all)", 10.0),
        ("v > weigh(presence) > mean(all)", 3.0),
        ("v > weigh(volume(pixel, image)=1) > mean(all)", 3.0),
        ("v > weigh(positives) > mean(all)", 3.0), // 1, 5
        ("overlap(identity) > dice(all)", 1.0 - 16.0 / 16.0), // 2 (2 + 6) / (14 + 2)
    ] {
        let text = loss.replace("v ", "absolute(identity) ");
        let value = text.parse::<Loss>().unwrap().value(&batch).unwrap();
        assert!(near(value, expected), "{loss} is {value}, expected {expected}");
    }
}

#[test]
fn positives_and_negatives_weigh_by_the_target() {
    costs("v > weigh(positives) > mean(all)", V, T, 5.0); // 1, 9
    costs("v > weigh(negatives) > mean(all)", V, T, 4.0); // 5, 3
    let soft = [[[0.25, 0.75], [0.0, 0.0]]];
    costs("v > weigh(positives) > mean(all)", V, soft, 4.0); // 0.25 · 1 + 0.75 · 5
    costs("v > weigh(negatives) > sum(all)", V, soft, 14.0); // 0.75 + 1.25 + 3 + 9
}

/// Two images of one pixel and two classes: class 1 occurs in image 1 only.
const OCCURS: Cells<2, 1, 2> = [[[1.0, 0.0]], [[1.0, 1.0]]];
const VALUES: Cells<2, 1, 2> = [[[1.0, 8.0]], [[3.0, 5.0]]];

#[test]
fn presence_counts_the_classes_that_occur() {
    costs("v > weigh(presence) > mean(all)", VALUES, OCCURS, 3.0); // 1, 3, 5
    costs("v > scale(presence) > mean(all)", VALUES, OCCURS, 2.25); // 9 / 4
    costs("v > weigh(presence(pixel, image)) > mean(all)", VALUES, OCCURS, 4.25); // 17 / 4
    costs("v > weigh(presence(all)) > mean(all)", VALUES, [[[0.0, 0.0]], [[0.0, 1.0]]], 4.25);
    costs("v > mean(pixel) > weigh(presence) > mean(class) > mean(image)", VALUES, OCCURS, 2.5); // 1, 4
}

/// Four pixels: three of class 0, whose values are 3, one of class 1, whose values are 1.
const THREE_TO_ONE: Cells<1, 4, 2> = [[[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]];
const THREES: Cells<1, 4, 2> = [[[3.0, 1.0]; 4]];

#[test]
fn a_volume_weight_is_a_power_of_the_volume() {
    costs("v > weigh(volume=1) > mean(all)", THREES, THREE_TO_ONE, 2.5); // (3 · 3 + 1) / 4
    costs("v > weigh(volume=-1) > mean(all)", THREES, THREE_TO_ONE, 1.5); // (1 + 1) / (4/3)
    costs("v > weigh(volume=-2) > mean(all)", THREES, THREE_TO_ONE, 1.2); // (1/3 + 1) / (10/9)
    costs("v > weigh(volume=0) > mean(all)", THREES, THREE_TO_ONE, 2.0);
    // Over the batch class 0 occurs twice, class 1 once: (2 · (1 + 3) + (8 + 5)) / 6.
    costs("v > weigh(volume(pixel, image)=1) > mean(all)", VALUES, OCCURS, 3.5);
    // Per image the volumes are 1 and 2: (1 · 9 + 2 · 8) / (2 + 4).
    costs("v > weigh(volume(class, pixel)=1) > mean(all)", VALUES, OCCURS, 25.0 / 6.0);
}

#[test]
fn the_volume_of_an_absent_class_follows_its_rule() {
    // Volumes 4, 0 and 1: weights 1/4, a rule and 1.
    let target = [[[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 1.0]]];
    let v = [[[4.0, 6.0, 9.0]; 4]];
    costs("v > weigh(volume(pixel; absent=zero)=-1) > sum(class) > mean(all)", v, target, 10.0);
    costs("v > weigh(volume(pixel; absent=largest)=-1) > sum(class) > mean(all)", v, target, 16.0);
    let error = value("v > weigh(volume=-1) > mean(all)", v, target).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Weight);
    // A positive power makes 0 of an absent class.
    costs("v > weigh(volume=1) > sum(class) > mean(all)", v, target, 25.0); // 4 · 4 + 0 + 1 · 9
    // None occurs: the largest finite weight is none.
    let nothing = [[[0.0; 3]; 4]];
    let error =
        value("v > weigh(volume(pixel; absent=largest)=-1) > mean(all)", v, nothing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Empty);
}

#[test]
fn an_epsilon_bounds_the_inverse_of_a_volume() {
    // Volumes 4, 0 and 1: weights 1 / (4 + 1), 1 / 1 and 1 / (1 + 1).
    let target = [[[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 1.0]]];
    let v = [[[5.0, 6.0, 8.0]; 4]];
    costs("v > weigh(volume(pixel; epsilon=1)=-1) > sum(class) > mean(all)", v, target, 11.0);
    costs("v > scale(volume(pixel; epsilon=1)=-1) > sum(class) > mean(all)", v, target, 11.0);
    // 1 / 20, 1 / 4 and 1 / 5.
    costs("v > scale(volume(pixel; epsilon=4)=-2) > sum(class) > mean(all)", v, target, 3.35);
    costs(
        "v > scale(volume(pixel; epsilon=1)=-0.5) > sum(class) > mean(pixel, image)",
        v,
        target,
        5.0 / 3.0 + 6.0 + 4.0,
    );
    // Over the batch class 0 has volume 2 and class 1 volume 1: 4 / 5 of the former, 8 / 2 + 5 / 2.
    costs("v > scale(volume(pixel, image; epsilon=1)=-2) > sum(all)", VALUES, OCCURS, 0.8 + 6.5);
}

#[test]
fn balance_weighs_by_the_share_of_the_other_side() {
    // One positive of four: 2 · 3/4 for it, 2 · 1/4 for the others.
    let (v, target) = ([[[2.0, 1.0], [1.0, 1.0]]], [[[1.0, 0.0], [0.0, 0.0]]]);
    costs("v > weigh(balance) > mean(all)", v, target, 1.5); // (1.5 · 2 + 3 · 0.5) / 3
    costs("v > weigh(balance) > sum(all)", v, target, 4.5);
    // Per class the share is 1/2 in class 0 and 0 in class 1: weights 1, 1 and 0, 0.
    costs("v > weigh(balance(pixel)) > sum(all)", v, target, 3.0);
}

// Ratios.

/// One class of two pixels: p t = 1/2, Σ p = 1, Σ t = 1, so TP = FP = FN = 1/2.
#[track_caller]
fn ratio(text: &str, expected: f64) {
    region(
        &format!("{text} > mean(all)"),
        arr3(&[[[0.5], [0.5]]]),
        arr3(&[[[1.0], [0.0]]]),
        expected,
    );
}

#[track_caller]
fn region(text: &str, prediction: Array3<f64>, target: Array3<f64>, expected: f64) {
    let batch = Batch::new("image pixel class".parse().unwrap(), &prediction, &target).unwrap();
    let loss: Loss = format!("overlap(probability) > {text}").parse().unwrap();
    let value = loss.value(&batch).unwrap();
    assert!(near(value, expected), "{text} is {value}, expected {expected}");
}

#[test]
fn dice_with_each_of_its_slots() {
    ratio("dice(pixel)", 0.5); // 1 - 1/2
    ratio("dice(pixel; smooth=2)", 0.25); // 1 - 3/4
    ratio("dice(pixel; smooth_numerator=1)", 0.0); // 1 - 2/2
    ratio("dice(pixel; smooth_denominator=2)", 0.75); // 1 - 1/4
    ratio("dice(pixel; smooth_numerator=0.5, smooth_denominator=1)", 0.5); // 1 - 1.5/3
    ratio("dice(pixel; floor=1)", 0.5);
    ratio("dice(pixel; floor=4)", 0.75); // 1 - 1/4
    ratio("dice(pixel; tp_floor=0.25)", 0.5);
    ratio("dice(pixel; tp_floor=1.5)", 0.25); // 1 - 3 / (3 + 1)
    ratio("dice(pixel; tp_floor=1.5, smooth_denominator=2)", 0.5); // 1 - 3/6
    ratio("dice(pixel; score_floor=0.25)", 0.5);
    ratio("dice(pixel; score_floor=0.75)", 0.25);
    ratio("dice(pixel; fp=2)", 0.6); // 1 - 1 / (1 + 1 + 1/2)
    ratio("dice(pixel; fn=0)", 1.0 / 3.0); // 1 - 1 / (1 + 1/2)
    ratio("dice(pixel; exponent=2)", 1.0 / 3.0); // 1 - 1 / (1/2 + 1)
    ratio("dice(pixel; soft=distance)", 0.5); // min(p, t)
}

#[test]
fn jaccard_and_tversky_with_each_of_their_slots() {
    ratio("jaccard(pixel)", 2.0 / 3.0); // 1 - 0.5 / 1.5
    ratio("jaccard(pixel; smooth=0.5)", 0.5); // 1 - 1/2
    ratio("jaccard(pixel; smooth_denominator=0.5)", 0.75); // 1 - 0.5 / 2
    ratio("jaccard(pixel; floor=2)", 0.75);
    ratio("jaccard(pixel; tp_floor=1)", 0.5); // 1 - 1 / (1 + 1)
    ratio("jaccard(pixel; score_floor=0.5)", 0.5);
    ratio("jaccard(pixel; exponent=2)", 0.5); // 1 - 0.5 / (0.5 + 0 + 0.5)
    ratio("tversky(pixel; fp=1, fn=1)", 2.0 / 3.0);
    ratio("tversky(pixel; fp=0.5, fn=0.5)", 0.5); // Dice
    ratio("tversky(pixel; fp=1, fn=2)", 0.75); // 1 - 0.5 / 2
    ratio("tversky(pixel; fp=0.5, fn=0.5, smooth=1)", 0.25); // 1 - 1.5 / 2
}

/// The value of a Lovász step on one image of two pixels, and its gradient.
fn lovasz(loss: &str, prediction: [f64; 2], target: [f64; 2]) -> (f64, Vec<f64>) {
    let (prediction, target) = (arr1(&prediction), arr1(&target));
    let batch = Batch::new("pixel".parse().unwrap(), &prediction, &target).unwrap();
    let (value, gradient) = loss.parse::<Loss>().unwrap().value_and_gradient(&batch).unwrap();
    (value, gradient.to_vec())
}

#[test]
fn lovasz_sorts_the_errors() {
    let of = |p, t| lovasz("overlap(probability) > lovasz(all)", p, t);
    // The false positive is the worst: J is 1 - 1/2 with it and 1 with both.
    assert_eq!(of([0.75, 0.5], [1.0, 0.0]), (0.5 * 0.5 + 0.25 * 0.5, vec![-0.5, 0.5]));
    // The missed pixel is the worst: J is 1 with it, and stays.
    assert_eq!(of([0.25, 0.5], [1.0, 0.0]), (0.75, vec![-1.0, 0.0]));
    // Both were missed: each adds 1/2.
    assert_eq!(of([0.25, 0.5], [1.0, 1.0]), (0.625, vec![-0.5, -0.5]));
    // Nothing is there: the worst alone counts.
    assert_eq!(of([0.25, 0.5], [0.0, 0.0]), (0.5, vec![0.0, 1.0]));
    // Half a pixel is there: J is 1 - 0 / (1/2 + 1/2) with it.
    assert_eq!(of([0.0, 0.0], [0.5, 0.0]), (0.5, vec![-1.0, 0.0]));
    // A tie: in the value it does not matter who is first, in the gradient the first pixel is.
    assert_eq!(of([0.5, 0.5], [1.0, 0.0]), (0.5, vec![-1.0, 0.0]));
    assert_eq!(of([0.5, 0.5], [0.0, 1.0]), (0.5, vec![0.5, -0.5]));
    // An error of 0 pulls nowhere.
    assert_eq!(of([1.0, 0.0], [1.0, 0.0]), (0.0, vec![0.0, 0.0]));
}

#[test]
fn the_lovasz_hinge_sorts_what_logits_lack_of_their_margin() {
    let of = |x, t| lovasz("overlap(identity) > lovasz_hinge(all)", x, t);
    assert_eq!(of([3.0, -3.0], [1.0, 0.0]), (0.0, vec![0.0, 0.0]));
    assert_eq!(of([1.0, -1.0], [1.0, 0.0]), (0.0, vec![0.0, 0.0])); // on the margin
    assert_eq!(of([2.0, 1.0], [1.0, 0.0]), (2.0 * 0.5, vec![0.0, 0.5]));
    assert_eq!(of([-2.0, -0.5], [1.0, 0.0]), (3.0, vec![-1.0, 0.0]));
    assert_eq!(of([0.0, 1.0], [1.0, 0.0]), (2.0 * 0.5 + 1.0 * 0.5, vec![-0.5, 0.5]));
}

#[test]
fn lovasz_is_jaccard_where_decisions_are_made() {
    let p = || arr3(&[[[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]]);
    let t = || arr3(&[[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]]);
    for name in ["lovasz", "jaccard"] {
        let of = |order: &str, expected| region(&format!("{name}({order})"), p(), t(), expected);
        // Of class 0 one of three cells is right in each image, of class 1 all two and one of two.
        of("pixel) > mean(all", (2.0 / 3.0 + 2.0 / 3.0 + 0.0 + 0.5) / 4.0);
        of("pixel, image) > mean(all", f64::midpoint(1.0 - 2.0 / 6.0, 1.0 - 3.0 / 4.0));
        of("class, pixel) > mean(all", f64::midpoint(1.0 - 3.0 / 5.0, 1.0 - 2.0 / 5.0));
        of("all", 1.0 - 5.0 / 10.0);
    }
}

#[test]
fn a_mass_counts_in_lovasz_as_so_many_cells() {
    let (prediction, target) = (arr1(&[0.75, 0.5, NAN]), arr1(&[1.0, 0.0, 0.0]));
    let loss: Loss = "overlap(probability) > weigh(map) > lovasz(all)".parse().unwrap();
    let value = |map: [f64; 3]| {
        let batch = Batch::new("pixel".parse().unwrap(), &prediction, &target).unwrap();
        loss.value(&batch.with_map(Pixel, &arr1(&map)).unwrap()).unwrap()
    };
    assert_eq!(value([1.0, 1.0, 0.0]), 0.375); // 0.5 (1 - 1/2) + 0.25 / 2
    assert!(near(value([1.0, 3.0, 0.0]), 0.4375)); // 0.5 (1 - 1/4) + 0.25 / 4
    assert!(near(value([3.0, 1.0, 0.0]), 0.3125)); // 0.5 (1 - 3/4) + 0.25 · 3/4
    assert_eq!(value([0.0, 1.0, 0.0]), 0.5);
}

#[test]
fn a_lovasz_group_without_target_or_mass_has_a_policy() {
    let p = || arr3(&[[[0.5, 0.25], [0.5, 0.75]]]);
    let t = || arr3(&[[[1.0, 0.0], [0.0, 0.0]]]); // 1/2, and 3/4 where nothing is there
    region("lovasz(pixel) > mean(all)", p(), t(), 0.625);
    region("lovasz(pixel; absent=skip) > mean(all)", p(), t(), 0.5);
    region("lovasz(pixel; absent=zero) > mean(all)", p(), t(), 0.25);
    region("weigh(positives) > lovasz(pixel) > mean(all)", p(), t(), 0.5);
    region("weigh(positives) > lovasz(pixel; empty=zero) > mean(all)", p(), t(), 0.25);
    region("weigh(positives) > lovasz(pixel; empty=one) > mean(all)", p(), t(), 0.75);
}

#[test]
fn a_floor_of_true_positives_stops_their_slope_alone() {
    // TP is p, FN is 1 - p, FP is 0: 1 - 2 TP / (2 TP + 1 - p).
    let slope = |ratio: &str| cell(&format!("overlap(probability) > {ratio}"), 0.25, 1.0);
    let near_both = |found: (f64, f64), expected: (f64, f64)| {
        assert!(near(found.0, expected.0) && near(found.1, expected.1), "{found:?}");
    };
    // N = 2 p and D = 1 + p: -(2 D - N) / D² = -(2.5 - 0.5) / 1.5625.
    near_both(slope("dice(pixel; tp_floor=0.125)"), (0.6, -1.28));
    near_both(slope("dice(pixel; tp_floor=0.25)"), (0.6, -1.28));
    // N = 1 and D = 2 - p: dD / D² = -1 / 3.0625.
    near_both(slope("dice(pixel; tp_floor=0.5)"), (3.0 / 7.0, -16.0 / 49.0));
}

#[test]
fn a_soft_target_is_met_by_the_distance_and_not_by_the_product() {
    let half = || arr3(&[[[0.5]]]);
    region("dice(all)", half(), half(), 0.5); // 1 - 2 · 0.25 / 1
    region("dice(all; soft=distance)", half(), half(), 0.0);
    region("jaccard(all; soft=distance)", arr3(&[[[0.25]]]), half(), 0.5); // 1 - 0.25 / 0.5
    region("dice(all; soft=distance, exponent=2)", half(), half(), 0.0); // 1 - 2 · 0.25 / 0.5
}

#[test]
fn where_dice_stands_is_the_order_of_the_loss() {
    // Per image (rows) and class (columns), one pixel: p and t.
    let p = || arr3(&[[[0.5, 0.25]], [[1.0, 0.75]]]);
    let t = || arr3(&[[[1.0, 0.0]], [[1.0, 1.0]]]);
    region("dice(pixel) > mean(all)", p(), t(), (1.0 / 3.0 + 1.0 + 0.0 + 1.0 / 7.0) / 4.0);
    region("dice(pixel, image) > mean(all)", p(), t(), f64::midpoint(1.0 / 7.0, 1.0 / 4.0));
    region("dice(class, pixel) > mean(all)", p(), t(), f64::midpoint(3.0 / 7.0, 1.0 / 15.0));
    region("dice(all)", p(), t(), 1.0 - 4.5 / 5.5);
}

#[test]
fn a_class_without_target_is_worth_what_absent_says() {
    let p = || arr3(&[[[0.5, 0.5], [0.5, 0.5]]]);
    let t = || arr3(&[[[1.0, 0.0], [0.0, 0.0]]]); // dice per class is 1/2 and 1
    region("dice(pixel) > mean(all)", p(), t(), 0.75);
    region("dice(pixel; absent=skip) > mean(all)", p(), t(), 0.5);
    region("dice(pixel; absent=zero) > mean(all)", p(), t(), 0.25);
    region("dice(pixel; smooth=1) > mean(all)", p(), t(), f64::midpoint(1.0 / 3.0, 0.5));
}

#[test]
fn a_denominator_of_0_is_worth_what_empty_says() {
    let p = || arr3(&[[[0.5, 0.0], [0.5, 0.0]]]);
    let t = || arr3(&[[[1.0, 0.0], [0.0, 0.0]]]); // dice of class 0 is 1/2, class 1 has neither
    region("dice(pixel) > mean(all)", p(), t(), 0.5);
    region("dice(pixel; empty=zero) > mean(all)", p(), t(), 0.25);
    region("dice(pixel; empty=one) > mean(all)", p(), t(), 0.75);
    region("dice(pixel; floor=1e-7) > mean(all)", p(), t(), 0.75); // 1 - 0 / 1e-7
    region("dice(pixel; smooth=1) > mean(all)", p(), t(), f64::midpoint(1.0 / 3.0, 0.0));
}

#[test]
fn a_ratio_can_carry_its_denominator() {
    // Dice 1/2 of a denominator of 2, and 1 of a denominator of 1.
    let p = || arr3(&[[[0.5, 0.5], [0.5, 0.5]]]);
    let t = || arr3(&[[[1.0, 0.0], [0.0, 0.0]]]);
    region("dice(pixel; carry) > mean(all)", p(), t(), 2.0 / 3.0); // (2 · 1/2 + 1 · 1) / 3
    region("dice(pixel; absent=skip, carry) > mean(all)", p(), t(), 0.5);
    region("dice(pixel; absent=zero, carry) > mean(all)", p(), t(), 1.0 / 3.0); // (2 · 1/2 + 0) / 3
    region("dice(all)", p(), t(), 2.0 / 3.0); // 1 - 1/3
}

#[test]
fn what_stands_before_a_ratio_is_inside_and_what_stands_after_weighs_it() {
    let p = || arr3(&[[[0.5, 0.5], [0.5, 0.5]]]);
    let t = || arr3(&[[[1.0, 0.0], [0.0, 0.0]]]); // dice per class is 1/2 and 1
    region("weigh(class=[1, 3]) > dice(class, pixel) > mean(image)", p(), t(), 0.8); // 1 - 1 / (2 + 3)
    region("dice(pixel) > weigh(class=[1, 3]) > mean(all)", p(), t(), 0.875); // (1/2 + 3) / 4
    region("weigh(class=[1, 3]) > dice(pixel) > mean(all)", p(), t(), 0.875); // it waits
    region("dice(pixel) > scale(class=[1, 3]) > mean(all)", p(), t(), 1.75); // (1/2 + 3) / 2
    region("weigh(target=[1, 3]) > dice(class, pixel) > mean(image)", p(), t(), 2.0 / 3.0);
    // Generalised Dice: Σ w 2 p t / Σ w (p + t) with w = 1 / volume².
    let t = || arr3(&[[[1.0, 1.0], [0.0, 1.0]]]); // volumes 1 and 2
    let generalised = 1.0 - (1.0 + 0.25 * 2.0) / (2.0 + 0.25 * 3.0);
    region("weigh(volume=-2) > dice(class, pixel) > mean(image)", p(), t(), generalised);
}

// Sums, maps, selections and quotients.

#[test]
fn the_loss_of_the_original_question_on_two_pixels_of_five_classes() {
    let half = Array4::from_elem((1, 1, 2, 5), 0.5);
    let mut target = Array4::<u8>::zeros((1, 1, 2, 5));
    target[[0, 0, 0, 0]] = 1;
    target[[0, 0, 1, 4]] = 1;
    let batch = Batch::new(Layout::NHWC, &half, &target).unwrap();
    let loss = "((bce(probability) > mean(class)) + (overlap(probability) > dice(all; smooth=1)) - 2) \
                > scale(target=[1, 1, 1, 1, 1000]) > mean(pixel, image)";
    // Every cell has a BCE of ln 2; Dice is 1 - (2 · 1 + 1) / (5 + 2 + 1) = 5/8, once for the batch.
    let per_pixel = 2_f64.ln() + 0.625 - 2.0;
    let value = loss.parse::<Loss>().unwrap().value(&batch).unwrap();
    assert!(near(value, per_pixel * (1.0 + 1000.0) / 2.0), "{value}");
}

#[test]
fn a_coarser_term_is_broadcast_into_a_finer_one() {
    // 3 and 6 per pixel, 4.5 for all.
    costs("((v > mean(class)) + (v > mean(all))) > max(pixel) > mean(image)", V, T, 10.5);
    costs("(v - (v > mean(pixel))) > max(all)", V, T, 2.0); // -1 -2, 1 2
    costs("((v > mean(class)) + (v > mean(pixel))) > max(all)", V, T, 13.0); // 6 + 7
    costs("((v > mean(class)) - (v > mean(pixel)) + 10) > min(all)", V, T, 6.0); // 3 - 7 + 10
}

#[test]
fn terms_of_a_sum_carry_the_same_weights() {
    costs("((v > weigh(class=[1, 3])) + (v > weigh(class=[1, 3]))) > mean(all)", V, T, 11.5);
    costs("(v + v ) > weigh(class=[1, 3]) > mean(all)", V, T, 11.5);
    costs("(v + (v > mean(class))) > weigh(class=[1, 3]) > mean(all)", V, T, 5.75 + 4.5);
    // What lacks the axis of the weight is broadcast under it.
    costs("((v > weigh(class=[1, 3])) + (v > mean(class))) > mean(all)", V, T, 5.75 + 4.5);
    for loss in [
        "((v > weigh(class=[1, 3])) + v ) > mean(all)",
        "((v > weigh(class=[1, 3])) + (v > weigh(class=[1, 2]))) > mean(all)",
        "((v > weigh(class=[1, 3]) > weigh(class=[1, 3])) - (v > weigh(class=[1, 3]))) > mean(all)",
    ] {
        assert_eq!(value(loss, V, T).unwrap_err().kind(), ErrorKind::Weight, "{loss}");
    }
}

#[test]
fn coefficients_and_constants_are_arithmetic() {
    costs("2 * (v > mean(all)) + 0.5 * (v > max(all)) - 1", V, T, 12.5); // 9 + 4.5 - 1
    costs("1 - (v > mean(all))", V, T, -3.5);
    costs("-(v > mean(all))", V, T, -4.5);
    costs("3 * ((v > mean(all)) + 1)", V, T, 16.5);
}

#[test]
fn a_map_is_applied_to_each_value() {
    costs("v > map(x^2) > mean(all)", V, T, 29.0); // 1, 25, 9, 81
    costs("v > mean(all) > map(x^2)", V, T, 20.25);
    costs("v > mean(pixel) > map(x^0.5) > sum(all)", V, T, 2_f64.sqrt() + 7_f64.sqrt());
    costs("v > mean(all) > map(-ln(x))", V, T, -4.5_f64.ln());
    costs("(1 - 0.1 * (v > mean(all))) > map(-ln(x))", V, T, -0.55_f64.ln());
}

/// The loss of one cell.
fn of_cell(source: &str, p: f64, t: f64) -> f64 {
    let (p, t) = (arr2(&[[p]]), arr2(&[[t]]));
    let loss: Loss = format!("{source} > sum(all)").parse().unwrap();
    loss.value(&Batch::new(Layout::NC, &p, &t).unwrap()).unwrap()
}

#[track_caller]
fn cell_costs(source: &str, p: f64, t: f64, expected: f64) {
    let value = of_cell(source, p, t);
    assert!(near(value, expected), "{source} at {p}, {t} is {value}, expected {expected}");
}

#[test]
fn a_focal_loss_is_weighed_by_what_the_prediction_lacks() {
    let ln2 = 2_f64.ln();
    cell_costs("bce(probability; focal=2)", 0.5, 1.0, ln2 / 4.0);
    cell_costs("bce(probability; focal=2)", 0.5, 0.0, ln2 / 4.0);
    cell_costs("bce(sigmoid; focal=2)", 0.0, 1.0, ln2 / 4.0);
    cell_costs("bce(probability; focal=1)", 0.25, 0.0, 0.25 * -0.75_f64.ln());
    cell_costs("bce(probability; focal=0)", 0.25, 0.0, -0.75_f64.ln());
    cell_costs("bce(probability; positive=[3], focal=2)", 0.5, 1.0, 0.75 * ln2);
    cell_costs("cross_entropy(probability; focal=1)", 0.25, 1.0, 0.75 * 4_f64.ln());
    cell_costs("cross_entropy(probability; focal=1)", 0.25, 0.0, 0.0);
    cell_costs("cross_entropy(probability; focal=1)", 0.25, 0.5, 0.375 * 4_f64.ln());
    cell_costs("cross_entropy(probability; positive=[3], focal=2)", 0.5, 1.0, 0.75 * ln2);
}

#[test]
fn the_factor_is_not_clipped_and_the_loss_is() {
    cell_costs("bce(probability; clip=0.25, focal=2)", 0.0, 1.0, 4_f64.ln());
    cell_costs("bce(probability; clip=0.25, focal=2)", 1.0, 1.0, 0.0);
    cell_costs("bce(probability; clip=0.25, focal=0)", 1.0, 1.0, -0.75_f64.ln());
    // But for a factor that is made of the loss.
    let of_loss = "bce(probability; clip=0.25, focal=2, truth=loss)";
    cell_costs(of_loss, 0.0, 1.0, 0.75_f64.powi(2) * 4_f64.ln());
    cell_costs(of_loss, 1.0, 1.0, 0.25_f64.powi(2) * -0.75_f64.ln());
    let of_loss = "cross_entropy(probability; clip=0.25, focal=2, truth=loss)";
    cell_costs(of_loss, 0.0, 1.0, 0.75_f64.powi(2) * 4_f64.ln());
    cell_costs(of_loss, 1.0, 0.5, 0.25_f64.powi(2) * -0.5 * 0.75_f64.ln());
    cell_costs("bce(probability; log_floor=-1, focal=1)", 0.25, 1.0, 0.75);
    cell_costs("bce(probability; epsilon=0.5, focal=1)", 0.5, 1.0, 0.0);
}

#[test]
fn alpha_weighs_positives_against_negatives() {
    let ln2 = 2_f64.ln();
    cell_costs("bce(probability; alpha=0.25)", 0.5, 1.0, ln2 / 4.0);
    cell_costs("bce(probability; alpha=0.25)", 0.5, 0.0, 0.75 * ln2);
    cell_costs("bce(probability; focal=2, alpha=0.25)", 0.5, 0.0, 0.75 * ln2 / 4.0);
    // 1/4 · 1/4 + 3/4 · 3/4 = 5/8.
    cell_costs("bce(probability; alpha=0.25)", 0.5, 0.25, 0.625 * ln2);
    // Of its terms, the positive one is 1/4 · 1/4 and the negative one 3/4 · 3/4 of the whole, too, ...
    cell_costs("bce(probability; focal=1, truth=terms, alpha=0.25)", 0.5, 0.25, 0.3125 * ln2);
    // ... but at p = 1/4 they differ: F = 3/4 and 1/4, -ln p = ln 4 and -ln(1 - p).
    let terms = 0.0625 * 0.75 * 4_f64.ln() + 0.5625 * 0.25 * -0.75_f64.ln();
    cell_costs("bce(probability; focal=1, truth=terms, alpha=0.25)", 0.25, 0.25, terms);
    // The target is the one after smoothing, 3/4.
    cell_costs("bce(probability; smoothing=half(0.5), alpha=0)", 0.5, 1.0, 0.25 * ln2);
}

/// On p = t = 3/4, by each convention.
fn conventions() -> [(&'static str, f64); 4] {
    let (of_p, of_q) = (-0.75_f64.ln(), 4_f64.ln());
    let whole = 0.75 * of_p + 0.25 * of_q;
    [
        ("mixed", 0.375 * whole),
        ("terms", 0.75 * 0.25 * of_p + 0.25 * 0.75 * of_q),
        ("loss", (1.0 - (27.0_f64 / 256.0).sqrt().sqrt()) * whole), // p³ᐟ⁴ q¹ᐟ⁴
        ("logit", whole / (1.0 + 3_f64.sqrt())), // the logit is ln 3, and half of it
    ]
}

#[test]
fn a_soft_target_is_the_truth_by_the_named_convention() {
    for (truth, expected) in conventions() {
        let source = format!("bce(sigmoid; focal=1, truth={truth})");
        cell_costs(&source, 3_f64.ln(), 0.75, expected);
        let smoothed = format!("bce(sigmoid; smoothing=half(0.5), focal=1, truth={truth})");
        cell_costs(&smoothed, 3_f64.ln(), 1.0, expected);
        cell_costs(&source, 3_f64.ln(), 1.0, 0.25 * -0.75_f64.ln());
        cell_costs(&source, 3_f64.ln(), 0.0, 0.75 * 4_f64.ln());
    }
}

#[test]
fn a_wrong_convention_is_seen_on_a_soft_target_only() {
    for (truth, expected) in conventions() {
        for (wrong, _) in conventions().iter().filter(|(wrong, _)| *wrong != truth) {
            let source = format!("bce(sigmoid; focal=1, truth={wrong})");
            let soft = of_cell(&source, 3_f64.ln(), 0.75);
            assert!((soft - expected).abs() > 1e-3, "{wrong} for {truth} is {soft}");
            cell_costs(&source, 3_f64.ln(), 1.0, 0.25 * -0.75_f64.ln());
        }
    }
}

#[test]
fn below_the_threshold_a_cell_counts_in_full() {
    for truth in ["mixed", "terms", "loss"] {
        let source = format!("bce(probability; focal=2, truth={truth}, threshold=0.5)");
        cell_costs(&source, 0.25, 1.0, 4_f64.ln());
        cell_costs(&source, 0.5, 1.0, 2_f64.ln());
        cell_costs(&source, 0.75, 1.0, 0.25 * -0.75_f64.ln()); // (1/4 / 1/2)²
        cell_costs(&source, 0.25, 0.0, 0.25 * -0.75_f64.ln());
    }
    cell_costs("cross_entropy(probability; focal=1, threshold=0.25)", 0.5, 1.0, 2.0 * 2_f64.ln());
    cell_costs("cross_entropy(probability; focal=1, threshold=1)", 0.5, 1.0, 2_f64.ln());
}

#[test]
fn lists_per_class_keep_their_numbering_behind_a_selection() {
    let (v, t) = ([[[1.0, 5.0, 7.0]]], [[[0.0, 0.0, 1.0]]]);
    costs("v > select([1, 2]) > mean(all)", v, t, 6.0);
    costs("v > select([2, 1, 2]) > mean(all)", v, t, 6.0);
    costs("v > select([1, 2]) > weigh(class=[9, 1, 3]) > mean(all)", v, t, 6.5); // (5 + 21) / 4
    costs("v > select([1, 2]) > scale(target=[9, 1, 3]) > mean(all)", v, t, 18.0);
    costs("v > weigh(class=[9, 1, 3]) > select([1, 2]) > mean(all)", v, t, 6.5);
    costs("v > select([0, 2]) > select([2]) > mean(all)", v, t, 7.0);
    costs("v > select([1, 2]) > mean(class; by=[class=[9, 1, 3]]) > mean(all)", v, t, 3.0); // 12 / 4
    let (p, t) = (|| arr3(&[[[0.5, 0.5, 1.0]]]), || arr3(&[[[1.0, 1.0, 1.0]]]));
    region(
        "select([1, 2]) > weigh(class=[9, 1, 3]) > dice(class, pixel) > mean(image)",
        p(),
        t(),
        1.0 / 15.0,
    );
    region("select([2]) > dice(all)", p(), t(), 0.0);
}

#[test]
fn what_is_dropped_is_what_is_not_selected() {
    let (v, t) = ([[[1.0, 5.0, 7.0]]], [[[0.0, 0.0, 1.0]]]);
    costs("v > without([0]) > mean(all)", v, t, 6.0);
    costs("v > without([0, 2, 0]) > mean(all)", v, t, 5.0);
    costs("v > without([0]) > weigh(class=[9, 1, 3]) > mean(all)", v, t, 6.5); // (5 + 21) / 4
    costs("v > weigh(class=[9, 1, 3]) > without([0]) > mean(all)", v, t, 6.5);
    costs("v > without([0]) > select([2]) > mean(all)", v, t, 7.0);
    costs("v > mean(pixel) > without([0]) > mean(all)", v, t, 6.0);
    costs("((v > without([0])) + (v > select([1, 2]))) > mean(all)", v, t, 12.0);
    // What is dropped is never read.
    costs("v > without([1]) > mean(all)", [[[1.0, NAN]]], [[[0.0, 0.0]]], 1.0);
    // Dice per class is 0, 1/3 and 1.
    let (p, t) = (|| arr3(&[[[1.0, 0.5, 0.5]]]), || arr3(&[[[1.0, 1.0, 0.0]]]));
    region("without([0]) > dice(pixel) > mean(all)", p(), t(), 2.0 / 3.0);
    region("dice(pixel) > without([0]) > mean(all)", p(), t(), 2.0 / 3.0);
    region("without([0, 2]) > dice(all)", p(), t(), 1.0 / 3.0);
    region("without([0]) > weigh(class=[9, 1, 3]) > dice(all)", p(), t(), 2.0 / 3.0); // 1 - 1 / 3
    // Volumes 1 and 1/2, over the images, so weights 1 and 2: 1 - 2 (1 + 2 · 1/2) / (2 + 2 · 3/2).
    let (p, t) = (|| arr3(&[[[0.5, 1.0, 1.0]]]), || arr3(&[[[1.0, 1.0, 0.5]]]));
    let weighed = "weigh(volume(pixel, image)=-1)";
    region(&format!("{weighed} > without([0]) > dice(all)"), p(), t(), 0.2);
    region(&format!("without([0]) > {weighed} > dice(all)"), p(), t(), 0.2);
}

#[test]
fn a_quotient_divides_any_reduced_expression_by_any_other() {
    costs("(v > sum(all)) / (v > max(all))", V, T, 2.0); // 18 / 9
    costs("((v > sum(pixel)) / (v > max(pixel))) > sum(all)", V, T, 4.0 / 3.0 + 14.0 / 9.0);
    costs("(v / (v > max(all))) > sum(all)", V, T, 2.0);
    let (weighed, mass) = ("(v > scale(positives) > sum(all))", "(v > select([0]) > sum(all))");
    costs(&format!("{weighed} / {mass}"), V, T, 2.5); // 10 / 4
    let zero = value("(v > sum(all)) / (v > scale(class=[0, 0]) > sum(all))", V, T);
    assert_eq!(zero.unwrap_err().kind(), ErrorKind::Empty);
}

// Binary cross-entropy.

/// The loss of one cell of a prediction and a target.
#[track_caller]
fn bce(options: &str, prediction: f64, target: f64, expected: f64) {
    let (prediction, target) = (arr2(&[[prediction]]), arr2(&[[target]]));
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    let loss: Loss = format!("bce({options}) > sum(all)").parse().unwrap();
    let value = loss.value(&batch).unwrap();
    assert!(near(value, expected), "bce({options}) is {value}, expected {expected}");
}

#[test]
fn bce_is_the_sum_of_two_logarithms() {
    let ln = f64::ln;
    bce("probability", 0.25, 1.0, ln(4.0));
    bce("probability", 0.25, 0.0, ln(4.0 / 3.0));
    bce("probability", 0.25, 0.5, ln(16.0 / 3.0) / 2.0);
    bce("probability", 1.0, 1.0, 0.0);
    bce("probability", 0.0, 1.0, f64::INFINITY);
}

#[test]
fn the_activation_says_what_the_prediction_is() {
    let ln = f64::ln;
    bce("sigmoid", 0.0, 1.0, ln(2.0));
    bce("sigmoid", ln(3.0), 1.0, ln(4.0 / 3.0)); // p = 3/4
    bce("sigmoid", -1000.0, 1.0, 1000.0);
    bce("sigmoid", 1000.0, 1.0, 0.0);
    let both = |activation: Activation, prediction: [f64; 2], expected: f64| {
        let (prediction, target) = (arr2(&[prediction]), arr2(&[[1.0, 0.0]]));
        let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
        let loss: Loss = format!("bce({activation}) > sum(all)").parse().unwrap();
        assert!(near(loss.value(&batch).unwrap(), expected), "{activation}");
    };
    both(Activation::Softmax, [ln(3.0), 0.0], 2.0 * ln(4.0 / 3.0)); // p = 3/4, 1/4
    both(Activation::Softmax, [-1000.0, 0.0], 2000.0);
    both(Activation::Normalize, [6.0, 2.0], 2.0 * ln(4.0 / 3.0));
    both(Activation::Probability, [0.75, 0.25], 2.0 * ln(4.0 / 3.0));
    both(Activation::LogProbability, [ln(0.75), ln(0.25)], 2.0 * ln(4.0 / 3.0));
}

/// The value of a source on one cell, and its derivative.
fn cell(source: &str, prediction: f64, target: f64) -> (f64, f64) {
    let (prediction, target) = (arr2(&[[prediction]]), arr2(&[[target]]));
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    let loss: Loss = format!("{source} > sum(all)").parse().unwrap();
    let (value, gradient) = loss.value_and_gradient(&batch).unwrap();
    (value, gradient[[0, 0]])
}

#[track_caller]
fn cell_is(source: &str, prediction: f64, target: f64, expected: (f64, f64)) {
    let found = cell(source, prediction, target);
    let same = near(found.0, expected.0) && near(found.1, expected.1);
    assert!(same, "{source} of {prediction}, {target} is {found:?}, expected {expected:?}");
}

#[test]
fn a_logarithm_of_a_probability_is_taken_as_it_is() {
    let ln = f64::ln;
    // The derivative with respect to ln p: -t + (1 - t) p / (1 - p).
    cell_is("bce(log_probability)", ln(0.25), 1.0, (ln(4.0), -1.0));
    cell_is("bce(log_probability)", ln(0.25), 0.0, (ln(4.0 / 3.0), 1.0 / 3.0));
    cell_is("cross_entropy(log_probability)", -1000.0, 1.0, (1000.0, -1.0)); // e^-1000 is 0
    cell_is("cross_entropy(log_probability)", -1000.0, 0.0, (0.0, 0.0));
    cell_is("bce(log_probability)", 0.0, 1.0, (0.0, -1.0));
    cell_is("bce(log_probability; log_floor=-100)", -1000.0, 1.0, (100.0, 0.0));
    cell_is("bce(log_probability; clip=0.25)", -1000.0, 1.0, (ln(4.0), 0.0));
    cell_is("squared(log_probability)", ln(0.25), 1.0, (0.5625, -0.375)); // 2 (p - 1) p
    // 1 - p of 1 - 2^-60 has all its digits: ln 2^-60.
    let near_1 = -(0.5_f64.powi(60));
    assert!(near(cell("bce(log_probability)", near_1, 0.0).0, 60.0 * 2_f64.ln()));
    // Dice of 1/2 and 1/4 with targets 1 and 0: 1 - 1 / (3/4 + 1).
    let prediction = arr2(&[[ln(0.5), ln(0.25)]]);
    let target = arr2(&[[1.0, 0.0]]);
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    let loss: Loss = "overlap(log_probability) > dice(all)".parse().unwrap();
    assert!(near(loss.value(&batch).unwrap(), 3.0 / 7.0));
}

#[test]
fn a_divergence_is_the_entropy_that_the_prediction_adds() {
    let ln = f64::ln;
    cell_is("kl(probability)", 0.25, 0.5, (0.5 * ln(2.0), -2.0));
    cell_is("kl(probability)", 0.25, 1.0, (ln(4.0), -4.0));
    cell_is("kl(probability)", 0.25, 0.0, (0.0, 0.0)); // 0 ln 0
    cell_is("kl(probability)", 0.0, 0.0, (0.0, 0.0));
    cell_is("kl(probability)", 0.5, 0.25, (-0.25 * ln(2.0), -0.5)); // a term may be below 0
    cell_is("kl(log_probability)", -1000.0, 1.0, (1000.0, -1.0));
    cell_is("kl(sigmoid)", 0.0, 0.5, (0.0, -0.25)); // -t (1 - p)
    assert_eq!(cell("kl(probability)", 0.0, 0.5).0, f64::INFINITY);
    // torch, KLDivLoss: mean over all cells, and `batchmean` over the images.
    let prediction = arr2(&[[ln(0.25), ln(0.75)], [ln(0.5), ln(0.5)]]);
    let target = arr2(&[[0.5, 0.5], [1.0, 0.0]]);
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    let total = 0.5 * ln(2.0) + 0.5 * ln(2.0 / 3.0) + ln(2.0);
    for (steps, cells) in [("mean(all)", 4.0), ("sum(class, pixel) > mean(image)", 2.0)] {
        let loss: Loss = format!("kl(log_probability) > {steps}").parse().unwrap();
        assert!(near(loss.value(&batch).unwrap(), total / cells), "{steps}");
    }
}

#[test]
fn what_is_predicted_is_a_value() {
    cell_is("predicted(probability)", 0.25, 1.0, (0.25, 1.0));
    cell_is("predicted(identity)", -7.0, 3.0, (-7.0, 1.0));
    cell_is("predicted(sigmoid)", 0.0, 1.0, (0.5, 0.25));
    cell_is("predicted(log_probability)", 0.25_f64.ln(), 1.0, (0.25, 0.25));
    // Dice as a quotient of sums: Σ p t = 1/2, Σ (p + t) = 7/4.
    let (p, t) = (arr2(&[[0.5, 0.25]]), arr2(&[[1.0, 0.0]]));
    let batch = Batch::new(Layout::NC, &p, &t).unwrap();
    let (pt, p) =
        ("predicted(probability) > scale(positives) > sum(all)", "predicted(probability)");
    let t = "(0 * predicted(probability) + 1) > scale(positives)";
    let dice = format!("1 - 2 * (({pt}) / ((({p}) + ({t})) > sum(all)))");
    let loss: Loss = dice.parse().unwrap();
    let (value, gradient) = loss.value_and_gradient(&batch).unwrap();
    let ratio: Loss = "overlap(probability) > dice(all)".parse().unwrap();
    let (expected, slopes) = ratio.value_and_gradient(&batch).unwrap();
    assert!(near(value, expected) && near(value, 3.0 / 7.0), "{value}");
    assert!((gradient - slopes).iter().all(|&difference| near(difference, 0.0)));
}

#[test]
fn a_clip_holds_the_prediction_of_an_overlap() {
    let of = |p, t| cell("overlap(probability; clip=0.25) > tversky(pixel; fp=0.5, fn=1)", p, t);
    // At t = 1 the loss is 1 - p / (p + 1 - p) = 1 - p; at t = 0 it is 1 whatever p.
    assert_eq!(of(0.5, 1.0), (0.5, -1.0));
    assert_eq!(of(0.25, 1.0), (0.75, -1.0)); // on the bound the slope is that of p
    assert_eq!(of(0.125, 1.0), (0.75, 0.0));
    assert_eq!(of(1.0, 1.0), (0.25, 0.0));
    assert_eq!(of(0.125, 0.0), (1.0, 0.0));
    // Any number is held, before its power is taken.
    let of = |x| cell("overlap(identity; clip=0.25) > dice(pixel; exponent=2)", x, 1.0);
    assert_eq!(of(-3.0), of(0.0));
    assert_eq!(of(7.0), (1.0 - 2.0 * 0.75 / (0.5625 + 1.0), 0.0));
    // A denominator that is carried does not move either.
    let carried = "overlap(probability; clip=0.25) > dice(class; carry) > mean(pixel)";
    assert_eq!(cell(carried, 0.125, 1.0), (1.0 - 0.5 / 1.25, 0.0));
}

#[test]
fn clip_keeps_the_probability_inside_an_interval() {
    let ln = f64::ln;
    bce("probability; clip=0.25", 0.0, 1.0, ln(4.0));
    bce("probability; clip=0.25", 1.0, 0.0, ln(4.0));
    bce("probability; clip=0.25", 1.0, 1.0, ln(4.0 / 3.0));
    bce("probability; clip=0.25", 0.5, 1.0, ln(2.0));
    bce("sigmoid; clip=0.25", -1000.0, 1.0, ln(4.0));
}

#[test]
fn epsilon_stands_inside_both_logarithms() {
    let ln = f64::ln;
    bce("probability; epsilon=0.25", 0.0, 1.0, ln(4.0));
    bce("probability; epsilon=0.25", 0.25, 1.0, ln(2.0));
    bce("probability; epsilon=0.25", 1.0, 0.0, ln(4.0));
    bce("probability; epsilon=1", 1.0, 1.0, -ln(2.0));
    bce("probability; clip=0.25, epsilon=0.25", 0.0, 1.0, ln(2.0));
}

#[test]
fn log_floor_keeps_both_logarithms_above_it() {
    bce("probability; log_floor=-100", 0.0, 1.0, 100.0);
    bce("probability; log_floor=-100", 1.0, 0.0, 100.0);
    bce("probability; log_floor=-2", 0.5, 1.0, 2_f64.ln());
    bce("probability; log_floor=-0.5", 0.5, 1.0, 0.5);
    bce("sigmoid; log_floor=-100", -1000.0, 1.0, 100.0);
}

#[test]
fn smoothing_moves_the_target_by_its_convention() {
    let ln = f64::ln;
    // With p = 1/4 the loss of a target t is t ln 4 + (1 - t) ln(4/3).
    let of = |t: f64| t * ln(4.0) + (1.0 - t) * ln(4.0 / 3.0);
    bce("probability; smoothing=half(0.5)", 0.25, 1.0, of(0.75));
    bce("probability; smoothing=half(0.5)", 0.25, 0.0, of(0.25));
    bce("probability; smoothing=flip(0.25)", 0.25, 1.0, of(0.75));
    bce("probability; smoothing=flip(0.25)", 0.25, 0.0, of(0.25));
    bce("probability; smoothing=flip(1)", 0.25, 1.0, of(0.0));
    bce("probability; smoothing=classes(0.5)", 0.25, 0.0, of(0.5)); // one class
    let (prediction, target) = (arr2(&[[0.25; 4]]), arr2(&[[1.0, 0.0, 0.0, 0.0]]));
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    let loss: Loss = "bce(probability; smoothing=classes(0.5)) > sum(all)".parse().unwrap();
    let expected = of(0.625) + 3.0 * of(0.125); // 1/2 + 0.5 / 4 and 0.5 / 4
    assert!(near(loss.value(&batch).unwrap(), expected));
}

#[test]
fn positive_weighs_the_first_term() {
    let ln = f64::ln;
    bce("probability; positive=[3]", 0.5, 1.0, 3.0 * ln(2.0));
    bce("probability; positive=[3]", 0.5, 0.0, ln(2.0));
    bce("probability; positive=[3]", 0.5, 0.5, 2.0 * ln(2.0));
    bce("probability; positive=[3], smoothing=half(0.5)", 0.5, 1.0, 2.5 * ln(2.0)); // 3 · 3/4 + 1/4
    bce("probability; positive=[3], clip=0.25", 0.0, 1.0, 3.0 * ln(4.0));
    bce("probability; positive=[3], log_floor=-2", 0.0, 1.0, 6.0);
    let (prediction, target) = (arr2(&[[0.5, 0.5]]), arr2(&[[1.0, 1.0]]));
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    let loss: Loss = "bce(probability; positive=[1, 3]) > sum(all)".parse().unwrap();
    assert!(near(loss.value(&batch).unwrap(), 4.0 * ln(2.0)));
}

#[test]
fn what_one_term_skips_the_sum_skips() {
    // The second image is ignored altogether: BCE skips it, and so does the sum with its Dice.
    let prediction = arr3(&[[[0.5, 0.5], [0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]]]);
    let loss = "((bce(probability) > mean(pixel)) + (overlap(probability) > dice(pixel; smooth=1))) \
                > mean(class, image)";
    let value = |labels: [[u8; 2]; 2]| {
        let labels = arr2(&labels);
        let labels = Labels::new(&labels).ignore(255);
        let batch = Batch::new("image pixel class".parse().unwrap(), &prediction, labels).unwrap();
        loss.parse::<Loss>().unwrap().value(&batch)
    };
    let expected = 2_f64.ln() + 1.0 - 2.0 / 3.0; // of each class: 2 · 0.5 + 1 over 1 + 1 + 1
    assert!((value([[1, 0], [1, 0]]).unwrap() - expected).abs() < 1e-15);
    assert!((value([[1, 0], [255, 255]]).unwrap() - expected).abs() < 1e-15);
    assert_eq!(value([[255, 255], [255, 255]]).unwrap_err().kind(), ErrorKind::Empty);
}

#[test]
fn a_ratio_does_not_read_a_class_that_weighs_0() {
    let p = arr3(&[[[f64::NAN, 0.5]]]);
    let t = arr3(&[[[1.0, 1.0]]]);
    let batch = Batch::new("image pixel class".parse().unwrap(), &p, &t).unwrap();
    let overlap = "overlap(probability) > weigh(class=[0, 1])";
    for rest in ["dice(pixel) > mean(class, image)", "dice(pixel; carry) > mean(class, image)"] {
        let loss: Loss = format!("{overlap} > {rest}").parse().unwrap();
        // 1 - 2 · 0.5 / 1.5 of the second class alone.
        assert!((loss.value(&batch).unwrap() - 1.0 / 3.0).abs() < 1e-15, "{loss}");
    }
}
