//! The way back over the data: the gradient, written where the caller wants it.

use std::sync::{Mutex, PoisonError};

use ndarray::{ArrayRef, ArrayViewMutD, Dimension};

use crate::batch::{Batch, Float, arranged};
use crate::error::{Error, ErrorKind, Result};

use super::grid::Grid;
use super::observe::{BLOCK, CHUNK, Pass, block, blocks};
use super::pull::Sink;
use super::state::Seen;
use super::threads;

/// Refuses a buffer of another shape than the prediction.
pub(super) fn check_shape<F: Float, D: Dimension>(
    batch: &Batch<'_, F, D>,
    gradient: &ArrayRef<F, D>,
) -> Result<()> {
    let expected = batch.prediction();
    if gradient.shape() == expected.shape() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Shape,
        format!(
            "gradient: has shape {:?}, expected {:?}, the shape of the prediction",
            gradient.shape(),
            expected.shape()
        ),
    ))
}

/// Where the gradient of some blocks of an image goes.
struct Part<'g, F> {
    image: usize,
    blocks: std::ops::Range<usize>,
    into: ArrayViewMutD<'g, F>,
}

/// Writes the gradient of a batch, where `sink` has what came back to the pools.
pub(super) fn gradient<F: Float, D: Dimension>(
    seen: &Seen,
    pass: &Pass<'_, '_>,
    sink: &Sink,
    batch: &Batch<'_, F, D>,
    gradient: &mut ArrayRef<F, D>,
) -> Result<()> {
    let images = pass.data.extents.image;
    let matched = |pool: usize, kept: &super::observe::Kept| seen.matched(&sink.given, pool, kept);
    let of_images =
        threads::map(images, |image| pass.pull_image(image, &sink.given, &matched, false));
    let of_images = of_images.into_iter().collect::<Result<Vec<Sink>>>()?;
    let failed = Mutex::new(None);
    threads::each(parts(pass, batch, gradient), |part| {
        let image = part.image;
        if let Err(error) = part.write(pass, &of_images[image]) {
            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// The gradient in parts that threads write apart: chunks of pixels, or images where the spatial axes
/// do not lie one in another.
fn parts<'g, F: Float, D: Dimension>(
    pass: &Pass<'_, '_>,
    batch: &Batch<'_, F, D>,
    gradient: &'g mut ArrayRef<F, D>,
) -> Vec<Part<'g, F>> {
    let all = blocks(pass.data.extents.pixel);
    let arranged = arranged(gradient.view_mut(), batch.layout());
    let mut parts = Vec::new();
    // An owner of the view must outlive its pieces; splitting consumes it.
    let mut rest = arranged;
    for image in 0..pass.data.extents.image {
        let (this, others) = rest.split_at(ndarray::Axis(1), 1);
        rest = others;
        let of_image = this.index_axis_move(ndarray::Axis(1), 0);
        if of_image.ndim() > 2 {
            parts.push(Part { image, blocks: 0..all, into: of_image });
            continue;
        }
        let mut left = of_image;
        for first in (0..all).step_by(CHUNK) {
            let pixels = left.len_of(ndarray::Axis(1)).min(CHUNK * BLOCK);
            let (this, others) = left.split_at(ndarray::Axis(1), pixels);
            left = others;
            parts.push(Part { image, blocks: first..all.min(first + CHUNK), into: this });
        }
    }
    parts
}

impl<F: Float> Part<'_, F> {
    fn write(mut self, pass: &Pass<'_, '_>, of_image: &Sink) -> Result<()> {
        let pixels = pass.data.extents.pixel;
        let classes = pass.data.extents.class;
        let mut rows: Vec<_> = self.into.outer_iter_mut().map(IntoIterator::into_iter).collect();
        for number in self.blocks {
            let range = block(number, pixels);
            let sink = pass.pull_block(self.image, range.clone(), of_image)?;
            for (class, row) in rows.iter_mut().enumerate().take(classes) {
                let cells = |grid: &Option<Grid>, at: usize| {
                    grid.as_ref().map_or(0.0, |grid| grid.row(class, 0)[at])
                };
                for (at, pixel) in range.clone().enumerate() {
                    let slope = cells(&sink.cells, at) + cells(&of_image.cells, pixel);
                    if let Some(place) = row.next() {
                        *place = F::narrow(slope);
                    }
                }
            }
        }
        Ok(())
    }
}
