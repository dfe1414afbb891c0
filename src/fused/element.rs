//! Element formulas on a window of cells.

use crate::element::{Bce, Element, Focal, Truth};
use crate::error::{Error, ErrorKind, Result};

use super::activation::{Activated, Slope};
use super::focal::focused;
use super::grid::Grid;

/// What `PyTorch` puts under its backward: its 1e-12 is an f32 whatever the element type.
pub(super) const LEAST_SLOPE: f64 = 1e-12_f32 as f64;

/// Whether the logarithms of p and 1 - p enter as they are: neither clipped nor moved by an epsilon.
fn takes_logarithms(bce: &Bce) -> bool {
    bce.clip.is_none() && bce.epsilon.is_none()
}

/// Whether an element is made of the logarithms of p and 1 - p.
pub(super) fn wants_logarithms(element: &Element) -> bool {
    let of_factor = |focal: Focal| matches!(focal.truth, Truth::Loss | Truth::Logit);
    match element {
        Element::Bce(bce) => takes_logarithms(bce) || bce.focal.is_some_and(of_factor),
        Element::Kl(_) => true,
        _ => false,
    }
}

/// The value of every cell, and its slope. `narrow` rounds to the element type of the prediction.
pub(super) fn values(
    element: &Element,
    activated: &Activated,
    target: &Grid,
    narrow: fn(f64) -> f64,
) -> Result<(Grid, Slope)> {
    let p = &activated.p;
    let of = |value: &dyn Fn(f64, f64) -> f64| {
        let mut grid = p.clone();
        grid.join(target, |p, t| *p = value(*p, t));
        grid
    };
    Ok(match element {
        Element::Bce(bce) => return cross_entropy(bce, element, activated, target, narrow),
        Element::Kl(_) => divergence(activated, target),
        Element::Squared(_) => {
            let error = activated.error(target);
            (error.clone().map(|d| d * d), Slope::Probability(error.map(|d| 2.0 * d)))
        }
        Element::Absolute(_) => {
            let error = activated.error(target);
            (error.clone().map(f64::abs), Slope::Probability(error.map(sign)))
        }
        Element::Predicted(_) => (p.clone(), Slope::Probability(Grid::filled(p.shape, 1.0))),
        Element::Own { formula, .. } => (
            of(&|p, t| formula.value(p, t)),
            Slope::Probability(of(&|p, t| formula.derivative(p, t))),
        ),
    })
}

/// The sign of a number; 0 of 0.
pub(super) fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

/// t (ln t - ln p), which is 0 where t is.
fn divergence(activated: &Activated, target: &Grid) -> (Grid, Slope) {
    let none = Grid::zeros(target.shape);
    let mut value = none.clone();
    let ln_p = activated.logarithms.iter().flat_map(|(ln_p, _)| &ln_p.cells);
    for ((value, &t), ln_p) in value.cells.iter_mut().zip(&target.cells).zip(ln_p) {
        if t != 0.0 {
            *value = t * (t.ln() - ln_p);
        }
    }
    (value, Slope::Logarithms(target.clone().map(|t| -t), none))
}

