//! The way back over the data: the gradient, written where the caller wants it.

use std::ops::Range;
use std::sync::Arc;

use ndarray::iter::IterMut;
use ndarray::{ArrayRef, ArrayViewMut2, ArrayViewMutD, Dimension, IxDyn};

use crate::axis::Extents;
use crate::batch::{Batch, Float, Floats, arranged};
use crate::error::{Error, ErrorKind, Result};
use crate::kernel::{Instructions, Real};

use super::data::Data;
use super::digest::{Digest, chunk, chunks};
use super::leaf::Leaves;
use super::observe::{BLOCK, CHUNK, Mode, Pass, block, blocks};
use super::places::Places;
use super::plan::Plan;
use super::pull::Sink;
use super::seen::Seen;
use super::stream::{AnyStream, Order, Stream};
use super::sweeping::{Slopes, Sweeping};
use super::threads::{self, Work};

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
    let pull = |image: usize| pass.pull_image(image, &sink.given, &matched, false);
    let of_images = threads::map_by(pass.work_of_image(), images, pull);
    let of_images = of_images.into_iter().collect::<Result<Vec<Sink>>>()?;
    let slopes = of_images.iter().enumerate().map(|(image, of_image)| match &of_image.cells {
        None => pass.pull_leaves(image, of_image),
        Some(_) => Ok(None),
    });
    let slopes = slopes.collect::<Result<Vec<_>>>()?;
    let work = match pass.work_of_image() {
        Work::Light => Work::of_cells(batch.prediction().len()),
        Work::Heavy => Work::Heavy,
    };
    let written = threads::take_by(work, parts(pass, batch, gradient), |part| {
        let image = part.image;
        match &slopes[image] {
            Some(slopes) => {
                part.sweep(pass, slopes);
                Ok(())
            }
            None => part.write(pass, &of_images[image]),
        }
    });
    written.into_iter().collect()
}

/// The value of a loss whose derivatives are known beforehand, and its gradient, in one reading. None if
/// the loss is another, or a number cannot be read.
pub(super) fn at_once<F: Float, D: Dimension>(
    plan: &Arc<Plan>,
    data: &Data<'_>,
    batch: &Batch<'_, F, D>,
    gradient: &mut ArrayRef<F, D>,
) -> Option<Result<f64>> {
    if !plan.is_linear() {
        return None;
    }
    let mut pass = Pass::unread(plan, data, Mode::READ).ok()?;
    let leaves = pass.leaves.as_ref()?;
    if !leaves.recipes.iter().all(|recipe| recipe.recipe.sums_along()) {
        return None;
    }
    // Whatever the sums are, the derivatives are those of sums of 0.
    let Extents { class, pixel, image } = data.extents;
    let zero = Digest::zero(leaves, class, pixel);
    pass.images.iter_mut().for_each(|image| image.digest = Some(zero.clone()));
    pass.cut(Mode::READ).ok()?;
    let (_, sink) =
        Seen::of_pass(plan, &pass, Mode::READ).ok()?.value_and_backs(false, None).ok()?;
    let slopes = |image| {
        let of_image = pass.pull_image(image, &sink.given, &|_, _| None, false).ok()?;
        let alone = of_image.cells.is_none();
        pass.pull_leaves(image, &of_image).ok()?.filter(|_| alone)
    };
    let slopes = (0..image).map(slopes).collect::<Option<Vec<_>>>()?;
    let parts = parts(&pass, batch, gradient);
    let work = Work::of_cells(batch.prediction().len());
    let digests = threads::take_by(work, parts, |part| {
        let slopes = &slopes[part.image];
        part.sweep(&pass, slopes)
    });
    pass.take(digests.into_iter().flatten().collect());
    if pass.images.iter().any(|image| image.digest.is_none()) {
        return None;
    }
    let value = pass.cut(Mode::READ).and_then(|()| Seen::of_pass(plan, &pass, Mode::READ)?.value());
    Some(value)
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
    /// Writes the gradient of leaves. The sums of its chunks, where these are made along.
    fn sweep(self, pass: &Pass<'_, '_>, slopes: &Slopes) -> Vec<Option<Digest>> {
        let Some(leaves) = &pass.leaves else { return Vec::new() };
        let pixels = pass.data.extents.pixel;
        let chunks = self.blocks.start / CHUNK..self.blocks.end.div_ceil(CHUNK);
        let chunks = chunks.map(|number| chunk(number, pixels));
        match (&pass.data.stream, F::erase_mut(self.into)) {
            (AnyStream::F32(stream), Floats::F32(into)) => {
                stream.sweep(leaves, slopes, self.image, chunks, into)
            }
            (AnyStream::F64(stream), Floats::F64(into)) => {
                stream.sweep(leaves, slopes, self.image, chunks, into)
            }
            _ => Vec::new(),
        }
    }

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
                let slope = |at: usize, place: &mut F| {
                    *place = F::narrow(
                        of_block.map_or(0.0, |row| row[at]) + of_image.map_or(0.0, |row| row[at]),
                    );
                };
                rows.write(class, range.start - first..range.end - first, slope);
            }
        }
        Ok(())
    }
}

