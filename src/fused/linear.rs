//! Sums and means: first the sums of a group that lie apart, then what the step makes of them.
//!
//! What a step sums over pixels and images is kept per class, even where the step is over class, too:
//! then a weight per class can be multiplied in at the end, when it is known.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::axis::{Axes, Axis};
use crate::error::{Error, ErrorKind, Result};
use crate::reduction::{Aggregate, Empty, Step};

use super::field::{Factor, Field, Mass, Value, mass, reads};
use super::grid::{Grid, Mask, Shape, both, product};
use super::plan::{Named, Spot};

/// What rides past the sums of a step or a ratio.
#[derive(Clone, Debug, Default)]
pub(super) struct Rest {
    /// The factors that each sum of values waits for.
    pub(super) factors: Vec<Vec<Factor>>,
    /// The weights that are not consumed.
    pub(super) waiting: Vec<Mass>,
    /// The deferred weights by which sums and masses are to be multiplied.
    pub(super) consumed: Vec<Arc<Named>>,
    /// The deferred weights of a named divisor.
    pub(super) by: Vec<Arc<Named>>,
    /// The axes of the weights that divide.
    pub(super) touched: Axes,
    /// Whether a consumed weight was made from the prediction.
    pub(super) depends: bool,
    /// The terms that are known only after the images and that a cell reads.
    pub(super) read: BTreeSet<usize>,
}

/// The sums of one part of a batch: for a step the sums of values, the divisor and the number of cells
/// with mass; for a ratio those of its terms.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    pub(super) sums: Vec<Grid>,
    pub(super) rest: Rest,
}

/// What the way back through the sums of a step needs.
#[derive(Clone, Debug)]
pub(super) struct Summed {
    /// The product of the consumed weights that are known.
    mass: Mask,
    /// The product of those that were not made from the prediction, where one was.
    others: Option<Mask>,
    /// The shape of the weight that was.
    depends: Shape,
}

/// The derivatives of a value with respect to the sums of a step.
#[derive(Clone)]
pub(super) struct SumSlopes {
    pub(super) values: Vec<Grid>,
    /// With respect to the divisor: as it divides, and as it is carried.
    pub(super) divisor: Option<(Grid, Grid)>,
}

/// The weights of a field that a step over `axes` consumes, and those that wait.
pub(super) fn partition(weights: &[Mass], axes: Axes) -> (Vec<Mass>, Vec<Mass>) {
    weights.iter().cloned().partition(|weight| weight.axes.meets(axes))
}

pub(super) fn deferred(weights: &[Mass]) -> Vec<Arc<Named>> {
    weights.iter().filter_map(|weight| weight.deferred.clone()).collect()
}

/// The sums of a step over the axes `over`, along pixels and images.
pub(super) fn sums(over: Axes, by: Option<&[Mass]>, child: &Field) -> (Cut, Summed) {
    let (consumed, waiting) = partition(&child.weights, over);
    let masses = mass(consumed.iter(), child.shape);
    let cells = child.shape.without(over.without(Axis::Class));
    let group = (child.shape.cells() / cells.cells().max(1)) as f64;
    let total = |mass: &Mask| match mass {
        Some(mass) => mass.clone().gather(cells),
        None => Grid::filled(cells, group),
    };
    let read = match &masses {
        Some(masses) => masses.clone().map(|m| f64::from(u8::from(m != 0.0))).gather(cells),
        None => Grid::filled(cells, group),
    };
    let divided_by = by.unwrap_or(&consumed);
    let divisor = total(&mass(divided_by.iter(), child.shape));
    let of = |grid: &Grid| match &masses {
        Some(masses) => grid.clone().times(masses).gather(cells),
        None => grid.clone().gather(cells),
    };
    let mut sums: Vec<Grid> = child.values.iter().map(|value| of(&value.grid)).collect();
    sums.extend([divisor, read]);
    let depends = consumed.iter().position(|weight| weight.depends);
    let others = depends.map(|place| {
        let others = consumed.iter().enumerate().filter(|(other, _)| *other != place);
        mass(others.map(|(_, weight)| weight), child.shape)
    });
    let rest = Rest {
        factors: child.values.iter().map(|value| value.factors.clone()).collect(),
        waiting,
        consumed: deferred(&consumed),
        by: by.map(deferred).unwrap_or_default(),
        touched: divided_by.iter().fold(Axes::NONE, |all, weight| all.with(weight.axes)),
        depends: depends.is_some(),
        read: BTreeSet::new(),
    };
    let of_depends = depends.map_or(cells, |place| consumed[place].grid.shape);
    (Cut { sums, rest }, Summed { mass: masses, others, depends: of_depends })
}

