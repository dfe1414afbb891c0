//! A step on a field: which weights it consumes, what it makes of each group, what it leaves.

use ndarray::Array3;

use super::aggregate::Group;
use super::sum::sum;
use crate::axis::{Axes, Axis};
use crate::error::{Error, ErrorKind, Result};
use crate::field::{Carried, Field, mass};
use crate::reduction::{Aggregate, Empty, Step};

pub(super) type Cell = (usize, usize, usize);

/// A field after a step, and what the step did to each cell.
pub(super) struct Stepped {
    pub(super) field: Field,
    /// The derivative of the result of a cell's group with respect to the cell.
    pub(super) derivative: Array3<f64>,
    /// What divided, per group: the mass, or the total that was named.
    pub(super) divisor: Array3<f64>,
    /// What a weight that is made from the prediction did, if the step consumed one.
    pub(super) weight: Option<WeightSlope>,
}

/// The derivatives of a step with respect to a weight that it consumed, per cell.
pub(super) struct WeightSlope {
    /// Of the result.
    pub(super) value: Array3<f64>,
    /// Of the divisor.
    pub(super) divisor: Array3<f64>,
    /// The shape of the weight.
    pub(super) shape: Cell,
}

/// Takes a step over `axes`. Values are read in the groups that are live, masses in all: a group that
/// a later 0 keeps from being read still leaves its mass. `by` are the weights that the divisor names.
pub(super) fn take(
    field: &Field,
    step: &Step,
    axes: Axes,
    by: Option<&[Carried]>,
    live: &Array3<bool>,
) -> Result<Stepped> {
    let (consumed, waiting): (Vec<Carried>, Vec<Carried>) =
        field.weights.iter().cloned().partition(|weight| weight.axes.meets(axes));
    let masses = mass(&consumed, field.value.dim());
    if let Some(weight) = by.iter().copied().flatten().find(|by| !field.axes.contains_all(by.axes))
    {
        let Carried { name, axes, .. } = weight;
        return Err(Error::new(
            ErrorKind::Order,
            format!(
                "order: step `{step}` divides by `{name}`, which is per {axes}; left are {}",
                field.axes
            ),
        ));
    }
    let named = by.map(|by| mass(by, field.value.dim()));
    let left = field.axes.without(axes);
    let shape = field.extents.shape(left);
    let shape =
        if left.contains(Axis::Class) { (field.classes.len(), shape.1, shape.2) } else { shape };

    let mut stepped = Stepped {
        field: Field {
            axes: left,
            extents: field.extents,
            classes: if left.contains(Axis::Class) { field.classes.clone() } else { Vec::new() },
            value: Array3::zeros(shape),
            weights: waiting,
        },
        derivative: Array3::zeros(field.value.dim()),
        divisor: Array3::zeros(shape),
        weight: consumed.iter().position(|weight| weight.depends).map(|place| WeightSlope {
            value: Array3::zeros(field.value.dim()),
            divisor: {
                let others = consumed.iter().enumerate().filter(|(other, _)| *other != place);
                mass(others.map(|(_, weight)| weight), field.value.dim())
            },
            shape: consumed[place].value.dim(),
        }),
    };
    // A group whose waiting weight is 0 is not read.
    let live = read_groups(live, &stepped.field);
    let mut counted = Array3::from_elem(shape, 1.0);
    for place in cells(shape) {
        let cells = || group(place, axes, field.value.dim());
        let read: Vec<Cell> = cells().filter(|&cell| masses[cell] != 0.0).collect();
        let group = Group {
            values: read.iter().map(|&cell| field.value[cell]).collect(),
            masses: read.iter().map(|&cell| masses[cell]).collect(),
        };
        let divisor = match &named {
            Some(named) => sum(cells().map(|cell| named[cell])),
            None => sum(group.masses.iter().copied()),
        };
        stepped.divisor[place] = divisor;
        if step.aggregate != Aggregate::Sum
            && (divisor == 0.0 || (named.is_none() && read.is_empty()))
        {
            let worth = worth(step.empty, live[place], || {
                let at = stepped.field.at_place(place);
                format!("step `{step}`: a group{at} has no mass")
            })?;
            stepped.field.value[place] = worth.unwrap_or(0.0);
            counted[place] = f64::from(worth.is_some());
            continue;
        }
        if !live[place] {
            continue;
        }
        let (value, derivatives) = group.aggregate(step, divisor).map_err(|(cell, why)| {
            let place = field.place(read[cell]);
            Error::new(ErrorKind::Domain, format!("step `{step}`: the value at {place} is {why}"))
        })?;
        stepped.field.value[place] = value;
        for (&cell, derivative) in read.iter().zip(derivatives) {
            stepped.derivative[cell] = derivative;
        }
        if let Some(weight) = &mut stepped.weight {
            let slopes = match &named {
                Some(_) => group.values.iter().map(|v| v / divisor).collect(),
                None => group.mass_slopes(step.aggregate, value, divisor),
            };
            for (&cell, slope) in read.iter().zip(slopes) {
                weight.value[cell] = slope * weight.divisor[cell];
            }
        }
    }
    let divided_by = by.unwrap_or(&consumed);
    let touched = divided_by.iter().fold(Axes::NONE, |all, weight| all.with(weight.axes));
    if step.carry {
        let depends = stepped.weight.is_some() && by.is_none();
        stepped.field.carry(&stepped.divisor, depends);
    } else if step.can_skip()
        && (!touched.is_empty() || counted.iter().any(|&counts| counts == 0.0))
    {
        // Left even where nothing is skipped, so that what later steps consume does not hang on data.
        stepped.field.skip(touched.without(axes), &counted);
    }
    Ok(stepped)
}

