//! Hand-made batches whose images have several blocks of 256 pixels and chunks of 16 blocks, and losses
//! that read them in every way.

use lossfold::Axis::{Image, Pixel};
use lossfold::{Batch, Layout, Loss, Result};
use ndarray::{Array1, Array3, Array4, ArrayView4, Ix4};

/// 25 blocks in two chunks.
pub const TWO_CHUNKS: (usize, usize, usize, usize) = (3, 70, 90, 4);
/// 72 blocks in five chunks, the last of each not full.
pub const FIVE_CHUNKS: (usize, usize, usize, usize) = (2, 130, 140, 4);

pub const LOSSES: [&str; 14] = [
    "bce(sigmoid) > mean(class) > mean(pixel) > mean(image)",
    "bce(sigmoid) > scale(target=[1, 2, 5, 0.3]) > sum(all)",
    "bce(softmax) > weigh(class=[1, 0, 3, 0.1]) > mean(all)",
    "bce(sigmoid) > weigh(mask) > scale(map) > mean(class, pixel) > weigh(image) > mean(image)",
    "squared(sigmoid) > weigh(mask) > mean(pixel; carry) > mean(class) > mean(image)",
    "overlap(softmax) > dice(pixel; smooth=1) > mean(class) > mean(image)",
    "overlap(sigmoid) > weigh(mask) > jaccard(pixel, image) > weigh(class=[1, 1, 0, 2]) > mean(class)",
    "overlap(softmax) > weigh(volume(pixel, image)=-1) > dice(all)",
    "bce(sigmoid) > max(class) > mean(pixel) > mean(image)",
    "bce(softmax) > top(pixel; fraction=0.1) > mean(class) > mean(image)",
    "bce(sigmoid) > power(pixel; p=2) > sum(class) > mean(image)",
    "bce(sigmoid) > mean(class, pixel) > max(image)",
    SEED,
    "0.5 * (bce(sigmoid) > mean(all)) + 0.5 * (overlap(sigmoid) > dice(pixel) > map(x^0.75) > mean(all))",
];

/// A per-pixel cross-entropy and a whole-batch Dice, weighted by the pixel's true class.
pub const SEED: &str = "((bce(sigmoid) > mean(class)) + (overlap(sigmoid) > dice(all; smooth=1)) - 2) \
     > scale(target=[1, 1, 1, 1000]) > mean(pixel, image)";

/// A number in [0, 1) for every place.
pub fn unit(place: usize) -> f32 {
    let mixed = (place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40;
    mixed as f32 / (1 << 24) as f32
}

/// A prediction as NHWC, its target and its weights.
pub struct Arrays {
    pub prediction: Array4<f32>,
    pub target: Array4<u8>,
    image: Array1<f32>,
    map: Array3<f32>,
    mask: Array3<f32>,
}

impl Arrays {
    pub fn new((n, h, w, c): (usize, usize, usize, usize)) -> Self {
        let pixel = |(i, y, x): (usize, usize, usize)| (i * h + y) * w + x;
        let truth = |(i, y, x): (usize, usize, usize)| (i + y / 9 * (x / 11)) % c;
        Self {
            prediction: Array4::from_shape_fn((n, h, w, c), |(i, y, x, class)| {
                10.0 * unit(pixel((i, y, x)) * c + class) - 5.0
            }),
            target: Array4::from_shape_fn((n, h, w, c), |(i, y, x, class)| {
                u8::from(truth((i, y, x)) == class)
            }),
            image: Array1::from_shape_fn(n, |i| 0.3 + i as f32),
            map: Array3::from_shape_fn((n, h, w), |at| 2.0 * unit(pixel(at) + 77)),
            mask: Array3::from_shape_fn((n, h, w), |at| {
                f32::from(u8::from(unit(pixel(at) + 99) < 0.7))
            }),
        }
    }

    /// What `look` sees in these arrays with the weights that the loss names.
    pub fn batch(&self, loss: &Loss) -> Batch<'_, f32, Ix4> {
        self.batch_of(loss, Layout::NHWC, self.prediction.view(), self.target.view(), [0, 1, 2])
            .expect("what belongs together")
    }

    /// The same where prediction and target are views in another layout, and `turned` is the order of the axes
    /// of the weights per pixel and image there.
    pub fn batch_of<'a>(
        &'a self,
        loss: &Loss,
        layout: Layout,
        prediction: ArrayView4<'a, f32>,
        target: ArrayView4<'a, u8>,
        turned: [usize; 3],
    ) -> Result<Batch<'a, f32, Ix4>> {
        let text = loss.to_string();
        let mut batch = Batch::new(layout, prediction, target)?;
        if text.contains("weigh(image)") {
            batch = batch.with_image_weights(&self.image)?;
        }
        if text.contains("(map)") {
            batch = batch.with_map([Pixel, Image], self.map.view().permuted_axes(turned))?;
        }
        if text.contains("(mask)") {
            batch = batch.with_mask([Pixel, Image], self.mask.view().permuted_axes(turned))?;
        }
        Ok(batch)
    }
}

pub fn losses() -> impl Iterator<Item = Loss> {
    LOSSES.iter().map(|text| text.parse().expect("a loss"))
}
