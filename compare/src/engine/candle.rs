//! candle: expressions over tensors, the gradient by its backward pass.

use candle_core::{Device, Result, Tensor, Var};
use candle_nn::ops::{log_softmax, sigmoid, softmax};
use ndarray::Array4;

use super::Arrays;
use crate::cell::{Call, Called, Mode};
use crate::data::Layout;
use crate::workload::{Kind, Scores, Workload};

/// The arrays of one layout.
pub struct Tensors {
    layout: Layout,
    logits: Tensor,
    probabilities: Tensor,
    target: Tensor,
}

fn tensor(array: &Array4<f32>) -> Tensor {
    let numbers: Vec<f32> = array.iter().copied().collect();
    Tensor::from_vec(numbers, array.shape(), &Device::Cpu).expect("a number per cell")
}

impl Tensors {
    pub fn new(arrays: &Arrays) -> Self {
        Self {
            layout: arrays.layout,
            logits: tensor(&arrays.logits),
            probabilities: tensor(&arrays.probabilities),
            target: tensor(&arrays.target),
        }
    }
}

pub fn call(workload: &'static Workload, mode: Mode, tensors: &Tensors) -> Box<dyn Call> {
    let x = match workload.scores {
        Scores::Probability => tensors.probabilities.clone(),
        Scores::Sigmoid | Scores::Softmax => tensors.logits.clone(),
    };
    let (t, layout) = (tensors.target.clone(), tensors.layout);
    let w = tensor(&layout.per_class(workload.weights));
    match mode {
        Mode::Value => Box::new(move || {
            let value = || loss(workload.kind, &x, &t, &w, layout)?.to_scalar();
            Called::value(Device::Cpu.with_context(value).expect("a value"))
        }),
        Mode::Gradient => {
            let x = Var::from_tensor(&x).expect("a variable");
            Box::new(move || {
                let both = || -> Result<_> {
                    let loss = loss(workload.kind, &x, &t, &w, layout)?;
                    let gradient = loss.backward()?.remove(&x).expect("a gradient");
                    Ok((loss.to_scalar()?, gradient))
                };
                let (value, gradient) = Device::Cpu.with_context(both).expect("a gradient");
                let numbers = move || gradient.flatten_all().and_then(|flat| flat.to_vec1());
                Called { value, gradient: Some(Box::new(move || numbers().expect("f32"))) }
            })
        }
    }
}

fn loss(kind: Kind, x: &Tensor, t: &Tensor, w: &Tensor, layout: Layout) -> Result<Tensor> {
    let class = layout.class();
    match kind {
        Kind::BceProbability => {
            let no = (t.affine(-1.0, 1.0)? * x.affine(-1.0, 1.0)?.log()?)?;
            ((t * x.log()?)? + no)?.mean_all()?.neg()
        }
        Kind::BceSigmoid => bce_logits(x, t)?.mean_all(),
        Kind::ClassWeightedBce => bce_logits(x, t)?.broadcast_mul(w)?.mean_all(),
        Kind::DiceProbability => dice(x, t, layout),
        Kind::WeightedBceDice => {
            let bce = bce_logits(x, t)?.broadcast_mul(w)?.mean_all()?;
            bce + dice(&sigmoid(x)?, t, layout)?
        }
        Kind::BceSigmoidByPixel => {
            let pixels = bce_logits(x, t)?.mean_keepdim(class)?;
            pixels.mean_keepdim(layout.pixels().as_slice())?.mean_all()
        }
        Kind::CrossEntropy => {
            let cells = (log_softmax(x, class)? * t)?.broadcast_mul(w)?;
            cells.sum_keepdim(class)?.mean_all()?.neg()
        }
        Kind::DiceSoftmax => dice(&softmax(x, class)?, t, layout),
    }
}

/// (1 - t) x - ln sigmoid(x): in the fewest passes, and exact at the logits of this data.
fn bce_logits(x: &Tensor, t: &Tensor) -> Result<Tensor> {
    (t.affine(-1.0, 1.0)? * x)? - sigmoid(x)?.log()?
}

fn dice(p: &Tensor, t: &Tensor, layout: Layout) -> Result<Tensor> {
    let pixels = layout.pixels();
    let both = (p * t)?.sum_keepdim(pixels.as_slice())?.affine(2.0, 1.0)?;
    let either = (p.sum_keepdim(pixels.as_slice())? + t.sum_keepdim(pixels.as_slice())?)?;
    (both / either.affine(1.0, 1.0)?)?.mean_all()?.affine(-1.0, 1.0)
}
