//! Dice and Lovász losses.

use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::Activation;
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::Loss;
use crate::preset::declare::declare;
use crate::preset::ignore::Ignore;
use crate::preset::mmseg::{Choice, hinge};
use crate::preset::{Given, refuse};
use crate::reduction::{Empty, Over, mean};
use crate::region::{Ratio, overlap};
use crate::weight::Weight;

declare! {
    /// `DiceLoss`: per image and class 1 - (2 Σ p t + s) / (Σ p + Σ t + s + 1e-8), the sums over the pixels that are not
    /// ignored; times `weight`, then the mean over class and image.
    ///
    /// An image without a pixel that counts is worth 0, or without `smooth` 1.
    DiceLoss: "paddleseg==2.8.0"
        "paddleseg.DiceLoss" "(weight, ignore_index, smooth)(logits, labels)";
    Given::labels(Layout::NCHW); {
        /// One number per class.
        weight: Option<Vec<f64>> = None,
        /// Added to numerator and denominator.
        smooth: f64 = 1.0,
    }
}

impl DiceLoss {
    #[expect(clippy::unnecessary_wraps, reason = "presets may refuse their arguments")]
    fn order(&self, _: &Given) -> Result<Loss> {
        let ratio = Ratio::over(Pixel)
            .smooth_numerator(self.smooth)
            .smooth_denominator(self.smooth + 1e-8)
            .empty(if self.smooth == 0.0 { Empty::One } else { Empty::Zero });
        let loss = overlap(Activation::Softmax).dice(ratio);
        let weights = self.weight.clone().map(Weight::Class);
        Ok(weights.into_iter().fold(loss, Loss::scale).reduce(mean([Class, Image])))
    }
}

declare! {
    /// `LovaszSoftmaxLoss`: Lovász-Softmax over the pixels of the batch that are not ignored, the mean over the classes that the target has.
    LovaszSoftmaxLoss: "paddleseg==2.8.0"
        "paddleseg.LovaszSoftmaxLoss" "(ignore_index, classes)(logits, labels)";
    Given::labels(Layout::NCHW); {
        /// The classes in the mean.
        classes: Choice = Choice::Present,
    }
}

impl LovaszSoftmaxLoss {
    fn order(&self, _: &Given) -> Result<Loss> {
        self.classes.softmax([Pixel, Image], None, false)
    }
}

declare! {
    /// `LovaszHingeLoss`: the Lovász hinge of the logits of one class, all pixels of the batch in one order.
    ///
    /// Ignored pixels come as the mask of the batch. Two channels are refused: `PaddleSeg` takes the logarithm of p + 1e-9 / (1 - p + 1e-9)
    /// for their logit, where that of p / (1 - p) is meant.
    LovaszHingeLoss: "paddleseg==2.8.0"
        "paddleseg.LovaszHingeLoss" "(ignore_index)(logits, labels)";
    Given::dense(Layout::NCHW).classes(1); {
        /// What is ignored.
        ignore_index: Ignore = Ignore::Unused(255),
    }
}

impl LovaszHingeLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        if given.classes == Some(2) {
            return refuse(
                "two channels: the logarithm of p + 1e-9 / (1 - p + 1e-9) is taken for a logit, which lacks \
                 the parentheses of p / (1 - p)",
            );
        }
        Ok(hinge(Over::All, self.ignore_index.masks()))
    }
}
