//! Lovász steps: the errors of a group, sorted, each times what its cell adds to the Jaccard loss.

use std::rc::Rc;

use crate::error::Result;
use crate::region::{Errors, Overlap, Region};

use super::activation::{Activated, Slope};
use super::element::sign;
use super::evaluate::{How, Inside, Taped, World, at_group, no_window};
use super::field::{Field, mass};
use super::grid::{Grid, Mask, pairwise};
use super::linear::{live_groups, partition, worth_of};
use super::plan::Spot;
use super::pull::Sink;
use super::ratio::policy;

/// What the way back through a Lovász step needs.
#[derive(Debug)]
pub(super) struct Sorted {
    activated: Rc<Activated>,
    classes: Vec<usize>,
    /// What each cell adds to the value of its group, and the derivative of that with respect to p.
    parts: Grid,
    slopes: Grid,
    /// What policies added.
    worth: Grid,
}

/// The cells of a group that have mass.
#[derive(Default)]
struct Group {
    /// Those with an error: its bits turned round, so that the largest comes first, and the cell, so that
    /// ties stand in the order of the cells.
    wrong: Vec<(u64, usize)>,
    /// Σ m t of those without.
    right: f64,
    /// For each wrong cell, the last first, Σ m t of itself and of all that come after it.
    later: Vec<f64>,
    parts: Vec<f64>,
}

/// Evaluates a Lovász step in a window that holds all cells of its groups.
pub(super) fn lovasz<'p>(
    world: &dyn World,
    spot: &'p Spot,
    (overlap, region, errors): (&Overlap, &Region, Errors),
    live: &Mask,
) -> Result<Taped<'p>> {
    let window = world.window().ok_or_else(|| no_window(spot))?;
    let inside = Inside::of(window, spot, overlap)?;
    let (activated, target) = inside.activated(window, spot, (overlap, region), live)?;
    let Inside { classes, weights } = inside;
    let (mut error, mut slopes) = errors_of(errors, &activated, &target);
    (error, slopes) = (error.classes(&classes), slopes.classes(&classes));
    let target = target.classes(&classes);

    let (consumed, waiting) = partition(&weights, spot.over);
    let shape = target.shape;
    let masses = mass(consumed.iter(), shape);
    let groups = shape.without(spot.over);
    let live = live_groups(live, &waiting, groups);
    let mass_of = |cell: usize| masses.as_ref().map_or(1.0, |masses| masses.cells[cell]);
    let mut value = Grid::zeros(groups);
    let mut worth = Grid::zeros(groups);
    let mut counted = Grid::filled(groups, 1.0);
    let mut parts = Grid::zeros(shape);
    let mut added = Grid::zeros(shape);
    let mut group = Group::default();
    for place in 0..groups.cells() {
        let cells = || {
            let all = shape.group(spot.over, groups.cell(place));
            all.filter(|&cell| mass_of(cell) != 0.0)
        };
        let is_live = live.as_ref().is_none_or(|live| live.cells[place] != 0.0);
        let positives: f64 = cells().map(|cell| mass_of(cell) * target.cells[cell]).sum();
        if let Some(policy) = policy(&region.ratio, positives, cells().next().is_none()) {
            let of_group = worth_of(policy, is_live, || {
                let at = at_group(world, spot, groups.cell(place));
                format!("ratio `{region}`: a group{at} has no mass")
            })?;
            value.cells[place] = of_group.unwrap_or(0.0);
            worth.cells[place] = of_group.unwrap_or(0.0);
            counted.cells[place] = f64::from(u8::from(of_group.is_some()));
        } else if is_live {
            group.sort(cells(), &error, |cell| (mass_of(cell), target.cells[cell]));
            group.add_up(|cell| (mass_of(cell), target.cells[cell]), &mut added);
            group.parts.clear();
            for &(_, cell) in &group.wrong {
                parts.cells[cell] = error.cells[cell] * added.cells[cell];
                group.parts.push(parts.cells[cell]);
            }
            value.cells[place] = pairwise(&group.parts);
        }
    }
    let slopes = slopes.times(&added);
    let mut field = Field::known(value, waiting);
    if region.ratio.can_skip() {
        field.skip(spot.axes, counted);
    }
    let sorted = Sorted { activated, classes, parts, slopes, worth };
    Ok(Taped { spot, field, how: How::Lovasz(Box::new(sorted)) })
}

/// The errors of the cells, and their derivatives with respect to p.
fn errors_of(errors: Errors, activated: &Activated, target: &Grid) -> (Grid, Grid) {
    match errors {
        Errors::Absolute => {
            let error = activated.error(target);
            let slopes = error.clone().map(sign);
            (error.map(f64::abs), slopes)
        }
        Errors::Hinge => {
            let slopes = target.clone().map(|t| 1.0 - 2.0 * t);
            let mut error = activated.p.clone();
            error.join(&slopes, |x, slope| *x = (1.0 + slope * *x).max(0.0));
            // Beyond the margin the slope counts for nothing: a cell without an error adds nothing.
            (error, slopes)
        }
    }
}

impl Group {
    /// Sorts the errors of cells with these masses and targets.
    fn sort(
        &mut self,
        cells: impl Iterator<Item = usize>,
        error: &Grid,
        of_cell: impl Fn(usize) -> (f64, f64),
    ) {
        self.wrong.clear();
        self.right = 0.0;
        for cell in cells {
            let e = error.cells[cell];
            if e > 0.0 {
                // The bits of positive numbers stand in the order of the numbers.
                self.wrong.push((!e.to_bits(), cell));
            } else {
                let (m, t) = of_cell(cell);
                self.right += m * t;
            }
        }
        self.wrong.sort_unstable();
    }

    /// Writes what every wrong cell adds to the Jaccard loss of those before it. With I the intersection
    /// and U the union before a cell,
    ///
    /// ```text
    /// (1 - (I - m t) / (U + m (1 - t))) - (1 - I / U) = m (t + (1 - t) I / U) / (U + m (1 - t))
    /// ```
    ///
    /// where nothing cancels; before all cells I = U = Σ m t, also where that is 0.
    fn add_up(&mut self, of_cell: impl Fn(usize) -> (f64, f64), added: &mut Grid) {
        self.later.clear();
        let mut intersection = self.right;
        for &(_, cell) in self.wrong.iter().rev() {
            let (m, t) = of_cell(cell);
            intersection += m * t;
            self.later.push(intersection);
        }
        let mut union = intersection;
        for (&(_, cell), intersection) in self.wrong.iter().zip(self.later.iter().rev()) {
            let (m, t) = of_cell(cell);
            let score = if union > 0.0 { intersection / union } else { 1.0 };
            union += m * (1.0 - t);
            added.cells[cell] = m * (t + (1.0 - t) * score) / union;
        }
    }
}

impl Sorted {
    /// Passes on what came back to the values: with the errors the value grows in proportion, so that each
    /// cell has its part of it (Euler).
    pub(super) fn pull(&self, adjoint: &Grid, sink: &mut Sink) {
        let all = self.activated.p.shape;
        let back = adjoint.spread(self.parts.shape);
        if sink.parts {
            let worth = adjoint.clone().times(&self.worth);
            sink.remainder += worth.cells.iter().sum::<f64>();
            let parts = back.times(&self.parts).among(&self.classes, all.class);
            sink.cells_mut().add(&parts);
        } else {
            let of_p = back.times(&self.slopes).among(&self.classes, all.class);
            let slope = Slope::Probability(of_p);
            self.activated.pull(&slope, &Grid::filled(all, 1.0), sink.cells_mut());
        }
    }
}
