//! The losses that are measured, in words and as plain loops.

use lossfold::Loss;
use ndarray::Array4;

use crate::data::Data;
use crate::plain::{self, Image};

/// What is done to a prediction before it is compared.
#[derive(Clone, Copy, PartialEq)]
pub enum Scores {
    Probability,
    Sigmoid,
    Softmax,
}

impl Scores {
    /// The prediction of a batch to which it is done.
    pub fn of(self, data: &Data) -> &Array4<f32> {
        match self {
            Self::Probability => &data.probabilities,
            Self::Sigmoid | Self::Softmax => &data.logits,
        }
    }
}

/// A loss by name, in words, and as loops.
pub struct Workload {
    pub name: &'static str,
    pub loss: Loss,
    pub scores: Scores,
    plain: fn(&[Image]) -> f64,
}

/// The value of a loss on some data, and its derivative along the direction of these.
#[derive(Clone, Copy)]
pub struct Expected {
    pub value: f64,
    pub slope: f64,
}

impl Workload {
    /// Where the language lacks the loss there is a line that says so.
    fn new(
        name: &'static str,
        scores: Scores,
        text: &str,
        plain: fn(&[Image]) -> f64,
    ) -> Option<Self> {
        match text.parse() {
            Ok(loss) => Some(Self { name, loss, scores, plain }),
            Err(error) => {
                println!("{name}: not measured, {error}");
                None
            }
        }
    }

    /// All of them, on five classes. The last two cannot be summed on the fly: a later step needs an
    /// earlier one's result for every pixel.
    pub fn all() -> Vec<Self> {
        use Scores::{Probability, Sigmoid, Softmax};
        let all = [
            Self::new("bce_probability", Probability, "bce(probability) > mean(all)", plain::bce),
            // The floor of torch, which no probability of the data is small enough for.
            Self::new(
                "bce_torch",
                Probability,
                "bce(probability; log_floor=-100) > mean(all)",
                plain::bce,
            ),
            Self::new("bce_sigmoid", Sigmoid, "bce(sigmoid) > mean(all)", plain::bce),
            Self::new(
                "class_weighted_bce",
                Sigmoid,
                "bce(sigmoid) > scale(class=[0.5, 0.75, 1, 2, 4]) > mean(all)",
                |images| plain::weighted_bce(images, |class| [0.5, 0.75, 1.0, 2.0, 4.0][class]).0,
            ),
            Self::new("dice_probability", Probability, &overlap("probability"), plain::dice),
            Self::new("dice_sigmoid", Sigmoid, &overlap("sigmoid"), plain::dice),
            Self::weighted_bce_dice(5),
            Self::new(
                "bce_probability_by_pixel",
                Probability,
                "bce(probability) > mean(class) > mean(pixel) > mean(image)",
                plain::bce,
            ),
            Self::new(
                "bce_sigmoid_by_pixel",
                Sigmoid,
                "bce(sigmoid) > mean(class) > mean(pixel) > mean(image)",
                plain::bce,
            ),
            Self::new(
                "cross_entropy",
                Softmax,
                "cross_entropy(softmax) > sum(class) > mean(pixel, image)",
                plain::cross_entropy,
            ),
            Self::new("dice_softmax", Softmax, &overlap("softmax"), plain::dice),
            Self::new(
                "bce_max_class",
                Sigmoid,
                "bce(sigmoid) > max(class) > mean(pixel, image)",
                |images| plain::mean_of(images, |pixel| pixel.bce().fold(0.0, f64::max)),
            ),
            Self::new(
                "bce_top_pixel",
                Sigmoid,
                "bce(sigmoid) > mean(class) > top(pixel; fraction=0.1) > mean(image)",
                |images| plain::mean(images.iter().map(worst_tenth)),
            ),
        ];
        all.into_iter().flatten().collect()
    }

    /// A sum of two terms with weights 1, 2, 3, ...
    pub fn weighted_bce_dice(classes: usize) -> Option<Self> {
        let weights: Vec<_> = (1..=classes).map(|weight| weight.to_string()).collect();
        let weights = weights.join(", ");
        let bce = format!("bce(sigmoid) > weigh(class=[{weights}]) > mean(all)");
        let text = format!("({bce}) + ({})", overlap("sigmoid"));
        Self::new("weighted_bce_dice", Scores::Sigmoid, &text, |images| {
            let (value, mass) = plain::weighted_bce(images, |class| (class + 1) as f64);
            value / mass + plain::dice(images)
        })
    }

    /// The derivative is a central difference.
    pub fn expected(&self, data: &Data) -> Expected {
        let step = 1e-6;
        let at = |h: f64| (self.plain)(&Image::all(self.scores, data, h));
        Expected { value: at(0.0), slope: (at(step) - at(-step)) / (2.0 * step) }
    }
}

fn overlap(activation: &str) -> String {
    format!("overlap({activation}) > dice(pixel; smooth=1) > mean(class) > mean(image)")
}

/// The mean of the largest tenth of the pixels' losses.
fn worst_tenth(image: &Image) -> f64 {
    let mut values: Vec<f64> = image.pixels().map(|pixel| plain::mean(pixel.bce())).collect();
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    plain::mean(values[..values.len() / 10].iter().copied())
}
