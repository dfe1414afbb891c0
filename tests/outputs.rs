//! Several outputs: heads are additive with their coefficients, and their states are the whole.

mod strategy;

use lossfold::Axis::{Class, Image, Pixel};
use lossfold::{Across, AnyBatch, Batch, Error, ErrorKind, Layout, Loss, Outputs, OutputsState};
use ndarray::{Array2, Array3, Array4, Ix2, Ix4, array};
use proptest::prelude::*;
use proptest::sample::Index;

use strategy::random::{config, smooth_case};

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * (1.0 + a.abs().max(b.abs()))
}

proptest! {
    #![proptest_config(config(192))]

    #[test]
    fn the_total_is_the_sum_of_coefficients_times_losses(
        (one, two) in (smooth_case(), smooth_case()),
        (a, b) in (-2.0..2.0_f64, -2.0..2.0_f64),
    ) {
        let (first, second) = (one.loss(), two.loss());
        let outputs = Outputs::new().head("one", a, &first).head("two", b, &second);
        one.with_batch(&one.predicted(), |x| two.with_batch(&two.predicted(), |y| {
            let expected = first.value_and_gradient(x).and_then(|x| Ok((x, second.value_and_gradient(y)?)));
            let total = outputs.value(&[("two", y), ("one", x)]);
            prop_assert_eq!(expected.is_ok(), total.is_ok());
            prop_assume!(expected.is_ok());
            let ((v, dv), (w, dw)) = expected.unwrap();
            prop_assume!(v.is_finite() && w.is_finite());
            let total = total.unwrap();
            prop_assert!(close(total, a * v + b * w), "{outputs}: {total}");
            let (of_one, gradient) = outputs.contribution_and_gradient("one", x).unwrap();
            prop_assert_eq!(of_one, a * v);
            prop_assert_eq!(bits(&gradient), bits(&dv.mapv(|slope| a * slope)));
            let (of_two, gradient) = outputs.contribution_and_gradient("two", y).unwrap();
            prop_assert_eq!(bits(&gradient), bits(&dw.mapv(|slope| b * slope)));
            prop_assert!(close(of_one + of_two, total));

            let report = outputs.report(&[("one", x), ("two", y)]).unwrap();
            prop_assert_eq!(report.value, total);
            prop_assert_eq!(report.heads.iter().map(|head| head.contribution).sum::<f64>(), total);
            let shares: f64 = report.heads.iter().map(|head| head.share_of_total).sum();
            let size: f64 = report.heads.iter().map(|head| head.share_of_total.abs()).sum();
            prop_assert!(total == 0.0 || (shares - 1.0).abs() <= 1e-14 * size);
            Ok(())
        }))?;
    }

    #[test]
    fn merged_states_are_the_whole_to_the_bit(
        (case, cut) in (smooth_case(), any::<Index>()),
        (a, b) in (-2.0..2.0_f64, -2.0..2.0_f64),
    ) {
        let loss = case.loss();
        let outputs = Outputs::new().head("fine", a, &loss).head("coarse", b, &loss);
        case.with_batch(&case.predicted(), |batch| {
            let images = batch.extents().image;
            let cut = cut.index(images + 1);
            let mut whole = OutputsState::new(&outputs);
            let both = |batch| [("fine", batch), ("coarse", batch)];
            // Some losses cannot be made of parts, some have no value.
            prop_assume!(whole.observe(&both(batch as &dyn AnyBatch)).is_ok());
            let parts = [0..cut, cut..images].map(|part| batch.images(part).unwrap());
            let mut states = [OutputsState::new(&outputs), OutputsState::new(&outputs)];
            for (state, part) in states.iter_mut().zip(&parts) {
                prop_assume!(state.observe(&both(part)).is_ok());
            }
            let merged = OutputsState::merged(&states);
            prop_assume!(merged.is_ok());
            let (merged, value) = (merged.unwrap(), whole.value());
            prop_assert_eq!(value.is_ok(), merged.value().is_ok());
            prop_assume!(value.is_ok());
            let value = value.unwrap();
            prop_assert_eq!(value.to_bits(), merged.value().unwrap().to_bits());
            prop_assert_eq!(value.to_bits(), outputs.value(&both(batch)).unwrap().to_bits());
            let of_whole = whole.gradient("coarse", &parts[1]).unwrap();
            prop_assert_eq!(bits(&of_whole), bits(&merged.gradient("coarse", &parts[1]).unwrap()));
            prop_assert_eq!(merged.report().unwrap().value.to_bits(), value.to_bits());
            Ok(())
        })?;
    }
}

