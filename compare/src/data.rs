//! A batch that looks like a segmentation, the same in every run, and its copy on disk for the peers.

use std::path::Path;

use ndarray::{Array3, Array4, ArrayView1, Axis};
use ndarray_npy::{WriteNpyError, write_npy};

/// The classes of every batch.
pub const CLASSES: usize = 5;

/// The two orders of a batch's axes that are compared.
#[derive(Clone, Copy, PartialEq)]
pub enum Layout {
    Nhwc,
    Nchw,
}

impl Layout {
    pub const ALL: [Self; 2] = [Self::Nhwc, Self::Nchw];

    pub fn name(self) -> &'static str {
        match self {
            Self::Nhwc => "nhwc",
            Self::Nchw => "nchw",
        }
    }

    pub fn class(self) -> usize {
        match self {
            Self::Nhwc => 3,
            Self::Nchw => 1,
        }
    }

    pub fn pixels(self) -> [usize; 2] {
        match self {
            Self::Nhwc => [1, 2],
            Self::Nchw => [2, 3],
        }
    }

    /// An array whose class axis is last, contiguous in this layout.
    pub fn of(self, array: &Array4<f32>) -> Array4<f32> {
        match self {
            Self::Nhwc => array.clone(),
            Self::Nchw => array.view().permuted_axes([0, 3, 1, 2]).as_standard_layout().to_owned(),
        }
    }

    /// One number per class, in a shape that broadcasts.
    pub fn per_class(self, numbers: [f32; CLASSES]) -> Array4<f32> {
        let mut shape = [1; 4];
        shape[self.class()] = CLASSES;
        Array4::from_shape_vec(shape, numbers.to_vec()).expect("one number per class")
    }
}

/// The arrays, the class axis last.
pub struct Data {
    /// Images, height, width.
    pub labels: Array3<u8>,
    pub logits: Array4<f32>,
    pub probabilities: Array4<f32>,
    /// One-hot.
    pub target: Array4<f32>,
    /// The direction along which gradients are checked: against the target, by 0.5 to 1.5 in every
    /// cell, so that no derivative cancels another and none has another's place unnoticed.
    pub direction: Array4<f32>,
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
    /// Of so many images, rows and columns.
    pub fn new([images, height, width]: [usize; 3]) -> Self {
        let mut random = Random(7);
        // A class is a band across the image, from 40 % of the pixels down to 4 %, with ragged edges.
        let labels = Array3::from_shape_fn((images, height, width), |(n, h, w)| {
            let across = h as f32 / height as f32 + 0.3 * (w as f32 / width as f32);
            let at = (across + 0.13 * n as f32 + 0.02 * random.normal()).rem_euclid(1.0);
            [0.4, 0.7, 0.86, 0.96].iter().fold(0, |class, &edge| class + u8::from(at >= edge))
        });
        let mut logits = Array4::zeros((images, height, width, CLASSES));
        let mut target = logits.clone();
        let mut direction = logits.clone();
        for (index, &label) in labels.indexed_iter() {
            let label = usize::from(label);
            // One pixel in ten is taken for another class.
            let taken = (label + usize::from(random.uniform() < 0.1)) % CLASSES;
            for class in 0..CLASSES {
                let cell = [index.0, index.1, index.2, class];
                logits[cell] = if class == taken { 2.5 } else { -3.0 } + 1.2 * random.normal();
                let (t, sign) = if class == label { (1.0, -1.0) } else { (0.0, 1.0) };
                target[cell] = t;
                direction[cell] = sign * (0.5 + random.uniform());
            }
        }
        let probabilities = logits.mapv(|x: f32| 1.0 / (1.0 + (-x).exp()));
        Self { labels, logits, probabilities, target, direction }
    }

    /// Writes what another program needs to do the same.
    pub fn write(&self, folder: &Path) -> Result<(), WriteNpyError> {
        write_npy(folder.join("logits.npy"), &self.logits)?;
        write_npy(folder.join("probabilities.npy"), &self.probabilities)?;
        write_npy(folder.join("target.npy"), &self.target)?;
        write_npy(folder.join("direction.npy"), &self.direction)
    }

    /// The images, by pixel: what every pixel's classes have, and its label.
    pub fn pixels<'a>(
        &'a self,
        array: &'a Array4<f32>,
    ) -> impl Iterator<Item = impl Iterator<Item = (Pixel, Pixel, usize)> + 'a> + 'a {
        let wide = |lane: ArrayView1<'_, f32>| -> Pixel {
            std::array::from_fn(|class| f64::from(lane[class]))
        };
        let images = array.outer_iter().zip(self.direction.outer_iter());
        images.zip(self.labels.outer_iter()).map(move |((image, along), labels)| {
            let lanes = image.lanes(Axis(2)).into_iter().map(wide).collect::<Vec<_>>();
            let along = along.lanes(Axis(2)).into_iter().map(wide).collect::<Vec<_>>();
            let labels = labels.iter().map(|&label| usize::from(label)).collect::<Vec<_>>();
            lanes.into_iter().zip(along).zip(labels).map(|((x, d), label)| (x, d, label))
        })
    }
}

/// What the classes of one pixel have.
pub type Pixel = [f64; CLASSES];
