//! Predictions of half precision, whose sums are taken in f32.

use burn::tensor::{DType, Device, Tensor};
use lossfold::{Layout, Loss};

use crate::tensors::Way;

/// One image of 512 × 512 pixels that are all predicted and all true.
const SHAPE: [usize; 4] = [1, 1, 512, 512];

fn ones(dtype: DType) -> Tensor<4> {
    Tensor::ones(SHAPE, (&Device::flex().autodiff(), dtype)).require_grad()
}

#[test]
fn a_sum_of_a_quarter_of_a_million_ones_does_not_overflow() {
    let dice: Loss = "overlap(probability) > dice(all)".parse().expect("a loss");
    let sum: Loss = "predicted(probability) > sum(all)".parse().expect("a loss");
    for dtype in [DType::F16, DType::BF16] {
        for way in [Way::Forward, Way::Lowered] {
            let p = ones(dtype);
            let value = way.value(&dice, p.clone(), ones(dtype), Layout::NCHW).expect("a value");
            let gradient = p.grad(&value.backward()).expect("a gradient");
            assert_eq!(gradient.dtype(), dtype, "{way:?}");
            assert_eq!((value.dtype(), value.into_scalar::<f32>()), (DType::F32, 0.0), "{way:?}");

            let value = way.value(&sum, ones(dtype), ones(dtype), Layout::NCHW).expect("a value");
            assert_eq!(value.into_scalar::<f32>(), 262_144.0, "{way:?}");
        }
    }
}

#[test]
fn a_sum_in_f16_would_overflow() {
    assert_eq!(ones(DType::F16).sum().into_scalar::<f32>(), f32::INFINITY);
}
