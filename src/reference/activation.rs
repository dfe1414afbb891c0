//! Activations: what a prediction means, and how a value's slope comes back to it.

use ndarray::{Array3, ArrayView1, Axis, Zip};

use super::sum::sum;
use crate::element::Activation;
use crate::error::{Error, ErrorKind, Result};

/// A prediction after its activation: p, ln p and ln(1 - p) of every cell.
pub(super) struct Activated {
    activation: Activation,
    /// The prediction before the activation.
    x: Array3<f64>,
    pub(super) p: Array3<f64>,
    pub(super) ln_p: Array3<f64>,
    pub(super) ln_q: Array3<f64>,
}

/// A prediction and a target, as a cross-entropy sees them.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    pub(super) activation: Activation,
    /// The prediction before its activation.
    pub(super) x: f64,
    pub(super) p: f64,
    pub(super) ln_p: f64,
    pub(super) ln_q: f64,
    /// The target after smoothing.
    pub(super) t: f64,
    /// Whether p stands on a bound, and does not change with x.
    pub(super) bound: bool,
}

/// The derivatives of a value with respect to p, to ln p and to ln(1 - p): a formula uses those in
/// which it is exact.
#[derive(Clone, Copy, Default)]
pub(super) struct Slope {
    pub(super) p: f64,
    pub(super) ln_p: f64,
    pub(super) ln_q: f64,
}

impl Slope {
    pub(super) fn plus(self, other: Self) -> Self {
        Self { p: self.p + other.p, ln_p: self.ln_p + other.ln_p, ln_q: self.ln_q + other.ln_q }
    }
}

/// A product in which a factor of 0 gives 0, whatever the other.
pub(super) fn times(factor: f64, x: f64) -> f64 {
    if factor == 0.0 || x == 0.0 { 0.0 } else { factor * x }
}

/// ln(1 + e^x).
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// ln(1 - e^x), for x of at most 0.
fn ln_of_rest(x: f64) -> f64 {
    if x < -1.0 { (-x.exp()).ln_1p() } else { (-x.exp_m1()).ln() }
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
            Activation::LogProbability => by_logits(x.clone(), x.mapv(ln_of_rest)),
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

    pub(super) fn cell(&self, at: (usize, usize, usize), t: f64) -> Cell {
        Cell {
            activation: self.activation,
            x: self.x[at],
            p: self.p[at],
            ln_p: self.ln_p[at],
            ln_q: self.ln_q[at],
            t,
            bound: false,
        }
    }

    /// Refuses pixels that are read and whose scores sum to 0, where a sum divides.
    /// The first is named, where `index` has the order of the user's axes.
    pub(super) fn check(
        &self,
        live: &Array3<bool>,
        index: impl Fn((usize, usize, usize)) -> Vec<usize>,
    ) -> Result<()> {
        let bad = self.p.indexed_iter().filter(|&(cell, p)| live[cell] && p.is_nan());
        let first = bad.map(|((_, pixel, image), _)| (pixel, image));
        if self.activation == Activation::Normalize
            && let Some((pixel, image)) =
                first.min_by_key(|&(pixel, image)| index((0, pixel, image)))
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

    /// p - t. Of a logit or logarithm it is t (p - 1) + (1 - t) p, where 1 - p keeps its digits though p is
    /// nearly 1.
    pub(super) fn error(&self, cell: (usize, usize, usize), t: f64) -> f64 {
        let p = self.p[cell];
        match self.activation {
            Activation::LogProbability | Activation::Sigmoid | Activation::Softmax => {
                (1.0 - t) * p - t * self.ln_q[cell].exp()
            }
            _ => p - t,
        }
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
        match self.activation {
            Activation::Probability | Activation::Identity if c == k => {
                times(slope.p, 1.0) + times(slope.ln_p, 1.0 / p(c))
                    - times(slope.ln_q, 1.0 / (1.0 - p(c)))
            }
            Activation::LogProbability if c == k => {
                times(slope.p, p(c)) + slope.ln_p - times(slope.ln_q, p(c) / q(c))
            }
            Activation::Sigmoid | Activation::Softmax if c == k => {
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
