//! The loss functions that are copied from one Keras notebook into the next.
//!
//! A notebook hands its function to `compile(loss=..)`, which takes the mean of what it returns; so do these. The Dice
//! coefficient is one number for the whole batch, added to the cross-entropy of *every pixel*.
//!
//! ```
//! use lossfold::preset;
//!
//! let loss = preset::parse("bce_dice_loss(y_true, y_pred)")?;
//! assert_eq!(
//!     loss.to_string(),
//!     "((bce(probability; clip=1e-7) > mean(class)) + (overlap(probability) > dice(all; smooth=1))) \
//!      > mean(pixel, image)"
//! );
//!
//! // BCE - (1 + Dice coefficient), times the weight of the pixel's true class.
//! let weighted = preset::parse("kaggle.weighted_bce_dice_loss(y_true, y_pred, weights=[1, 1, 1, 1, 1000])")?;
//! assert_eq!(
//!     weighted.to_string(),
//!     "((bce(probability; clip=1e-7) > mean(class)) + (overlap(probability) > dice(all; smooth=1)) - 2) \
//!      > scale(target=[1, 1, 1, 1, 1000]) > mean(pixel, image)"
//! );
//! # Ok::<(), lossfold::Error>(())
//! ```

use super::argument::Tensor;
use super::declare::declare;
use super::entry::Entry;
use super::keras::EPSILON;
use super::{Given, refuse};
use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::{Activation, Bce};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, bce};
use crate::reduction::{Over, mean};
use crate::region::{Ratio, overlap};
use crate::weight::Weight;

pub(super) const ALL: &[&[Entry]] =
    &[DiceCoef::ENTRIES, DiceCoefLoss::ENTRIES, BceDiceLoss::ENTRIES, WeightedBceDiceLoss::ENTRIES];

/// 1 - (2 Σ t p + s) / (Σ t + Σ p + s), of everything.
fn dice(smooth: f64) -> Loss {
    overlap(Activation::Probability).dice(Ratio::over(Over::All).smooth(smooth))
}

/// `binary_crossentropy` of Keras plus the Dice of the batch, per pixel.
fn bce_dice(smooth: f64) -> Loss {
    bce(Bce::new(Activation::Probability).clip(EPSILON)).reduce(mean(Class)) + dice(smooth)
}

declare! {
    /// `dice_coef`: (2 Σ t p + s) / (Σ t + Σ p + s), over everything.
    DiceCoef: "kaggle==2017" "kaggle.dice_coef" "(y_true, y_pred, smooth)";
    Given::dense(Layout::NHWC); {
        /// Added above and below.
        smooth: f64 = 1.0,
    }
}

impl DiceCoef {
    #[expect(clippy::unnecessary_wraps, reason = "presets may refuse their arguments")]
    fn order(&self, _: &Given) -> Result<Loss> {
        Ok(1.0 - dice(self.smooth))
    }
}

declare! {
    /// `dice_coef_loss`, also `dice_loss`: 1 - (2 Σ t p + s) / (Σ t + Σ p + s), over everything.
    DiceCoefLoss: "kaggle==2017"
        "kaggle.dice_coef_loss" "(y_true, y_pred, smooth)",
        "kaggle.dice_loss" "(y_true, y_pred, smooth)";
    Given::dense(Layout::NHWC); {
        /// Added above and below.
        smooth: f64 = 1.0,
    }
}

impl DiceCoefLoss {
    #[expect(clippy::unnecessary_wraps, reason = "presets may refuse their arguments")]
    fn order(&self, _: &Given) -> Result<Loss> {
        Ok(dice(self.smooth))
    }
}

declare! {
    /// `bce_dice_loss`: `binary_crossentropy(y_true, y_pred) + dice_coef_loss(y_true, y_pred)`, a number per pixel
    /// plus one of the batch; then the mean.
    BceDiceLoss: "kaggle==2017" "kaggle.bce_dice_loss" "(y_true, y_pred, smooth)";
    Given::dense(Layout::NHWC); {
        /// Added above and below.
        smooth: f64 = 1.0,
    }
}

impl BceDiceLoss {
    #[expect(clippy::unnecessary_wraps, reason = "presets may refuse their arguments")]
    fn order(&self, _: &Given) -> Result<Loss> {
        Ok(bce_dice(self.smooth).reduce(mean([Pixel, Image])))
    }
}

declare! {
    /// `binary_crossentropy(y_true, y_pred) - (1 + dice_coef(y_true, y_pred))`, times the weight of the pixel's true
    /// class (the first largest target); then the mean, whose divisor is the number of pixels.
    ///
    /// It is the cross-entropy plus the Dice loss, less 2: negative where the prediction is good. The weights act on
    /// the Dice of the batch as well, which they cannot balance.
    WeightedBceDiceLoss: "kaggle==2017"
        "kaggle.weighted_bce_dice_loss" "(y_true, y_pred, weights, smooth)";
    Given::dense(Layout::NHWC); {
        /// One number per class.
        weights: Option<Tensor> = None,
        /// Added above and below.
        smooth: f64 = 1.0,
    }
}

impl WeightedBceDiceLoss {
    fn order(&self, _: &Given) -> Result<Loss> {
        let loss = bce_dice(self.smooth) - 2.0;
        let loss = match &self.weights {
            None => loss,
            Some(weights) => {
                let weights = weights.list().or_else(|why| refuse(format!("weights: {why}")))?;
                loss.scale(Weight::Target(weights))
            }
        };
        Ok(loss.reduce(mean([Pixel, Image])))
    }
}