/// The bits of a gradient, where 0 has no sign and NaN one form.
fn bits(gradient: &Array3<f64>) -> Vec<u64> {
    let bits = |&slope: &f64| if slope.is_nan() { f64::NAN } else { slope + 0.0 }.to_bits();
    gradient.iter().map(bits).collect()
}

/// A mask head of three images in f32 and a head of one number per image in f64.
struct Data {
    mask: Array4<f32>,
    true_mask: Array4<u8>,
    size: Array2<f64>,
    true_size: Array2<f64>,
}

impl Data {
    fn new() -> Self {
        let cell = |(i, r, c, k): (usize, usize, usize, usize)| 7 * i + 5 * r + 3 * c + k;
        Self {
            mask: Array4::from_shape_fn((3, 2, 2, 2), |at| {
                f32::from(u8::try_from(cell(at) % 11).unwrap()) / 4.0 - 1.0
            }),
            true_mask: Array4::from_shape_fn((3, 2, 2, 2), |at| u8::from(cell(at) % 3 == 0)),
            size: array![[1.0], [2.0], [6.0]],
            true_size: array![[0.0], [0.0], [1.0]],
        }
    }

    fn masks(&self) -> Batch<'_, f32, Ix4> {
        Batch::new(Layout::NHWC, &self.mask, &self.true_mask).unwrap()
    }

    fn sizes(&self) -> Batch<'_, f64, Ix2> {
        Batch::new(Layout::NC, &self.size, &self.true_size).unwrap()
    }
}

fn loss(text: &str) -> Loss {
    text.parse().unwrap()
}

fn mask_and_size() -> Outputs {
    Outputs::new()
        .head("mask", 0.5, &loss("overlap(sigmoid) > dice(pixel, image; smooth=1) > mean(class)"))
        .head("size", 2.0, &loss("squared(identity) > mean(all)"))
}

/// The states of an epoch of two steps, of two images and of one.
fn epoch(data: &Data, outputs: &Outputs) -> Vec<OutputsState> {
    let mut epoch = vec![OutputsState::new(outputs); 2];
    for (step, images) in epoch.iter_mut().zip([0..2, 2..3]) {
        let (masks, sizes) =
            (data.masks().images(images.clone()).unwrap(), data.sizes().images(images).unwrap());
        step.observe(&[("mask", &masks), ("size", &sizes)]).unwrap();
    }
    epoch
}

#[test]
fn heads_of_different_shapes_and_types_make_one_total() {
    let (data, outputs) = (Data::new(), mask_and_size());
    let (masks, sizes) = (data.masks(), data.sizes());
    let total = outputs.value(&[("mask", &masks), ("size", &sizes)]).unwrap();
    let [mask, size] = [0, 1].map(|head| outputs.heads()[head].loss());
    let dice: f32 = mask.value(&masks).unwrap();
    assert_eq!(size.value(&sizes).unwrap(), 10.0); // (1 + 4 + 25) / 3
    assert!((total - 0.5 * f64::from(dice) - 20.0).abs() < 1e-7);

    let (_, gradient): (f64, Array4<f32>) =
        outputs.contribution_and_gradient("mask", &masks).unwrap();
    let (_, local) = mask.value_and_gradient(&masks).unwrap();
    assert_eq!(gradient, local.mapv(|slope| 0.5 * slope));
    let mut gradient = Array2::<f64>::zeros((3, 1));
    let of_size = outputs.contribution_and_gradient_into("size", &sizes, &mut gradient).unwrap();
    assert_eq!(of_size, 20.0);
    let expected = [4.0 / 3.0, 8.0 / 3.0, 20.0 / 3.0]; // 2 · 2 (p - t) / 3
    assert!(gradient.iter().zip(expected).all(|(&a, b)| close(a, b)), "{gradient}");
}

