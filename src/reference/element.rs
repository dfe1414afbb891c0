//! Element formulas, literally, with their derivatives.

use ndarray::Array3;

use super::activation::{Activated, Cell, Slope, times};
use super::data::Data;
use super::focal::focused;
use super::weight::check_classes;
use crate::element::{Bce, Element, Truth};
use crate::error::Result;

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
                let t = bce.smoothing.map_or(t, |smoothing| {
                    let (a, b) = smoothing.line(data.extents.class);
                    a * t + b
                });
                cross_entropy(bce, data.narrow, positive, activated.cell(cell, t))
            }
            Element::Kl(_) if t == 0.0 => (0.0, Slope::default()),
            Element::Kl(_) => {
                let value = t * t.ln() - t * activated.ln_p[cell];
                (value, Slope { ln_p: -t, ..Slope::default() })
            }
            Element::Squared(_) => {
                let error = activated.error(cell, t);
                (error.powi(2), Slope { p: 2.0 * error, ..Slope::default() })
            }
            Element::Absolute(_) => {
                let error = activated.error(cell, t);
                (error.abs(), Slope { p: sign(error), ..Slope::default() })
            }
            Element::Predicted(_) => (p, Slope { p: 1.0, ..Slope::default() }),
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

/// -(w t ln p + (1 - t) ln(1 - p)), balanced by alpha and focused.
fn cross_entropy(bce: &Bce, narrow: fn(f64) -> f64, w: f64, cell: Cell) -> (f64, Slope) {
    let t = cell.t;
    let by_term = bce.focal.is_some_and(|focal| focal.truth == Truth::Terms);
    let (of_positive, of_negative) = match bce.alpha {
        None => (1.0, 1.0),
        Some(alpha) if by_term => (alpha, 1.0 - alpha),
        Some(alpha) => {
            let balance = alpha * t + (1.0 - alpha) * (1.0 - t);
            (balance, balance)
        }
    };
    let (a, b) = (of_positive * w * t, of_negative * (1.0 - t));
    let open = (cell.p, cell.ln_p, cell.ln_q);
    let of = |a: f64, b: f64| binary_cross_entropy(bce, narrow, (a, b), open);
    let of_one = || of(a, 0.0);
    let by_loss = bce.focal.is_some_and(|focal| focal.truth == Truth::Loss);
    let cell = if by_loss { clipped(bce, narrow, cell) } else { cell };
    match bce.focal {
        None if bce.negative => of(a, b),
        None => of_one(),
        Some(focal) if bce.negative && !by_term => focused(focal, cell, of(a, b)),
        Some(focal) => {
            let positive = focused(focal, Cell { t: 1.0, ..cell }, of_one());
            if !bce.negative {
                return positive;
            }
            let negative = focused(focal, Cell { t: 0.0, ..cell }, of(0.0, b));
            (positive.0 + negative.0, positive.1.plus(negative.1))
        }
    }
}

/// The bounds between which p is clipped.
pub(super) fn bounds(clip: Option<f64>, narrow: fn(f64) -> f64) -> Option<(f64, f64)> {
    clip.map(|clip| (narrow(clip), narrow(1.0 - narrow(clip))))
}

/// The cell with its p clipped, where it is: the e^-b of SMP is that of the loss itself.
fn clipped(bce: &Bce, narrow: fn(f64) -> f64, cell: Cell) -> Cell {
    match bounds(bce.clip, narrow) {
        Some((least, most)) if !(least..=most).contains(&cell.p) => {
            let p = cell.p.clamp(least, most);
            Cell { p, ln_p: p.ln(), ln_q: (1.0 - p).ln(), bound: true, ..cell }
        }
        _ => cell,
    }
}

/// What `PyTorch` puts under its backward: its 1e-12 is an f32 whatever the element type.
const LEAST_SLOPE: f64 = 1e-12_f32 as f64;

/// -(a ln p + b ln(1 - p)), where a = w t and b = 1 - t; a term whose factor is 0 is 0.
fn binary_cross_entropy(
    bce: &Bce,
    narrow: fn(f64) -> f64,
    (a, b): (f64, f64),
    (p, ln_p, ln_q): (f64, f64, f64),
) -> (f64, Slope) {
    // 1 - p keeps its digits where p is nearly 1.
    let q = ln_q.exp();
    if let Some(floor) = bce.log_floor {
        let value = -(times(a, ln_p.max(floor)) + times(b, ln_q.max(floor)));
        let slope = (b * p - a * q) / (p * q).max(LEAST_SLOPE);
        return (value, Slope { p: slope, ..Slope::default() });
    }
    if bce.clip.is_none() && bce.epsilon.is_none() {
        let value = -(times(a, ln_p) + times(b, ln_q));
        return (value, Slope { p: 0.0, ln_p: -a, ln_q: -b });
    }
    let (least, most) = bounds(bce.clip, narrow).unwrap_or((0.0, 1.0));
    let clipped = p.clamp(least, most);
    let epsilon = bce.epsilon.unwrap_or(0.0);
    let under = if p == clipped { q } else { 1.0 - clipped };
    let (over, under) = (clipped + epsilon, under + epsilon);
    let value = -(times(a, over.ln()) + times(b, under.ln()));
    let slope = if p == clipped { times(b, 1.0 / under) - times(a, 1.0 / over) } else { 0.0 };
    (value, Slope { p: slope, ..Slope::default() })
}
