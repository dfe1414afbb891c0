//! What losses are worth by plain loops in f64, which every measured call is held to.

use ndarray::{ArrayView3, Axis, azip};

use crate::data::Data;
use crate::workload::Scores;

/// An image after the activation: p and 1 - p of its cells, each exact where it is small.
pub struct Image {
    classes: usize,
    labels: Vec<usize>,
    p: Vec<f64>,
    q: Vec<f64>,
}

/// A pixel of an image.
pub struct Pixel<'a> {
    label: usize,
    p: &'a [f64],
    q: &'a [f64],
}

impl Image {
    /// The images at prediction + h · direction.
    pub fn all(scores: Scores, data: &Data, h: f64) -> Vec<Self> {
        let along = data.direction.outer_iter().zip(data.labels.outer_iter());
        let images = scores.of(data).outer_iter().zip(along);
        images
            .map(|(x, (direction, labels))| {
                let labels = labels.iter().map(|&label| usize::from(label)).collect();
                Self::new(scores, x, direction, h, labels)
            })
            .collect()
    }

    fn new(
        scores: Scores,
        x: ArrayView3<'_, f32>,
        direction: ArrayView3<'_, f32>,
        h: f64,
        labels: Vec<usize>,
    ) -> Self {
        let classes = x.len_of(Axis(2));
        let mut p = Vec::with_capacity(x.len());
        azip!((&x in x, &d in direction) p.push(f64::from(x) + h * f64::from(d)));
        let mut q = p.clone();
        for (p, q) in p.chunks_exact_mut(classes).zip(q.chunks_exact_mut(classes)) {
            activate(scores, p, q);
        }
        Self { classes, labels, p, q }
    }

    pub fn pixels(&self) -> impl Iterator<Item = Pixel<'_>> {
        let cells = self.p.chunks_exact(self.classes).zip(self.q.chunks_exact(self.classes));
        self.labels.iter().zip(cells).map(|(&label, (p, q))| Pixel { label, p, q })
    }
}

/// Makes p and 1 - p of a pixel's scores, which both slices hold.
fn activate(scores: Scores, p: &mut [f64], q: &mut [f64]) {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let e: Vec<f64> = match scores {
        Scores::Softmax => p.iter().map(|x| x.exp()).collect(),
        _ => Vec::new(),
    };
    let total: f64 = e.iter().sum();
    for (class, (p, q)) in p.iter_mut().zip(q).enumerate() {
        (*p, *q) = match scores {
            Scores::Probability => (*p, 1.0 - *p),
            Scores::Sigmoid => (sigmoid(*p), sigmoid(-*p)),
            Scores::Softmax => {
                let others = e[..class].iter().chain(&e[class + 1..]);
                (e[class] / total, others.sum::<f64>() / total)
            }
        };
    }
}

impl Pixel<'_> {
    /// The binary cross-entropy of each class.
    pub fn bce(&self) -> impl Iterator<Item = f64> {
        let cells = self.p.iter().zip(self.q).enumerate();
        cells.map(|(class, (p, q))| -(if class == self.label { p } else { q }).ln())
    }
}

pub fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value;
        count += 1.0;
    }
    sum / count
}

/// The mean of a number per pixel over all of them.
pub fn mean_of(images: &[Image], of: impl Fn(&Pixel<'_>) -> f64) -> f64 {
    mean(images.iter().flat_map(Image::pixels).map(|pixel| of(&pixel)))
}

pub fn bce(images: &[Image]) -> f64 {
    mean_of(images, |pixel| mean(pixel.bce()))
}

pub fn cross_entropy(images: &[Image]) -> f64 {
    mean_of(images, |pixel| -pixel.p[pixel.label].ln())
}

/// The mean over all cells of weight · value, and the mean weight.
pub fn weighted_bce(images: &[Image], weight: impl Fn(usize) -> f64) -> (f64, f64) {
    let classes = 0..images[0].classes;
    let value = mean_of(images, |pixel| {
        mean(pixel.bce().enumerate().map(|(class, value)| weight(class) * value))
    });
    (value, mean(classes.map(weight)))
}

/// The Dice loss per image and class with a smoothing of 1, on average.
pub fn dice(images: &[Image]) -> f64 {
    mean(images.iter().map(|image| {
        let (mut both, mut either) = (vec![0.0; image.classes], vec![0.0; image.classes]);
        for pixel in image.pixels() {
            both[pixel.label] += pixel.p[pixel.label];
            either[pixel.label] += 1.0;
            either.iter_mut().zip(pixel.p).for_each(|(either, p)| *either += p);
        }
        let of_class = |(both, either)| 1.0 - (2.0 * both + 1.0) / (either + 1.0);
        mean(both.into_iter().zip(either).map(of_class))
    }))
}
