//! Element formulas on tensors.

use super::activation::Activated;
use super::focal::{Focused, focused};
use super::grid::{Cells, Grid, Where, but, choose, fill};
use crate::axis::Axis;
use crate::element::{Bce, Element, Truth};
use crate::error::{Error, ErrorKind, Result};

/// A prediction and its target after smoothing.
pub(super) struct Cell<'a> {
    pub(super) activated: &'a Activated,
    pub(super) t: Cells,
    pub(super) bounds: Option<(f64, f64)>,
}

/// The value of every cell.
pub(super) fn evaluate(
    grid: &Grid,
    element: &Element,
    activated: &Activated,
    t: Cells,
) -> Result<Cells> {
    Ok(match element {
        Element::Bce(bce) => {
            let positive = positive(grid, element, bce)?;
            let t = match bce.smoothing {
                Some(smoothing) => {
                    let (a, b) = smoothing.line(grid.extents.class);
                    t.mul_scalar(a).add_scalar(b)
                }
                None => t,
            };
            cross_entropy(bce, positive, &Cell { activated, t, bounds: bounds(grid, bce.clip) })
        }
        Element::Kl(_) => {
            let none = t.clone().equal_scalar(0.0);
            let ln_p = activated.ln_p(Some(none.clone()));
            let ln_t = fill(t.clone(), none.clone(), 1.0).log();
            fill(t.clone() * ln_t - t * ln_p, none, 0.0)
        }
        Element::Squared(_) => {
            let error = activated.error(t);
            error.clone() * error
        }
        Element::Absolute(_) => activated.error(t).abs(),
        Element::Predicted(_) => activated.p(),
        Element::Own { .. } => {
            let why = format!(
                "burn: source `{element}` is code of your own, which has no tensor operations"
            );
            return Err(Error::new(ErrorKind::Backend, why));
        }
    })
}

/// The weights of the positive terms, one for each class or one for all.
fn positive(grid: &Grid, element: &Element, bce: &Bce) -> Result<Option<Cells>> {
    let Some(weights) = &bce.positive else { return Ok(None) };
    let (entries, classes) = (weights.len(), grid.extents.class);
    if entries != 1 && entries != classes {
        let why = format!(
            "source `{element}`: positive: has {entries} entries, the batch has {classes} classes"
        );
        return Err(Error::new(ErrorKind::Weight, why));
    }
    Ok(Some(grid.along(Axis::Class, weights)))
}

/// The bounds between which p is clipped, in the type of the prediction.
pub(super) fn bounds(grid: &Grid, clip: Option<f64>) -> Option<(f64, f64)> {
    let narrow = |x: f64| match grid.dtype {
        burn::tensor::DType::F64 => x,
        #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what is meant")]
        _ => f64::from(x as f32),
    };
    clip.map(|clip| (narrow(clip), narrow(1.0 - narrow(clip))))
}

/// Numbers between bounds, beyond which they have no slope.
pub(super) fn held(cells: Cells, (least, most): (f64, f64)) -> Cells {
    let (low, high) = (cells.clone().lower_scalar(least), cells.clone().greater_scalar(most));
    fill(fill(cells, low, least), high, most)
}

/// -(w t ln p + (1 - t) ln(1 - p)), balanced by alpha and focused.
fn cross_entropy(bce: &Bce, w: Option<Cells>, cell: &Cell<'_>) -> Cells {
    let (t, rest) = (cell.t.clone(), cell.t.clone().neg().add_scalar(1.0));
    let by_term = bce.focal.is_some_and(|focal| focal.truth == Truth::Terms);
    let a = match w {
        Some(w) => w * t.clone(),
        None => t.clone(),
    };
    let (a, b) = match bce.alpha {
        None => (a, rest),
        Some(alpha) if by_term => (a.mul_scalar(alpha), rest.mul_scalar(1.0 - alpha)),
        Some(alpha) => {
            let balance = t.mul_scalar(alpha) + rest.clone().mul_scalar(1.0 - alpha);
            (balance.clone() * a, balance * rest)
        }
    };
    let of = |a: Option<Cells>, b: Option<Cells>| binary_cross_entropy(bce, cell, a, b);
    match bce.focal {
        None if bce.negative => of(Some(a), Some(b)),
        None => of(Some(a), None),
        Some(focal) if bce.negative && !by_term => {
            focused(focal, cell, Focused::Cell, of(Some(a), Some(b)))
        }
        Some(focal) => {
            let positive = focused(focal, cell, Focused::Positive, of(Some(a), None));
            if bce.negative {
                positive + focused(focal, cell, Focused::Negative, of(None, Some(b)))
            } else {
                positive
            }
        }
    }
}

