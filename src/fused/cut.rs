//! The sums of every cut of a batch: of the digest of an image, or block by block of its cells.

use crate::axis::Extents;
use crate::error::Result;

use super::digest::{Digest, chunks};
use super::evaluate;
use super::grid::Mask;
use super::linear::Cut;
use super::observe::{CHUNK, Mode, Pass, block, blocks};
use super::plan::Spot;
use super::threads::{self, Work};
use super::window::Window;

impl<'b> Pass<'_, 'b> {
    /// Sums the leaves of every image whose cells can be summed blindly.
    pub(super) fn digest(&mut self) {
        let Extents { pixel, image, .. } = self.data.extents;
        let count = chunks(pixel);
        let parts = match &self.leaves {
            Some(leaves) if self.plan.cuts > 0 => {
                let Some(digester) = self.data.stream.digester(leaves, pixel) else { return };
                let work = Work::of_cells(pixel * image * self.data.extents.class);
                let part = |place: usize| digester(place / count, place % count);
                threads::map_by(work, image * count, part)
            }
            _ => return,
        };
        self.take(parts);
    }

    /// Adds up the digests of the chunks of all images.
    pub(super) fn take(&mut self, parts: Vec<Option<Digest>>) {
        let count = chunks(self.data.extents.pixel);
        let mut parts = parts.into_iter();
        for image in &mut self.images {
            let of_image: Vec<Option<Digest>> = parts.by_ref().take(count).collect();
            let of_image: Option<Vec<Digest>> = of_image.into_iter().collect();
            image.digest = of_image.and_then(|of| pairwise(of, |one, other| one.add(&other)));
        }
    }

    /// Makes the sums of every cut: of the digest of an image, or block by block of its cells.
    pub(super) fn cut(&mut self, mode: Mode<'_>) -> Result<()> {
        let spots = self.plan.cut_spots();
        if spots.is_empty() {
            return Ok(());
        }
        let of_window = |window: &Window<'_, '_>, image: usize| {
            let of_spot = |(spot, live): (&&Spot, &Mask)| {
                evaluate::part(window, spot, live).map(|(cut, _)| cut)
            };
            spots.iter().zip(&self.images[image].live).map(of_spot).collect::<Result<Vec<Cut>>>()
        };
        let all_blocks = blocks(self.data.extents.pixel);
        let chunks = chunks(self.data.extents.pixel);
        let in_blocks: Vec<usize> =
            (0..self.images.len()).filter(|&image| self.images[image].digest.is_none()).collect();
        let chunk = |place: usize| -> Result<Vec<Cut>> {
            let (image, chunk) = (in_blocks[place / chunks], place % chunks);
            let parts = (chunk * CHUNK..all_blocks.min((chunk + 1) * CHUNK)).map(|number| {
                let window = self.block(image, block(number, self.data.extents.pixel), mode);
                of_window(&window, image)
            });
            Ok(pairwise(parts.collect::<Result<_>>()?, add_all).unwrap_or_default())
        };
        let mut parts = threads::map(in_blocks.len() * chunks, chunk).into_iter();
        let mut summed = Vec::new();
        for image in 0..self.images.len() {
            if let Some(window) = self.digested(image, mode) {
                let mut cuts = of_window(&window, image)?;
                let pixels = self.data.extents.pixel as f64;
                for sum in cuts.iter_mut().flat_map(|cut| &mut cut.sums) {
                    sum.cells.iter_mut().for_each(|cell| *cell *= pixels);
                }
                summed.push(cuts);
                continue;
            }
            let of_image = parts.by_ref().take(chunks).collect::<Result<Vec<_>>>()?;
            summed.push(pairwise(of_image, add_all).unwrap_or_default());
        }
        for (image, cuts) in self.images.iter_mut().zip(summed) {
            image.cuts = cuts;
        }
        Ok(())
    }

    /// One pixel that stands for the mean of all of an image, where that is known.
    pub(super) fn digested<'s>(&'s self, image: usize, mode: Mode<'s>) -> Option<Window<'s, 'b>> {
        let digest = self.images[image].digest.as_ref()?;
        let mut window = self.block(image, 0..1, mode);
        window.digest = Some((self.leaves.as_ref()?, digest));
        Some(window)
    }
}

/// The sums of two parts together.
pub(super) fn add(mut one: Cut, other: &Cut) -> Cut {
    for (sum, more) in one.sums.iter_mut().zip(&other.sums) {
        sum.add(more);
    }
    one.rest.touched = one.rest.touched.with(other.rest.touched);
    one.rest.read.extend(&other.rest.read);
    one
}

/// Adds neighbours until one is left: the tree depends on the number of parts only.
pub(super) fn pairwise<T>(mut parts: Vec<T>, add: impl Fn(T, T) -> T) -> Option<T> {
    while parts.len() > 1 {
        let mut next = Vec::with_capacity(parts.len().div_ceil(2));
        let mut rest = parts.into_iter();
        while let Some(one) = rest.next() {
            next.push(match rest.next() {
                Some(other) => add(one, other),
                None => one,
            });
        }
        parts = next;
    }
    parts.pop()
}

fn add_all(one: Vec<Cut>, other: Vec<Cut>) -> Vec<Cut> {
    one.into_iter().zip(&other).map(|(one, other)| add(one, other)).collect()
}
