//! The cells of a batch, block by block, for what is no loss.

use ndarray::Dimension;

use crate::axis::Axes;
use crate::batch::{Batch, Float};
#[cfg(feature = "html")]
use crate::element::Activation;

#[cfg(feature = "html")]
use super::activation::Activated;
use super::data::Data;
use super::grid::Grid;
use super::observe::{block, blocks};
use super::offence::OnOffence;
use super::threads;
use super::window::Window;

/// Some pixels of an image.
pub(crate) struct Cells {
    prediction: Grid,
    target: Grid,
    /// 0 for a cell that is ignored or masked.
    counts: Option<Grid>,
}

impl Cells {
    pub(super) fn of(window: &Window<'_, '_>) -> Self {
        let data = window.data;
        let prediction = window.read(Axes::ALL, &data.prediction);
        let shape = prediction.shape;
        let mask = data.mask.as_ref().map(|mask| window.read(mask.axes, &mask.rows).spread(shape));
        let kept = window.kept_grid().map(|kept| kept.spread(shape));
        let counts = match (mask, kept) {
            (Some(mask), Some(kept)) => Some(mask.times(&kept)),
            (mask, kept) => mask.or(kept),
        };
        Self { prediction, target: window.target().clone(), counts }
    }

    pub(crate) fn pixels(&self) -> usize {
        self.prediction.shape.pixel
    }

    #[cfg(feature = "html")]
    pub(crate) fn classes(&self) -> usize {
        self.prediction.shape.class
    }

    /// The prediction after an activation.
    #[cfg(feature = "html")]
    pub(super) fn activated(&self, activation: Activation) -> Grid {
        Activated::new(activation, &self.prediction, false).p
    }

    pub(crate) fn prediction(&self, class: usize, pixel: usize) -> f64 {
        self.prediction.at(class, 0, pixel)
    }

    pub(crate) fn target(&self, class: usize, pixel: usize) -> f64 {
        self.target.at(class, 0, pixel)
    }

    /// Whether the cell is neither ignored nor masked.
    pub(crate) fn counts(&self, class: usize, pixel: usize) -> bool {
        self.counts.as_ref().is_none_or(|counts| counts.at(class, 0, pixel) != 0.0)
    }
}

/// Looks at all blocks of a batch, on all threads; the results are in the order of the blocks.
pub(crate) fn scan<F: Float, D: Dimension, T: Send>(
    batch: &Batch<'_, F, D>,
    look: impl Fn(&Cells) -> T + Send + Sync,
) -> Vec<T> {
    let data = Data::new(batch);
    let pixels = data.extents.pixel;
    let all = blocks(pixels);
    let of_block = |place: usize| {
        let (image, number) = (place / all, place % all);
        let range = block(number, pixels);
        look(&Cells::of(&Window::new(&data, image..image + 1, range, OnOffence::End)))
    };
    threads::map(data.extents.image * all, of_block)
}
