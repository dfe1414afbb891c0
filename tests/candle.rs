//! Losses on tensors of candle, against the reference.

mod strategy;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use candle_core::{DType, Device, Tensor, Var};
use lossfold::candle::Target;
use lossfold::{Axis, ErrorKind, Layout, Loss, Weight};
use ndarray::ArrayD;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use strategy::nested::compare::{Outcome, Said, Verdict, held, reference, verdict};
use strategy::nested::data::case;
use strategy::nested::{Case, Target as Truth};
use strategy::random::config;

/// A tensor whose last axis is the farthest in memory, so that no axis lies where the shape says.
fn reversed(array: &ArrayD<f64>, dtype: DType) -> Tensor {
    let values: Vec<f64> = array.t().iter().copied().collect();
    let tensor = Tensor::from_vec(values, array.t().shape(), &Device::Cpu).expect("a tensor");
    let axes: Vec<usize> = (0..array.ndim()).rev().collect();
    tensor.to_dtype(dtype).and_then(|tensor| tensor.permute(axes)).expect("a tensor")
}

/// The target of a case with the weights that its loss names.
fn target(case: &Case) -> Target {
    let mut target = match &case.target {
        Truth::Dense(_, target) => Target::dense(reversed(target, DType::F64)),
        Truth::Labels(_, labels, ignored) => {
            let values: Vec<i64> = labels.iter().copied().collect();
            let labels = Tensor::from_vec(values, labels.shape(), &Device::Cpu).expect("a tensor");
            let target = Target::labels(labels);
            ignored.map_or(target.clone(), |ignored| target.ignore(ignored))
        }
    };
    let named = case.chain.weights();
    if named.contains(&Weight::Image) {
        target = target.with_image_weights(reversed(&case.image, DType::F64));
    }
    if named.contains(&Weight::Map) {
        target = target.with_map(case.map.0, reversed(&case.map.2, DType::F64));
    }
    if named.contains(&Weight::Mask) {
        target = target.with_mask(case.mask.0, reversed(&case.mask.2, DType::U8));
    }
    target
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.to_dtype(DType::F64).and_then(|tensor| tensor.flatten_all());
    tensor.and_then(|tensor| tensor.to_vec1()).expect("numbers")
}

/// The value of a loss of a case's tensors and, times 2 and by 2, its gradient.
fn said(case: &Case, loss: &Loss) -> Said {
    let dtype = if case.single { DType::F32 } else { DType::F64 };
    let x = Var::from_tensor(&reversed(&case.prediction, dtype)).expect("a variable");
    let value = loss.forward_candle(&x, target(case), case.layout)?;
    let gradients = (&value * 2.0).and_then(|twice| twice.backward()).expect("gradients");
    let gradient = gradients.get(&x).expect("a gradient");
    let gradient = numbers(gradient).iter().map(|slope| slope / 2.0).collect();
    let shape = case.prediction.raw_dim();
    let gradient = ArrayD::from_shape_vec(shape, gradient).expect("the shape of the prediction");
    Ok(Outcome { value: numbers(&value)[0], gradient: Some(gradient) })
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn the_operation_agrees_with_the_reference(case in case()) {
        let found = said(&case, &case.loss());
        let compared = held(&case, &found).map_err(TestCaseError::fail)?;
        prop_assume!(compared);
    }
}

#[test]
fn a_sum_in_the_place_of_a_mean_is_refused() {
    let mut runner = TestRunner::deterministic();
    let (mut refused, mut all) = (0, 0);
    for _ in 0..400 {
        let case = case().new_tree(&mut runner).expect("a case").current();
        let text = case.loss().to_string().replace("> mean(", "> sum(");
        let (Ok(wrong), Ok(known)) = (text.parse::<Loss>(), reference(&case)) else { continue };
        // Over one cell, and of nothing, the two are the same.
        let same = wrong == case.loss() || known.value == 0.0 || case.prediction.len() < 8;
        let Some(found) = said(&case, &wrong).ok().filter(|_| !same && known.value.is_finite())
        else {
            continue;
        };
        all += 1;
        refused += usize::from(verdict(&case, &Ok(known), &Ok(found)) != Verdict::Same);
    }
    assert!(all > 20 && refused * 10 > all * 8, "{refused} of {all}");
}

