//! The focal factor on tensors.

use burn::tensor::activation::sigmoid;

use super::activation::expm1;
use super::element::Cell;
use super::grid::{Cells, fill, with_slope};
use crate::element::{Focal, Truth};

/// Which target a factor has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Focused {
    /// That of the cell.
    Cell,
    /// 1, for the term of p.
    Positive,
    /// 0, for the term of 1 - p.
    Negative,
}

/// F^g L.
pub(super) fn focused(focal: Focal, cell: &Cell<'_>, target: Focused, loss: Cells) -> Cells {
    let (p, q) = (cell.activated.p(), cell.activated.q());
    let t = cell.t.clone();
    let rest = || t.clone().neg().add_scalar(1.0);
    let (p_true, f) = match (focal.truth, target) {
        (Truth::Loss, Focused::Positive) => cell.clipped(),
        (_, Focused::Positive) => (p, q),
        (_, Focused::Negative) => (q, p),
        (Truth::Mixed | Truth::Terms, Focused::Cell) => {
            (t.clone() * p.clone() + rest() * q.clone(), t.clone() * q + rest() * p)
        }
        (Truth::Loss, Focused::Cell) => by_loss(cell),
        (Truth::Logit, Focused::Cell) => {
            let side = t.clone().mul_scalar(2.0).sub_scalar(1.0) * cell.activated.x.clone();
            (sigmoid(side.clone()), sigmoid(side.neg()))
        }
    };
    power(focal, p_true, f) * loss
}

/// (F / r)^g, 1 where p of the truth is below the threshold.
fn power(focal: Focal, p_true: Cells, f: Cells) -> Cells {
    let g = focal.gamma;
    let nothing = f.clone().lower_equal_scalar(0.0);
    // burn differentiates a quotient by a number in f32, a product in the type of the tensor.
    let f = f.mul_scalar(focal.threshold.unwrap_or(1.0).recip());
    let power = if g == 0.0 {
        f.ones_like()
    } else if g == 1.0 {
        f
    } else {
        // The slope at 0 is 0, or infinite and taken to be 0.
        fill(fill(f, nothing.clone(), 1.0).powf_scalar(g), nothing, 0.0)
    };
    match focal.threshold {
        Some(threshold) => fill(power, p_true.lower_scalar(threshold), 1.0),
        None => power,
    }
}

/// e^-b and 1 - e^-b, of the plain cross-entropy b of the cell.
fn by_loss(cell: &Cell<'_>) -> (Cells, Cells) {
    let (t, rest) = (cell.t.clone(), cell.t.clone().neg().add_scalar(1.0));
    let logit = cell.activated.is_logit();
    let (ln_p, ln_q) = cell.clipped_logarithms();
    let times = |factor: Cells, ln: Cells| {
        let none = factor.clone().equal_scalar(0.0);
        factor * fill(ln, none, 0.0)
    };
    let power = times(t.clone(), ln_p) + times(rest.clone(), ln_q);
    let (p_true, f) = (power.clone().exp(), expm1(power).neg());
    if logit {
        return (p_true, f);
    }
    // The derivative of p^t (1 - p)^(1 - t); 0 where it is infinite, and where p is beyond its bounds.
    let (p, q) = (cell.activated.p().inner(), cell.activated.q().inner());
    let raised = |x: &Cells, g: Cells| x.clone().powf(g);
    let less = |g: &Cells| g.clone().sub_scalar(1.0);
    let of_p = times(t.clone(), raised(&p, less(&t)) * raised(&q, rest.clone()));
    let of_q = times(rest.clone(), raised(&p, t) * raised(&q, less(&rest)));
    let slope = of_p - of_q;
    let mut slope = fill(slope.clone(), slope.is_finite().bool_not(), 0.0);
    if let Some(beyond) = cell.beyond() {
        slope = fill(slope, beyond, 0.0);
    }
    let x = cell.activated.p();
    (with_slope(p_true, slope.clone(), &x), with_slope(f, slope.neg(), &x))
}
