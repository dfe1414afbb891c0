//! The losses that are compared, and what each is worth by plain loops in f64.

use ndarray::Array4;

use crate::data::{CLASSES, Data};

/// What is done to a prediction before it is compared.
#[derive(Clone, Copy, PartialEq)]
pub enum Scores {
    Probability,
    Sigmoid,
    Softmax,
}

/// Which loss.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    BceProbability,
    BceSigmoid,
    ClassWeightedBce,
    DiceProbability,
    WeightedBceDice,
    BceSigmoidByPixel,
    CrossEntropy,
    DiceSoftmax,
}

/// A loss by name, and in lossfold's words.
pub struct Workload {
    pub kind: Kind,
    pub name: &'static str,
    pub text: &'static str,
    pub scores: Scores,
    /// By class; the peers multiply by it.
    pub weights: [f32; CLASSES],
}

const ONES: [f32; CLASSES] = [1.0; CLASSES];

/// All of them.
pub static WORKLOADS: [Workload; 8] = [
    Workload {
        kind: Kind::BceProbability,
        name: "bce_probability",
        text: "bce(probability) > mean(all)",
        scores: Scores::Probability,
        weights: ONES,
    },
    Workload {
        kind: Kind::BceSigmoid,
        name: "bce_sigmoid",
        text: "bce(sigmoid) > mean(all)",
        scores: Scores::Sigmoid,
        weights: ONES,
    },
    Workload {
        kind: Kind::ClassWeightedBce,
        name: "class_weighted_bce",
        text: "bce(sigmoid) > scale(class=[0.5, 0.75, 1, 2, 4]) > mean(all)",
        scores: Scores::Sigmoid,
        weights: [0.5, 0.75, 1.0, 2.0, 4.0],
    },
    Workload {
        kind: Kind::DiceProbability,
        name: "dice_probability",
        text: "overlap(probability) > dice(pixel; smooth=1) > mean(class) > mean(image)",
        scores: Scores::Probability,
        weights: ONES,
    },
    Workload {
        kind: Kind::WeightedBceDice,
        name: "weighted_bce_dice",
        text: "(bce(sigmoid) > weigh(class=[1, 2, 3, 4, 5]) > mean(all)) \
               + (overlap(sigmoid) > dice(pixel; smooth=1) > mean(class) > mean(image))",
        scores: Scores::Sigmoid,
        // Divided by their mean, so that a mean of products is the weighted mean.
        weights: [1.0 / 3.0, 2.0 / 3.0, 1.0, 4.0 / 3.0, 5.0 / 3.0],
    },
    Workload {
        kind: Kind::BceSigmoidByPixel,
        name: "bce_sigmoid_by_pixel",
        text: "bce(sigmoid) > mean(class) > mean(pixel) > mean(image)",
        scores: Scores::Sigmoid,
        weights: ONES,
    },
    // Per pixel -Σ w t ln p over its classes. Skipped while the language has no such source.
    Workload {
        kind: Kind::CrossEntropy,
        name: "cross_entropy",
        text: "cross_entropy(softmax) > scale(class=[1, 2, 3, 4, 5]) > sum(class) > mean(pixel, image)",
        scores: Scores::Softmax,
        weights: [1.0, 2.0, 3.0, 4.0, 5.0],
    },
    Workload {
        kind: Kind::DiceSoftmax,
        name: "dice_softmax",
        text: "overlap(softmax) > dice(pixel; smooth=1) > mean(class) > mean(image)",
        scores: Scores::Softmax,
        weights: ONES,
    },
];

/// A value, and its derivative along the direction of the data.
#[derive(Clone, Copy)]
pub struct Expected {
    pub value: f64,
    pub slope: f64,
}

impl Workload {
    pub fn prediction<'a>(&self, data: &'a Data) -> &'a Array4<f32> {
        match self.scores {
            Scores::Probability => &data.probabilities,
            Scores::Sigmoid | Scores::Softmax => &data.logits,
        }
    }

    /// The derivative is a central difference, good to some 1e-6.
    pub fn expected(&self, data: &Data) -> Expected {
        let step = 1e-6;
        let slope = (self.at(data, step) - self.at(data, -step)) / (2.0 * step);
        Expected { value: self.at(data, 0.0), slope }
    }

    /// The value at prediction + h · direction.
    fn at(&self, data: &Data, h: f64) -> f64 {
        let (mut cells, mut dice, mut images, mut pixels) = (0.0, 0.0, 0.0, 0.0);
        for image in data.pixels(self.prediction(data)) {
            let (mut both, mut either) = ([0.0; CLASSES], [0.0; CLASSES]);
            for (x, direction, label) in image {
                let x = std::array::from_fn(|class| x[class] + h * direction[class]);
                let (p, q) = activated(self.scores, x);
                for class in 0..CLASSES {
                    let one = class == label;
                    let weight = f64::from(self.weights[class]);
                    if self.kind != Kind::CrossEntropy {
                        cells -= weight * if one { p[class] } else { q[class] }.ln();
                    } else if one {
                        cells -= weight * p[class].ln();
                    }
                    both[class] += if one { p[class] } else { 0.0 };
                    either[class] += p[class] + f64::from(u8::from(one));
                }
                pixels += 1.0;
            }
            dice += (0..CLASSES)
                .map(|class| 1.0 - (2.0 * both[class] + 1.0) / (either[class] + 1.0))
                .sum::<f64>();
            images += 1.0;
        }
        let classes = CLASSES as f64;
        let (bce, dice) = (cells / (pixels * classes), dice / (images * classes));
        match self.kind {
            Kind::DiceProbability | Kind::DiceSoftmax => dice,
            Kind::WeightedBceDice => bce + dice,
            Kind::CrossEntropy => cells / pixels,
            Kind::BceProbability
            | Kind::BceSigmoid
            | Kind::ClassWeightedBce
            | Kind::BceSigmoidByPixel => bce, // all groups of a mean are of one size
        }
    }
}

/// p and 1 - p of a pixel's classes, each exact where it is small.
fn activated(scores: Scores, x: [f64; CLASSES]) -> ([f64; CLASSES], [f64; CLASSES]) {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    match scores {
        Scores::Probability => (x, x.map(|x| 1.0 - x)),
        Scores::Sigmoid => (x.map(sigmoid), x.map(|x| sigmoid(-x))),
        Scores::Softmax => {
            let e = x.map(f64::exp);
            let total: f64 = e.iter().sum();
            (e.map(|e| e / total), e.map(|e| (total - e) / total))
        }
    }
}
