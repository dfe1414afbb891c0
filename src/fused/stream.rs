//! The cells of a batch as the kernels want them: in place where they lie side by side, else gathered
//! tile by tile.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut1, Axis as Dim, Dimension, IxDyn};

use crate::batch::{Batch, Dense, Float, ReadRow, Target, View, arranged, lanes};
use crate::kernel::{Cells, Isa, LANES, Real, split};

use super::observe::BLOCK;

/// A prediction and a target in the element type of the prediction.
pub(super) struct Stream<'b, F> {
    pub(super) classes: usize,
    pub(super) order: Order,
    prediction: View<'b, F, IxDyn>,
    target: Truth<'b, F>,
}

/// A target as it comes.
pub(super) enum Truth<'b, F> {
    /// Of the same element type.
    Same(View<'b, F, IxDyn>),
    Dense(ReadRow<'b, F>),
    /// The number of the class; what is none is above all.
    Labels(ReadRow<'b, u32>),
}

/// In which order the numbers of a tile lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Pixel by pixel, the classes of each side by side.
    ByPixel,
    /// Class by class.
    ByClass,
}

/// Cells for one sweep, and the classes that they are of.
pub(super) struct Piece<'t, F> {
    pub(super) cells: Cells<'t, F>,
    pub(super) classes: Range<usize>,
    /// Counted from the first that was asked for.
    pub(super) pixels: Range<usize>,
}

impl<'t, F> Piece<'t, F> {
    fn new(x: &'t [F], t: &'t [F], classes: Range<usize>, pixels: Range<usize>) -> Self {
        Self { cells: Cells { x, q: x, cost: x, t }, classes, pixels }
    }
}

/// Memory for one tile.
pub(super) struct Tile<F> {
    pub(super) x: Vec<F>,
    pub(super) t: Vec<F>,
    labels: Vec<u32>,
    row: Vec<F>,
}

impl<F> Default for Tile<F> {
    fn default() -> Self {
        Self { x: Vec::new(), t: Vec::new(), labels: Vec::new(), row: Vec::new() }
    }
}

impl Order {
    /// How many numbers a row has, where rows of one pixel modulo `LANES` each are added up.
    pub(super) fn row(self, classes: usize) -> usize {
        match self {
            Self::ByPixel => LANES * classes,
            Self::ByClass => LANES,
        }
    }

    /// The place of a class and a pixel among the lanes of all classes.
    pub(super) fn place(self, classes: usize, class: usize, pixel: usize) -> usize {
        match self {
            Self::ByPixel => pixel * classes + class,
            Self::ByClass => class * LANES + pixel,
        }
    }
}

/// The cells of an image as pixels of classes, if each pixel's classes lie side by side.
fn by_pixel<'v, F>(view: &'v View<'_, F, IxDyn>, image: usize) -> Option<ArrayView2<'v, F>> {
    if view.ndim() != 3 {
        return None;
    }
    let image = view.index_axis(Dim(1), image).into_dimensionality().ok()?;
    let pixels: ArrayView2<'v, F> = ArrayView2::reversed_axes(image);
    (pixels.ncols() > 1 && pixels.strides()[1] == 1).then_some(pixels)
}

/// Some pixels of a class, if they lie side by side.
fn by_class<'v, F>(
    view: &'v View<'_, F, IxDyn>,
    class: usize,
    image: usize,
    pixels: Range<usize>,
) -> Option<&'v [F]> {
    if view.ndim() != 3 {
        return None;
    }
    let row = view.index_axis(Dim(0), class).index_axis_move(Dim(0), image);
    row.to_slice().map(|row| &row[pixels])
}

/// Some pixels of all classes, pixel by pixel.
fn gather_pixels<F: Real>(view: ArrayView2<'_, F>, pixels: Range<usize>, into: &mut Vec<F>) {
    into.clear();
    for pixel in pixels {
        if let Some(row) = view.row(pixel).to_slice() {
            into.extend_from_slice(row);
        }
    }
}

/// Appends some pixels of a class, wherever they lie.
fn gather_row<F: Real>(
    view: &View<'_, F, IxDyn>,
    class: usize,
    image: usize,
    pixels: Range<usize>,
    into: &mut Vec<F>,
) {
    if let Some(row) = by_class(view, class, image, pixels.clone()) {
        return into.extend_from_slice(row);
    }
    let row = view.index_axis(Dim(0), class).index_axis_move(Dim(0), image);
    lanes(&row, pixels, &mut |lane| {
        let start = into.len();
        into.resize(start + lane.len(), F::ZERO);
        ArrayViewMut1::from(&mut into[start..]).assign(&lane);
    });
}

