//! Fields of value and mass on tensors.

use super::grid::{Cells, Grid, Where, but, fill, joint, spread};
use crate::axis::{Axes, Axis};
use crate::loss::{Rides, Tag};

/// A value for every cell, and the weights that no step has consumed yet.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) axes: Axes,
    pub(super) classes: Vec<usize>,
    pub(super) value: Cells,
    pub(super) weights: Vec<Carried>,
}

/// A weight on its way to the step that consumes it.
#[derive(Clone, Debug)]
pub(super) struct Carried {
    /// What it is made of. No tensor is read for it, so weights that are equal by chance are others.
    pub(super) key: String,
    pub(super) axes: Axes,
    pub(super) value: Cells,
    /// Whether it can be 0.
    pub(super) masks: bool,
    pub(super) depends: bool,
    pub(super) skips: bool,
}

impl PartialEq for Carried {
    fn eq(&self, other: &Self) -> bool {
        (&self.key, self.axes) == (&other.key, other.axes)
    }
}

impl Rides for Carried {
    fn tag(&self) -> Tag<'_> {
        Tag { name: &self.key, axes: self.axes, depends: self.depends, skips: self.skips }
    }
}

/// The product of weights; none if it is 1.
#[derive(Clone, Debug)]
pub(super) struct Mass {
    pub(super) value: Cells,
    pub(super) masks: bool,
}

impl Mass {
    pub(super) fn of<'w>(weights: impl IntoIterator<Item = &'w Carried>) -> Option<Self> {
        weights.into_iter().fold(None, |mass: Option<Self>, weight| {
            let value = weight.value.clone();
            Some(match mass {
                None => Self { value, masks: weight.masks },
                Some(mass) => Self { value: mass.value * value, masks: mass.masks || weight.masks },
            })
        })
    }

    /// The cells that have none.
    pub(super) fn none(&self) -> Option<Where> {
        self.masks.then(|| self.value.clone().equal_scalar(0.0))
    }

    /// The same, without a slope where it is 0: what an aggregate other than a mean leaves out is not in its group.
    pub(super) fn of_the_counted(self) -> Self {
        match self.none() {
            Some(none) => Self { value: fill(self.value, none, 0.0), ..self },
            None => self,
        }
    }

    /// m v, 0 where m is, whatever v.
    pub(super) fn times(&self, cells: Cells) -> Cells {
        but(cells, self.none(), 0.0) * self.value.clone()
    }
}

impl Field {
    /// The cells that waiting weights keep from being read, and those that are dead besides.
    pub(super) fn unread(&self, dead: Option<&Where>) -> Option<Where> {
        let none = Mass::of(&self.weights).and_then(|mass| mass.none());
        either(none, dead.cloned())
    }

    /// The field of some of its classes.
    pub(super) fn selected(self, grid: &Grid, kept: Vec<usize>, places: &[usize]) -> Self {
        let weights = self.weights.into_iter().map(|weight| {
            let has_classes = weight.axes.contains(Axis::Class);
            let key = if has_classes { format!("{} of {kept:?}", weight.key) } else { weight.key };
            Carried { key, value: grid.classes(weight.value, places), ..weight }
        });
        Self {
            axes: self.axes,
            value: grid.classes(self.value, places),
            weights: weights.collect(),
            classes: kept,
        }
    }
}

/// The weights that a step over some axes consumes, and those that wait.
pub(super) fn split(weights: Vec<Carried>, over: Axes) -> (Vec<Carried>, Vec<Carried>) {
    weights.into_iter().partition(|weight| weight.axes.meets(over))
}

/// The cells that are meant by one or the other.
pub(super) fn either(one: Option<Where>, other: Option<Where>) -> Option<Where> {
    match (one, other) {
        (Some(one), Some(other)) => {
            let shape = joint(one.dims(), other.dims());
            Some(spread(one, shape).bool_or(spread(other, shape)))
        }
        (one, other) => one.or(other),
    }
}
