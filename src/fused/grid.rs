//! Numbers per class, image and pixel, and how they spread over more cells and gather from them.

use crate::axis::{Axes, Axis, Extents};
use crate::kernel::{self, Function};

use super::buffer;

/// How many classes, images and pixels; 1 along an axis that is lacking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) class: usize,
    pub(super) image: usize,
    pub(super) pixel: usize,
}

impl Shape {
    /// The shape of what has the axes `axes` and `classes` classes in a window of these extents.
    pub(super) fn of(axes: Axes, classes: usize, window: Extents) -> Self {
        let extent = |axis, extent| if axes.contains(axis) { extent } else { 1 };
        Self {
            class: extent(Axis::Class, classes),
            image: extent(Axis::Image, window.image),
            pixel: extent(Axis::Pixel, window.pixel),
        }
    }

    /// With extent 1 along the axes of a set.
    pub(super) fn without(self, axes: Axes) -> Self {
        let extent = |axis, extent| if axes.contains(axis) { 1 } else { extent };
        Self {
            class: extent(Axis::Class, self.class),
            image: extent(Axis::Image, self.image),
            pixel: extent(Axis::Pixel, self.pixel),
        }
    }

    pub(super) fn cells(self) -> usize {
        self.class * self.image * self.pixel
    }

    /// The places of the cells that a step over the axes `over` puts together at a cell of its result.
    pub(super) fn group(
        self,
        over: Axes,
        (class, image, pixel): (usize, usize, usize),
    ) -> impl Iterator<Item = usize> {
        let along = |axis, at, extent| if over.contains(axis) { 0..extent } else { at..at + 1 };
        let images = along(Axis::Image, image, self.image);
        let pixels = along(Axis::Pixel, pixel, self.pixel);
        along(Axis::Class, class, self.class).flat_map(move |class| {
            let pixels = pixels.clone();
            images.clone().flat_map(move |image| {
                let row = (class * self.image + image) * self.pixel;
                pixels.clone().map(move |pixel| row + pixel)
            })
        })
    }

    /// The rows of pixels: every class and image.
    pub(super) fn rows(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.class).flat_map(move |class| (0..self.image).map(move |image| (class, image)))
    }

    /// Class, image and pixel of the cell at a place.
    pub(super) fn cell(self, place: usize) -> (usize, usize, usize) {
        let row = place / self.pixel;
        (row / self.image, row % self.image, place % self.pixel)
    }
}

/// Numbers per class, image and pixel; the pixels of a class and image lie side by side.
#[derive(Debug, PartialEq)]
pub(super) struct Grid {
    pub(super) shape: Shape,
    pub(super) cells: Vec<f64>,
}

impl Clone for Grid {
    fn clone(&self) -> Self {
        let mut cells = buffer::take(self.cells.len());
        cells.extend_from_slice(&self.cells);
        Self { shape: self.shape, cells }
    }
}

impl Drop for Grid {
    fn drop(&mut self) {
        buffer::give(std::mem::take(&mut self.cells));
    }
}

impl Grid {
    pub(super) fn filled(shape: Shape, with: f64) -> Self {
        let mut cells = buffer::take(shape.cells());
        cells.resize(shape.cells(), with);
        Self { shape, cells }
    }

    pub(super) fn zeros(shape: Shape) -> Self {
        Self::filled(shape, 0.0)
    }

    /// One number for every class.
    pub(super) fn per_class(cells: Vec<f64>) -> Self {
        Self { shape: Shape { class: cells.len(), image: 1, pixel: 1 }, cells }
    }

    /// The numbers of a row of pixels: one for each, or one for all.
    pub(super) fn row(&self, class: usize, image: usize) -> &[f64] {
        let start = self.start(class, image);
        &self.cells[start..start + self.shape.pixel]
    }

    pub(super) fn row_mut(&mut self, class: usize, image: usize) -> &mut [f64] {
        let start = self.start(class, image);
        &mut self.cells[start..start + self.shape.pixel]
    }

    fn start(&self, class: usize, image: usize) -> usize {
        let class = if self.shape.class == 1 { 0 } else { class };
        let image = if self.shape.image == 1 { 0 } else { image };
        (class * self.shape.image + image) * self.shape.pixel
    }

    /// The number at a cell of a shape over which the grid is spread.
    pub(super) fn at(&self, class: usize, image: usize, pixel: usize) -> f64 {
        self.cells[self.start(class, image) + if self.shape.pixel == 1 { 0 } else { pixel }]
    }

    pub(super) fn map(mut self, change: impl Fn(f64) -> f64) -> Self {
        self.cells.iter_mut().for_each(|cell| *cell = change(*cell));
        self
    }

    /// The same for an elementary function.
    pub(super) fn each(mut self, function: Function) -> Self {
        kernel::map(function, &mut self.cells);
        self
    }