/// What `PyTorch` puts under its backward: its 1e-12 is an f32 whatever the element type.
const LEAST_SLOPE: f64 = 1e-12_f32 as f64;

/// -(a ln p + b ln(1 - p)); a term whose factor is 0 is 0.
fn binary_cross_entropy(bce: &Bce, cell: &Cell<'_>, a: Option<Cells>, b: Option<Cells>) -> Cells {
    let (p, q) = (|| cell.activated.p(), || cell.activated.q());
    let term = |factor: Option<Cells>, logarithm: &dyn Fn(Option<Where>) -> Cells| {
        factor.map(|factor| {
            // The logarithms of a logit are finite wherever it is.
            let logit = cell.activated.is_logit();
            let none = (!logit).then(|| factor.clone().equal_scalar(0.0));
            factor * but(logarithm(none.clone()), none, 0.0)
        })
    };
    let sum = |one: Option<Cells>, other: Option<Cells>| match (one, other) {
        (Some(one), Some(other)) => one + other,
        (one, other) => one.or(other).unwrap_or_else(|| p().zeros_like()),
    };
    if let Some(floor) = bce.log_floor {
        let floored = |ln: Cells| ln.clamp_min(floor);
        let value = sum(
            term(a.clone(), &|none| floored(cell.activated.ln_p(none))),
            term(b.clone(), &|none| floored(cell.activated.ln_q(none))),
        )
        .neg();
        let open = sum(b.map(|b| b * p()), a.map(|a| (a * q()).neg()));
        let slope = open / (p() * q()).clamp_min(LEAST_SLOPE);
        return cell.activated.with_slope(value, slope);
    }
    if bce.clip.is_none() && bce.epsilon.is_none() {
        let value = sum(
            term(a, &|none| cell.activated.ln_p(none)),
            term(b, &|none| cell.activated.ln_q(none)),
        );
        return value.neg();
    }
    let epsilon = bce.epsilon.unwrap_or(0.0);
    let (over, under) = cell.clipped();
    sum(
        term(a, &|_| over.clone().add_scalar(epsilon).log()),
        term(b, &|_| under.clone().add_scalar(epsilon).log()),
    )
    .neg()
}

impl Cell<'_> {
    /// p between its bounds and what it lacks to 1, without a slope where p is beyond them.
    pub(super) fn clipped(&self) -> (Cells, Cells) {
        let (p, q) = (self.activated.p(), self.activated.q());
        let Some((least, most)) = self.bounds else { return (p, q) };
        let (low, high) = (p.clone().lower_scalar(least), p.clone().greater_scalar(most));
        let within = |cells, at_least, at_most| {
            fill(fill(cells, low.clone(), at_least), high.clone(), at_most)
        };
        (within(p, least, most), within(q, 1.0 - least, 1.0 - most))
    }

    /// ln p and ln(1 - p) of p between its bounds.
    pub(super) fn clipped_logarithms(&self) -> (Cells, Cells) {
        let plain = (self.activated.ln_p(None), self.activated.ln_q(None));
        match self.beyond() {
            None => plain,
            Some(beyond) => {
                let (over, under) = self.clipped();
                (choose(beyond.clone(), over.log(), plain.0), choose(beyond, under.log(), plain.1))
            }
        }
    }

    /// The cells whose p is beyond its bounds.
    pub(super) fn beyond(&self) -> Option<Where> {
        let p = || self.activated.p();
        self.bounds.map(|(least, most)| p().lower_scalar(least).bool_or(p().greater_scalar(most)))
    }
}
