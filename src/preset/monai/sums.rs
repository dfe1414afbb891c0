//! Dice with cross-entropy or with the focal loss.

use super::{DiceLoss, FocalLoss, GeneralizedDiceLoss, Seen, VolumeWeight, combined};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::Loss;
use crate::preset::argument::{Reduce, Tensor};
use crate::preset::declare::declare;
use crate::preset::torch::{BCEWithLogitsLoss, CrossEntropyLoss};
use crate::preset::{Given, Preset, refuse};

declare! {
    /// `monai.losses.DiceCELoss`: `lambda_dice` times Dice plus `lambda_ce` times torch's cross-entropy of all classes.
    ///
    /// The two divide by different things: the mean of Dice by images times classes, that of the
    /// cross-entropy of labels by `Σ w[t]`. A dense target has the cross-entropy of a softmax even with `sigmoid`. With one
    /// class it is `BCEWithLogitsLoss`, the weight its `pos_weight`. `weight` has a number for every
    /// class, also without the background, of which Dice leaves the first.
    DiceCELoss: "monai==1.6.1"
        "monai.losses.DiceCELoss"
            "(include_background, to_onehot_y, sigmoid, softmax, other_act=None, squared_pred, jaccard, reduction, smooth_nr, smooth_dr, batch, weight, lambda_dice, lambda_ce, label_smoothing)(input, target)",
        "monai.losses.dice_ce"
            "(include_background, to_onehot_y, sigmoid, softmax, other_act=None, squared_pred, jaccard, reduction, smooth_nr, smooth_dr, batch, weight, lambda_dice, lambda_ce, label_smoothing)(input, target)";
    Given::dense(Layout::NCHW); {
        /// Whether class 0 counts in Dice.
        include_background: bool = true,
        /// Whether the target is labels.
        to_onehot_y: bool = false,
        /// Whether Dice is of the sigmoid.
        sigmoid: bool = false,
        /// Whether Dice is of the softmax.
        softmax: bool = false,
        /// Whether p and t are squared in the denominator of Dice.
        squared_pred: bool = false,
        /// Whether the union stands in the denominator.
        jaccard: bool = false,
        /// Mean or sum, of both.
        reduction: Reduce = Reduce::Mean,
        /// Added to the numerator.
        smooth_nr: f64 = 1e-5,
        /// Added to the denominator.
        smooth_dr: f64 = 1e-5,
        /// Whether the sums of a ratio are over the images, too.
        batch: bool = false,
        /// One number per class.
        weight: Option<Tensor> = None,
        /// Multiplies Dice.
        lambda_dice: f64 = 1.0,
        /// Multiplies the cross-entropy.
        lambda_ce: f64 = 1.0,
        /// Of the cross-entropy over classes, towards 1/C.
        label_smoothing: f64 = 0.0,
    }
}

impl DiceCELoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        if self.reduction == Reduce::None {
            return refuse("reduction: expected 'mean' or 'sum', found 'none'");
        }
        let seen = Seen::new(given, self.to_onehot_y, true)?;
        let dice = DiceLoss {
            include_background: self.include_background,
            to_onehot_y: self.to_onehot_y,
            sigmoid: self.sigmoid,
            softmax: self.softmax,
            squared_pred: self.squared_pred,
            jaccard: self.jaccard,
            reduction: self.reduction,
            smooth_nr: self.smooth_nr,
            smooth_dr: self.smooth_dr,
            batch: self.batch,
            weight: self.dice_weight()?,
            ..DiceLoss::default()
        };
        let (weight, reduction) = (self.weight.clone(), self.reduction);
        let entropy = if seen.binary {
            let bce = BCEWithLogitsLoss { pos_weight: weight, reduction, ..Default::default() };
            bce.loss_for(given)?
        } else {
            let label_smoothing = self.label_smoothing;
            let labels = Given { labels: seen.labels, ..given.clone() };
            CrossEntropyLoss { weight, reduction, label_smoothing }.loss_for(&labels)?
        };
        let terms = [
            ("lambda_dice", self.lambda_dice, dice.order(given)?),
            ("lambda_ce", self.lambda_ce, entropy),
        ];
        combined(terms, self.reduction)
    }

    /// The weight without that of the background, where it is left out.
    fn dice_weight(&self) -> Result<Option<Tensor>> {
        let Some(weight) = self.weight.as_ref().filter(|_| !self.include_background) else {
            return Ok(self.weight.clone());
        };
        let numbers = weight.list().or_else(|why| refuse(format!("weight: {why}")))?;
        let numbers = numbers.get(1..).unwrap_or_default().to_vec();
        Ok(Some(Tensor::Numbers { shape: vec![numbers.len()], data: numbers }))
    }
}

