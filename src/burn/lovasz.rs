//! Lovász steps on tensors: errors, sorted, each times what its cell adds to the Jaccard loss of those before.

use burn::tensor::Tensor;

use super::activation::Activated;
use super::field::{Field, Mass, split};
use super::grid::{Cells, Grid, fill, spread, total};
use super::ratio::{Terms, left, settle};
use super::step::skipped;
use crate::axis::Axes;
use crate::region::{Errors, Region};

/// The errors of all classes.
pub(super) fn errors(errors: Errors, activated: &Activated, t: Cells) -> Cells {
    match errors {
        Errors::Absolute => activated.error(t).abs(),
        Errors::Hinge => {
            let side = t.mul_scalar(2.0).sub_scalar(1.0);
            let open = (side * activated.p()).neg().add_scalar(1.0);
            fill(open.clone(), open.lower_equal_scalar(0.0), 0.0)
        }
    }
}

/// Sorts over `over` the errors that stand in the terms in the place of p.
pub(super) fn sort(grid: &Grid, region: &Region, over: Axes, terms: Terms) -> Field {
    let (consumed, waiting) = split(terms.like.weights.clone(), over);
    let mass = Mass::of(&consumed);
    let dims = grid.dims(over);
    let shape = terms.p.dims();
    let ones = spread(grid.full(1.0), shape);
    let masses = match &mass {
        Some(mass) => ones * mass.value.clone(),
        None => ones,
    };
    let none = masses.clone().equal_scalar(0.0);
    let rows = |cells: Cells| grid.rows(cells, over);
    // What has no mass is sorted last, where it adds nothing.
    let order = rows(fill(terms.p.clone().inner(), none.clone(), -1.0)).argsort_descending(1);
    let target = fill(terms.t.clone(), none.clone(), 0.0) * masses.clone();
    let sorted = |cells: Cells| rows(cells).gather(1, order.clone());
    let (missed, all) = (sorted(target.clone()).cumsum(1), sorted(masses.clone()).cumsum(1));
    let [groups, n] = missed.dims();
    let positives = rows(target.clone()).sum_dim(1).expand([groups, n]);
    let union = positives.clone() + all - missed.clone();
    let nothing = union.clone().equal_scalar(0.0);
    let kept = (positives - missed) / union.mask_fill(nothing.clone(), 1.0);
    let jaccard = kept.neg().add_scalar(1.0).mask_fill(nothing, 0.0);
    let steps = if n == 1 {
        jaccard
    } else {
        let steps = jaccard.clone().narrow(1, 1, n - 1) - jaccard.clone().narrow(1, 0, n - 1);
        Tensor::cat(vec![jaccard.narrow(1, 0, 1), steps], 1)
    };
    // Back to where the cells stand.
    let steps = grid.of_rows(steps.gather(1, order.argsort(1)), over, shape);
    let value = total(fill(terms.p.clone(), none.clone(), 0.0) * steps.inner(), &dims);
    let empty = total(masses, &dims).equal_scalar(0.0);
    let settled = settle(&region.ratio, value, empty, || total(target.clone(), &dims));
    let mut field = left(terms.like, over, settled.value, waiting);
    if let Some(nothing) = settled.skipped {
        field.weights.push(skipped(grid, terms.key, field.axes, nothing));
    }
    field
}