#[test]
fn an_epoch_by_merging_and_as_keras_prints_it() {
    let (data, outputs) = (Data::new(), mask_and_size());
    let epoch = epoch(&data, &outputs);
    let whole = OutputsState::merged(&epoch).unwrap();
    let total = outputs.value(&[("mask", &data.masks()), ("size", &data.sizes())]).unwrap();
    assert_eq!(whole.value().unwrap(), total);
    assert_eq!(whole.head("size").unwrap().value().unwrap(), 10.0);
    assert_eq!(whole.head("mask").unwrap().images(), 3);

    // The local means of the size are 2.5 and 25.
    assert_eq!(Across::ByImages.head_value(&epoch, "size").unwrap(), 10.0);
    assert_eq!(Across::Evenly.head_value(&epoch, "size").unwrap(), 13.75);
    assert_eq!(Across::Sum.head_value(&epoch, "size").unwrap(), 27.5);
    for rule in [Across::ByImages, Across::Evenly, Across::Sum] {
        let of_heads = 0.5 * rule.head_value(&epoch, "mask").unwrap()
            + 2.0 * rule.head_value(&epoch, "size").unwrap();
        assert!(close(rule.value(&epoch).unwrap(), of_heads), "{rule}");
    }
    // The batch Dice makes even the mean by images another value than the total of the whole, and with
    // outputs tracked evenly, the history does not add up.
    let loss = Across::ByImages.value(&epoch).unwrap();
    assert!((loss - total).abs() > 1e-3);
    let logged = 0.5 * Across::Evenly.head_value(&epoch, "mask").unwrap()
        + 2.0 * Across::Evenly.head_value(&epoch, "size").unwrap();
    assert!((loss - logged).abs() > 1.0);
}

#[test]
fn gradients_of_heads_under_the_rules() {
    let (data, outputs) = (Data::new(), mask_and_size());
    let ranks = epoch(&data, &outputs);
    let last = data.sizes().images(2..3).unwrap();
    let ddp = Across::Evenly.head_gradient(&ranks, 1, "size", &last).unwrap();
    assert_eq!(ddp, array![[10.0]]); // 2 · 2·5 / 1, halved
    let sum = Across::Sum.head_gradient(&ranks, 1, "size", &last).unwrap();
    assert_eq!(sum, array![[20.0]]);
    let whole = OutputsState::merged(&ranks).unwrap();
    assert!(close(whole.gradient("size", &last).unwrap()[[0, 0]], 20.0 / 3.0));
    let masks = data.masks().images(0..2).unwrap();
    let of_mask = Across::ByImages.head_gradient(&ranks, 0, "mask", &masks).unwrap();
    let (_, local) = outputs.contribution_and_gradient("mask", &masks).unwrap();
    assert!(of_mask.iter().zip(&local).all(|(a, b)| (a - 2.0 / 3.0 * b).abs() < 1e-7));
}

#[test]
fn one_batch_with_several_heads_is_a_sum_of_losses() {
    let data = Data::new();
    let masks = data.masks();
    let (bce, dice) = (loss("bce(sigmoid) > mean(all)"), loss("overlap(sigmoid) > dice(all)"));
    let outputs = Outputs::new().head("bce", 0.25, &bce).head("dice", 0.75, &dice);
    let sum = (0.25 * bce + 0.75 * dice).value(&masks).unwrap();
    let total = outputs.value(&[("bce", &masks), ("dice", &masks)]).unwrap();
    assert!((total - f64::from(sum)).abs() < 1e-6);
}

