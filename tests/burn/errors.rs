//! What is wrong before a number is looked at, and what is NaN since nobody waits for numbers.

use burn::tensor::{Bool, Device, Int, Tensor};
use lossfold::Axis::{Image, Pixel};
use lossfold::burn::Target;
use lossfold::{
    Activation, ElementFormula, ErrorKind, Layout, Loss, Over, RatioFormula, Sums, element, mean,
    overlap,
};

use crate::tensors::Way;

fn zeros<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::zeros(shape, &Device::flex())
}

fn loss(text: &str) -> Loss {
    text.parse().expect("a loss")
}

/// Both ways to the value say the same.
fn refused(loss: &Loss, prediction: &Tensor<3>, target: &Target) -> (ErrorKind, String) {
    let layout = "image class pixel".parse().expect("a layout");
    let [one, other] = [Way::Forward, Way::Lowered].map(|way| {
        way.value(loss, prediction.clone(), target.clone(), layout).expect_err("refused")
    });
    assert_eq!(one, other);
    (one.kind(), one.to_string())
}

#[test]
fn shapes_that_do_not_belong_together_are_named_with_both() {
    let bce = loss("bce(sigmoid) > mean(all)");
    let refuse = |target: Target| refused(&bce, &zeros([2, 5, 3]), &target);
    assert_eq!(
        refuse(zeros([2, 3, 5]).into()),
        (
            ErrorKind::Shape,
            "target: has shape [2, 3, 5], expected [2, 5, 3], the extents of the prediction per class, \
             pixel, image"
                .into()
        )
    );
    let labels = Tensor::<2, Int>::zeros([2, 4], &Device::flex());
    assert_eq!(
        refuse(labels.into()),
        (
            ErrorKind::Shape,
            "labels: has shape [2, 4], expected [2, 3], the extents of the prediction per pixel, image".into()
        )
    );
    let mask = Tensor::<2, Bool>::full([3, 2], true, &Device::flex());
    let masked = loss("bce(sigmoid) > weigh(mask) > mean(all)");
    let target = Target::dense(zeros([2, 5, 3])).with_mask([Image, Pixel], mask);
    assert_eq!(
        refused(&masked, &zeros([2, 5, 3]), &target),
        (
            ErrorKind::Shape,
            "mask: has shape [3, 2], expected [2, 3], the extents of the prediction per pixel, image".into()
        )
    );
}

#[test]
fn a_weight_that_is_not_given_or_not_named_is_refused() {
    let target = Target::dense(zeros([2, 5, 3]));
    let masked = loss("bce(sigmoid) > weigh(mask) > mean(all)");
    assert_eq!(
        refused(&masked, &zeros([2, 5, 3]), &target),
        (
            ErrorKind::Weight,
            "weight `mask`: the loss names it, but the batch does not carry it".into()
        )
    );
    let bce = loss("bce(sigmoid) > mean(all)");
    let target = target.with_image_weights(zeros([2]));
    assert_eq!(
        refused(&bce, &zeros([2, 5, 3]), &target),
        (
            ErrorKind::Weight,
            "weight `image`: the batch carries it, but the loss does not name it".into()
        )
    );
}

#[test]
fn a_weight_that_is_given_twice_is_refused() {
    let masked = loss("bce(sigmoid) > weigh(mask) > mean(all)");
    let mask = |kept| Tensor::<1, Bool>::full([2], kept, &Device::flex());
    let target = Target::dense(zeros([2, 5, 3])).with_mask(Image, mask(false));
    assert_eq!(
        refused(&masked, &zeros([2, 5, 3]), &target.with_mask(Image, mask(true))),
        (ErrorKind::Weight, "mask: given twice, expected at most once".into())
    );
}

#[test]
fn a_tracked_target_gets_no_gradient_and_leaves_that_of_the_prediction() {
    let tracked = || zeros([1, 2]).add_scalar(0.25).autodiff().require_grad();
    let bce = loss("bce(probability) > sum(all)");
    let weighed = loss("predicted(probability) > weigh(map) > mean(all)");
    for way in [Way::Forward, Way::Lowered] {
        // Of the same tensor as both, only the slope by the prediction counts, which is 0 where they agree.
        let (x, map) = (tracked(), tracked());
        let classes = [lossfold::Axis::Class, Image];
        let of_map = Target::dense(x.clone()).with_map(classes, map.clone());
        let value = way.value(&bce, x.clone(), x.clone(), Layout::NC).expect("a value");
        let other = way.value(&weighed, x.clone(), of_map, Layout::NC).expect("a value");
        let gradients = (value + other).backward();
        let gradient = x.grad(&gradients).expect("a gradient").sub_scalar(0.5).abs();
        assert!(gradient.max().into_scalar::<f32>() < 1e-6, "{way:?}");
        assert!(map.grad(&gradients).is_none(), "{way:?}");
        let constant = zeros([1, 2]).add_scalar(0.5);
        let value = way.value(&bce, constant, tracked(), Layout::NC).expect("a value");
        assert!(!value.is_tracked(), "{way:?}");
    }
}

