//! Plain ndarray, as one would write it without a library of losses: on one thread, the value only.

use std::rc::Rc;

use ndarray::{Array4, ArrayView4, Axis, Zip};

use super::Arrays;
use crate::cell::{Call, Called};
use crate::data::Layout;
use crate::workload::{Kind, Workload};

pub fn call(workload: &'static Workload, arrays: &Rc<Arrays>) -> Box<dyn Call> {
    let arrays = Rc::clone(arrays);
    let weights = arrays.layout.per_class(workload.weights);
    Box::new(move || {
        let (x, t) = (arrays.prediction(workload).view(), arrays.target.view());
        Called::value(value(workload.kind, x, t, &weights, arrays.layout) as f32)
    })
}

fn value(
    kind: Kind,
    x: ArrayView4<'_, f32>,
    t: ArrayView4<'_, f32>,
    weights: &Array4<f32>,
    layout: Layout,
) -> f64 {
    match kind {
        Kind::BceProbability => mean(x, t, bce),
        Kind::BceSigmoid => mean(x, t, bce_logits),
        Kind::ClassWeightedBce => weighted_bce(x, t, weights),
        Kind::DiceProbability => dice(x, t, layout),
        Kind::WeightedBceDice => {
            weighted_bce(x, t, weights) + dice(x.mapv(sigmoid).view(), t, layout)
        }
        Kind::BceSigmoidByPixel => {
            let cells = Zip::from(x).and(t).map_collect(|&x, &t| bce_logits(x, t));
            let pixels = cells.mean_axis(Axis(layout.class())).expect("classes");
            let images = pixels.outer_iter().map(|image| image.mean().expect("pixels"));
            f64::from(images.sum::<f32>()) / x.len_of(Axis(0)) as f64
        }
        Kind::CrossEntropy => {
            let p = softmax(x, layout);
            let cells = Zip::from(&p).and(t).and_broadcast(weights);
            let sum = cells.fold(0.0, |sum, &p, &t, &w| sum - f64::from(w * t * p.ln()));
            sum / (x.len() / x.len_of(Axis(layout.class()))) as f64
        }
        Kind::DiceSoftmax => dice(softmax(x, layout).view(), t, layout),
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn bce(p: f32, t: f32) -> f32 {
    -(t * p.ln() + (1.0 - t) * (-p).ln_1p())
}

fn bce_logits(x: f32, t: f32) -> f32 {
    x.max(0.0) - x * t + (-x.abs()).exp().ln_1p()
}

fn mean(x: ArrayView4<'_, f32>, t: ArrayView4<'_, f32>, of: fn(f32, f32) -> f32) -> f64 {
    Zip::from(x).and(t).fold(0.0, |sum, &x, &t| sum + f64::from(of(x, t))) / x.len() as f64
}

fn weighted_bce(x: ArrayView4<'_, f32>, t: ArrayView4<'_, f32>, weights: &Array4<f32>) -> f64 {
    let cells = Zip::from(x).and(t).and_broadcast(weights);
    cells.fold(0.0, |sum, &x, &t, &w| sum + f64::from(w * bce_logits(x, t))) / x.len() as f64
}

fn softmax(x: ArrayView4<'_, f32>, layout: Layout) -> Array4<f32> {
    let class = Axis(layout.class());
    let most = x.fold_axis(class, f32::NEG_INFINITY, |&most, &x| most.max(x)).insert_axis(class);
    let exp = (&x - &most).mapv_into(f32::exp);
    let total = exp.sum_axis(class).insert_axis(class);
    exp / total
}

/// Per image and class, then on average.
fn dice(p: ArrayView4<'_, f32>, t: ArrayView4<'_, f32>, layout: Layout) -> f64 {
    let class = Axis(layout.class());
    let (mut sum, mut count) = (0.0, 0.0);
    for (p, t) in p.axis_iter(class).zip(t.axis_iter(class)) {
        for (p, t) in p.outer_iter().zip(t.outer_iter()) {
            let (both, either) = Zip::from(p).and(t).fold((0.0, 0.0), |(both, either), &p, &t| {
                (both + f64::from(p * t), either + f64::from(p + t))
            });
            sum += 1.0 - (2.0 * both + 1.0) / (either + 1.0);
            count += 1.0;
        }
    }
    sum / count
}
