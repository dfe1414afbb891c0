//! Activations and element formulas, with their derivatives.

use ndarray::{Array3, ArrayView1, Axis, Zip};

use super::data::{Data, check_classes};
use super::sum::sum;
use crate::element::{Activation, Bce, Element};
use crate::error::{Error, ErrorKind, Result};

/// A prediction after its activation: p, ln p and ln(1 - p) of every cell.
pub(super) struct Activated {
    activation: Activation,
    /// The prediction before the activation.
    x: Array3<f64>,
    pub(super) p: Array3<f64>,
    ln_p: Array3<f64>,
    ln_q: Array3<f64>,
}

/// The derivatives of a value with respect to p, to ln p and to ln(1 - p): a formula uses those in
/// which it is exact.
#[derive(Clone, Copy, Default)]
pub(super) struct Slope {
    pub(super) p: f64,
    pub(super) ln_p: f64,
    pub(super) ln_q: f64,
}

/// ln(1 + e^x).
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// ln Σ e^x.
fn log_sum_exp(logits: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = logits.clone().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + sum(logits.map(|x| (x - largest).exp())).ln()
}

impl Activated {
    pub(super) fn new(activation: Activation, x: &Array3<f64>) -> Self {
        let x = x.clone();
        let by_logits = |ln_p: Array3<f64>, ln_q: Array3<f64>| (ln_p.mapv(f64::exp), ln_p, ln_q);
        let by_p = |p: Array3<f64>| {
            let (ln_p, ln_q) = (p.mapv(f64::ln), p.mapv(|p| (-p).ln_1p()));
            (p, ln_p, ln_q)
        };
        let (p, ln_p, ln_q) = match activation {
            Activation::Probability | Activation::Identity => by_p(x.clone()),
            Activation::Sigmoid => by_logits(x.mapv(|x| -softplus(-x)), x.mapv(|x| -softplus(x))),
            Activation::Softmax => {
                let over_classes = |formula: fn(ArrayView1<'_, f64>, usize) -> f64| {
                    let mut result = x.clone();
                    Zip::from(result.lanes_mut(Axis(0))).and(x.lanes(Axis(0))).for_each(
                        |mut result, x| {
                            for (class, value) in result.iter_mut().enumerate() {
                                *value = formula(x, class);
                            }
                        },
                    );
                    result
                };
                by_logits(
                    over_classes(|x, class| x[class] - log_sum_exp(x.iter().copied())),
                    over_classes(|x, class| {
                        let others =
                            x.iter().copied().enumerate().filter(move |&(c, _)| c != class);
                        log_sum_exp(others.map(|(_, x)| x)) - log_sum_exp(x.iter().copied())
                    }),
                )
            }
            Activation::Normalize => {
                let mut p = x.clone();
                for mut pixel in p.lanes_mut(Axis(0)) {
                    let total = sum(pixel.iter().copied());
                    pixel.mapv_inplace(|x| x / total);
                }
                by_p(p)
            }
        };
        Self { activation, x, p, ln_p, ln_q }
    }

    /// Refuses pixels that are read and whose scores sum to 0, where a sum divides.
    pub(super) fn check(&self, live: &Array3<bool>) -> Result<()> {
        let bad = |(cell, p): ((usize, usize, usize), &f64)| live[cell] && p.is_nan();
        if self.activation == Activation::Normalize
            && let Some(((_, pixel, image), _)) = self.p.indexed_iter().find(|&(c, p)| bad((c, p)))
        {
            return Err(Error::new(
                ErrorKind::Domain,
                format!(
                    "prediction: the scores of pixel {pixel}, image {image} sum to 0; \
                     `normalize` divides by that sum"
                ),
            ));
        }
        Ok(())
    }

    /// Adds to `gradient` what `slope`, times `adjoint` per cell, means for the prediction.
    pub(super) fn pull(
        &self,
        slope: &Array3<Slope>,
        adjoint: &Array3<f64>,
        gradient: &mut Array3<f64>,
    ) {
        let (classes, pixels, images) = self.x.dim();
        for (pixel, image) in ndarray::indices((pixels, images)) {
            for c in 0..classes {
                let adjoint = adjoint[[c, pixel, image]];
                if adjoint == 0.0 {
                    continue;
                }
                let slope = slope[[c, pixel, image]];
                let couples =
                    matches!(self.activation, Activation::Softmax | Activation::Normalize);
                for k in if couples { 0..classes } else { c..c + 1 } {
                    let derivative = self.derivative(slope, (c, k), (pixel, image));
                    if derivative != 0.0 {
                        gradient[[k, pixel, image]] += adjoint * derivative;
                    }
                }
            }
        }
    }

