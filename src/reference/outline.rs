//! What a loss looks like on a batch before it is evaluated: axes, classes, and which cells are live.

use ndarray::{Array3, Axis as Dim};

use super::data::Data;
use crate::axis::{Axes, Axis};
use crate::error::Result;
use crate::field::spread;
use crate::loss::Loss;

type Shape = (usize, usize, usize);

/// A batch on which a loss is evaluated.
pub(super) struct Evaluation<'d, 'b> {
    pub(super) data: &'d Data<'b>,
}

impl Evaluation<'_, '_> {
    pub(super) fn shape(&self, axes: Axes, classes: &[usize]) -> Shape {
        let (_, pixel, image) = self.data.extents.shape(axes);
        (if axes.contains(Axis::Class) { classes.len() } else { 1 }, pixel, image)
    }

    /// The axes and the classes of the field of a loss.
    pub(super) fn outline(&self, loss: &Loss) -> Result<(Axes, Vec<usize>)> {
        loss.outline(&|weight| self.data.axes(weight), self.data.extents.class)
    }

    /// The classes over which a weight is made: those of the field, all where its class axis is gone.
    pub(super) fn counted(&self, axes: Axes, classes: &[usize]) -> Vec<usize> {
        if axes.contains(Axis::Class) {
            classes.to_vec()
        } else {
            (0..self.data.extents.class).collect()
        }
    }
}

/// What is live in a group is live in each of its cells.
pub(super) fn spread_live(live: &Array3<bool>, shape: Shape) -> Array3<bool> {
    spread(live, shape).to_owned()
}

/// A cell is live if it is live anywhere along the axes in which `shape` has extent 1.
pub(super) fn gather_live(live: &Array3<bool>, shape: Shape) -> Array3<bool> {
    let mut gathered = live.clone();
    for (axis, extent) in [shape.0, shape.1, shape.2].into_iter().enumerate() {
        if extent == 1 && gathered.shape()[axis] != 1 {
            let any = gathered.fold_axis(Dim(axis), false, |any, &live| *any || live);
            gathered = any.insert_axis(Dim(axis));
        }
    }
    gathered
}