#[test]
fn an_order_that_leaves_an_axis_is_refused() {
    let (kind, words) =
        refused(&loss("bce(sigmoid) > mean(pixel)"), &zeros([2, 5, 3]), &zeros([2, 5, 3]).into());
    assert_eq!(kind, ErrorKind::Order);
    assert!(words.ends_with("leaves class, image, expected a loss that leaves no axis"), "{words}");
}

#[test]
fn a_tensor_without_cells_has_no_lowered_loss() {
    let empty = zeros([2, 0]);
    let bce = loss("bce(sigmoid) > mean(all)");
    let error = bce.forward_lowered(empty.clone(), empty, Layout::NC).expect_err("refused");
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Shape, "prediction: has shape [2, 0], which holds no cell")
    );
}

struct Own;

impl ElementFormula for Own {
    fn value(&self, p: f64, t: f64) -> f64 {
        (p - t).powi(4)
    }
    fn derivative(&self, p: f64, t: f64) -> f64 {
        4.0 * (p - t).powi(3)
    }
}

impl RatioFormula for Own {
    fn value(&self, sums: Sums) -> f64 {
        sums.false_positive
    }
    fn derivative(&self, _: Sums) -> Sums {
        Sums { false_positive: 1.0, ..Sums::default() }
    }
}

#[test]
fn formulas_in_code_run_on_the_cpu_and_have_no_tensor_operations() {
    let own = element("quartic", Activation::Identity, Own).reduce(mean(Over::All));
    let ratio = overlap(Activation::Identity).ratio("wrong", Over::All, Own);
    let (two, zero) = (zeros([1, 1]).add_scalar(2.0), zeros([1, 1]));
    for (loss, value, says) in [
        (
            own,
            16.0,
            "burn: source `quartic(identity)` is code of your own, which has no tensor operations",
        ),
        (ratio, 2.0, "burn: ratio `wrong` is code of your own, which has no tensor operations"),
    ] {
        let found = loss.forward(two.clone(), zero.clone(), Layout::NC).expect("a value");
        assert_eq!(found.into_scalar::<f32>(), value);
        let error =
            loss.forward_lowered(two.clone(), zero.clone(), Layout::NC).expect_err("refused");
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Backend, says));
    }
}

#[test]
fn what_only_the_numbers_tell_is_an_error_on_the_cpu_and_nan_elsewhere() {
    let none = Tensor::<1, Bool>::full([1], false, &Device::flex());
    let target = Target::dense(zeros([1, 2])).with_mask(Image, none);
    let masked = loss("bce(sigmoid) > weigh(mask) > mean(all)");
    let error = masked.forward(zeros([1, 2]), target.clone(), Layout::NC).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Empty);
    let value = masked.forward_lowered(zeros([1, 2]), target, Layout::NC).expect("a value");
    assert!(value.into_scalar::<f32>().is_nan());
}

#[test]
fn what_is_masked_is_never_read() {
    let logits =
        Tensor::<2>::from_data([[f32::NAN, 0.0]], &Device::flex().autodiff()).require_grad();
    let mask = Tensor::<2, Bool>::from_data([[false, true]], &Device::flex());
    let classes = [lossfold::Axis::Class, Image];
    for text in [
        "bce(sigmoid) > weigh(mask) > mean(all)",
        "bce(sigmoid) > scale(mask) > mean(all)",
        "overlap(sigmoid) > weigh(mask) > dice(all)",
    ] {
        for way in [Way::Forward, Way::Lowered] {
            let target = Target::dense(zeros([1, 2])).with_mask(classes, mask.clone());
            let value =
                way.value(&loss(text), logits.clone(), target, Layout::NC).expect("a value");
            let gradient = logits.grad(&value.backward()).expect("a gradient");
            assert!(value.into_scalar::<f32>().is_finite(), "{text} {way:?}");
            let gradient = gradient.into_data().try_to_vec::<f32>().expect("f32");
            assert!(gradient[0] == 0.0 && gradient[1].is_finite(), "{text} {way:?}: {gradient:?}");
        }
    }
}

#[test]
fn a_certain_class_that_is_left_out_has_no_slope_though_its_logarithms_are_infinite() {
    // x = (1, 0): p moves by (0, -1) and (0, 1) with the second number, and by nothing with the first; the losses
    // are -ln p of the first class and -ln(1 - p) of the second.
    for text in
        ["bce(normalize) > without([1]) > sum(all)", "bce(normalize) > without([0]) > sum(all)"]
    {
        for way in [Way::Forward, Way::Lowered] {
            let device = Device::flex().autodiff();
            let x = Tensor::<2>::from_data([[1.0, 0.0]], &device).require_grad();
            let t = Tensor::<2>::from_data([[1.0, 0.0]], &Device::flex());
            let value = way.value(&loss(text), x.clone(), t, Layout::NC).expect("a value");
            let gradient = x.grad(&value.backward()).expect("a gradient").into_data();
            assert_eq!(gradient.try_to_vec::<f32>().expect("f32"), [0.0, 1.0], "{text} {way:?}");
        }
    }
}