    /// The derivative of a value of class c with respect to the prediction of class k.
    fn derivative(&self, slope: Slope, (c, k): (usize, usize), at: (usize, usize)) -> f64 {
        let cell = |class: usize| (class, at.0, at.1);
        let p = |class| self.p[cell(class)];
        let q = |class| self.ln_q[cell(class)].exp();
        let times = |slope: f64, derivative: f64| {
            if slope == 0.0 { 0.0 } else { slope * derivative }
        };
        match self.activation {
            Activation::Probability | Activation::Identity if c == k => {
                times(slope.p, 1.0) + times(slope.ln_p, 1.0 / p(c))
                    - times(slope.ln_q, 1.0 / (1.0 - p(c)))
            }
            Activation::Sigmoid if c == k => {
                times(slope.p, p(c) * q(c)) + times(slope.ln_p, q(c)) - times(slope.ln_q, p(c))
            }
            Activation::Softmax if c == k => {
                times(slope.p, p(c) * q(c)) + times(slope.ln_p, q(c)) - times(slope.ln_q, p(c))
            }
            Activation::Softmax => {
                let (ln_p, ln_q) = (|class| self.ln_p[cell(class)], self.ln_q[cell(c)]);
                times(slope.p, -p(c) * p(k)) - times(slope.ln_p, p(k))
                    + times(slope.ln_q, (ln_p(c) + ln_p(k) - ln_q).exp())
            }
            Activation::Normalize => {
                let total = sum((0..self.x.dim().0).map(|class| self.x[cell(class)]));
                let of_p = (f64::from(c == k) - p(c)) / total;
                times(slope.p, of_p) + times(slope.ln_p, of_p / p(c))
                    - times(slope.ln_q, of_p / (1.0 - p(c)))
            }
            _ => 0.0,
        }
    }
}

/// The value of every cell that is read, and its slope.
pub(super) fn evaluate(
    element: &Element,
    data: &Data<'_>,
    activated: &Activated,
    live: &Array3<bool>,
) -> Result<(Array3<f64>, Array3<Slope>)> {
    let shape = live.dim();
    let mut value = Array3::zeros(shape);
    let mut slope = Array3::from_elem(shape, Slope::default());
    if let Element::Bce(Bce { positive: Some(weights), .. }) = element
        && weights.len() != 1
    {
        check_classes(&format!("source `{element}`: positive"), weights.len(), data.extents.class)?;
    }
    for (cell, _) in live.indexed_iter().filter(|(_, live)| **live) {
        let (p, t) = (activated.p[cell], data.target[cell]);
        (value[cell], slope[cell]) = match element {
            Element::Bce(bce) => {
                let of_class = |weights: &Vec<f64>| weights[cell.0.min(weights.len() - 1)];
                let positive = bce.positive.as_ref().map_or(1.0, of_class);
                let (ln_p, ln_q) = (activated.ln_p[cell], activated.ln_q[cell]);
                let t = bce.smoothing.map_or(t, |smoothing| {
                    let (a, b) = smoothing.line(data.extents.class);
                    a * t + b
                });
                binary_cross_entropy(bce, data.narrow, (positive * t, 1.0 - t), (p, ln_p, ln_q))
            }
            Element::Squared(_) => {
                ((p - t).powi(2), Slope { p: 2.0 * (p - t), ..Slope::default() })
            }
            Element::Absolute(_) => ((p - t).abs(), Slope { p: sign(p - t), ..Slope::default() }),
            Element::Own { formula, .. } => {
                (formula.value(p, t), Slope { p: formula.derivative(p, t), ..Slope::default() })
            }
        };
    }
    Ok((value, slope))
}

/// The sign of a number; 0 of 0.
pub(super) fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

/// -(a ln p + b ln(1 - p)), where a = w t and b = 1 - t; a term whose factor is 0 is 0.
fn binary_cross_entropy(
    bce: &Bce,
    narrow: fn(f64) -> f64,
    (a, b): (f64, f64),
    (p, ln_p, ln_q): (f64, f64, f64),
) -> (f64, Slope) {
    let times = |factor: f64, x: f64| if factor == 0.0 { 0.0 } else { factor * x };
    if let Some(floor) = bce.log_floor {
        let value = -(times(a, ln_p.max(floor)) + times(b, ln_q.max(floor)));
        let slope = (b * p - a * (1.0 - p)) / (p * (1.0 - p)).max(1e-12);
        return (value, Slope { p: slope, ..Slope::default() });
    }
    if bce.clip.is_none() && bce.epsilon.is_none() {
        let value = -(times(a, ln_p) + times(b, ln_q));
        return (value, Slope { p: 0.0, ln_p: -a, ln_q: -b });
    }
    let (least, most) = match bce.clip {
        Some(clip) => (narrow(clip), narrow(1.0 - narrow(clip))),
        None => (0.0, 1.0),
    };
    let clipped = p.clamp(least, most);
    let epsilon = bce.epsilon.unwrap_or(0.0);
    let (over, under) = (clipped + epsilon, 1.0 - clipped + epsilon);
    let value = -(times(a, over.ln()) + times(b, under.ln()));
    let slope = if p == clipped { times(b, 1.0 / under) - times(a, 1.0 / over) } else { 0.0 };
    (value, Slope { p: slope, ..Slope::default() })
}