/// The groups that are live and whose waiting weights are not 0.
pub(super) fn read_groups(live: &Array3<bool>, after: &Field) -> Array3<bool> {
    let mut read = live.clone();
    read.zip_mut_with(&after.mass(), |live, &mass| *live = *live && mass != 0.0);
    read
}

/// What a group without mass is worth; none if it is skipped. A group that nobody reads is no error.
pub(super) fn worth(
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

impl Field {
    /// Leaves a divisor behind, on all axes that remain.
    pub(super) fn carry(&mut self, divisor: &Array3<f64>, depends: bool) {
        let (name, axes) = ("carried divisor".into(), self.axes);
        self.weights.push(Carried { name, axes, value: divisor.clone(), depends, skips: false });
    }

    /// Leaves 0 for the groups that are skipped and 1 for the others, which vary along `axes` only.
    pub(super) fn skip(&mut self, axes: Axes, counted: &Array3<f64>) {
        let mut value = counted.clone();
        for axis in self.axes.without(axes).iter().map(|axis| ndarray::Axis(axis as usize)) {
            if value.len_of(axis) == 0 {
                let mut shape = value.raw_dim();
                shape[axis.0] = 1;
                value = Array3::ones(shape);
            } else {
                value.collapse_axis(axis, 0);
            }
        }
        let name = "skipped groups".into();
        self.weights.push(Carried { name, axes, value, depends: false, skips: true });
    }

    /// How a message says where a cell is; nothing where there is one cell.
    pub(super) fn at_place(&self, cell: Cell) -> String {
        let place = self.place(cell);
        if place.is_empty() { place } else { format!(" at {place}") }
    }
}

/// Every cell of a shape.
pub(super) fn cells(shape: Cell) -> impl Iterator<Item = Cell> {
    ndarray::indices(shape).into_iter()
}

/// The cells of the group whose result stands at `place`, for a step over `axes`.
pub(super) fn group(place: Cell, axes: Axes, shape: Cell) -> impl Iterator<Item = Cell> {
    let along = |axis: Axis, at: usize, extent: usize| {
        if axes.contains(axis) { 0..extent } else { at..at + 1 }
    };
    let classes = along(Axis::Class, place.0, shape.0);
    let pixels = along(Axis::Pixel, place.1, shape.1);
    let images = along(Axis::Image, place.2, shape.2);
    classes.flat_map(move |class| {
        let images = images.clone();
        let pixels = pixels.clone();
        pixels.flat_map(move |pixel| images.clone().map(move |image| (class, pixel, image)))
    })
}
