//! Element formulas, literally, with their derivatives.

use ndarray::Array3;

use super::activation::{Activated, Slope};
use super::data::Data;
use super::weight::check_classes;
use crate::element::{Bce, Element};
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
                let (ln_p, ln_q) = (activated.ln_p[cell], activated.ln_q[cell]);
                let t = bce.smoothing.map_or(t, |smoothing| {
                    let (a, b) = smoothing.line(data.extents.class);
                    a * t + b
                });
                let negative = if bce.negative { 1.0 - t } else { 0.0 };
                binary_cross_entropy(bce, data.narrow, (positive * t, negative), (p, ln_p, ln_q))
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

/// What `PyTorch` puts under its backward: its 1e-12 is an f32 whatever the element type.
const LEAST_SLOPE: f64 = 1e-12_f32 as f64;

/// -(a ln p + b ln(1 - p)), where a = w t and b = 1 - t; a term whose factor is 0 is 0.
fn binary_cross_entropy(
    bce: &Bce,
    narrow: fn(f64) -> f64,
    (a, b): (f64, f64),
    (p, ln_p, ln_q): (f64, f64, f64),
) -> (f64, Slope) {
    let times = |factor: f64, x: f64| if factor == 0.0 { 0.0 } else { factor * x };
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
    let (least, most) = match bce.clip {
        Some(clip) => (narrow(clip), narrow(1.0 - narrow(clip))),
        None => (0.0, 1.0),
    };
    let clipped = p.clamp(least, most);
    let epsilon = bce.epsilon.unwrap_or(0.0);
    let under = if p == clipped { q } else { 1.0 - clipped };
    let (over, under) = (clipped + epsilon, under + epsilon);
    let value = -(times(a, over.ln()) + times(b, under.ln()));
    let slope = if p == clipped { times(b, 1.0 / under) - times(a, 1.0 / over) } else { 0.0 };
    (value, Slope { p: slope, ..Slope::default() })
}
