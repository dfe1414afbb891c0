//! Ratios on tensors: the sums of an overlap's terms, and what the formula makes of them.

use super::field::{Carried, Field, Mass, either, split};
use super::grid::{Cells, Grid, Where, fill, spread, total};
use super::step::{carried, skipped, worth};
use super::weight::raised;
use crate::axis::Axes;
use crate::error::{Error, ErrorKind, Result};
use crate::reduction::Empty;
use crate::region::{Absent, Formula, Ratio, Region, SoftOverlap};

/// The terms of an overlap before they are summed.
pub(super) struct Terms {
    pub(super) p: Cells,
    pub(super) t: Cells,
    /// Their weights, axes and classes; its values are not looked at.
    pub(super) like: Field,
    /// What the ratio is of, for the weights that it leaves.
    pub(super) key: String,
}

/// TP, FP and FN.
struct Sums {
    tp: Cells,
    fp: Cells,
    missed: Cells,
}

impl Terms {
    /// Σ m x of each group.
    fn total(&self, mass: Option<&Mass>, dims: &[usize], cells: Cells) -> Cells {
        let weighed = match mass {
            Some(mass) => mass.times(cells),
            None => cells,
        };
        total(spread_along(weighed, self.p.dims(), dims), dims)
    }

    fn sums(&self, grid: &Grid, ratio: &Ratio, mass: Option<&Mass>, dims: &[usize]) -> Sums {
        let (p, t) = (self.p.clone(), self.t.clone());
        let of = |x: Cells| raised(grid, x, ratio.exponent);
        let (powers, powers_of_t) = (of(p.clone()), of(t.clone()));
        let tp = match ratio.soft {
            SoftOverlap::Product => p * t,
            SoftOverlap::Distance => {
                let apart = (p - t).abs();
                (powers.clone() + powers_of_t.clone() - apart).mul_scalar(0.5)
            }
        };
        Sums {
            tp: self.total(mass, dims, tp.clone()),
            fp: self.total(mass, dims, powers - tp.clone()),
            missed: self.total(mass, dims, powers_of_t - tp),
        }
    }
}

/// What is summed must have all places.
fn spread_along(cells: Cells, shape: [usize; 3], dims: &[usize]) -> Cells {
    let mut wide = cells.dims();
    for &dim in dims {
        wide[dim] = shape[dim];
    }
    spread(cells, wide)
}

/// 1 - N / D and D.
fn score(ratio: &Ratio, formula: &Formula, sums: Sums) -> (Cells, Cells) {
    let double = if matches!(formula, Formula::Dice) { 2.0 } else { 1.0 };
    let tp = match ratio.true_positive_floor {
        Some(floor) => {
            let low = sums.tp.clone().lower_scalar(floor);
            fill(sums.tp, low, floor)
        }
        None => sums.tp,
    };
    let tp = tp.mul_scalar(double);
    let open = tp.clone()
        + sums.fp.mul_scalar(ratio.false_positive)
        + sums.missed.mul_scalar(ratio.false_negative);
    let open = open.add_scalar(ratio.smooth_denominator);
    let divisor = if ratio.floor > 0.0 {
        fill(open.clone(), open.lower_equal_scalar(ratio.floor), ratio.floor)
    } else {
        open
    };
    let nothing = divisor.clone().equal_scalar(0.0);
    let score = tp.add_scalar(ratio.smooth_numerator) / fill(divisor.clone(), nothing, 1.0);
    let score = match ratio.score_floor {
        Some(floor) => fill(score.clone(), score.lower_scalar(floor), floor),
        None => score,
    };
    (score.neg().add_scalar(1.0), divisor)
}

/// Divides over `over` the sums of the terms.
pub(super) fn divide(grid: &Grid, region: &Region, over: Axes, terms: Terms) -> Result<Field> {
    let ratio = &region.ratio;
    if let Formula::Own { name, .. } = &region.formula {
        let why =
            format!("burn: ratio `{name}` is code of your own, which has no tensor operations");
        return Err(Error::new(ErrorKind::Backend, why));
    }
    let (consumed, waiting) = split(terms.like.weights.clone(), over);
    let mass = Mass::of(&consumed);
    let dims = grid.dims(over);
    let (value, divisor) =
        score(ratio, &region.formula, terms.sums(grid, ratio, mass.as_ref(), &dims));
    let nothing = divisor.clone().equal_scalar(0.0);
    let target = || terms.total(mass.as_ref(), &dims, terms.t.clone());
    let settled = settle(ratio, value, nothing, target);
    let mut field = left(terms.like, over, settled.value, waiting);
    if ratio.carry {
        // A group that is skipped has no mass to carry.
        let divisor = match settled.skipped {
            Some(skipped) => fill(divisor, skipped, 0.0),
            None => divisor,
        };
        field.weights.push(carried(terms.key, field.axes, divisor, true));
    } else if let Some(nothing) = settled.skipped {
        field.weights.push(skipped(grid, terms.key, field.axes, nothing));
    }
    Ok(field)
}

/// The field that is left of terms.
pub(super) fn left(like: Field, over: Axes, value: Cells, weights: Vec<Carried>) -> Field {
    let axes = like.axes.without(over);
    let classes = if axes.contains(crate::axis::Axis::Class) { like.classes } else { Vec::new() };
    Field { axes, classes, value, weights }
}

/// Values after the policies, and the groups that are skipped.
pub(super) struct Settled {
    pub(super) value: Cells,
    pub(super) skipped: Option<Where>,
}

/// What groups are worth whose target sums to 0, or which have nothing to divide by.
pub(super) fn settle(
    ratio: &Ratio,
    value: Cells,
    nothing: Where,
    target: impl Fn() -> Cells,
) -> Settled {
    let value = fill(value, nothing.clone(), worth(ratio.empty));
    let empty = (ratio.empty == Empty::Skip).then_some(nothing);
    if ratio.absent == Absent::Keep {
        return Settled { value, skipped: empty };
    }
    let absent = target().equal_scalar(0.0);
    let value = fill(value, absent.clone(), 0.0);
    let skipped = match ratio.absent {
        Absent::Skip => either(empty, Some(absent)),
        // It counts, even where there is nothing to divide by.
        _ => empty.map(|empty| empty.bool_and(absent.bool_not())),
    };
    Settled { value, skipped }
}
