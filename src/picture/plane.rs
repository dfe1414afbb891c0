//! A slice of an image as numbers on a grid of tiles.

use crate::axis::Extents;
use crate::fused::Shown;

use super::Shape;

/// Numbers by row and column; NaN where nothing counts.
pub(crate) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) cells: Vec<f64>,
}

/// Sums over the cells of each tile of a slice, by class.
pub(super) struct Raster {
    /// The image and the number of the slice.
    pub(super) of: (usize, usize),
    shape: Shape,
    classes: Vec<[Plane; 4]>,
    /// How many pixels of each tile count, and their loss.
    pixels: Plane,
    losses: Plane,
    /// From what a cell adds to the value to its loss.
    factor: f64,
}

/// The places of the sums of a class.
const PREDICTION: usize = 0;
const TRUTH: usize = 1;
const LOSS: usize = 2;
const COUNT: usize = 3;

impl Plane {
    fn zeros((height, width): (usize, usize)) -> Self {
        Self { width, height, cells: vec![0.0; width * height] }
    }

    /// Divided tile by tile; nothing is NaN.
    fn over(&self, counts: &Self) -> Self {
        let ratio = |(&sum, &count): (&f64, &f64)| if count > 0.0 { sum / count } else { f64::NAN };
        Self { cells: self.cells.iter().zip(&counts.cells).map(ratio).collect(), ..*self }
    }

    /// With `factor` times `factor` tiles put together.
    fn shrunk(&self, factor: usize) -> Self {
        let mut into = Self::zeros((self.height.div_ceil(factor), self.width.div_ceil(factor)));
        for (place, cell) in self.cells.iter().enumerate() {
            let (row, column) = (place / self.width, place % self.width);
            into.cells[row / factor * into.width + column / factor] += cell;
        }
        into
    }
}

impl Raster {
    pub(super) fn new(of: (usize, usize), shape: Shape, extents: Extents) -> Self {
        let size = shape.size(shape.shrink);
        let plane = || Plane::zeros(size);
        let classes = (0..extents.class).map(|_| [plane(), plane(), plane(), plane()]).collect();
        let factor = extents.pixel as f64 * extents.image as f64;
        Self { of, shape, classes, pixels: plane(), losses: plane(), factor }
    }

    /// Adds the cells of a pixel that stands at `place` in the slice.
    pub(super) fn add(&mut self, shown: &Shown, pixel: usize, place: usize) {
        let (row, column) = (place / self.shape.width, place % self.shape.width);
        let tile = row / self.shape.shrink * self.pixels.width + column / self.shape.shrink;
        let (mut counts, mut loss) = (false, 0.0);
        for (class, sums) in self.classes.iter_mut().enumerate() {
            if !shown.cells.counts(class, pixel) {
                continue;
            }
            counts = true;
            let of_cell = self.factor * shown.part(class, pixel);
            loss += of_cell;
            sums[PREDICTION].cells[tile] += shown.activated(class, pixel);
            sums[TRUTH].cells[tile] += shown.cells.target(class, pixel);
            sums[LOSS].cells[tile] += of_cell;
            sums[COUNT].cells[tile] += 1.0;
        }
        if counts {
            self.pixels.cells[tile] += 1.0;
            self.losses.cells[tile] += loss;
        }
    }

    /// Prediction, truth and loss of all classes together: the numbers of the classes where they are
    /// `exclusive`, otherwise those of the first class.
    pub(super) fn whole(&self, exclusive: bool) -> [Plane; 3] {
        let of = |what: usize| {
            let means: Vec<Plane> =
                self.classes.iter().map(|sums| sums[what].over(&sums[COUNT])).collect();
            let largest = |tile: usize| {
                let mut largest: Option<usize> = None;
                for (class, mean) in means.iter().enumerate() {
                    let mean = mean.cells[tile];
                    if !mean.is_nan() && largest.is_none_or(|best| mean > means[best].cells[tile]) {
                        largest = Some(class);
                    }
                }
                largest.map_or(f64::NAN, |class| class as f64)
            };
            let cells = (0..self.pixels.cells.len()).map(|tile| match means.first() {
                _ if exclusive => largest(tile),
                Some(first) => first.cells[tile],
                None => f64::NAN,
            });
            Plane { cells: cells.collect(), ..self.pixels }
        };
        [of(PREDICTION), of(TRUTH), self.losses.over(&self.pixels)]
    }

    /// Prediction, truth and loss of every class.
    pub(super) fn classes(&self) -> Vec<[Plane; 3]> {
        let factor = self.shape.shrink_classes / self.shape.shrink;
        let mean = |sums: &[Plane; 4], what: usize| {
            sums[what].shrunk(factor).over(&sums[COUNT].shrunk(factor))
        };
        let of_class = |sums: &[Plane; 4]| [PREDICTION, TRUTH, LOSS].map(|what| mean(sums, what));
        self.classes.iter().map(of_class).collect()
    }
}
