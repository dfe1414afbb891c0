//! What a prediction means: p, 1 - p and their logarithms, with the digits that the activation allows.

use burn::tensor::activation::{log_sigmoid, log_softmax, sigmoid, softmax};
use burn::tensor::{Int, Tensor};

use super::grid::{Cells, Grid, Where, but, choose, fill, spread, total, with_slope};
use crate::axis::Axis;
use crate::element::Activation;

/// A prediction whose cells that nobody reads are harmless numbers.
pub(super) struct Activated {
    pub(super) activation: Activation,
    pub(super) x: Cells,
    class: usize,
    /// p, once for all that asks for it.
    p: Cells,
}

impl Activated {
    pub(super) fn new(grid: &Grid, activation: Activation, x: Cells, dead: Option<&Where>) -> Self {
        let class = grid.dim(Axis::Class);
        let neutral = match activation {
            Activation::Probability => 0.5,
            Activation::LogProbability => -1.0,
            Activation::Normalize => 1.0,
            Activation::Sigmoid | Activation::Softmax | Activation::Identity => 0.0,
        };
        let couples = matches!(activation, Activation::Softmax | Activation::Normalize);
        let unread = dead.cloned().map(|dead| {
            if couples {
                // These read the other classes of their pixels.
                dead.all_dim(class)
            } else {
                dead
            }
        });
        let x = but(x, unread, neutral);
        let p = match activation {
            Activation::Probability | Activation::Identity => x.clone(),
            Activation::LogProbability => x.clone().exp(),
            Activation::Sigmoid => sigmoid(x.clone()),
            Activation::Softmax => softmax(x.clone(), class),
            // Its 0 and 1 have no logarithms, which nobody asks for in a cell that nobody reads.
            Activation::Normalize => but(normalized(&x, class), dead.cloned(), 0.5),
        };
        Self { activation, x, class, p }
    }

    pub(super) fn p(&self) -> Cells {
        self.p.clone()
    }

    /// Whether ln p and ln(1 - p) are finite wherever the prediction is.
    pub(super) fn is_logit(&self) -> bool {
        match self.activation {
            Activation::Sigmoid => true,
            // One class alone has all.
            Activation::Softmax => self.x.dims()[self.class] > 1,
            _ => false,
        }
    }

    /// 1 - p.
    pub(super) fn q(&self) -> Cells {
        match self.activation {
            Activation::Probability | Activation::Identity | Activation::Normalize => {
                self.p().neg().add_scalar(1.0)
            }
            Activation::LogProbability => expm1(self.x.clone()).neg(),
            Activation::Sigmoid => sigmoid(self.x.clone().neg()),
            Activation::Softmax => self.ln_rest_of_softmax().exp(),
        }
    }

    /// ln p; of the cells that `skip` names, some number without a slope where it is infinite.
    pub(super) fn ln_p(&self, skip: Option<Where>) -> Cells {
        match self.activation {
            Activation::LogProbability => self.x.clone(),
            Activation::Sigmoid => log_sigmoid(self.x.clone()),
            Activation::Softmax => log_softmax(self.x.clone(), self.class),
            _ => but(self.p(), skip, 0.5).log(),
        }
    }

    /// ln(1 - p); of the cells that `skip` names, some number without a slope where it is infinite.
    pub(super) fn ln_q(&self, skip: Option<Where>) -> Cells {
        match self.activation {
            Activation::LogProbability => ln_of_rest(but(self.x.clone(), skip, -1.0)),
            Activation::Sigmoid => log_sigmoid(self.x.clone().neg()),
            Activation::Softmax => self.ln_rest_of_softmax(),
            _ => but(self.p(), skip, 0.5).neg().log1p(),
        }
    }

    /// ln(1 - p) of softmax. Where p is the largest of its pixel it is the logarithm of the sum of the others:
    /// 1 - p has lost its digits there.
    fn ln_rest_of_softmax(&self) -> Cells {
        let shape = self.x.dims();
        if shape[self.class] == 1 {
            // One class alone leaves nothing, whatever its logit.
            return self.x.clone().inner().zeros_like().add_scalar(f64::NEG_INFINITY);
        }
        let (largest, place) = self.x.clone().max_dim_with_indices(self.class);
        let mut range = [1; 3];
        range[self.class] = shape[self.class];
        let numbers =
            Tensor::<1, Int>::ones([shape[self.class]], &self.x.device()).cumsum(0).sub_scalar(1);
        let leads = spread(place, shape).equal(spread(numbers.reshape(range), shape));
        let largest = largest.inner();
        let all = log_sum_exp(self.x.clone(), largest, self.class);
        let others = fill(self.x.clone(), leads.clone(), f64::NEG_INFINITY);
        let second = others.clone().max_dim(self.class).inner();
        let rest = log_sum_exp(others, second, self.class) - all;
        let below = fill(self.p(), leads.clone(), 0.5).neg().log1p();
        choose(leads, rest, below)
    }

    /// The value, with a slope by p. burn's own way back through a sigmoid or softmax makes 1 - p from p, which has
    /// lost its digits where p is nearly 1; so it goes by what 1 - p is made of.
    pub(super) fn with_slope(&self, value: Cells, slope: Cells) -> Cells {
        match self.activation {
            Activation::Sigmoid => with_slope(value, slope * self.p() * self.q(), &self.x),
            Activation::Softmax if self.is_logit() => with_slope(value, slope.neg(), &self.q()),
            _ => with_slope(value, slope, &self.p),
        }
    }

    /// p - t; of a logit or logarithm t (p - 1) + (1 - t) p, where 1 - p keeps its digits though p is nearly 1.
    pub(super) fn error(&self, t: Cells) -> Cells {
        match self.activation {
            Activation::LogProbability | Activation::Sigmoid | Activation::Softmax => {
                t.clone().neg().add_scalar(1.0) * self.p() - t * self.q()
            }
            _ => self.p() - t,
        }
    }
}

/// x / Σ x, with the slopes (1 - p) / Σ x and -p / Σ x: those of a quotient leave a rest where p is 1.
fn normalized(x: &Cells, class: usize) -> Cells {
    let sum = total(x.clone(), &[class]).inner();
    let p = x.clone().inner() / sum.clone();
    let nothing = x.clone() - x.clone().inner();
    p.clone() + (nothing.clone() - p * total(nothing, &[class])) / sum
}

/// ln Σ e^x over a dimension, where `shift` is the largest x.
fn log_sum_exp(x: Cells, shift: Cells, dim: usize) -> Cells {
    let shape = x.dims();
    let parts = (x - spread(shift.clone(), shape)).exp();
    total(parts, &[dim]).log() + shift
}

/// e^x - 1, with its digits where x is nearly 0.
pub(super) fn expm1(x: Cells) -> Cells {
    x.clone().mul_scalar(0.5).tanh() * x.exp().add_scalar(1.0)
}

/// ln(1 - e^x), for x of at most 0.
fn ln_of_rest(x: Cells) -> Cells {
    let low = x.clone().lower_scalar(-1.0);
    let by_log1p = fill(x.clone(), low.clone().bool_not(), -2.0).exp().neg().log1p();
    let by_expm1 = expm1(fill(x, low.clone(), -0.5)).neg().log();
    choose(low, by_log1p, by_expm1)
}
