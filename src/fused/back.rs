//! The way back over the data, window by window.

use std::ops::Range;

use crate::axis::Axes;
use crate::error::Result;
use crate::kernel::MOST_SUMS;

use super::evaluate::part;
use super::field::Mass;
use super::grid::Grid;
use super::observe::{Evaluated, Kept, Mode, Pass, Row, row};
use super::plan::Place;
use super::pull::{Adjoint, Back, Sink};
use super::sweeping::Slopes;
use super::window::Window;

impl Pass<'_, '_> {
    /// Passes what came back to the pools on to the cuts of an image, and to those of its cells that
    /// are reached without one.
    pub(super) fn pull_image(
        &self,
        image: usize,
        backs: &[Option<Back>],
        matched: &dyn Fn(usize, &Kept) -> Option<Adjoint>,
        parts: bool,
    ) -> Result<Sink> {
        let window = self.image(image, Mode::READ);
        let shape = window.shape(Axes::ALL, self.data.extents.class);
        let mut sink = Sink::new(parts, shape, self.plan.cuts);
        let spots = self.plan.pool_spots();
        for ((spot, live), back) in spots.into_iter().zip(&self.pools).zip(backs) {
            let Place::Pool(number, cut) = spot.place else { continue };
            let Some(back) = back else { continue };
            if let Some(cut) = cut {
                sink.given[cut] = Some(back.clone());
                continue;
            }
            match (row(&window, spot, live)?, back) {
                ((Row::Kept(kept), Evaluated::Child(child)), Back::Kept(_)) => {
                    if let Some(Adjoint { values, of_weight }) = matched(number, &kept) {
                        // The weight was spread over the cells that are kept.
                        let of_own = |(slope, own): (Grid, &Mass)| slope.gather(own.grid.shape);
                        let of_weight = of_weight.zip(child.field.dependent()).map(of_own);
                        child.pull(Adjoint { values, of_weight }, &mut sink);
                    }
                }
                ((_, Evaluated::Sums(sums)), back) => sums.pull_part(spot, back, None, &mut sink),
                _ => {}
            }
        }
        Ok(sink)
    }

    /// What came back to the leaves of an image, where its cuts are made of these: as if its pixels were
    /// one.
    pub(super) fn pull_digest(&self, image: usize, of_image: &Sink) -> Result<Option<Sink>> {
        let window = self.digested(image, Mode::READ);
        window.map(|window| self.pull_cuts(&window, image, of_image)).transpose()
    }

    /// What came back to the numbers of the leaves of an image. None if one is not finite, for then its
    /// cells are looked at one by one.
    pub(super) fn pull_leaves(&self, image: usize, of_image: &Sink) -> Result<Option<Slopes>> {
        let (Some(sink), Some(leaves)) = (self.pull_digest(image, of_image)?, &self.leaves) else {
            return Ok(None);
        };
        let classes = self.data.extents.class;
        let mut slopes = vec![vec![[0.0; MOST_SUMS]; classes]; leaves.recipes.len()];
        for (id, numbers) in &sink.leaves {
            let Some(leaf) = leaves.of_spot(*id) else { continue };
            for (number, of_class) in numbers.iter().enumerate() {
                for (class, slopes) in slopes[leaf.recipe].iter_mut().enumerate() {
                    slopes[leaf.first + number] += of_class.at(class, 0, 0);
                }
            }
        }
        let finite = slopes.iter().flatten().flatten().all(|slope| slope.is_finite());
        Ok(finite.then_some(slopes))
    }

    /// What came back to the cuts of an image, spread over the cells of a block.
    pub(super) fn pull_block(
        &self,
        image: usize,
        pixels: Range<usize>,
        of_image: &Sink,
    ) -> Result<Sink> {
        self.pull_cuts(&self.block(image, pixels, Mode::READ), image, of_image)
    }

    /// The same for any window of the image.
    fn pull_cuts(&self, window: &Window<'_, '_>, image: usize, of_image: &Sink) -> Result<Sink> {
        let shape = window.shape(Axes::ALL, self.data.extents.class);
        let mut sink = Sink::new(of_image.parts, shape, 0);
        let live = &self.images[image].live;
        for ((spot, live), back) in self.plan.cut_spots().iter().zip(live).zip(&of_image.given) {
            if let Some(back) = back {
                let (_, sums) = part(window, spot, live)?;
                sums.pull_part(spot, back, None, &mut sink);
            }
        }
        Ok(sink)
    }
}
