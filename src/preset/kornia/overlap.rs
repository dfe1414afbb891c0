//! Dice and Tversky.

use super::expect_per_class;
use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::Activation;
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::Loss;
use crate::preset::Given;
use crate::preset::argument::words;
use crate::preset::declare::declare;
use crate::reduction::{Empty, mean};
use crate::region::{Absent, Ratio, overlap};
use crate::weight::Weight;

words! {
    /// What one Dice is made of.
    Average {
        /// All classes of an image.
        Micro = "micro",
        /// One class of an image; then the mean over those that are present.
        Macro = "macro",
    }
}

declare! {
    /// `dice_loss`: per image 1 - 2 Σ w p t / (Σ w (p + t) + eps), the sums over class and pixel, w the `weight` of the class.
    ///
    /// `macro` has the sums over pixel and takes Σ w L / Σ w over the classes that are present in the image. An image
    /// without a pixel that counts is worth 1. `smooth_denominator=eps`.
    DiceLoss: "kornia==0.9.0"
        "kornia.losses.DiceLoss" "(average, eps, weight, ignore_index)(pred, target)",
        "kornia.losses.dice_loss" "(pred, target, average, eps, weight, ignore_index)";
    Given::labels(Layout::NCHW); {
        /// What one Dice is made of.
        average: Average = Average::Micro,
        /// Added to the denominator.
        eps: f64 = 1e-8,
        /// One number per class.
        weight: Option<Vec<f64>> = None,
    }
}

impl DiceLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        if let Some(weights) = &self.weight {
            expect_per_class("weight", weights, given)?;
        }
        let weight = self.weight.clone().map(Weight::Class);
        let terms = overlap(Activation::Softmax);
        if self.average == Average::Macro {
            let ratio = Ratio::over(Pixel).smooth_denominator(self.eps).absent(Absent::Skip);
            let loss = terms.dice(ratio);
            let loss = weight.into_iter().fold(loss, Loss::weigh);
            return Ok(loss.reduce(mean(Class).empty(Empty::One).then(mean(Image))));
        }
        let ratio = Ratio::over([Class, Pixel]).smooth_denominator(self.eps).empty(Empty::One);
        let terms = match weight {
            Some(weight) => terms.weigh(weight),
            None => terms,
        };
        Ok(terms.dice(ratio).reduce(mean(Image)))
    }
}

declare! {
    /// `tversky_loss`: per image and class 1 - TP / (TP + alpha FP + beta FN + eps), the sums over pixel; the mean over the
    /// classes that are present in the image, then over image.
    ///
    /// An image without a pixel that counts is worth 1. `smooth_denominator=eps`.
    TverskyLoss: "kornia==0.9.0"
        "kornia.losses.TverskyLoss" "(alpha!, beta!, eps, ignore_index)(pred, target)",
        "kornia.losses.tversky_loss" "(pred, target, alpha!, beta!, eps, ignore_index)";
    Given::labels(Layout::NCHW); {
        /// The weight of false positives.
        alpha: f64 = 0.5,
        /// The weight of false negatives.
        beta: f64 = 0.5,
        /// Added to the denominator.
        eps: f64 = 1e-8,
    }
}

impl TverskyLoss {
    fn order(&self, _: &Given) -> Result<Loss> {
        let ratio = Ratio::over(Pixel)
            .false_positive(self.alpha)
            .false_negative(self.beta)
            .smooth_denominator(self.eps)
            .absent(Absent::Skip);
        let order = mean(Class).empty(Empty::One).then(mean(Image));
        Ok(overlap(Activation::Softmax).tversky(ratio).reduce(order))
    }
}
