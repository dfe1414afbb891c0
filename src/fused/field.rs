//! What flows through the pass: values, parts of which wait for factors, and the weights that ride.

use std::sync::Arc;

use crate::axis::{Axes, Axis};
use crate::loss::{Rides, Tag};

use super::grid::{Grid, Mask, Shape, both};
use super::plan::Named;

/// Values, and the weights that no step has consumed yet.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) shape: Shape,
    /// The value is the sum of these, each times its factors; the first has none.
    pub(super) values: Vec<Value>,
    pub(super) weights: Vec<Mass>,
}

/// A part of a value, to be multiplied by factors that are known only after the images.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) factors: Vec<Factor>,
    pub(super) grid: Grid,
}

#[derive(Clone, Debug)]
pub(super) enum Factor {
    /// The number of a node whose value is one number.
    Term(usize),
    /// A weight that is counted over images.
    Weight(Arc<Named>),
}

impl PartialEq for Factor {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Term(one), Self::Term(other)) => one == other,
            (Self::Weight(one), Self::Weight(other)) => same_weight(one, other),
            _ => false,
        }
    }
}

fn same_weight(one: &Named, other: &Named) -> bool {
    one.text == other.text && one.classes == other.classes
}

/// A weight on its way to the step that consumes it.
#[derive(Clone, Debug)]
pub(super) struct Mass {
    pub(super) name: Arc<str>,
    pub(super) axes: Axes,
    pub(super) grid: Arc<Grid>,
    /// The weight that is counted over images, where that is what it is; the grid is 1 then.
    pub(super) deferred: Option<Arc<Named>>,
    /// Whether it is a denominator that was made from the prediction.
    pub(super) depends: bool,
    /// Whether it is what skipped groups leave: 0 for these, 1 for the others.
    pub(super) skips: bool,
}

impl PartialEq for Mass {
    fn eq(&self, other: &Self) -> bool {
        let same_deferred = match (&self.deferred, &other.deferred) {
            (None, None) => true,
            (Some(one), Some(other)) => same_weight(one, other),
            _ => false,
        };
        same_deferred
            && (&self.name, self.axes, self.depends, self.skips)
                == (&other.name, other.axes, other.depends, other.skips)
            && (Arc::ptr_eq(&self.grid, &other.grid) || self.grid == other.grid)
    }
}

impl Field {
    /// A field of one value, all of which is known.
    pub(super) fn known(grid: Grid, weights: Vec<Mass>) -> Self {
        Self { shape: grid.shape, values: vec![Value { factors: Vec::new(), grid }], weights }
    }

    /// The value, where no part of it waits for a factor.
    pub(super) fn value(&self) -> &Grid {
        &self.values[0].grid
    }

    /// The product of the weights that are known, none if it is 1 everywhere.
    pub(super) fn mass(&self) -> Mask {
        mass(self.weights.iter(), self.shape)
    }

    /// The weight that was made from the prediction.
    pub(super) fn dependent(&self) -> Option<&Mass> {
        self.weights.iter().find(|weight| weight.depends)
    }

    /// Leaves a divisor behind, on all axes that remain.
    pub(super) fn carry(&mut self, axes: Axes, divisor: Grid, depends: bool) {
        self.weights.push(Mass {
            name: "carried divisor".into(),
            axes,
            grid: Arc::new(divisor),
            deferred: None,
            depends,
            skips: false,
        });
    }

    /// Leaves 0 for the groups that are skipped and 1 for the others, which vary along `axes` only.
    pub(super) fn skip(&mut self, axes: Axes, counted: Grid) {
        let shape = counted.shape.without(Axes::ALL.without(axes));
        let counted = counted.fold(shape, 1.0, |all, counts| *all = counts);
        self.weights.push(Mass {
            name: "skipped groups".into(),
            axes,
            grid: Arc::new(counted),
            deferred: None,
            depends: false,
            skips: true,
        });
    }
}

/// The product of weights over cells of a shape, none if it is 1 everywhere.
pub(super) fn mass<'a>(weights: impl Iterator<Item = &'a Mass>, shape: Shape) -> Mask {
    weights
        .filter(|weight| weight.deferred.is_none())
        .fold(None, |mass, weight| both(mass, Some(&weight.grid), shape))
}

/// The cells that weights leave to be read, none if all: like a mass, with what is counted over images
/// where that is known.
pub(super) fn reads<'a>(weights: impl Iterator<Item = &'a Mass>, shape: Shape) -> Mask {
    weights.fold(None, |reads, weight| {
        let unknown = weight.deferred.is_some() && weight.grid.cells.iter().all(|&w| w != 0.0);
        if unknown { reads } else { both(reads, Some(&weight.grid), shape) }
    })
}

/// How a message names a cell: its place along each axis that its field has.
pub(super) fn place(
    axes: Axes,
    classes: &[usize],
    first_image: usize,
    (class, image, pixel): (usize, usize, usize),
) -> String {
    let places = axes.iter().map(|axis| match axis {
        Axis::Class => format!("class {}", classes[class]),
        Axis::Pixel => format!("pixel {pixel}"),
        Axis::Image => format!("image {}", first_image + image),
    });
    places.collect::<Vec<_>>().join(", ")
}

impl Rides for Mass {
    fn tag(&self) -> Tag<'_> {
        Tag { name: &self.name, axes: self.axes, depends: self.depends, skips: self.skips }
    }
}
