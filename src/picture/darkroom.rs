//! The second look: the slices that are shown, as numbers.

use std::ops::Range;

use crate::axis::Extents;
use crate::fused::Shown;

use super::Shape;
use super::plane::{Plane, Raster};

/// An image that is shown.
pub(super) struct Chosen {
    pub(super) image: usize,
    /// The number of the slice with the largest loss.
    worst: usize,
    /// The numbers of the slices that are shown.
    slices: Vec<usize>,
}

impl Chosen {
    pub(super) fn new(image: usize, worst: usize, shape: Shape) -> Self {
        Self { image, worst, slices: shape.shown_slices(worst) }
    }

    fn shows(&self, image: usize, slice: usize) -> bool {
        self.image == image && self.slices.contains(&slice)
    }

    /// Whether some of these pixels are shown.
    pub(super) fn wants(&self, image: usize, pixels: &Range<usize>, shape: Shape) -> bool {
        let size = (shape.height * shape.width).max(1);
        let slices = pixels.start / size..pixels.end.div_ceil(size);
        slices.into_iter().any(|slice| self.shows(image, slice))
    }

    /// The place of the worst slice among those that are shown.
    pub(super) fn place(&self) -> usize {
        self.slices.iter().position(|&slice| slice == self.worst).unwrap_or(0)
    }
}

/// The slices of an image as numbers: prediction, truth and loss.
pub(super) struct Roll<'c> {
    pub(super) chosen: &'c Chosen,
    /// All classes together, by the number of the slice.
    pub(super) slices: Vec<(usize, [Plane; 3])>,
    /// The classes of the worst slice, where there are several.
    pub(super) classes: Vec<[Plane; 3]>,
}

impl Roll<'_> {
    pub(super) fn losses(&self) -> impl Iterator<Item = f64> {
        self.slices.iter().flat_map(|(_, [.., loss])| loss.cells.iter().copied())
    }

    /// The predictions and truths that are shown as numbers.
    pub(super) fn numbers(&self) -> impl Iterator<Item = &f64> {
        let whole = self.slices.iter().map(|(_, trio)| trio).filter(|_| self.classes.is_empty());
        let planes =
            whole.chain(&self.classes).flat_map(|[prediction, truth, _]| [prediction, truth]);
        planes.flat_map(|plane| &plane.cells)
    }
}

/// Where blocks of pixels become slices; they come in their order, so that one slice is open at a time.
pub(super) struct Darkroom<'c> {
    rolls: Vec<Roll<'c>>,
    open: Option<Raster>,
    shape: Shape,
    extents: Extents,
    exclusive: bool,
}

impl<'c> Darkroom<'c> {
    pub(super) fn new(
        chosen: &'c [Chosen],
        shape: Shape,
        extents: Extents,
        exclusive: bool,
    ) -> Self {
        let roll = |chosen| Roll { chosen, slices: Vec::new(), classes: Vec::new() };
        Self { rolls: chosen.iter().map(roll).collect(), open: None, shape, extents, exclusive }
    }

    pub(super) fn expose(&mut self, shown: &Shown) {
        let size = self.shape.height * self.shape.width;
        for (pixel, at) in shown.pixels.clone().enumerate() {
            let of = (shown.image, at / size);
            if self.open.as_ref().is_none_or(|raster| raster.of != of) {
                self.close();
                let mut chosen = self.rolls.iter().map(|roll| roll.chosen);
                let shown = chosen.any(|chosen| chosen.shows(of.0, of.1));
                self.open = shown.then(|| Raster::new(of, self.shape, self.extents));
            }
            if let Some(raster) = &mut self.open {
                raster.add(shown, pixel, at % size);
            }
        }
    }

    fn close(&mut self) {
        let Some(raster) = self.open.take() else { return };
        let (image, number) = raster.of;
        let Some(roll) = self.rolls.iter_mut().find(|roll| roll.chosen.image == image) else {
            return;
        };
        roll.slices.push((number, raster.whole(self.exclusive)));
        if number == roll.chosen.worst && self.extents.class > 1 {
            roll.classes = raster.classes();
        }
    }

    pub(super) fn develop(mut self) -> Vec<Roll<'c>> {
        self.close();
        self.rolls
    }
}
