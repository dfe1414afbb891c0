//! The focal factor of a cell, literally, and the derivative through it.

use super::activation::{Cell, Slope, times};
use crate::element::{Activation, Focal, Truth};

/// The probability of the truth, F = 1 - `p_true` with digits of its own, and the derivative of F.
struct Factor {
    p_true: f64,
    f: f64,
    slope: Slope,
}

impl Factor {
    fn new(truth: Truth, cell: Cell) -> Self {
        let Cell { activation, x, p, ln_p, ln_q, t, bound } = cell;
        let q = ln_q.exp();
        match truth {
            // The terms of p and 1 - p have the factors of the targets 1 and 0.
            Truth::Mixed | Truth::Terms => Self {
                p_true: t * p + (1.0 - t) * q,
                f: t * q + (1.0 - t) * p,
                slope: Slope { p: 1.0 - 2.0 * t, ..Slope::default() },
            },
            Truth::Loss => {
                let b = -(times(t, ln_p) + times(1.0 - t, ln_q));
                let p_true = (-b).exp();
                let slope = match activation {
                    _ if bound => Slope::default(),
                    Activation::Sigmoid | Activation::Softmax => {
                        Slope { p: 0.0, ln_p: -t * p_true, ln_q: -(1.0 - t) * p_true }
                    }
                    _ => Slope { p: -slope_of_power(t, p, q), ..Slope::default() },
                };
                Self { p_true, f: -(-b).exp_m1(), slope }
            }
            Truth::Logit => {
                let sign = 2.0 * t - 1.0;
                let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
                let (p_true, f) = (sigmoid(sign * x), sigmoid(-sign * x));
                // x is ln p - ln(1 - p).
                let by_x = -sign * f * p_true;
                Self { p_true, f, slope: Slope { p: 0.0, ln_p: by_x, ln_q: -by_x } }
            }
        }
    }

    /// (F / r)^g and its derivative with respect to F.
    fn power(&self, focal: Focal) -> (f64, f64) {
        let g = focal.gamma;
        if focal.threshold.is_some_and(|r| self.p_true < r) {
            return (1.0, 0.0);
        }
        let r = focal.threshold.unwrap_or(1.0);
        let infinite = g < 1.0 && self.f < f64::MIN_POSITIVE;
        let derivative =
            if g == 0.0 || infinite { 0.0 } else { g * (self.f / r).powf(g - 1.0) / r };
        ((self.f / r).powf(g), derivative)
    }
}

/// The derivative of p^t (1 - p)^(1 - t); 0 where it is infinite.
fn slope_of_power(t: f64, p: f64, q: f64) -> f64 {
    let slope =
        times(t, p.powf(t - 1.0) * q.powf(1.0 - t)) - times(1.0 - t, p.powf(t) * q.powf(-t));
    if slope.is_finite() { slope } else { 0.0 }
}

/// F^g L and its derivatives, of a loss L and its derivatives.
pub(super) fn focused(focal: Focal, cell: Cell, (loss, slope): (f64, Slope)) -> (f64, Slope) {
    let factor = Factor::new(focal.truth, cell);
    let (power, derivative) = factor.power(focal);
    // Where the loss is infinite, its own slope is the larger by far.
    let through = if loss.is_infinite() { 0.0 } else { times(derivative, loss) };
    let both = |of_loss: f64, of_f: f64| times(power, of_loss) + times(through, of_f);
    let slope = Slope {
        p: both(slope.p, factor.slope.p),
        ln_p: both(slope.ln_p, factor.slope.ln_p),
        ln_q: both(slope.ln_q, factor.slope.ln_q),
    };
    (times(power, loss), slope)
}
