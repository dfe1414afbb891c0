//! A first look at all cells.

use crate::axis::Extents;
use crate::fused::Shown;

use super::spread::Spread;

pub(super) struct Survey {
    pub(super) spread: Spread,
    /// Whether the targets of every pixel that counts add up to 1.
    pub(super) exclusive: bool,
    /// The loss of each slice of each image.
    slices: Vec<Vec<f64>>,
    slice: usize,
    factor: f64,
    focus: usize,
}

impl Survey {
    pub(super) fn new(extents: Extents, slices: usize, focus: usize) -> Self {
        Self {
            spread: Spread::new(),
            exclusive: true,
            slices: vec![vec![0.0; slices.max(1)]; extents.image],
            slice: (extents.pixel / slices.max(1)).max(1),
            factor: extents.pixel as f64 * extents.image as f64,
            focus,
        }
    }

    pub(super) fn look(&mut self, shown: &Shown) {
        let classes = shown.cells.classes();
        for pixel in 0..shown.pixels.len() {
            let (mut counts, mut volume, mut loss) = (false, 0.0, 0.0);
            for class in 0..classes {
                counts |= shown.cells.counts(class, pixel);
                volume += shown.cells.target(class, pixel);
                loss += shown.part(class, pixel);
            }
            if !counts {
                continue;
            }
            let of_focus = shown.cells.target(self.focus, pixel) > 0.5;
            self.exclusive &= (volume - 1.0).abs() < 1e-6;
            self.spread.add(self.factor * loss, of_focus);
            self.slices[shown.image][(shown.pixels.start + pixel) / self.slice] += loss;
        }
    }

    /// The slice of an image with the largest loss, the first of them.
    pub(super) fn worst_slice(&self, image: usize) -> usize {
        let losses = &self.slices[image];
        (1..losses.len())
            .fold(0, |worst, slice| if losses[slice] > losses[worst] { slice } else { worst })
    }
}
