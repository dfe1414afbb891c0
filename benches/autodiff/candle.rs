//! candle, on a CPU.

use candle_core::{D, Device, Result, Tensor, Var};
use lossfold::{Layout, Loss};
use ndarray::Array4;

use crate::{Data, Kind, Way};

type Value<'a> = dyn Fn(&Tensor, &Tensor) -> Result<Tensor> + 'a;

pub fn ways<'a>(kind: Kind, loss: &'a Loss, data: &Data) -> [Way<'a>; 2] {
    let tensor = |array: &Array4<f32>| {
        let numbers: Vec<f32> = array.iter().copied().collect();
        Tensor::from_vec(numbers, array.shape(), &Device::Cpu).expect("a number per cell")
    };
    let x = Var::from_tensor(&tensor(&data.logits)).expect("a variable");
    let t = tensor(&data.target);
    let way = move |value: Box<Value<'a>>| {
        let (x, t) = (x.clone(), t.clone());
        Box::new(move || {
            let value = value(&x, &t).expect("a value");
            value.backward().expect("gradients").remove(&x).expect("a gradient");
            value.to_scalar().expect("f32")
        })
    };
    let operation = Box::new(|x: &Tensor, t: &Tensor| {
        Ok(loss.forward_candle(x, t.clone(), Layout::NCHW).expect("a value"))
    });
    [
        ("candle, `forward_candle`", way(operation)),
        ("candle, by hand", way(Box::new(move |x, t| by_hand(kind, x, t)))),
    ]
}

fn by_hand(kind: Kind, x: &Tensor, t: &Tensor) -> Result<Tensor> {
    match kind {
        Kind::Bce => bce(x, t),
        Kind::BceDice => bce(x, t)? + dice(&sigmoid(x)?, t)?,
        Kind::CrossEntropy => (log_softmax(x)? * t)?.sum(1)?.mean_all()?.neg(),
        Kind::SoftmaxDice => dice(&log_softmax(x)?.exp()?, t),
    }
}

fn sigmoid(x: &Tensor) -> Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

fn log_softmax(x: &Tensor) -> Result<Tensor> {
    let x = x.broadcast_sub(&x.max_keepdim(1)?)?;
    x.broadcast_sub(&x.exp()?.sum_keepdim(1)?.log()?)
}

/// (1 - t) x - ln sigmoid(x): exact at the logits of this data.
fn bce(x: &Tensor, t: &Tensor) -> Result<Tensor> {
    ((t.affine(-1.0, 1.0)? * x)? - sigmoid(x)?.log()?)?.mean_all()
}

fn dice(p: &Tensor, t: &Tensor) -> Result<Tensor> {
    let pixels = (D::Minus1, D::Minus2);
    let both = (p * t)?.sum(pixels)?.affine(2.0, 1.0)?;
    let either = (p.sum(pixels)? + t.sum(pixels)?)?.affine(1.0, 1.0)?;
    (both / either)?.mean_all()?.affine(-1.0, 1.0)
}