    /// Repeated along the axes in which `shape` has more than one cell.
    pub(super) fn spread(&self, shape: Shape) -> Self {
        if self.shape == shape {
            return self.clone();
        }
        let mut spread = Self::zeros(shape);
        spread.join(self, |cell, own| *cell = own);
        spread
    }

    /// Changes every cell by the number that `other` has there; `other` spreads over this grid.
    pub(super) fn join(&mut self, other: &Self, mut change: impl FnMut(&mut f64, f64)) {
        if self.shape == other.shape {
            self.cells.iter_mut().zip(&other.cells).for_each(|(cell, &own)| change(cell, own));
            return;
        }
        for (class, image) in self.shape.rows() {
            let from = other.row(class, image);
            let row = self.row_mut(class, image);
            match from {
                &[one] if row.len() != 1 => row.iter_mut().for_each(|cell| change(cell, one)),
                _ => row.iter_mut().zip(from).for_each(|(cell, &own)| change(cell, own)),
            }
        }
    }

    /// Summed along the axes in which `shape` has one cell.
    pub(super) fn gather(self, shape: Shape) -> Self {
        if self.shape == shape {
            return self;
        }
        let mut gathered = Self::zeros(shape);
        for (class, image) in self.shape.rows() {
            let row = self.row(class, image);
            let into = gathered.row_mut(class, image);
            if let ([one], true) = (&mut *into, row.len() != 1) {
                *one += pairwise(row);
            } else {
                into.iter_mut().zip(row).for_each(|(total, &cell)| *total += cell);
            }
        }
        gathered
    }

    /// Folded along the axes in which `shape` has one cell.
    pub(super) fn fold(self, shape: Shape, start: f64, with: impl Fn(&mut f64, f64)) -> Self {
        if self.shape == shape {
            return self;
        }
        let mut gathered = Self::filled(shape, start);
        for (class, image) in self.shape.rows() {
            let row = self.row(class, image);
            let into = gathered.row_mut(class, image);
            if let ([one], true) = (&mut *into, row.len() != 1) {
                for &cell in row {
                    with(one, cell);
                }
            } else {
                into.iter_mut().zip(row).for_each(|(total, &cell)| with(total, cell));
            }
        }
        gathered
    }

    /// Some pixels of one image; the grid has its cells one by one.
    #[cfg(feature = "html")]
    pub(super) fn part(&self, image: usize, pixels: std::ops::Range<usize>) -> Self {
        let shape = Shape { image: 1, pixel: pixels.len(), ..self.shape };
        let mut cells = buffer::take(shape.cells());
        for class in 0..shape.class {
            cells.extend_from_slice(&self.row(class, image)[pixels.clone()]);
        }
        Self { shape, cells }
    }

    /// The rows of some places along the class axis.
    pub(super) fn classes(&self, places: &[usize]) -> Self {
        let size = self.shape.image * self.shape.pixel;
        let mut cells = buffer::take(places.len() * size);
        for &place in places {
            cells.extend_from_slice(&self.cells[place * size..(place + 1) * size]);
        }
        Self { shape: Shape { class: places.len(), ..self.shape }, cells }
    }

    /// These rows at their places among `all` classes, and 0 elsewhere.
    pub(super) fn among(&self, places: &[usize], all: usize) -> Self {
        let mut among = Self::zeros(Shape { class: all, ..self.shape });
        let size = self.shape.image * self.shape.pixel;
        for (row, &place) in self.cells.chunks(size.max(1)).zip(places) {
            among.cells[place * size..(place + 1) * size].copy_from_slice(row);
        }
        among
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.join(other, |cell, more| *cell += more);
    }

    /// The product with a grid that spreads over this one, where 0 times anything is 0.
    pub(super) fn times(mut self, other: &Self) -> Self {
        self.join(other, |cell, factor| *cell = product(*cell, factor));
        self
    }
}

/// A sum in a tree that depends on the number of its terms only.
pub(super) fn pairwise(numbers: &[f64]) -> f64 {
    if numbers.len() <= 32 {
        return numbers.iter().sum();
    }
    let (one, other) = numbers.split_at(numbers.len() / 2);
    pairwise(one) + pairwise(other)
}

/// A product in which a factor of 0 gives 0, whatever the other: what has no weight is not read.
pub(super) fn product(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 { 0.0 } else { a * b }
}

/// A grid of ones that need not be stored.
pub(super) type Mask = Option<Grid>;

/// The product of two grids, the shape of which is `shape`; none is 1 everywhere.
pub(super) fn both(a: Mask, b: Option<&Grid>, shape: Shape) -> Mask {
    match (a, b) {
        (None, None) => None,
        (Some(a), None) => Some(a),
        (None, Some(b)) => Some(b.spread(shape)),
        (Some(a), Some(b)) => Some(a.times(b)),
    }
}