impl Summed {
    /// The derivatives with respect to the values of the child and to the weight that was made from
    /// the prediction.
    pub(super) fn pull(&self, child: &Field, slopes: &SumSlopes) -> (Vec<Grid>, Option<Grid>) {
        let spread = |grid: &Grid| {
            let spread = grid.spread(child.shape);
            match &self.mass {
                Some(mass) => spread.times(mass),
                None => spread,
            }
        };
        let values = slopes.values.iter().map(spread).collect();
        let Some((others, (divides, carried))) = self.others.as_ref().zip(slopes.divisor.as_ref())
        else {
            return (values, None);
        };
        // Where a cell has no mass its value is not read; its mass counts all the same.
        let mut read = divides.spread(child.shape);
        for (value, slope) in child.values.iter().zip(&slopes.values) {
            let mut of_value = slope.spread(child.shape);
            of_value.join(&value.grid, |slope, value| *slope = product(*slope, value));
            read.add(&of_value);
        }
        if let Some(mass) = &self.mass {
            read.join(mass, |slope, mass| *slope = if mass == 0.0 { 0.0 } else { *slope });
        }
        read.add(carried);
        if let Some(others) = others {
            read = read.times(others);
        }
        (values, Some(read.gather(self.depends)))
    }
}

/// A step after its sums: what divided, and what the way back needs.
#[derive(Clone, Debug)]
pub(super) struct Finished {
    pub(super) divisor: Grid,
    /// 1 over the divisor for a mean, 1 for a sum; 0 for groups that have no value of their own.
    scale: Grid,
    /// What policies for empty groups added.
    pub(super) worth: Grid,
    /// The product of the deferred weights that were consumed, and of those of the divisor.
    masses: (Mask, Mask),
    /// What each sum of values was multiplied by, where the factors are known.
    factors: Option<Vec<Vec<Grid>>>,
    mean: bool,
    named: bool,
    depends: bool,
    cells: Shape,
}

/// Numbers that are known only after the images.
pub(super) trait Known {
    /// A weight that was counted over images, per class of `classes`.
    fn weight(&self, named: &Named, classes: &[usize]) -> Result<Grid>;
    /// The value of a node that is one number.
    fn term(&self, id: usize) -> f64;
}

/// The product of deferred weights per class.
pub(super) fn known_mass(
    weights: &[Arc<Named>],
    known: Option<&dyn Known>,
    classes: &[usize],
    cells: Shape,
) -> Result<Mask> {
    let Some(known) = known else { return Ok(None) };
    weights
        .iter()
        .try_fold(None, |mass, named| Ok(both(mass, Some(&known.weight(named, classes)?), cells)))
}

/// The factors of each sum of values.
fn known_factors(
    factors: &[Vec<Factor>],
    known: &dyn Known,
    classes: &[usize],
) -> Result<Vec<Vec<Grid>>> {
    let of_factor = |factor: &Factor| match factor {
        Factor::Term(id) => Ok(Grid::per_class(vec![known.term(*id)])),
        Factor::Weight(named) => known.weight(named, classes),
    };
    factors.iter().map(|factors| factors.iter().map(of_factor).collect()).collect()
}

/// The field after a step with these sums. `classes` are those of the sums.
pub(super) fn finish(
    spot: &Spot,
    step: &Step,
    cut: &Cut,
    known: Option<&dyn Known>,
    live: &Mask,
    at: &dyn Fn((usize, usize, usize)) -> String,
) -> Result<(Field, Finished)> {
    let Cut { sums, rest } = cut;
    let cells = sums[0].shape;
    let groups = if spot.over.contains(Axis::Class) { Shape { class: 1, ..cells } } else { cells };
    let classes = &spot.parts[0].classes;
    let consumed = known_mass(&rest.consumed, known, classes, cells)?;
    let by = known_mass(&rest.by, known, classes, cells)?;
    let (values, counts) = sums.split_at(sums.len() - 2);
    let times = |grid: &Grid, mass: &Mask| match mass {
        Some(mass) => grid.clone().times(mass),
        None => grid.clone(),
    };
    let factors = known.map(|known| known_factors(&rest.factors, known, classes)).transpose()?;
    let named = step.by.is_some();
    let divides = if named { &by } else { &consumed };
    let divisor = times(&counts[0], divides).gather(groups);
    let mut reads = counts[1].clone();
    if let Some(consumed) = &consumed {
        reads.join(consumed, |reads, mass| *reads = if mass == 0.0 { 0.0 } else { *reads });
    }
    let reads = reads.gather(groups);
    let mut totals: Vec<Grid> = values.iter().map(|sums| times(sums, &consumed)).collect();
    if let Some(factors) = &factors {
        let mut all = Grid::zeros(cells);
        for (total, factors) in totals.drain(..).zip(factors) {
            all.add(&factors.iter().fold(total, Grid::times));
        }
        totals.push(all);
    }
    totals = totals.into_iter().map(|total| total.gather(groups)).collect();

    let live = live_groups(live, &rest.waiting, groups);
    let mean = step.aggregate == Aggregate::Mean;
    let mut scale = Grid::filled(groups, 1.0);
    let mut worth = Grid::zeros(groups);
    let mut counted = Grid::filled(groups, 1.0);
    for group in 0..groups.cells() {
        let is_live = live.as_ref().is_none_or(|live| live.cells[group] != 0.0);
        let empty = divisor.cells[group] == 0.0 || !named && reads.cells[group] == 0.0;
        if mean && empty {
            let what = || format!("step `{step}`: a group{} has no mass", at(groups.cell(group)));
            let of_group = worth_of(step.empty, is_live, what)?;
            worth.cells[group] = of_group.unwrap_or(0.0);
            counted.cells[group] = f64::from(u8::from(of_group.is_some()));
            scale.cells[group] = 0.0;
        } else if !is_live {
            scale.cells[group] = 0.0;
        } else if mean {
            scale.cells[group] = 1.0 / divisor.cells[group];
        }
    }
    for total in &mut totals {
        for (group, total) in total.cells.iter_mut().enumerate() {
            *total = match scale.cells[group] {
                0.0 => 0.0,
                _ if mean => *total / divisor.cells[group],
                _ => *total,
            };
        }
    }
    for total in &totals {
        // Only a group that was worth NaN before can be NaN; it stays so, whatever its values are.
        let nan = total.cells.iter().enumerate().filter(|(_, total)| total.is_nan());
        nan.for_each(|(group, _)| scale.cells[group] = 0.0);
    }
    totals[0].add(&worth);
    let factors_left = match known {
        Some(_) => vec![Vec::new()],
        None => rest.factors.clone(),
    };
    let mut field = Field {
        shape: groups,
        values: factors_left
            .into_iter()
            .zip(totals)
            .map(|(factors, grid)| Value { factors, grid })
            .collect(),
        weights: rest.waiting.clone(),
    };
    let depends = rest.depends && !named;
    if step.carry {
        field.carry(spot.axes, divisor.clone(), depends);
    } else if step.can_skip() && (!rest.touched.is_empty() || counted.cells.contains(&0.0)) {
        field.skip(rest.touched.without(spot.over), counted);
    }
    let masses = (consumed, by);
    Ok((field, Finished { divisor, scale, worth, masses, factors, mean, named, depends, cells }))
}

