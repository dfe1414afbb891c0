//! burn, on its CPU backend.

use burn::tensor::activation::{log_sigmoid, log_softmax, sigmoid, softmax};
use burn::tensor::{Device, Tensor, TensorData};
use lossfold::{Layout, Loss};
use ndarray::Array4;

use crate::{Data, Kind, Way};

pub fn ways<'a>(kind: Kind, loss: &'a Loss, data: &Data) -> [Way<'a>; 3] {
    let tensor = |array: &Array4<f32>| -> Tensor<4> {
        let numbers: Vec<f32> = array.iter().copied().collect();
        Tensor::from_data(TensorData::new(numbers, array.shape().to_vec()), &Device::flex())
    };
    let (x, t) = (tensor(&data.logits), tensor(&data.target));
    let way = move |value: Box<dyn Fn(Tensor<4>, Tensor<4>) -> Tensor<1> + 'a>| {
        let (x, t) = (x.clone(), t.clone());
        Box::new(move || {
            let x = x.clone().autodiff().require_grad();
            let value = value(x.clone(), t.clone());
            x.grad_remove(&mut value.backward()).expect("a gradient");
            value.into_scalar()
        })
    };
    let operation = Box::new(|x, t: Tensor<4>| loss.forward(x, t, Layout::NCHW).expect("a value"));
    let lowered =
        Box::new(|x, t: Tensor<4>| loss.forward_lowered(x, t, Layout::NCHW).expect("a value"));
    [
        ("burn, `forward`", way(operation)),
        ("burn, `forward_lowered`", way(lowered)),
        ("burn, by hand", way(Box::new(move |x, t| by_hand(kind, x, t)))),
    ]
}

fn by_hand(kind: Kind, x: Tensor<4>, t: Tensor<4>) -> Tensor<1> {
    match kind {
        Kind::Bce => bce(x, t),
        Kind::BceDice => bce(x.clone(), t.clone()) + dice(sigmoid(x), t),
        Kind::CrossEntropy => (log_softmax(x, 1) * t).sum_dim(1).mean().neg(),
        Kind::SoftmaxDice => dice(softmax(x, 1), t),
    }
}

/// As burn's own loss has it.
fn bce(x: Tensor<4>, t: Tensor<4>) -> Tensor<1> {
    (t.neg().add_scalar(1.0) * x.clone() - log_sigmoid(x)).mean()
}

fn dice(p: Tensor<4>, t: Tensor<4>) -> Tensor<1> {
    let both = (p.clone() * t.clone()).sum_dims(&[2, 3]).mul_scalar(2.0).add_scalar(1.0);
    let either = (p.sum_dims(&[2, 3]) + t.sum_dims(&[2, 3])).add_scalar(1.0);
    (both / either).mean().neg().add_scalar(1.0)
}
