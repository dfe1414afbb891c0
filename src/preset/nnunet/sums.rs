//! Cross-entropy with Dice.

use super::{Nonlinearity, RobustCrossEntropyLoss, SoftDiceLoss, TopKLoss, combined};
use crate::axis::Axis::{Class, Image, Pixel};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::Loss;
use crate::preset::argument::{Argument, Reduce};
use crate::preset::call::Value;
use crate::preset::declare::declare;
use crate::preset::signature::keywords;
use crate::preset::torch::BCEWithLogitsLoss;
use crate::preset::{Given, Preset};
use crate::reduction::{Empty, mean, sum};
use crate::weight::Weight;

declare! {
    /// `DC_and_CE_loss`: `weight_ce` times the cross-entropy of the softmax plus `weight_dice` times its soft Dice.
    ///
    /// With `ignore_label` neither counts the pixels with that label, and the cross-entropy is 0 where no pixel has
    /// another.
    DcAndCeLoss: "nnunetv2==2.8.1"
        "nnunetv2.training.loss.compound_losses.DC_and_CE_loss"
            "(soft_dice_kwargs, ce_kwargs, weight_ce, weight_dice, ignore_label, dice_class)(net_output, target)";
    Given::labels(Layout::NCHW); {
        /// The arguments of the Dice.
        soft_dice_kwargs: SoftDiceLoss = SoftDiceLoss::default(),
        /// The arguments of the cross-entropy.
        ce_kwargs: RobustCrossEntropyLoss = RobustCrossEntropyLoss::default(),
        /// Multiplies the cross-entropy.
        weight_ce: f64 = 1.0,
        /// Multiplies the Dice.
        weight_dice: f64 = 1.0,
        /// The label that is ignored.
        ignore_label: Option<i64> = None,
    }
}

impl DcAndCeLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let Self { soft_dice_kwargs, ce_kwargs, weight_ce, weight_dice, ignore_label } = self;
        let empty = if ignore_label.is_some() { Empty::Zero } else { Empty::Nan };
        let entropy = ce_kwargs.without_pixels(given, empty)?;
        let dice = of_logits(soft_dice_kwargs, Nonlinearity::Softmax);
        Ok(combined((*weight_ce, entropy), (*weight_dice, dice.order(given)?)))
    }
}

declare! {
    /// `DC_and_topk_loss`: `weight_ce` times the worst pixels of the cross-entropy plus `weight_dice` times the soft Dice.
    ///
    /// With `ignore_label`, for which see [`TopKLoss`], the mask of the batch is that of the Dice, too.
    DcAndTopkLoss: "nnunetv2==2.8.1"
        "nnunetv2.training.loss.compound_losses.DC_and_topk_loss"
            "(soft_dice_kwargs, ce_kwargs, weight_ce, weight_dice, ignore_label)(net_output, target)";
    Given::labels(Layout::NCHW); {
        /// The arguments of the Dice.
        soft_dice_kwargs: SoftDiceLoss = SoftDiceLoss::default(),
        /// The arguments of the cross-entropy.
        ce_kwargs: TopKLoss = TopKLoss::default(),
        /// Multiplies the cross-entropy.
        weight_ce: f64 = 1.0,
        /// Multiplies the Dice.
        weight_dice: f64 = 1.0,
        /// The label that is ignored.
        ignore_label: Option<i64> = None,
    }
}

impl DcAndTopkLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let mut dice = of_logits(&self.soft_dice_kwargs, Nonlinearity::Softmax);
        let mut worst = self.ce_kwargs.clone();
        if let Some(label) = self.ignore_label {
            worst.ignore_index = label;
            dice.loss_mask = Some(Weight::Mask);
        }
        let (entropy, dice) = (worst.order(given)?, dice.order(given)?);
        Ok(combined((self.weight_ce, entropy), (self.weight_dice, dice)))
    }
}

declare! {
    /// `DC_and_BCE_loss`: `weight_ce` times the binary cross-entropy of the sigmoid plus `weight_dice` times its soft Dice,
    /// for regions that may overlap.
    ///
    /// With `use_ignore_label` the mask of the batch is what the last channel of nnU-Net's target leaves, and the
    /// cross-entropy of all regions is divided by the number of *pixels* that are left: more regions make a larger loss.
    DcAndBceLoss: "nnunetv2==2.8.1"
        "nnunetv2.training.loss.compound_losses.DC_and_BCE_loss"
            "(bce_kwargs, soft_dice_kwargs, weight_ce, weight_dice, use_ignore_label, dice_class)(net_output, target)";
    Given::dense(Layout::NCHW); {
        /// The arguments of the cross-entropy.
        bce_kwargs: BCEWithLogitsLoss = BCEWithLogitsLoss::default(),
        /// The arguments of the Dice.
        soft_dice_kwargs: SoftDiceLoss = SoftDiceLoss::default(),
        /// Multiplies the cross-entropy.
        weight_ce: f64 = 1.0,
        /// Multiplies the Dice.
        weight_dice: f64 = 1.0,
        /// Whether some pixels are ignored.
        use_ignore_label: bool = false,
    }
}

impl DcAndBceLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let mut dice = of_logits(&self.soft_dice_kwargs, Nonlinearity::Sigmoid);
        let entropy = if self.use_ignore_label {
            dice.loss_mask = Some(Weight::Mask);
            let each = BCEWithLogitsLoss { reduction: Reduce::None, ..self.bce_kwargs.clone() };
            let per_pixel = mean([Pixel, Image]).empty(Empty::Zero);
            each.loss_for(given)?.weigh(Weight::Mask).reduce(sum(Class).then(per_pixel))
        } else {
            self.bce_kwargs.loss_for(given)?
        };
        Ok(combined((self.weight_ce, entropy), (self.weight_dice, dice.order(given)?)))
    }
}

impl Argument for BCEWithLogitsLoss {
    fn read(value: &Value<'_>) -> Result<Self, String> {
        keywords(value, &Self::ENTRIES[0].signature, Self::of)
    }

    fn show(&self) -> String {
        "{}".into()
    }
}

/// The Dice of logits, whatever its own arguments name.
fn of_logits(dice: &SoftDiceLoss, apply_nonlin: Nonlinearity) -> SoftDiceLoss {
    SoftDiceLoss { apply_nonlin, ..dice.clone() }
}