impl Finished {
    /// The derivatives with respect to the sums, and with respect to the terms among the factors.
    pub(super) fn pull(
        &self,
        cut: &Cut,
        field: &Field,
        adjoint: &[Grid],
        carried: Option<&Grid>,
    ) -> (SumSlopes, Vec<(usize, f64)>) {
        let cells = self.cells;
        let with = |grid: &Grid, mass: &Mask| {
            let spread = grid.spread(cells);
            match mass {
                Some(mass) => spread.times(mass),
                None => spread,
            }
        };
        let count = cut.rest.factors.len();
        let scaled: Vec<Grid> =
            adjoint.iter().map(|adjoint| adjoint.clone().times(&self.scale)).collect();
        let mut terms = Vec::new();
        let values = (0..count).map(|place| match &self.factors {
            None => with(&scaled[place], &self.masses.0),
            Some(factors) => {
                let of_sum = with(&scaled[0], &self.masses.0);
                for (at, factor) in cut.rest.factors[place].iter().enumerate() {
                    if let Factor::Term(id) = factor {
                        let others = factors[place].iter().enumerate();
                        let others = others.filter(|(other, _)| *other != at).map(|(_, f)| f);
                        let slope = of_sum.clone().times(&cut.sums[place]);
                        let slope = others.fold(slope, Grid::times);
                        terms.push((*id, slope.cells.iter().sum()));
                    }
                }
                factors[place].iter().fold(of_sum, Grid::times)
            }
        });
        let values: Vec<Grid> = values.collect();
        let divisor = cut.rest.depends.then(|| {
            let mut divides = Grid::zeros(self.divisor.shape);
            if self.mean && !self.named {
                for (adjoint, value) in scaled.iter().zip(&field.values) {
                    divides.add(&adjoint.clone().times(&value.grid).map(|x| -x));
                }
            }
            let none = || Grid::zeros(self.divisor.shape);
            let carried = carried.filter(|_| self.depends).cloned().unwrap_or_else(none);
            (with(&divides, &self.masses.0), with(&carried, &self.masses.0))
        });
        (SumSlopes { values, divisor }, terms)
    }
}

/// The groups that are live and whose waiting weights are not 0.
pub(super) fn live_groups(live: &Mask, waiting: &[Mass], groups: Shape) -> Mask {
    both(live.clone(), reads(waiting.iter(), groups).as_ref(), groups)
}

/// What a group without mass is worth; none if it is skipped. A group that nobody reads is no error.
pub(super) fn worth_of(
    empty: Empty,
    live: bool,
    what: impl FnOnce() -> String,
) -> Result<Option<f64>> {
    match empty {
        Empty::Skip => Ok(None),
        Empty::Error if live => Err(Error::new(ErrorKind::Empty, what())),
        Empty::Zero | Empty::Error => Ok(Some(0.0)),
        Empty::One => Ok(Some(1.0)),
        Empty::Nan => Ok(Some(f64::NAN)),
    }
}
