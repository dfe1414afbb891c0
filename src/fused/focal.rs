//! The focal factor on a window of cells, and the way back through it.

use crate::element::{Focal, Truth};

use super::activation::{Activated, Slope};
use super::grid::{Grid, product};

/// A cell after its activation, with its target.
struct Cell {
    p: f64,
    q: f64,
    t: f64,
    ln_p: f64,
    ln_q: f64,
    /// Whether a clip holds p, so that it does not change.
    held: bool,
}

impl Cell {
    /// Of a factor that does not ask for logarithms they may be lacking.
    fn new(activated: &Activated, target: &Grid, cell: usize) -> Self {
        let (ln_p, ln_q) = match &activated.logarithms {
            Some((ln_p, ln_q)) => (ln_p.cells[cell], ln_q.cells[cell]),
            None => (0.0, 0.0),
        };
        let (p, q) = (activated.p.cells[cell], activated.q.cells[cell]);
        Self { p, q, t: target.cells[cell], ln_p, ln_q, held: false }
    }

    /// With p between two bounds.
    fn within(self, (least, most): (f64, f64)) -> Self {
        let p = self.p.max(least).min(most);
        if p == self.p {
            return self;
        }
        let q = 1.0 - p;
        Self { p, q, ln_p: p.ln(), ln_q: q.ln(), held: true, ..self }
    }
}

/// F = 1 - `p_true` and how it changes: with ln p and ln(1 - p) of logits, with p of probabilities.
struct Factor {
    truth: f64,
    lack: f64,
    change: [f64; 2],
}

impl Factor {
    fn new(truth: Truth, of_logits: bool, cell: &Cell) -> Self {
        let &Cell { p, q, t, ln_p, ln_q, held } = cell;
        let u = 1.0 - t;
        match truth {
            Truth::Mixed | Truth::Terms => {
                let change = if of_logits { [u * p, t * q] } else { [u - t, 0.0] };
                Self { truth: t * p + u * q, lack: u * p + t * q, change }
            }
            Truth::Loss => {
                let exponent = product(t, ln_p) + product(u, ln_q);
                let truth = exponent.exp();
                let change = if held {
                    [0.0, 0.0]
                } else if of_logits {
                    [-truth * t, -truth * u]
                } else if t == 1.0 || t == 0.0 {
                    [u - t, 0.0]
                } else {
                    let change = truth * (u / q - t / p);
                    [if change.is_finite() { change } else { 0.0 }, 0.0]
                };
                Self { truth, lack: -exponent.exp_m1(), change }
            }
            Truth::Logit => {
                let odds = ((t - u) * (ln_p - ln_q)).exp();
                let (truth, lack) = (1.0 / (1.0 / odds + 1.0), 1.0 / (odds + 1.0));
                let change = (u - t) * truth * lack;
                Self { truth, lack, change: [change, -change] }
            }
        }
    }

    /// (F / r)^g, and its derivative with respect to F.
    fn power(&self, focal: Focal) -> (f64, f64) {
        let (gamma, bound) = (focal.gamma, focal.threshold.unwrap_or(1.0));
        if focal.threshold.is_some() && self.truth < bound {
            return (1.0, 0.0);
        }
        let share = self.lack / bound;
        if gamma == 2.0 {
            return (share * share, 2.0 * share / bound);
        }
        let steep = gamma < 1.0 && self.lack < f64::MIN_POSITIVE;
        let rate =
            if gamma == 0.0 || steep { 0.0 } else { gamma * share.powf(gamma - 1.0) / bound };
        (share.powf(gamma), rate)
    }
}

/// The sum of some losses, each times its focal factor by a target, and its slope: with respect to the
/// logarithms where the prediction is of logits, and else with respect to p.
///
/// The truth that is e^-b has its p between `bounds`, as b has.
pub(super) fn focused(
    focal: Focal,
    activated: &Activated,
    bounds: Option<(f64, f64)>,
    parts: impl Iterator<Item = (Grid, (Grid, Slope))>,
) -> (Grid, Slope) {
    let of_logits = activated.is_of_logits();
    let zeros = || Grid::zeros(activated.p.shape);
    let (mut value, mut total) = (zeros(), [zeros(), zeros()]);
    for (target, (losses, slope)) in parts {
        let slope = if of_logits {
            activated.of_logarithms(slope)
        } else {
            (activated.of_p(slope), zeros())
        };
        for (cell, &loss) in losses.cells.iter().enumerate() {
            let seen = Cell::new(activated, &target, cell);
            let seen = match bounds {
                Some(bounds) if focal.truth == Truth::Loss => seen.within(bounds),
                _ => seen,
            };
            let factor = Factor::new(focal.truth, of_logits, &seen);
            let (power, rate) = factor.power(focal);
            // An infinite loss has an infinite slope of its own, beside which that of the factor is nothing.
            let through = if loss.is_finite() { product(rate, loss) } else { 0.0 };
            value.cells[cell] += product(power, loss);
            for (total, (slope, change)) in
                total.iter_mut().zip([&slope.0, &slope.1].into_iter().zip(factor.change))
            {
                total.cells[cell] += product(power, slope.cells[cell]) + product(through, change);
            }
        }
    }
    let [first, second] = total;
    let slope =
        if of_logits { Slope::Logarithms(first, second) } else { Slope::Probability(first) };
    (value, slope)
}
