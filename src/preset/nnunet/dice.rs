//! The soft Dice.

use super::refuse;
use crate::axis::Axes;
use crate::axis::Axis::{Image, Pixel};
use crate::element::Activation;
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::Loss;
use crate::preset::Given;
use crate::preset::argument::{Argument, words};
use crate::preset::call::Value;
use crate::preset::declare::declare;
use crate::preset::signature::keywords;
use crate::reduction::{Over, mean};
use crate::region::{Ratio, overlap};
use crate::weight::Weight;

words! {
    /// What makes probabilities of the prediction.
    Nonlinearity {
        /// It has them.
        None = "none",
        /// The softmax over the classes.
        Softmax = "softmax_helper_dim1",
        /// The sigmoid.
        Sigmoid = "sigmoid",
    }
}

declare! {
    /// `SoftDiceLoss`: -(2 TP + smooth) / max(2 TP + FP + FN + smooth, 1e-8), the mean over images and classes, or over
    /// classes with `batch_dice`.
    ///
    /// A class that is neither there nor predicted is worth -1 with `smooth`, and 0 without. `clip_tp` keeps TP
    /// at least that large. `loss_mask` is the mask of the batch. `ddp` sums over the ranks, too, which is what a merged
    /// [`State`](crate::State) does.
    SoftDiceLoss: "nnunetv2==2.8.1"
        "nnunetv2.training.loss.dice.SoftDiceLoss"
            "(apply_nonlin, batch_dice, do_bg, smooth, ddp, clip_tp)(x, y, loss_mask)";
    Given::labels(Layout::NCHW); {
        /// What makes probabilities of the prediction.
        apply_nonlin: Nonlinearity = Nonlinearity::None,
        /// Whether the sums are over the images, too.
        batch_dice: bool = false,
        /// Whether class 0 counts.
        do_bg: bool = true,
        /// Added to numerator and denominator.
        smooth: f64 = 1.0,
        /// The least TP.
        clip_tp: Option<f64> = None,
        /// The mask of the batch, given when the loss is called.
        loss_mask: Option<Weight> = None,
    }
}

impl SoftDiceLoss {
    pub(super) fn order(&self, given: &Given) -> Result<Loss> {
        let activation = match self.apply_nonlin {
            Nonlinearity::None => Activation::Probability,
            Nonlinearity::Softmax => Activation::Softmax,
            Nonlinearity::Sigmoid => Activation::Sigmoid,
        };
        let source = overlap(activation);
        let source = match self.do_bg {
            true => source,
            false if given.is_binary() => {
                return refuse("do_bg=False: leaves no class of one, and nnU-Net a NaN");
            }
            false => source.without([0]),
        };
        let source = match &self.loss_mask {
            Some(mask) => source.weigh(mask.clone()),
            None => source,
        };
        let axes: Axes = if self.batch_dice { [Pixel, Image].into() } else { Pixel.into() };
        let ratio = Ratio::over(axes).smooth(self.smooth).floor(1e-8);
        let ratio = match self.clip_tp {
            Some(least) => ratio.true_positive_floor(least),
            None => ratio,
        };
        Ok(source.dice(ratio).reduce(mean(Over::All)) - 1.0)
    }
}

impl Argument for SoftDiceLoss {
    fn read(value: &Value<'_>) -> Result<Self, String> {
        keywords(value, &Self::ENTRIES[0].signature, Self::of)
    }

    fn show(&self) -> String {
        "{}".into()
    }
}

declare! {
    /// `MemoryEfficientSoftDiceLoss`: what [`SoftDiceLoss`] is without `clip_tp`.
    MemoryEfficientSoftDiceLoss: "nnunetv2==2.8.1"
        "nnunetv2.training.loss.dice.MemoryEfficientSoftDiceLoss"
            "(apply_nonlin, batch_dice, do_bg, smooth, ddp)(x, y, loss_mask)";
    Given::labels(Layout::NCHW); {
        /// What makes probabilities of the prediction.
        apply_nonlin: Nonlinearity = Nonlinearity::None,
        /// Whether the sums are over the images, too.
        batch_dice: bool = false,
        /// Whether class 0 counts.
        do_bg: bool = true,
        /// Added to numerator and denominator.
        smooth: f64 = 1.0,
        /// The mask of the batch, given when the loss is called.
        loss_mask: Option<Weight> = None,
    }
}

impl MemoryEfficientSoftDiceLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let dice = SoftDiceLoss {
            apply_nonlin: self.apply_nonlin,
            batch_dice: self.batch_dice,
            do_bg: self.do_bg,
            smooth: self.smooth,
            clip_tp: None,
            loss_mask: self.loss_mask.clone(),
        };
        dice.order(given)
    }
}
