//! Lovász steps: errors, sorted, each times what its cell adds to the Jaccard loss of those before it.

use ndarray::Array3;

use super::activation::Activated;
use super::element::sign;
use super::region::{left, policy};
use super::step::{Cell, cells, group, read_groups, worth};
use super::sum::sum;
use crate::axis::Axes;
use crate::error::Result;
use crate::field::{Carried, Field, mass};
use crate::region::{Errors, Region};

/// A field of Lovász losses, and the derivative of a cell's loss with respect to its p.
pub(super) struct Sorted {
    pub(super) field: Field,
    pub(super) derivative: Array3<f64>,
}

/// The error of a cell, and its derivative with respect to p.
fn error(errors: Errors, activated: &Activated, cell: Cell, t: f64) -> (f64, f64) {
    match errors {
        Errors::Absolute => {
            let d = activated.error(cell, t);
            (d.abs(), sign(d))
        }
        Errors::Hinge => {
            let side = 2.0 * t - 1.0;
            let e = 1.0 - side * activated.p[cell];
            if e > 0.0 { (e, -side) } else { (0.0, 0.0) }
        }
    }
}

/// `J_i` - `J_(i-1)` of cells with masses and targets, in their order.
fn jaccard_steps(cells: &[(f64, f64)]) -> Vec<f64> {
    let positives = sum(cells.iter().map(|(m, t)| m * t));
    let (mut intersection, mut union, mut before) = (positives, positives, 0.0);
    let step = |&(m, t): &(f64, f64)| {
        intersection -= m * t;
        union += m * (1.0 - t);
        let loss = 1.0 - intersection / union;
        loss - std::mem::replace(&mut before, loss)
    };
    cells.iter().map(step).collect()
}

/// Sorts over `axes` the errors of the cells. `like` is a field of their shape, with their weights, and
/// `t` their targets.
pub(super) fn sort(
    (region, errors): (&Region, Errors),
    axes: Axes,
    like: &Field,
    (activated, t): (&Activated, &Array3<f64>),
    live: &Array3<bool>,
) -> Result<Sorted> {
    let (consumed, waiting): (Vec<Carried>, Vec<Carried>) =
        like.weights.iter().cloned().partition(|weight| weight.axes.meets(axes));
    let masses = mass(&consumed, like.value.dim());
    let mut field = left(like, axes, waiting);
    let mut derivative = Array3::zeros(like.value.dim());
    let live = read_groups(live, &field);
    let mut counted = Array3::from_elem(field.value.dim(), 1.0);
    for place in cells(field.value.dim()) {
        let read: Vec<Cell> =
            group(place, axes, like.value.dim()).filter(|&cell| masses[cell] != 0.0).collect();
        let target = sum(read.iter().map(|&cell| masses[cell] * t[cell]));
        if let Some(policy) = policy(&region.ratio, target, read.is_empty()) {
            let worth = worth(policy, live[place], || {
                let at = field.at_place(place);
                format!("ratio `{region}`: a group{at} has no mass")
            })?;
            field.value[place] = worth.unwrap_or(0.0);
            counted[place] = f64::from(worth.is_some());
            continue;
        }
        if !live[place] {
            continue;
        }
        let of_cell = |cell: Cell| {
            let (class, pixel, image) = cell;
            error(errors, activated, (like.classes[class], pixel, image), t[cell])
        };
        let mut sorted: Vec<(Cell, (f64, f64))> =
            read.iter().map(|&cell| (cell, of_cell(cell))).collect();
        // Cells that tie stand in the order class, image, pixel.
        sorted.sort_by_key(|&((class, pixel, image), _)| (class, image, pixel));
        sorted.sort_by(|(_, (one, _)), (_, (other, _))| other.total_cmp(one));
        let ordered: Vec<(f64, f64)> =
            sorted.iter().map(|&(cell, _)| (masses[cell], t[cell])).collect();
        let steps = jaccard_steps(&ordered);
        field.value[place] = sum(sorted.iter().zip(&steps).map(|((_, (e, _)), step)| e * step));
        for ((cell, (_, slope)), step) in sorted.iter().zip(&steps) {
            derivative[*cell] = slope * step;
        }
    }
    if region.ratio.can_skip() {
        field.skip(field.axes, &counted);
    }
    Ok(Sorted { field, derivative })
}
