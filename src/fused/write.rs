//! The way back over the data: the gradient, written where the caller wants it.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use ndarray::iter::IterMut;
use ndarray::{ArrayRef, ArrayViewMut2, ArrayViewMutD, Dimension, IxDyn};

use crate::batch::{Batch, Float, arranged};
use crate::error::{Error, ErrorKind, Result};

use super::observe::{BLOCK, CHUNK, Pass, block, blocks};
use super::pull::Sink;
use super::seen::Seen;
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
    blocks: Range<usize>,
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
    fn write(self, pass: &Pass<'_, '_>, of_image: &Sink) -> Result<()> {
        let pixels = pass.data.extents.pixel;
        let Self { image, blocks, into } = self;
        let first = block(blocks.start, pixels).start;
        let mut rows = Rows::new(into);
        for number in blocks {
            let range = block(number, pixels);
            let sink = pass.pull_block(image, range.clone(), of_image)?;
            for class in 0..pass.data.extents.class {
                let of_block = sink.cells.as_ref().map(|grid| grid.row(class, 0));
                let of_image =
                    of_image.cells.as_ref().map(|grid| &grid.row(class, 0)[range.clone()]);
                let slope = |at: usize| {
                    F::narrow(
                        of_block.map_or(0.0, |row| row[at]) + of_image.map_or(0.0, |row| row[at]),
                    )
                };
                rows.write(class, range.start - first..range.end - first, slope);
            }
        }
        Ok(())
    }
}

/// An iterator over the pixels of each class.
fn rows_of<F>(mut into: ArrayViewMutD<'_, F>) -> Vec<IterMut<'_, F, IxDyn>> {
    let mut rows = Vec::new();
    for _ in 0..into.len_of(ndarray::Axis(0)) {
        let (row, others) = into.split_at(ndarray::Axis(0), 1);
        into = others;
        rows.push(row.into_iter());
    }
    rows
}

/// The rows of pixels of every class, written block after block.
enum Rows<'g, F> {
    /// By class and pixel.
    Even(ArrayViewMut2<'g, F>),
    /// One iterator per class, where the spatial axes do not lie one in another.
    Ragged(Vec<IterMut<'g, F, IxDyn>>),
}

impl<'g, F: Float> Rows<'g, F> {
    fn new(into: ArrayViewMutD<'g, F>) -> Self {
        match into.ndim() {
            2 => into.into_dimensionality().map_or_else(|_| Self::Ragged(Vec::new()), Self::Even),
            _ => Self::Ragged(rows_of(into)),
        }
    }

    fn write(&mut self, class: usize, pixels: Range<usize>, slope: impl Fn(usize) -> F) {
        match self {
            Self::Even(rows) => {
                let mut row = rows.row_mut(class);
                let row = row.slice_mut(ndarray::s![pixels]);
                row.into_iter().enumerate().for_each(|(at, place)| *place = slope(at));
            }
            Self::Ragged(rows) => {
                rows[class].by_ref().take(pixels.len()).enumerate().for_each(|(at, place)| {
                    *place = slope(at);
                });
            }
        }
    }
}