/// -(w t ln p + (1 - t) ln(1 - p)), balanced by alpha and focused.
fn cross_entropy(
    bce: &Bce,
    element: &Element,
    activated: &Activated,
    target: &Grid,
    narrow: fn(f64) -> f64,
) -> Result<(Grid, Slope)> {
    let shape = target.shape;
    let positive = bce.positive.as_deref().unwrap_or(&[1.0]);
    if positive.len() != 1 && positive.len() != shape.class {
        return Err(Error::new(
            ErrorKind::Weight,
            format!(
                "source `{element}`: positive: has {} entries, the batch has {} classes",
                positive.len(),
                shape.class
            ),
        ));
    }
    let line = bce.smoothing.map_or((1.0, 0.0), |smoothing| smoothing.line(shape.class));
    let smooth = target.clone().map(|t| line.0 * t + line.1);
    let (mut a, mut b) = (smooth.clone(), smooth.clone());
    for (class, image) in shape.rows() {
        let weight = positive[if positive.len() == 1 { 0 } else { class }];
        a.row_mut(class, image).iter_mut().for_each(|t| *t *= weight);
    }
    b = b.map(|t| if bce.negative { 1.0 - t } else { 0.0 });
    let by_term = bce.focal.is_some_and(|focal| focal.truth == Truth::Terms);
    match bce.alpha {
        None => {}
        Some(alpha) if by_term => {
            a = a.map(|a| alpha * a);
            b = b.map(|b| (1.0 - alpha) * b);
        }
        Some(alpha) => {
            let balance = smooth.clone().map(|t| alpha * t + (1.0 - alpha) * (1.0 - t));
            a = a.times(&balance);
            b = b.times(&balance);
        }
    }
    let Some(focal) = bce.focal else { return Ok(terms(bce, activated, (a, b), narrow)) };
    let parts = if bce.negative && !by_term {
        vec![(smooth, a, b)]
    } else {
        // A term alone has the factor of the target that makes it the truth.
        let (sure, none) = (Grid::filled(shape, 1.0), Grid::zeros(shape));
        let mut parts = vec![(sure, a, none.clone())];
        if bce.negative {
            parts.push((none.clone(), none, b));
        }
        parts
    };
    let parts = parts.into_iter().map(|(t, a, b)| (t, terms(bce, activated, (a, b), narrow)));
    Ok(focused(focal, activated, bounds(bce.clip, narrow), parts))
}

/// Between what a clip holds p.
pub(super) fn bounds(clip: Option<f64>, narrow: fn(f64) -> f64) -> Option<(f64, f64)> {
    clip.map(|clip| (narrow(clip), narrow(1.0 - narrow(clip))))
}

/// -(a ln p + b ln(1 - p)); a term whose factor is 0 is 0.
fn terms(
    bce: &Bce,
    activated: &Activated,
    (a, b): (Grid, Grid),
    narrow: fn(f64) -> f64,
) -> (Grid, Slope) {
    let term = |factor: f64, logarithm: f64| if factor == 0.0 { 0.0 } else { factor * logarithm };
    let shape = a.shape;
    let mut value = Grid::zeros(shape);
    if let Some((ln_p, ln_q)) = &activated.logarithms
        && takes_logarithms(bce)
    {
        let floor = bce.log_floor.unwrap_or(f64::NEG_INFINITY);
        for (cell, value) in value.cells.iter_mut().enumerate() {
            let (ln_p, ln_q) = (ln_p.cells[cell].max(floor), ln_q.cells[cell].max(floor));
            *value = -(term(a.cells[cell], ln_p) + term(b.cells[cell], ln_q));
        }
        if bce.log_floor.is_none() {
            return (value, Slope::Logarithms(a.map(|a| -a), b.map(|b| -b)));
        }
        let mut slope = Grid::zeros(shape);
        for (cell, slope) in slope.cells.iter_mut().enumerate() {
            let (p, q) = (activated.p.cells[cell], activated.q.cells[cell]);
            *slope = (b.cells[cell] * p - a.cells[cell] * q) / (p * q).max(LEAST_SLOPE);
        }
        return (value, Slope::Probability(slope));
    }
    let mut slope = Grid::zeros(shape);
    let (least, most) = bounds(bce.clip, narrow).unwrap_or((0.0, 1.0));
    let epsilon = bce.epsilon.unwrap_or(0.0);
    for cell in 0..value.cells.len() {
        let (a, b) = (a.cells[cell], b.cells[cell]);
        let p = activated.p.cells[cell];
        let clipped = p.max(least).min(most);
        let under = if p == clipped { activated.q.cells[cell] } else { 1.0 - clipped };
        let (over, under) = (clipped + epsilon, under + epsilon);
        value.cells[cell] = -(term(a, over.ln()) + term(b, under.ln()));
        if p == clipped {
            slope.cells[cell] = term(b, 1.0 / under) - term(a, 1.0 / over);
        }
    }
    (value, Slope::Probability(slope))
}