#[test]
fn a_head_that_cannot_be_made_of_parts_has_a_value_but_no_state() {
    let data = Data::new();
    let own = loss("bce(sigmoid) > weigh(balance(pixel, image)) > mean(all)");
    let outputs = Outputs::new().head("mask", 0.5, &own);
    let masks = data.masks();
    let value = own.value(&masks).unwrap();
    assert_eq!(outputs.value(&[("mask", &masks)]).unwrap(), 0.5 * f64::from(value));
    let error = OutputsState::new(&outputs).observe(&[("mask", &masks)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMergeable);
    assert!(error.to_string().starts_with("head `mask`: state: "), "{error}");
}

#[test]
fn an_error_leaves_the_state_as_it_was() {
    let (data, outputs) = (Data::new(), mask_and_size());
    let mut state = epoch(&data, &outputs).remove(0);
    let before = state.value().unwrap();
    let bad = array![[f64::NAN], [0.0], [0.0]];
    let bad = Batch::new(Layout::NC, &bad, &data.true_size).unwrap();
    let error = state.observe(&[("mask", &data.masks()), ("size", &bad)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Domain);
    assert!(error.to_string().starts_with("head `size`: prediction"), "{error}");
    assert_eq!(state.value().unwrap(), before);
    assert_eq!(state.head("mask").unwrap().images(), 2);

    let other = OutputsState::new(&Outputs::new().head("mask", 1.0, outputs.heads()[0].loss()));
    let error = state.merge(&other).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMergeable);
    assert_eq!(state.value().unwrap(), before);
    let mut gradient = array![[7.0]];
    assert!(state.gradient_into("size", &data.sizes(), &mut gradient).is_err());
    assert_eq!(gradient, array![[7.0]]);
}

#[test]
fn errors_name_the_head_and_list_the_heads() {
    let (data, outputs) = (Data::new(), mask_and_size());
    let (masks, sizes) = (data.masks(), data.sizes());
    let says = |found: Result<f64, Error>, kind, words: &str| {
        let error = found.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (kind, words));
    };
    says(
        outputs.value(&[("mask", &masks)]),
        ErrorKind::Head,
        "head `size`: has no batch; the heads are `mask`, `size`",
    );
    says(
        outputs.value(&[("mask", &masks), ("mask", &masks)]),
        ErrorKind::Head,
        "head `mask`: has two batches, expected one; the heads are `mask`, `size`",
    );
    says(
        outputs.value(&[("mask", &masks), ("size", &sizes), ("edge", &masks)]),
        ErrorKind::Head,
        "head `edge`: is unknown; the heads are `mask`, `size`",
    );
    says(
        outputs.contribution_and_gradient("edge", &masks).map(|found| found.0),
        ErrorKind::Head,
        "head `edge`: is unknown; the heads are `mask`, `size`",
    );
    let nothing: Vec<OutputsState> = Vec::new();
    says(
        Across::Evenly.value(&nothing),
        ErrorKind::Empty,
        "parts: there are none, expected at least one",
    );
    let epoch = epoch(&data, &outputs);
    says(
        Across::Evenly.head_value(&epoch, "edge"),
        ErrorKind::Head,
        "head `edge`: is unknown; the heads are `mask`, `size`",
    );
    says(
        Outputs::new().value(&[]),
        ErrorKind::Head,
        "heads: there are none, expected at least one",
    );
    says(
        Outputs::new()
            .head("mask", f64::NAN, &loss("bce(sigmoid) > mean(all)"))
            .value(&[("mask", &masks)]),
        ErrorKind::Order,
        "head `mask`: has coefficient NaN, expected a finite one",
    );
    says(
        Outputs::new()
            .head("mask", 1.0, &loss("bce(sigmoid) > mean(pixel)").reduce(lossfold::mean(Pixel)))
            .value(&[("mask", &masks)]),
        ErrorKind::Order,
        "head `mask`: order: step `mean(pixel)` is over pixel, which is gone; left are class, image",
    );
    says(
        OutputsState::new(&outputs).value(),
        ErrorKind::Empty,
        "head `mask`: state: of `overlap(sigmoid) > dice(pixel, image; smooth=1) > mean(class)` has observed nothing",
    );
}

#[test]
fn heads_of_different_numbers_of_images_have_no_mean_by_images() {
    let (data, outputs) = (Data::new(), mask_and_size());
    let mut state = OutputsState::new(&outputs);
    let sizes = data.sizes().images(0..2).unwrap();
    state.observe(&[("mask", &data.masks()), ("size", &sizes)]).unwrap();
    let error = Across::ByImages.value([&state]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "part 0: head `size`: has seen 2 images, expected 3 like head `mask`"
    );
    assert_eq!(Across::Evenly.value([&state]).unwrap(), state.value().unwrap());
}

#[test]
fn outputs_print_as_a_sum_and_are_equal_by_what_they_hold() {
    let (bce, dice) = (loss("bce(sigmoid) > mean(all)"), loss("overlap(sigmoid) > dice(all)"));
    let outputs = Outputs::new().head("a", -1.0, &bce).head("b", -0.5, &dice).head("c", 2.0, &bce);
    assert_eq!(
        outputs.to_string(),
        "-1 * a: (bce(sigmoid) > mean(all)) - 0.5 * b: (overlap(sigmoid) > dice(all)) \
         + 2 * c: (bce(sigmoid) > mean(all))"
    );
    assert_eq!(outputs, outputs.clone());
    assert_ne!(outputs, Outputs::new().head("a", -1.0, &bce));
    let other = lossfold::squared(lossfold::Activation::Sigmoid)
        .reduce(lossfold::mean([Class, Pixel, Image]));
    assert_ne!(Outputs::new().head("a", 1.0, &bce), Outputs::new().head("a", 1.0, &other));
}