declare! {
    /// `monai.losses.DiceFocalLoss`: `lambda_dice` times Dice plus `lambda_focal` times the focal loss, which is that of the
    /// sigmoid whatever Dice is of.
    ///
    /// `weight` multiplies the classes of both, `reduction` is that of both: a sum is one of ratios and of means over
    /// pixels.
    DiceFocalLoss: "monai==1.6.1"
        "monai.losses.DiceFocalLoss"
            "(include_background, to_onehot_y, sigmoid, softmax, other_act=None, squared_pred, jaccard, reduction, smooth_nr, smooth_dr, batch, gamma, weight, lambda_dice, lambda_focal, alpha)(input, target)",
        "monai.losses.dice_focal"
            "(include_background, to_onehot_y, sigmoid, softmax, other_act=None, squared_pred, jaccard, reduction, smooth_nr, smooth_dr, batch, gamma, weight, lambda_dice, lambda_focal, alpha)(input, target)";
    Given::dense(Layout::NCHW); {
        /// Whether class 0 counts.
        include_background: bool = true,
        /// Whether the target is labels.
        to_onehot_y: bool = false,
        /// Whether Dice is of the sigmoid.
        sigmoid: bool = false,
        /// Whether Dice is of the softmax.
        softmax: bool = false,
        /// Whether p and t are squared in the denominator of Dice.
        squared_pred: bool = false,
        /// Whether the union stands in the denominator.
        jaccard: bool = false,
        /// What is done with the values.
        reduction: Reduce = Reduce::Mean,
        /// Added to the numerator.
        smooth_nr: f64 = 1e-5,
        /// Added to the denominator.
        smooth_dr: f64 = 1e-5,
        /// Whether the sums of a ratio are over the images, too.
        batch: bool = false,
        /// The exponent.
        gamma: f64 = 2.0,
        /// A number, or one per class that is kept.
        weight: Option<Tensor> = None,
        /// Multiplies Dice.
        lambda_dice: f64 = 1.0,
        /// Multiplies the focal loss.
        lambda_focal: f64 = 1.0,
        /// Of the focal loss.
        alpha: Option<Tensor> = None,
    }
}

impl DiceFocalLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let dice = DiceLoss {
            include_background: self.include_background,
            to_onehot_y: self.to_onehot_y,
            sigmoid: self.sigmoid,
            softmax: self.softmax,
            squared_pred: self.squared_pred,
            jaccard: self.jaccard,
            reduction: self.reduction,
            smooth_nr: self.smooth_nr,
            smooth_dr: self.smooth_dr,
            batch: self.batch,
            weight: self.weight.clone(),
            ..DiceLoss::default()
        };
        let focal = FocalLoss {
            include_background: self.include_background,
            to_onehot_y: self.to_onehot_y,
            gamma: self.gamma,
            alpha: self.alpha.clone(),
            weight: self.weight.clone(),
            reduction: self.reduction,
            ..FocalLoss::default()
        };
        let terms = [
            ("lambda_dice", self.lambda_dice, dice.order(given)?),
            ("lambda_focal", self.lambda_focal, focal.order(given)?),
        ];
        combined(terms, self.reduction)
    }
}

declare! {
    /// `monai.losses.GeneralizedDiceFocalLoss`: `lambda_gdl` times the generalised Dice plus `lambda_focal` times the focal
    /// loss of the sigmoid.
    ///
    /// `weight` multiplies the classes of the focal loss only.
    GeneralizedDiceFocalLoss: "monai==1.6.1"
        "monai.losses.GeneralizedDiceFocalLoss"
            "(include_background, to_onehot_y, sigmoid, softmax, other_act=None, w_type, reduction, smooth_nr, smooth_dr, batch, gamma, weight, lambda_gdl, lambda_focal)(input, target)",
        "monai.losses.generalized_dice_focal"
            "(include_background, to_onehot_y, sigmoid, softmax, other_act=None, w_type, reduction, smooth_nr, smooth_dr, batch, gamma, weight, lambda_gdl, lambda_focal)(input, target)";
    Given::dense(Layout::NCHW); {
        /// Whether class 0 counts.
        include_background: bool = true,
        /// Whether the target is labels.
        to_onehot_y: bool = false,
        /// Whether Dice is of the sigmoid.
        sigmoid: bool = false,
        /// Whether Dice is of the softmax.
        softmax: bool = false,
        /// The weight of a class by its volume.
        w_type: VolumeWeight = VolumeWeight::Square,
        /// What is done with the values.
        reduction: Reduce = Reduce::Mean,
        /// Added to the numerator.
        smooth_nr: f64 = 1e-5,
        /// Added to the denominator.
        smooth_dr: f64 = 1e-5,
        /// Whether the sums of the ratio are over the images, too.
        batch: bool = false,
        /// The exponent.
        gamma: f64 = 2.0,
        /// Of the focal loss: a number, or one per class that is kept.
        weight: Option<Tensor> = None,
        /// Multiplies the generalised Dice.
        lambda_gdl: f64 = 1.0,
        /// Multiplies the focal loss.
        lambda_focal: f64 = 1.0,
    }
}

impl GeneralizedDiceFocalLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let dice = GeneralizedDiceLoss {
            include_background: self.include_background,
            to_onehot_y: self.to_onehot_y,
            sigmoid: self.sigmoid,
            softmax: self.softmax,
            w_type: self.w_type,
            reduction: self.reduction,
            smooth_nr: self.smooth_nr,
            smooth_dr: self.smooth_dr,
            batch: self.batch,
            ..GeneralizedDiceLoss::default()
        };
        let focal = FocalLoss {
            include_background: self.include_background,
            to_onehot_y: self.to_onehot_y,
            gamma: self.gamma,
            weight: self.weight.clone(),
            reduction: self.reduction,
            ..FocalLoss::default()
        };
        let terms = [
            ("lambda_gdl", self.lambda_gdl, dice.order(given)?),
            ("lambda_focal", self.lambda_focal, focal.order(given)?),
        ];
        combined(terms, self.reduction)
    }
}
