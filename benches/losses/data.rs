//! Batches that look like a segmentation: coherent regions, a model that is mostly right.

use std::cell::OnceCell;

use ndarray::{Array3, Array4, Axis};

/// Images, height, width and classes of a batch.
#[derive(Clone, Copy, PartialEq)]
pub struct Size(pub [usize; 4]);

impl Size {
    pub fn elements(self) -> usize {
        self.0.iter().product()
    }

    pub fn name(self) -> String {
        self.0.map(|extent| extent.to_string()).join("x")
    }
}

/// A batch's arrays, the class axis last.
pub struct Data {
    /// Images, height, width.
    pub labels: Array3<u8>,
    pub logits: Array4<f32>,
    pub probabilities: Array4<f32>,
    /// The direction in which the derivative is checked: against the target, by 0.5 to 1.5 in every
    /// cell, so that no derivative cancels another and none has another's place unnoticed.
    pub direction: Array4<f32>,
}

/// The data of a size, made when they are first asked for: a filter may leave nobody who asks.
pub struct LazyData {
    pub size: Size,
    data: OnceCell<Data>,
}

impl LazyData {
    pub fn new(size: Size) -> Self {
        Self { size, data: OnceCell::new() }
    }

    pub fn get(&self) -> &Data {
        self.data.get_or_init(|| Data::new(self.size))
    }
}

/// `SplitMix64`: the same numbers everywhere, without a dependency.
struct Random(u64);

impl Random {
    /// Uniform in [0, 1).
    fn uniform(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 40) as f32) / 16_777_216.0
    }

    /// Near enough to a normal number of deviation 1.
    fn normal(&mut self) -> f32 {
        ((0..4).map(|_| self.uniform()).sum::<f32>() - 2.0) * 3.0_f32.sqrt()
    }
}

impl Data {
    fn new(size: Size) -> Self {
        let Size([images, height, width, classes]) = size;
        let mut random = Random(7);
        // A class is a band across the image with ragged edges, each narrower than the one before: of
        // five, from 36 % of the pixels down to 4 %.
        let share = |at: f32| (1.0 - (1.0 - at).sqrt()) * classes as f32;
        let labels = Array3::from_shape_fn((images, height, width), |(n, h, w)| {
            let across = h as f32 / height as f32 + 0.3 * (w as f32 / width as f32);
            let at = (across + 0.13 * n as f32 + 0.02 * random.normal()).rem_euclid(1.0);
            let edges = (1..classes).filter(|&class| share(at) >= class as f32);
            u8::try_from(edges.count()).expect("there are at most 256 classes")
        });
        let mut logits = Array4::zeros((images, height, width, classes));
        for (mut scores, &label) in logits.lanes_mut(Axis(3)).into_iter().zip(&labels) {
            // One pixel in ten is taken for another class.
            let wrong = usize::from(random.uniform() < 0.1);
            let taken = (usize::from(label) + wrong) % classes;
            for (class, score) in scores.iter_mut().enumerate() {
                *score = if class == taken { 2.5 } else { -3.0 } + 1.2 * random.normal();
            }
        }
        let probabilities = logits.mapv(|x| 1.0 / (1.0 + (-x).exp()));
        let mut direction = Array4::zeros(logits.raw_dim());
        for (mut cells, &label) in direction.lanes_mut(Axis(3)).into_iter().zip(&labels) {
            for (class, cell) in cells.iter_mut().enumerate() {
                let sign = if class == usize::from(label) { -1.0 } else { 1.0 };
                *cell = sign * (0.5 + random.uniform());
            }
        }
        Self { labels, logits, probabilities, direction }
    }

    /// The one-hot target.
    pub fn one_hot<A: Clone>(&self, off: A, on: A) -> Array4<A> {
        let mut dense = Array4::from_elem(self.logits.raw_dim(), off);
        for (mut cells, &label) in dense.lanes_mut(Axis(3)).into_iter().zip(&self.labels) {
            cells[usize::from(label)] = on.clone();
        }
        dense
    }

    /// The cells of the logits, the class the last axis, and the labels.
    pub fn slices(&self) -> (&[f32], &[u8]) {
        let contiguous = "an array that was made in order";
        (self.logits.as_slice().expect(contiguous), self.labels.as_slice().expect(contiguous))
    }
}
