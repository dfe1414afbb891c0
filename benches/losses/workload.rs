//! The losses that are measured, and what each is worth, by plain loops in f64 over the same data.

use ndarray::{Array4, ArrayView1, Axis};

use crate::data::{CLASSES, Data};

/// What is done to a prediction before it is compared.
#[derive(Clone, Copy, PartialEq)]
pub enum Scores {
    Probability,
    Sigmoid,
    Softmax,
}

/// A loss by name, in words, and as loops.
pub struct Workload {
    pub name: &'static str,
    pub text: &'static str,
    pub scores: Scores,
    expected: fn(&Images) -> f64,
}

/// All of them. The last two cannot be summed on the fly: a later step needs an earlier one's result
/// for every pixel.
pub const WORKLOADS: [Workload; 11] = [
    Workload {
        name: "bce_probability",
        text: "bce(probability) > mean(all)",
        scores: Scores::Probability,
        expected: |images| mean(pixels(images).flat_map(Pixel::bce)),
    },
    Workload {
        name: "bce_sigmoid",
        text: "bce(sigmoid) > mean(all)",
        scores: Scores::Sigmoid,
        expected: |images| mean(pixels(images).flat_map(Pixel::bce)),
    },
    Workload {
        name: "class_weighted_bce",
        text: "bce(sigmoid) > scale(class=[0.5, 0.75, 1, 2, 4]) > mean(all)",
        scores: Scores::Sigmoid,
        expected: |images| {
            let weighted = |pixel: &Pixel| {
                pixel.bce().into_iter().zip([0.5, 0.75, 1.0, 2.0, 4.0]).map(|(v, w)| w * v)
            };
            mean(pixels(images).flat_map(weighted))
        },
    },
    Workload {
        name: "dice_probability",
        text: "overlap(probability) > dice(pixel; smooth=1) > mean(class) > mean(image)",
        scores: Scores::Probability,
        expected: dice,
    },
    Workload {
        name: "weighted_bce_dice",
        text: "(bce(sigmoid) > weigh(class=[1, 2, 3, 4, 5]) > mean(all)) \
               + (overlap(sigmoid) > dice(pixel; smooth=1) > mean(class) > mean(image))",
        scores: Scores::Sigmoid,
        expected: |images| {
            let (mut value, mut mass) = (0.0, 0.0);
            for pixel in pixels(images) {
                for (v, w) in pixel.bce().into_iter().zip([1.0, 2.0, 3.0, 4.0, 5.0]) {
                    value += w * v;
                    mass += w;
                }
            }
            value / mass + dice(images)
        },
    },
    Workload {
        name: "bce_probability_by_pixel",
        text: "bce(probability) > mean(class) > mean(pixel) > mean(image)",
        scores: Scores::Probability,
        expected: by_pixel,
    },
    Workload {
        name: "bce_sigmoid_by_pixel",
        text: "bce(sigmoid) > mean(class) > mean(pixel) > mean(image)",
        scores: Scores::Sigmoid,
        expected: by_pixel,
    },
    // It stands for cross-entropy, which the language does not have yet.
    Workload {
        name: "bce_softmax",
        text: "bce(softmax) > mean(all)",
        scores: Scores::Softmax,
        expected: |images| mean(pixels(images).flat_map(Pixel::bce)),
    },
    Workload {
        name: "dice_softmax",
        text: "overlap(softmax) > dice(pixel; smooth=1) > mean(class) > mean(image)",
        scores: Scores::Softmax,
        expected: dice,
    },
    Workload {
        name: "bce_max_class",
        text: "bce(sigmoid) > max(class) > mean(pixel, image)",
        scores: Scores::Sigmoid,
        expected: |images| {
            let worst = |pixel: &Pixel| pixel.bce().into_iter().fold(f64::NEG_INFINITY, f64::max);
            mean(pixels(images).map(worst))
        },
    },
    Workload {
        name: "bce_top_pixel",
        text: "bce(sigmoid) > mean(class) > top(pixel; fraction=0.1) > mean(image)",
        scores: Scores::Sigmoid,
        expected: |images| {
            mean(images.iter().map(|image| {
                let mut values: Vec<f64> = image.iter().map(|pixel| mean(pixel.bce())).collect();
                values.sort_unstable_by(|a, b| b.total_cmp(a));
                mean(values[..values.len() / 10].iter().copied())
            }))
        },
    },
];

