//! What ranks must have in common, as a number that tells whether they do.

use crate::fused::grid::Grid;
use crate::fused::seen::Seen;

/// A hash that is the same on every machine (FNV-1a).
pub(super) struct Hash(u64);

impl Hash {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn number(&mut self, number: u64) {
        for byte in number.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        for byte in text.bytes() {
            self.number(byte.into());
        }
    }

    fn grid(&mut self, grid: &Grid) {
        let shape = grid.shape;
        for extent in [shape.class, shape.image, shape.pixel] {
            self.count(extent);
        }
        // Adding 0 makes 0 of -0, which are the same weight.
        for cell in &grid.cells {
            self.number((cell + 0.0).to_bits());
        }
    }

    /// In four words of 16 bits.
    pub(super) fn words(&self) -> [f64; 4] {
        [0, 16, 32, 48].map(|shift| ((self.0 >> shift) & 0xffff) as f64)
    }
}

/// Of the loss and the kind of batches.
pub(super) fn hash_of_loss(seen: &Seen) -> Hash {
    let mut hash = Hash::new();
    hash.text(env!("CARGO_PKG_VERSION"));
    hash.text(&seen.plan.loss.to_string());
    hash.text(&seen.plan.facts.describe());
    if seen.keeps_pixels() {
        seen.spatial.iter().for_each(|&extent| hash.count(extent));
    }
    hash
}

/// Of the weights of the batch that are needed after the images.
pub(super) fn hash_of_given(seen: &Seen) -> Hash {
    let mut hash = Hash::new();
    for (named, grid) in &seen.given {
        hash.text(&named.text);
        hash.grid(grid);
    }
    hash
}

/// Of the weights that ride past the images.
pub(super) fn hash_of_waiting(seen: &Seen) -> Hash {
    let mut hash = Hash::new();
    for pool in &seen.pools {
        let waiting = &pool.rest().waiting;
        hash.count(waiting.len());
        for weight in waiting {
            hash.text(&weight.name);
            hash.text(&weight.axes.to_string());
            hash.text(weight.deferred.as_ref().map_or("", |named| &*named.text));
            hash.count(usize::from(weight.depends) + 2 * usize::from(weight.skips));
            hash.grid(&weight.grid);
        }
    }
    hash
}