impl<'b, F: Real> Stream<'b, F> {
    /// Of views with the axes class, image, and the spatial ones.
    pub(super) fn new(prediction: View<'b, F, IxDyn>, target: Truth<'b, F>) -> Self {
        let classes = prediction.len_of(Dim(0));
        let images = prediction.len_of(Dim(1));
        let in_place = images > 0 && by_pixel(&prediction, 0).is_some();
        let order = if in_place { Order::ByPixel } else { Order::ByClass };
        Self { classes, order, prediction, target }
    }

    /// Shows some pixels of an image, piece by piece. Whether all labels are classes.
    pub(super) fn pieces<I: Isa>(
        &self,
        isa: I,
        image: usize,
        pixels: Range<usize>,
        tile: &mut Tile<F>,
        look: &mut impl FnMut(Piece<'_, F>),
    ) -> bool {
        let (classes, order) = (self.classes, self.order);
        if order == Order::ByPixel {
            let Some(view) = by_pixel(&self.prediction, image) else { return false };
            let whole = view.to_slice();
            let cells = |pixels: &Range<usize>| pixels.start * classes..pixels.end * classes;
            if let Some(whole) = whole
                && let Truth::Same(target) = &self.target
                && let Some(target) = by_pixel(target, image).and_then(|target| target.to_slice())
            {
                let range = cells(&pixels);
                let (x, t) = (&whole[range.clone()], &target[range]);
                look(Piece::new(x, t, 0..classes, 0..pixels.len()));
                return true;
            }
            let first = pixels.start;
            return tiles(pixels).all(|pixels| {
                let good = self.gather_target(isa, image, pixels.clone(), order, tile);
                let place = pixels.start - first..pixels.end - first;
                let x = if let Some(whole) = whole {
                    &whole[cells(&pixels)]
                } else {
                    gather_pixels(view, pixels, &mut tile.x);
                    &tile.x
                };
                look(Piece::new(x, &tile.t, 0..classes, place));
                good
            });
        }
        let row = |view, class| by_class(view, class, image, pixels.clone());
        if let Truth::Same(target) = &self.target
            && classes > 0
            && row(&self.prediction, 0).is_some()
            && row(target, 0).is_some()
        {
            for class in 0..classes {
                if let (Some(x), Some(t)) = (row(&self.prediction, class), row(target, class)) {
                    look(Piece::new(x, t, class..class + 1, 0..pixels.len()));
                }
            }
            return true;
        }
        let first = pixels.start;
        tiles(pixels).all(|pixels| {
            let good = self.gather(isa, image, pixels.clone(), tile);
            let size = pixels.len();
            for class in 0..classes {
                let cells = class * size..(class + 1) * size;
                let (x, t) = (&tile.x[cells.clone()], &tile.t[cells]);
                look(Piece::new(x, t, class..class + 1, pixels.start - first..pixels.end - first));
            }
            good
        })
    }

    /// Gathers prediction and target of some pixels, class by class. Whether all labels are classes.
    pub(super) fn gather<I: Isa>(
        &self,
        isa: I,
        image: usize,
        pixels: Range<usize>,
        tile: &mut Tile<F>,
    ) -> bool {
        let classes = self.classes;
        let numbers = pixels.start * classes..pixels.end * classes;
        let split = |view: &View<'b, F, IxDyn>, into: &mut Vec<F>| -> Option<()> {
            let view = by_pixel(view, image)?;
            let mut gathered = Vec::new();
            let from = if let Some(whole) = view.to_slice() {
                &whole[numbers.clone()]
            } else {
                gather_pixels(view, pixels.clone(), &mut gathered);
                &gathered
            };
            into.resize(from.len(), F::ZERO);
            isa.run(
                #[inline(always)]
                || split(from, classes, into),
            );
            Some(())
        };
        if split(&self.prediction, &mut tile.x).is_none() {
            tile.x.clear();
            for class in 0..classes {
                gather_row(&self.prediction, class, image, pixels.clone(), &mut tile.x);
            }
        }
        if let Truth::Same(target) = &self.target
            && split(target, &mut tile.t).is_some()
        {
            return true;
        }
        self.gather_target(isa, image, pixels, Order::ByClass, tile)
    }