impl<F: Real> Stream<'_, F> {
    /// Writes the gradient of some chunks of an image.
    fn sweep(
        &self,
        leaves: &Leaves,
        slopes: &Slopes,
        image: usize,
        chunks: impl Iterator<Item = Range<usize>>,
        into: ArrayViewMutD<'_, F>,
    ) -> Vec<Option<Digest>> {
        let (order, classes) = (self.order, self.classes);
        let numbers = self.numbers(leaves, Some(slopes));
        let sweep = |pixels: Range<usize>, places: Places<'_, F>| {
            Instructions::chosen().run(Sweeping {
                stream: self,
                leaves,
                numbers: &numbers,
                image,
                pixels,
                places: Some(places),
            })
        };
        let mut digests = Vec::new();
        match Places::new(into, order) {
            // A view whose places lie in slices is one chunk.
            Ok(places) => digests.extend(chunks.take(1).zip([places]).map(|(c, p)| sweep(c, p))),
            Err(into) => {
                let mut rows = Rows::new(into);
                let mut buffer = Vec::new();
                let mut before = 0;
                for pixels in chunks {
                    let size = pixels.len();
                    let places = Places::in_buffer(&mut buffer, order, classes, size);
                    digests.push(sweep(pixels, places));
                    let steps = if order == Order::ByPixel { (1, classes) } else { (size, 1) };
                    for class in 0..classes {
                        let made = |at: usize| buffer[class * steps.0 + at * steps.1];
                        rows.write(class, before..before + size, |at, place| *place = made(at));
                    }
                    before += size;
                }
            }
        }
        digests
    }
}

impl Pass<'_, '_> {
    /// The sums of the sizes of the gradient over an image, per class.
    pub(super) fn slope_sums(&self, image: usize, slopes: &Slopes) -> Option<Vec<f64>> {
        let leaves = self.leaves.as_ref()?;
        let pixels = self.data.extents.pixel;
        let of_chunk = |number| match &self.data.stream {
            AnyStream::F32(stream) => {
                Some(stream.slope_sums(leaves, slopes, image, chunk(number, pixels)))
            }
            AnyStream::F64(stream) => {
                Some(stream.slope_sums(leaves, slopes, image, chunk(number, pixels)))
            }
            AnyStream::None => None,
        };
        let parts = (0..chunks(pixels)).map(of_chunk).collect::<Option<Vec<_>>>()?;
        let class = |class: usize| parts.iter().map(|part| part[class]).sum();
        Some((0..self.data.extents.class).map(class).collect())
    }
}

impl<F: Real> Stream<'_, F> {
    fn slope_sums(
        &self,
        leaves: &Leaves,
        slopes: &Slopes,
        image: usize,
        pixels: Range<usize>,
    ) -> Vec<f64> {
        let (order, classes, size) = (self.order, self.classes, pixels.len());
        let mut buffer = Vec::new();
        Instructions::chosen().run(Sweeping {
            stream: self,
            leaves,
            numbers: &self.numbers(leaves, Some(slopes)),
            image,
            pixels,
            places: Some(Places::in_buffer(&mut buffer, order, classes, size)),
        });
        let (first, step) = if order == Order::ByPixel { (1, classes) } else { (size, 1) };
        let of_class = |class: usize| {
            let cells = (0..size).map(|pixel| buffer[class * first + pixel * step]);
            cells.map(|slope| slope.to_f64().abs()).sum()
        };
        (0..classes).map(of_class).collect()
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
pub(super) enum Rows<'g, F> {
    /// By class and pixel.
    Even(ArrayViewMut2<'g, F>),
    /// One iterator per class, where the spatial axes do not lie one in another.
    Ragged(Vec<IterMut<'g, F, IxDyn>>),
}

impl<'g, F> Rows<'g, F> {
    pub(super) fn new(into: ArrayViewMutD<'g, F>) -> Self {
        match into.ndim() {
            2 => into.into_dimensionality().map_or_else(|_| Self::Ragged(Vec::new()), Self::Even),
            _ => Self::Ragged(rows_of(into)),
        }
    }

    /// Visits the places of some pixels of a class, each with its number among them.
    pub(super) fn write(
        &mut self,
        class: usize,
        pixels: Range<usize>,
        slope: impl Fn(usize, &mut F),
    ) {
        match self {
            Self::Even(rows) => {
                let mut row = rows.row_mut(class);
                let row = row.slice_mut(ndarray::s![pixels]);
                row.into_iter().enumerate().for_each(|(at, place)| slope(at, place));
            }
            Self::Ragged(rows) => {
                let row = rows[class].by_ref().take(pixels.len());
                row.enumerate().for_each(|(at, place)| slope(at, place));
            }
        }
    }
}