fn loss(text: &str) -> Loss {
    text.parse().expect("a loss")
}

fn zeros(shape: &[usize], dtype: DType) -> Tensor {
    Tensor::zeros(shape, dtype, &Device::Cpu).expect("a tensor")
}

#[test]
fn half_precision_is_summed_in_single() {
    // Of 262144 ones, f16 holds no sum.
    let ones = zeros(&[1, 1, 512, 512], DType::F16).ones_like().expect("ones");
    for dtype in [DType::F16, DType::BF16] {
        let p = Var::from_tensor(&ones.to_dtype(dtype).expect("ones")).expect("a variable");
        let sum = loss("predicted(probability) > sum(all)");
        let value = sum.forward_candle(&p, ones.clone(), Layout::NCHW).expect("a value");
        assert_eq!(value.to_scalar::<f32>().expect("f32"), 262_144.0);
        let gradients = value.backward().expect("gradients");
        assert_eq!(gradients.get(&p).expect("a gradient").dtype(), dtype);
    }
}

#[test]
fn what_was_broadcast_is_read_as_what_it_shows() {
    let mask = Tensor::new(&[[1_u8], [0]], &Device::Cpu).and_then(|mask| mask.broadcast_as((2, 3)));
    let target = Target::from(zeros(&[2, 5, 3], DType::F32))
        .with_mask([Axis::Image, Axis::Pixel], mask.expect("a mask"));
    let layout = "image class pixel".parse().expect("a layout");
    let counted = loss("predicted(sigmoid) > weigh(mask) > sum(all)");
    let value = counted.forward_candle(&zeros(&[2, 5, 3], DType::F32), target, layout);
    assert_eq!(value.expect("a value").to_scalar::<f32>().expect("f32"), 7.5);
}

#[test]
fn prediction_and_target_may_share_a_memory_that_another_thread_writes() {
    let both = Var::zeros((2, 6, 8, 8), DType::F32, &Device::Cpu).expect("a variable");
    let other = both.ones_like().expect("ones");
    let (written, squared) = (both.clone(), loss("squared(identity) > mean(all)"));
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        for _ in 0..2000 {
            let half = |from| both.narrow(1, from, 3).expect("a half");
            let value = squared.forward_candle(&half(0), half(3), Layout::NCHW).expect("a value");
            assert_eq!(value.to_scalar::<f32>().expect("f32"), 0.0);
        }
        done.send(()).expect("a test that waits");
    });
    thread::spawn(move || while written.set(&other).is_ok() {});
    is_done.recv_timeout(Duration::from_secs(60)).expect("an end");
}

#[test]
fn what_cannot_be_read_is_named() {
    let layout = "image class pixel".parse().expect("a layout");
    let bce = loss("bce(sigmoid) > mean(all)");
    let refuse = |prediction: Tensor, target: Target| {
        let error = bce.forward_candle(&prediction, target, layout).expect_err("refused");
        (error.kind(), error.to_string())
    };
    let right = || zeros(&[2, 5, 3], DType::F32);
    assert_eq!(
        refuse(zeros(&[2, 5, 3], DType::U32), right().into()),
        (ErrorKind::Backend, "prediction: has the type U32, expected F64, F32, F16 or BF16".into())
    );
    assert_eq!(
        refuse(right(), zeros(&[2, 4], DType::U32).into()),
        (
            ErrorKind::Shape,
            "labels: has shape [2, 4], expected [2, 3], the shape of the prediction without its class axis"
                .into()
        )
    );
    assert_eq!(
        refuse(right(), Target::labels(zeros(&[2, 3], DType::F32))),
        (ErrorKind::Backend, "labels: has the type F32, expected integers".into())
    );
    let twice = Target::dense(right()).with_image_weights(zeros(&[2], DType::F32));
    let (kind, message) = refuse(right(), twice.with_image_weights(zeros(&[2], DType::F32)));
    assert!(message.contains("image weights"), "{kind:?}: {message}");
}