    fn gather_target<I: Isa>(
        &self,
        isa: I,
        image: usize,
        pixels: Range<usize>,
        order: Order,
        tile: &mut Tile<F>,
    ) -> bool {
        let (classes, size) = (self.classes, pixels.len());
        let Tile { t, labels, row, .. } = tile;
        t.clear();
        if let Truth::Same(target) = &self.target
            && order == Order::ByPixel
            && let Some(target) = by_pixel(target, image)
        {
            gather_pixels(target, pixels, t);
            return true;
        }
        if let Truth::Labels(rows) = &self.target {
            labels.clear();
            rows(0, image, pixels, labels);
            t.resize(classes * size, F::ZERO);
            if labels.is_empty() {
                return true;
            }
            if labels.iter().fold(0, |most, &label| label.max(most)) as usize >= classes {
                return false;
            }
            match order {
                Order::ByPixel => {
                    for (pixel, &label) in t.chunks_exact_mut(classes).zip(&*labels) {
                        pixel[label as usize] = F::ONE;
                    }
                }
                Order::ByClass => {
                    isa.run(
                        #[inline(always)]
                        || {
                            for (row, class) in t.chunks_exact_mut(size).zip(0..) {
                                for (t, &label) in row.iter_mut().zip(&*labels) {
                                    *t = F::select(label == class, F::ONE, F::ZERO);
                                }
                            }
                        },
                    );
                }
            }
            return true;
        }
        let read = |class: usize, into: &mut Vec<F>| match &self.target {
            Truth::Same(view) => gather_row(view, class, image, pixels.clone(), into),
            Truth::Dense(rows) => rows(class, image, pixels.clone(), into),
            Truth::Labels(_) => {}
        };
        match order {
            Order::ByClass => (0..classes).for_each(|class| read(class, t)),
            Order::ByPixel => {
                t.resize(classes * size, F::ZERO);
                for class in 0..classes {
                    row.clear();
                    read(class, row);
                    let into = t.iter_mut().skip(class).step_by(classes);
                    into.zip(&*row).for_each(|(t, &read)| *t = read);
                }
            }
        }
        true
    }
}

/// A stream, whichever element type it has.
pub(super) enum AnyStream<'b> {
    F32(Stream<'b, f32>),
    F64(Stream<'b, f64>),
    /// Of a prediction that is neither.
    None,
}

impl<'b> AnyStream<'b> {
    pub(super) fn new<F: Float, D: Dimension>(
        prediction: &Dense<'b>,
        batch: &Batch<'b, F, D>,
    ) -> Self {
        match prediction {
            Dense::F32(view) => {
                let same = |dense: &Dense<'b>| match dense {
                    Dense::F32(view) => Some(arranged(view.clone(), batch.layout())),
                    _ => None,
                };
                Self::F32(Stream::of(view, batch, same))
            }
            Dense::F64(view) => {
                let same = |dense: &Dense<'b>| match dense {
                    Dense::F64(view) => Some(arranged(view.clone(), batch.layout())),
                    _ => None,
                };
                Self::F64(Stream::of(view, batch, same))
            }
            _ => Self::None,
        }
    }
}

impl<'b, F: Real> Stream<'b, F> {
    /// Of a batch; `same` is a target of the element type of the prediction.
    fn of<X: Float, D: Dimension>(
        prediction: &View<'b, F, IxDyn>,
        batch: &Batch<'b, X, D>,
        same: impl Fn(&Dense<'b>) -> Option<View<'b, F, IxDyn>>,
    ) -> Self {
        let layout = batch.layout();
        let target = match batch.target() {
            Target::Dense(dense) => match same(dense) {
                Some(view) => Truth::Same(view),
                None => Truth::Dense(dense.rows(layout, F::from_f64)),
            },
            Target::Labels(labels) => {
                Truth::Labels(labels.classes(batch.label_layout(), batch.extents().class))
            }
        };
        Self::new(arranged(prediction.clone(), layout), target)
    }
}

/// Pixels in tiles of a block each.
pub(super) fn tiles(pixels: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = pixels.end;
    pixels.step_by(BLOCK).map(move |start| start..end.min(start + BLOCK))
}
