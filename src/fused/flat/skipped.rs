//! What groups skipped before the images leave behind, in a form whose length no data decide.
//!
//! Which masks of 0 and 1 ride past a step over images depends on the data: two that are the same are
//! one. Their product over all that have the same axes says all that later steps can ask, and there are
//! four sets of axes besides the images at most.

use std::sync::Arc;

use crate::axis::{Axes, Axis};
use crate::error::Result;
use crate::fused::field::Mass;
use crate::fused::grid::{Grid, Shape};
use crate::fused::linear::Rest;
use crate::fused::plan::Spot;

use super::entries::Entries;

/// The sets of axes that such masks can have, and the shape of the largest; `pool` is that of its sums.
fn slots(spot: &Spot, pool: Shape) -> Vec<(Axes, Shape)> {
    let sets =
        [Axes::NONE, Axis::Class.into(), Axis::Pixel.into(), [Axis::Class, Axis::Pixel].into()];
    let shape = |axes: Axes| Shape {
        class: if axes.contains(Axis::Class) { spot.classes.len() } else { 1 },
        image: 1,
        pixel: if axes.contains(Axis::Pixel) { pool.pixel } else { 1 },
    };
    let possible = sets.into_iter().filter(|&axes| spot.axes.contains_all(axes));
    possible.map(|axes| (axes, shape(axes))).collect()
}

/// The product of the masks with these axes.
fn product(rest: &Rest, axes: Axes, shape: Shape) -> Option<Grid> {
    let masks = rest.waiting.iter().filter(|mass| mass.skips && mass.axes == axes);
    masks.map(|mass| mass.grid.spread(shape)).reduce(|all, mask| all.times(&mask))
}

/// For each set of axes whether there is a mask, and its cells.
pub(super) fn written(rest: &Rest, spot: &Spot, pool: Shape) -> Vec<bool> {
    let mut flags = Vec::new();
    for (axes, shape) in slots(spot, pool) {
        let mask = product(rest, axes, shape);
        flags.push(mask.is_some());
        flags.extend(
            mask.unwrap_or_else(|| Grid::zeros(shape)).cells.iter().map(|&cell| cell != 0.0),
        );
    }
    flags
}

/// The masks that all of some ranks have.
pub(super) fn read(
    entries: &mut Entries<'_>,
    ranks: f64,
    spot: &Spot,
    pool: Shape,
) -> Result<Vec<Mass>> {
    let what = format!("a skipped group of `{}`", spot.loss);
    let mut masks = Vec::new();
    for (axes, shape) in slots(spot, pool) {
        let there = entries.all_or_none(ranks, &what)?;
        let mut grid = Grid::zeros(shape);
        for cell in &mut grid.cells {
            *cell = f64::from(u8::from(entries.all_or_none(ranks, &what)?));
        }
        masks.extend(there.then(|| Mass {
            name: "skipped groups".into(),
            axes,
            grid: Arc::new(grid),
            deferred: None,
            depends: false,
            skips: true,
        }));
    }
    Ok(masks)
}