/// A pixel after the activation: p and 1 - p of its classes, each exact where it is small.
pub struct Pixel {
    label: usize,
    p: [f64; CLASSES],
    q: [f64; CLASSES],
}

type Images = [Vec<Pixel>];

impl Pixel {
    fn new(scores: Scores, x: [f64; CLASSES], label: usize) -> Self {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let (p, q) = match scores {
            Scores::Probability => (x, x.map(|x| 1.0 - x)),
            Scores::Sigmoid => (x.map(sigmoid), x.map(|x| sigmoid(-x))),
            Scores::Softmax => {
                let e = x.map(f64::exp);
                let total: f64 = e.iter().sum();
                let others = |class| (0..CLASSES).filter(move |&c| c != class);
                let q = std::array::from_fn(|class| others(class).map(|c| e[c]).sum::<f64>());
                (e.map(|e| e / total), q.map(|q| q / total))
            }
        };
        Self { label, p, q }
    }

    fn bce(&self) -> [f64; CLASSES] {
        let of = |class| if class == self.label { self.p[class] } else { self.q[class] };
        std::array::from_fn(|class| -of(class).ln())
    }
}

fn pixels(images: &Images) -> impl Iterator<Item = &Pixel> {
    images.iter().flatten()
}

fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value;
        count += 1.0;
    }
    sum / count
}

fn by_pixel(images: &Images) -> f64 {
    mean(images.iter().map(|image| mean(image.iter().map(|pixel| mean(pixel.bce())))))
}

/// The Dice loss per image and class with a smoothing of 1, on average.
fn dice(images: &Images) -> f64 {
    mean(images.iter().map(|image| {
        let (mut both, mut either) = ([0.0; CLASSES], [0.0; CLASSES]);
        for pixel in image {
            both[pixel.label] += pixel.p[pixel.label];
            either[pixel.label] += 1.0;
            (0..CLASSES).for_each(|class| either[class] += pixel.p[class]);
        }
        mean((0..CLASSES).map(|c| 1.0 - (2.0 * both[c] + 1.0) / (either[c] + 1.0)))
    }))
}

impl Workload {
    pub fn prediction<'a>(&self, data: &'a Data) -> &'a Array4<f32> {
        match self.scores {
            Scores::Probability => &data.probabilities,
            Scores::Sigmoid | Scores::Softmax => &data.logits,
        }
    }

    /// The value, and its derivative along the direction of `data` by a central difference.
    pub fn expected(&self, data: &Data) -> (f64, f64) {
        let step = 1e-6;
        let at = |h: f64| (self.expected)(&self.images(data, h));
        (at(0.0), (at(step) - at(-step)) / (2.0 * step))
    }

    /// The pixels of every image at prediction + h · direction.
    fn images(&self, data: &Data, h: f64) -> Vec<Vec<Pixel>> {
        let wide = |lane: ArrayView1<'_, f32>| -> [f64; CLASSES] {
            std::array::from_fn(|class| f64::from(lane[class]))
        };
        let images = self.prediction(data).axis_iter(Axis(0));
        let along = data.direction.axis_iter(Axis(0)).zip(data.labels.axis_iter(Axis(0)));
        images
            .zip(along)
            .map(|(image, (direction, labels))| {
                let lanes = image.lanes(Axis(2)).into_iter().zip(direction.lanes(Axis(2)));
                lanes
                    .zip(&labels)
                    .map(|((x, direction), &label)| {
                        let (x, direction) = (wide(x), wide(direction));
                        let moved = std::array::from_fn(|class| x[class] + h * direction[class]);
                        Pixel::new(self.scores, moved, usize::from(label))
                    })
                    .collect()
            })
            .collect()
    }
}
