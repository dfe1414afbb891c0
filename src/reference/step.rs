//! Every aggregate, literally: a group of cells in, a value and its derivatives out.

use ndarray::Array3;

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
    /// What of the result is not Σ derivative · value: 0 for steps that scale with their values.
    pub(super) remainder: Array3<f64>,
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
        remainder: Array3::zeros(shape),
    };
    let mut skipped = Array3::from_elem(shape, 1.0);
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
                let place = stepped.field.place(place);
                let at = if place.is_empty() { String::new() } else { format!(" at {place}") };
                format!("step `{step}`: a group{at} has no mass")
            })?;
            stepped.field.value[place] = worth.unwrap_or(0.0);
            stepped.remainder[place] = worth.unwrap_or(0.0);
            skipped[place] = f64::from(worth.is_some());
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
        if matches!(step.aggregate, Aggregate::LogMeanExp(_)) {
            let parts = derivatives.iter().zip(&group.values).map(|(d, v)| d * v);
            stepped.remainder[place] = value - sum(parts);
        }
        for (&cell, derivative) in read.iter().zip(derivatives) {
            stepped.derivative[cell] = derivative;
        }
    }
    let divided_by = by.unwrap_or(&consumed);
    let touched = divided_by.iter().fold(Axes::NONE, |all, weight| all.with(weight.axes));
    if step.carry {
        stepped.field.leave("carried divisor", left, &stepped.divisor);
    } else if skipped.iter().any(|&counts| counts == 0.0) {
        stepped.field.leave("groups with mass", touched.without(axes), &skipped);
    }
    Ok(stepped)
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
    /// Leaves a weight behind that does not vary along the axes outside `axes`.
    pub(super) fn leave(&mut self, name: &str, axes: Axes, weight: &Array3<f64>) {
        let mut value = weight.clone();
        for axis in self.axes.without(axes).iter() {
            value.collapse_axis(ndarray::Axis(axis as usize), 0);
        }
        self.weights.push(Carried { name: name.into(), axes, value });
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

/// The cells with mass of one group.
struct Group {
    values: Vec<f64>,
    masses: Vec<f64>,
}

type Aggregated = (f64, Vec<f64>);

impl Group {
    /// The value and its derivatives; or which cell has a value that the aggregate cannot take.
    fn aggregate(&self, step: &Step, divisor: f64) -> Result<Aggregated, (usize, String)> {
        if let Some(cell) = self.values.iter().position(|value| value.is_nan()) {
            // Only a group that was worth NaN before can hold one; it stays one.
            return Ok((self.values[cell], vec![0.0; self.values.len()]));
        }
        Ok(match step.aggregate {
            Aggregate::Sum => (self.total(), self.masses.clone()),
            Aggregate::Mean => {
                (self.total() / divisor, self.masses.iter().map(|m| m / divisor).collect())
            }
            Aggregate::Max => self.at_value(self.values.iter().copied().fold(f64::MIN, f64::max)),
            Aggregate::Min => self.at_value(self.values.iter().copied().fold(f64::MAX, f64::min)),
            Aggregate::Power(p) => self.power(p, divisor)?,
            Aggregate::LogMeanExp(t) => self.log_mean_exp(t, divisor),
            Aggregate::Quantile(q) => self.at_value(self.quantile(q, divisor)),
            Aggregate::TopFraction(fraction) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a fraction in (0, 1] of a count is a count"
                )]
                let k = (fraction * self.values.len() as f64).floor() as usize;
                self.top(k.max(1))
            }
            Aggregate::TopK(k) => self.top(k),
        })
    }

    /// Σ m v.
    fn total(&self) -> f64 {
        sum(self.masses.iter().zip(&self.values).map(|(m, v)| m * v))
    }

    /// A value that some cells have; these share the derivative equally.
    fn at_value(&self, value: f64) -> Aggregated {
        let ties = self.values.iter().filter(|&&v| v == value).count() as f64;
        let share = |&v: &f64| if v == value { 1.0 / ties } else { 0.0 };
        (value, self.values.iter().map(share).collect())
    }

    /// (Σ m v^p / Σ m)^(1/p), computed relative to the value that leads, the largest (for
    /// p below 0 the smallest), so that no power overflows.
    fn power(&self, p: f64, divisor: f64) -> Result<Aggregated, (usize, String)> {
        if let Some(cell) = self.values.iter().position(|&v| v < 0.0) {
            return Err((cell, format!("{}, expected at least 0", self.values[cell])));
        }
        let ends = if p > 0.0 {
            (0.0, f64::max as fn(f64, f64) -> f64)
        } else {
            (f64::MAX, f64::min as _)
        };
        let leading = self.values.iter().copied().fold(ends.0, ends.1);
        if leading == 0.0 {
            return Ok((0.0, vec![0.0; self.values.len()]));
        }
        let powers = self.masses.iter().zip(&self.values).map(|(m, v)| m * (v / leading).powf(p));
        let value = leading * (sum(powers) / divisor).powf(1.0 / p);
        if value == 0.0 {
            return Ok((0.0, vec![0.0; self.values.len()]));
        }
        let slope = |(m, v): (&f64, &f64)| m / divisor * (v / value).powf(p - 1.0);
        Ok((value, self.masses.iter().zip(&self.values).map(slope).collect()))
    }

    /// ln(Σ m e^(t v) / Σ m) / t, computed relative to the largest exponent.
    fn log_mean_exp(&self, t: f64, divisor: f64) -> Aggregated {
        let largest = self.values.iter().map(|v| t * v).fold(f64::NEG_INFINITY, f64::max);
        let parts: Vec<f64> = self
            .masses
            .iter()
            .zip(&self.values)
            .map(|(m, v)| m * (t * v - largest).exp())
            .collect();
        let total = sum(parts.iter().copied());
        let value = (largest + (total / divisor).ln()) / t;
        (value, parts.iter().map(|part| part / total).collect())
    }

    /// The smallest value that holds, with those below it, a share q of the mass.
    fn quantile(&self, q: f64, divisor: f64) -> f64 {
        let mut order: Vec<usize> = (0..self.values.len()).collect();
        order.sort_by(|&a, &b| self.values[a].total_cmp(&self.values[b]));
        let wanted = q * divisor;
        let mut held = 0.0;
        let last = order[order.len() - 1];
        let found = order.into_iter().find(|&cell| {
            held += self.masses[cell];
            held >= wanted
        });
        self.values[found.unwrap_or(last)]
    }

    /// The mean by mass of the k largest values; cells that tie for the last places share them.
    fn top(&self, k: usize) -> Aggregated {
        let mut descending = self.values.clone();
        descending.sort_by(|a, b| b.total_cmp(a));
        let last = descending[k.min(descending.len()) - 1];
        let above = self.values.iter().filter(|&&v| v > last).count();
        let ties = self.values.iter().filter(|&&v| v == last).count();
        let places = (k.min(self.values.len()) - above) as f64 / ties as f64;
        let counted: Vec<f64> = (self.masses.iter().zip(&self.values))
            .map(|(m, &v)| {
                if v > last {
                    *m
                } else if v == last {
                    m * places
                } else {
                    0.0
                }
            })
            .collect();
        let divisor = sum(counted.iter().copied());
        let total = sum(counted.iter().zip(&self.values).map(|(m, v)| m * v));
        (total / divisor, counted.iter().map(|m| m / divisor).collect())
    }
}
