//! The slices, and batches of them.

use std::error::Error;
use std::fs::File;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::Array3;
use ndarray_npy::ReadNpyExt;

use crate::random::Random;

/// The number of classes.
pub const CLASSES: usize = 5;

/// What the classes are.
pub const TISSUES: [&str; CLASSES] =
    ["background", "grey matter", "white matter", "fluid", "ventricles"];

/// How many slices a step sees.
const BATCH: usize = 8;

/// Mean and standard deviation of the training slices, where 255 is 1.
const MEAN: f32 = 0.45;
const DEVIATION: f32 = 0.36;

/// The standard deviation of the noise that the held-out slices have and the training slices lack.
const NOISE: f32 = 0.06;

/// Slices and the class of each of their pixels, image row column.
pub struct Slices {
    image: Array3<u8>,
    label: Array3<u8>,
}

/// Images of one channel and targets of one channel per class, image channel row column.
pub struct Tensors {
    /// What the net sees.
    pub image: Tensor<4>,
    /// What it is to find, 0 or 1.
    pub target: Tensor<4>,
}

impl Slices {
    /// The bundled slices to train on (`train`) or the held-out ones (`eval`).
    pub fn read(part: &str) -> Result<Self, Box<dyn Error>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/brain");
        let array = |what| -> Result<Array3<u8>, Box<dyn Error>> {
            let path = folder.join(format!("{part}_{what}.npy"));
            File::open(&path)
                .map_err(Into::into)
                .and_then(Array3::read_npy)
                .map_err(|error| format!("{}: {error}", path.display()).into())
        };
        Ok(Self { image: array("image")?, label: array("label")? })
    }

    /// All slices as they are.
    pub fn all(&self, device: &Device) -> Tensors {
        let images = self.image.dim().0;
        self.tensors((0..images).map(|image| (image, false)), |value| value, device)
    }

    /// Slices drawn without replacement, each with noise of its own and half of them mirrored.
    pub fn draw(&self, random: &mut Random, device: &Device) -> Tensors {
        let mut order = random.shuffled(self.image.dim().0);
        order.truncate(BATCH);
        let chosen: Vec<_> = order.into_iter().map(|image| (image, random.coin())).collect();
        // The held-out slices have no noise around the head either.
        let noisy = |value: f32| {
            if value > 0.0 { value + NOISE * random.normal() } else { value }
        };
        self.tensors(chosen.into_iter(), noisy, device)
    }

    /// The class of each pixel of an image, row by row.
    pub fn labels(&self) -> &Array3<u8> {
        &self.label
    }

    fn tensors(
        &self,
        chosen: impl ExactSizeIterator<Item = (usize, bool)>,
        mut seen: impl FnMut(f32) -> f32,
        device: &Device,
    ) -> Tensors {
        let (_, rows, columns) = self.image.dim();
        let pixels = rows * columns;
        let count = chosen.len();
        let mut image = Vec::with_capacity(count * pixels);
        let mut target = vec![0.0_f32; count * CLASSES * pixels];
        for (place, (slice, mirrored)) in chosen.enumerate() {
            for pixel in 0..pixels {
                let (row, column) = (pixel / columns, pixel % columns);
                let from = if mirrored { columns - 1 - column } else { column };
                let class = usize::from(self.label[[slice, row, from]]);
                let value = seen(f32::from(self.image[[slice, row, from]]) / 255.0);
                image.push((value - MEAN) / DEVIATION);
                target[(place * CLASSES + class) * pixels + pixel] = 1.0;
            }
        }
        let tensor = |values, channels| {
            let data = TensorData::new(values, [count, channels, rows, columns]);
            Tensor::from_data(data, device)
        };
        Tensors { image: tensor(image, 1), target: tensor(target, CLASSES) }
    }
}
