//! burn: expressions over tensors, the gradient by its autodiff.

use burn::tensor::activation::{log_sigmoid, log_softmax, sigmoid, softmax};
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::Array4;

use super::Arrays;
use crate::cell::{Call, Called, Mode};
use crate::data::Layout;
use crate::workload::{Kind, Workload};

/// The backends by name.
pub fn devices() -> [(&'static str, Device); 2] {
    #[allow(deprecated)] // there for as long as the backend is
    let ndarray = Device::ndarray();
    [("burn-flex", Device::flex()), ("burn-ndarray", ndarray)]
}

/// The arrays of one layout on one device.
pub struct Tensors {
    layout: Layout,
    device: Device,
    logits: Tensor<4>,
    probabilities: Tensor<4>,
    target: Tensor<4>,
}

fn tensor(array: &Array4<f32>, device: &Device) -> Tensor<4> {
    let shape = array.shape().to_vec();
    Tensor::from_data(TensorData::new(array.iter().copied().collect(), shape), device)
}

impl Tensors {
    pub fn new(arrays: &Arrays, device: Device) -> Self {
        Self {
            layout: arrays.layout,
            logits: tensor(&arrays.logits, &device),
            probabilities: tensor(&arrays.probabilities, &device),
            target: tensor(&arrays.target, &device),
            device,
        }
    }
}

pub fn call(workload: &'static Workload, mode: Mode, tensors: &Tensors) -> Box<dyn Call> {
    let probability = workload.scores == crate::workload::Scores::Probability;
    let x = if probability { &tensors.probabilities } else { &tensors.logits }.clone();
    let t = tensors.target.clone();
    let layout = tensors.layout;
    let w = tensor(&layout.per_class(workload.weights), &tensors.device);
    match mode {
        Mode::Value => Box::new(move || {
            let loss = loss(workload.kind, x.clone(), t.clone(), w.clone(), layout);
            Called::value(loss.into_scalar())
        }),
        Mode::Gradient => Box::new(move || {
            let x = x.clone().autodiff().require_grad();
            let loss = loss(workload.kind, x.clone(), t.clone(), w.clone(), layout);
            let gradient = x.grad_remove(&mut loss.backward()).expect("a gradient");
            Called {
                value: loss.into_scalar(),
                gradient: Some(Box::new(|| gradient.into_data().try_to_vec().expect("f32"))),
            }
        }),
    }
}

fn loss(kind: Kind, x: Tensor<4>, t: Tensor<4>, w: Tensor<4>, layout: Layout) -> Tensor<1> {
    let class = layout.class();
    match kind {
        Kind::BceProbability => {
            let no = t.clone().neg().add_scalar(1.0) * x.clone().neg().log1p();
            (t * x.log() + no).mean().neg()
        }
        Kind::BceSigmoid => bce_logits(x, t).mean(),
        Kind::ClassWeightedBce => (bce_logits(x, t) * w).mean(),
        Kind::DiceProbability => dice(x, t, layout),
        Kind::WeightedBceDice => {
            let bce = (bce_logits(x.clone(), t.clone()) * w).mean();
            bce + dice(sigmoid(x), t, layout)
        }
        Kind::BceSigmoidByPixel => {
            bce_logits(x, t).mean_dim(class).mean_dims(&layout.pixels()).mean()
        }
        Kind::CrossEntropy => (log_softmax(x, class) * t * w).sum_dim(class).mean().neg(),
        Kind::DiceSoftmax => dice(softmax(x, class), t, layout),
    }
}

/// As burn's own loss has it.
fn bce_logits(x: Tensor<4>, t: Tensor<4>) -> Tensor<4> {
    t.neg().add_scalar(1.0) * x.clone() - log_sigmoid(x)
}

fn dice(p: Tensor<4>, t: Tensor<4>, layout: Layout) -> Tensor<1> {
    let pixels = layout.pixels();
    let both = (p.clone() * t.clone()).sum_dims(&pixels).mul_scalar(2.0).add_scalar(1.0);
    let either = (p.sum_dims(&pixels) + t.sum_dims(&pixels)).add_scalar(1.0);
    (both / either).mean().neg().add_scalar(1.0)
}
