//! What an image leaves of a loss that is linear in sums over its pixels: the sums of the leaves.

use std::ops::Range;

use crate::kernel::{Instructions, Real};

use super::grid::Grid;
use super::leaf::{Leaf, Leaves};
use super::observe::{BLOCK, CHUNK};
use super::stream::{AnyStream, Stream};
use super::sweeping::Sweeping;

/// The sums per class of every recipe over some pixels of an image: by recipe, sum and class.
#[derive(Clone, Debug)]
pub(super) struct Digest {
    classes: usize,
    pixels: usize,
    sums: Vec<f64>,
}

/// Makes the sums over a chunk of an image; none where a cell cannot be read, or where a sum is not
/// finite: then the cells are looked at one by one.
pub(super) type Digester<'d> = Box<dyn Fn(usize, usize) -> Option<Digest> + Send + Sync + 'd>;

/// How many chunks an image of so many pixels has: at least one, which may be empty.
pub(super) fn chunks(pixels: usize) -> usize {
    pixels.div_ceil(CHUNK * BLOCK).max(1)
}

pub(super) fn chunk(number: usize, pixels: usize) -> Range<usize> {
    pixels.min(number * CHUNK * BLOCK)..pixels.min((number + 1) * CHUNK * BLOCK)
}

impl Digest {
    pub(super) fn new(classes: usize, pixels: usize) -> Self {
        Self { classes, pixels, sums: Vec::new() }
    }

    /// Of cells whose sums are all 0.
    pub(super) fn zero(leaves: &Leaves, classes: usize, pixels: usize) -> Self {
        let sums: usize = leaves.recipes.iter().map(|recipe| recipe.recipe.sums()).sum();
        Self { classes, pixels, sums: vec![0.0; sums * classes] }
    }

    /// The next sum.
    pub(super) fn push(&mut self, sum: f64) {
        self.sums.push(sum);
    }

    pub(super) fn is_finite(&self) -> bool {
        self.sums.iter().all(|sum| sum.is_finite())
    }

    /// The sums of two parts together.
    pub(super) fn add(mut self, other: &Self) -> Self {
        self.pixels += other.pixels;
        self.sums.iter_mut().zip(&other.sums).for_each(|(sum, more)| *sum += more);
        self
    }

    /// The mean over the pixels of one of the numbers of a leaf, per class.
    pub(super) fn mean(&self, leaves: &Leaves, leaf: &Leaf, number: usize) -> Grid {
        let before: usize = leaves.recipes[..leaf.recipe].iter().map(|r| r.recipe.sums()).sum();
        let start = (before + leaf.first + number) * self.classes;
        // An extreme over the classes is one number.
        let classes = if leaves.recipes[leaf.recipe].extreme.is_some() { 1 } else { self.classes };
        let sums = &self.sums[start..start + classes];
        let count = self.pixels.max(1) as f64;
        Grid::per_class(sums.iter().map(|sum| sum / count).collect())
    }
}

impl AnyStream<'_> {
    pub(super) fn digester<'d>(
        &'d self,
        leaves: &'d Leaves,
        pixels: usize,
    ) -> Option<Digester<'d>> {
        match self {
            Self::F32(stream) => Some(stream.digester(leaves, pixels)),
            Self::F64(stream) => Some(stream.digester(leaves, pixels)),
            Self::None => None,
        }
    }
}

impl<F: Real> Stream<'_, F> {
    fn digester<'d>(&'d self, leaves: &'d Leaves, pixels: usize) -> Digester<'d> {
        let numbers = self.numbers(leaves, None);
        Box::new(move |image, number| {
            Instructions::chosen().run(Sweeping {
                stream: self,
                leaves,
                numbers: &numbers,
                image,
                pixels: chunk(number, pixels),
                places: None,
            })
        })
    }
}
