//! Dice, its masked kind, and Tversky.

use super::{Seen, reduced};
use crate::axis::Axes;
use crate::axis::Axis::{Image, Pixel};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::Loss;
use crate::preset::argument::{Reduce, Tensor};
use crate::preset::declare::declare;
use crate::preset::{Given, refuse};
use crate::reduction::{Empty, Over};
use crate::region::{Overlap, Ratio, SoftOverlap, overlap};
use crate::weight::Weight;

/// The ratio over the axes, with its smoothing. Without any, a class that is neither there nor predicted is 0 / 0.
pub(super) fn ratio(
    over: impl Into<Over>,
    (numerator, denominator): (f64, f64),
    soft_label: bool,
) -> Ratio {
    let ratio = Ratio::over(over)
        .smooth_numerator(numerator)
        .smooth_denominator(denominator)
        .soft(if soft_label { SoftOverlap::Distance } else { SoftOverlap::Product });
    if denominator > 0.0 { ratio } else { ratio.empty(Empty::Nan) }
}

/// The axes of a ratio per class.
pub(super) fn spread(batch: bool) -> Axes {
    if batch { [Pixel, Image].into() } else { Pixel.into() }
}

impl Seen {
    pub(super) fn source(self, sigmoid: bool, softmax: bool) -> Result<Overlap> {
        let source = overlap(self.activation(sigmoid, softmax)?);
        Ok(if self.dropped > 0 { source.without([0]) } else { source })
    }

    /// Whether one class is kept. How many there are, the list tells where nothing else does.
    fn is_single(self, weight: &Tensor) -> bool {
        let listed = match weight {
            Tensor::Numbers { shape, .. } => shape.first().copied(),
            _ => None,
        };
        self.kept.or(listed.filter(|_| self.dropped > 0)) == Some(1)
    }
}

declare! {
    /// `monai.losses.DiceLoss`, `Dice`: per image and class 1 - (2 TP + `smooth_nr`) / (P + T + `smooth_dr`).
    ///
    /// With `jaccard` the denominator is 2 (P + T - TP) + `smooth_dr`. `squared_pred` squares p and t in
    /// it; `soft_label` takes (P + T - Σ|p - t|) / 2 for TP, right for p of at least 0. A class that is neither there nor predicted is worth 0 by
    /// the smoothing, and counts. `weight` multiplies the classes that are kept, and does not divide; a
    /// single class is not weighted. Pixels with the label `ignore_index` are in no sum; where the target is
    /// dense they come as the mask of the batch.
    DiceLoss: "monai==1.6.1"
        "monai.losses.DiceLoss"
            "(include_background, to_onehot_y, sigmoid, softmax, other_act=None, squared_pred, jaccard, reduction, smooth_nr, smooth_dr, batch, weight, soft_label, ignore_index)(input, target)",
        "monai.losses.Dice"
            "(include_background, to_onehot_y, sigmoid, softmax, other_act=None, squared_pred, jaccard, reduction, smooth_nr, smooth_dr, batch, weight, soft_label, ignore_index)(input, target)";
    Given::dense(Layout::NCHW); {
        /// Whether class 0 counts.
        include_background: bool = true,
        /// Whether the target is labels.
        to_onehot_y: bool = false,
        /// Whether the prediction is logits of a sigmoid.
        sigmoid: bool = false,
        /// Whether the prediction is logits of a softmax over the classes.
        softmax: bool = false,
        /// Whether p and t are squared in the denominator.
        squared_pred: bool = false,
        /// Whether the union stands in the denominator.
        jaccard: bool = false,
        /// What is done with the ratios.
        reduction: Reduce = Reduce::Mean,
        /// Added to the numerator.
        smooth_nr: f64 = 1e-5,
        /// Added to the denominator.
        smooth_dr: f64 = 1e-5,
        /// Whether the sums of a ratio are over the images, too.
        batch: bool = false,
        /// A number, or one per class that is kept.
        weight: Option<Tensor> = None,
        /// Whether the overlap is made of |p - t|.
        soft_label: bool = false,
        /// The label that is ignored.
        ignore_index: Option<i64> = None,
    }
}

impl DiceLoss {
    pub(super) fn order(&self, given: &Given) -> Result<Loss> {
        let seen = Seen::new(given, self.to_onehot_y, self.include_background)?;
        let source = seen.source(self.sigmoid, self.softmax)?;
        let masked = seen.masked(self.ignore_index);
        self.over(seen, if masked { source.weigh(Weight::Mask) } else { source })
    }

    fn over(&self, seen: Seen, source: Overlap) -> Result<Loss> {
        let (numerator, denominator) = (self.smooth_nr, self.smooth_dr);
        let soft_label = self.soft_label && !self.squared_pred;
        let axes = spread(self.batch);
        let loss = if self.jaccard {
            // Both of MONAI's sides are twice those of the coefficient.
            let smooth = (numerator / 2.0, denominator / 2.0);
            source.jaccard(self.powered(ratio(axes, smooth, soft_label)))
        } else {
            source.dice(self.powered(ratio(axes, (numerator, denominator), soft_label)))
        };
        let loss = match &self.weight {
            Some(weight) if !seen.is_single(weight) => seen.scaled(loss, "weight", weight)?,
            _ => loss,
        };
        Ok(reduced(loss, self.reduction))
    }

    fn powered(&self, ratio: Ratio) -> Ratio {
        if self.squared_pred { ratio.exponent(2.0) } else { ratio }
    }
}

declare! {
    /// `monai.losses.MaskedDiceLoss`: Dice of the pixels that the mask of the batch keeps, `(input, target, mask=mask)`.
    ///
    /// The mask multiplies p and t after the activation. MONAI multiplies *labels* by it before it makes them
    /// one-hot, so that what is masked becomes background that was missed: with `to_onehot_y` the
    /// background is refused, unless it is left out.
    MaskedDiceLoss: "monai==1.6.1"
        "monai.losses.MaskedDiceLoss"
            "(include_background, to_onehot_y, sigmoid, softmax, other_act=None, squared_pred, jaccard, reduction, smooth_nr, smooth_dr, batch, weight, soft_label)(input, target, mask)";
    Given::dense(Layout::NCHW); {
        /// Whether class 0 counts.
        include_background: bool = true,
        /// Whether the target is labels.
        to_onehot_y: bool = false,
        /// Whether the prediction is logits of a sigmoid.
        sigmoid: bool = false,
        /// Whether the prediction is logits of a softmax over the classes.
        softmax: bool = false,
        /// Whether p and t are squared in the denominator.
        squared_pred: bool = false,
        /// Whether the union stands in the denominator.
        jaccard: bool = false,
        /// What is done with the ratios.
        reduction: Reduce = Reduce::Mean,
        /// Added to the numerator.
        smooth_nr: f64 = 1e-5,
        /// Added to the denominator.
        smooth_dr: f64 = 1e-5,
        /// Whether the sums of a ratio are over the images, too.
        batch: bool = false,
        /// A number, or one per class that is kept.
        weight: Option<Tensor> = None,
        /// Whether the overlap is made of |p - t|.
        soft_label: bool = false,
        /// The mask of the batch, given when the loss is called.
        mask: Option<Weight> = None,
    }
}

impl MaskedDiceLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let seen = Seen::new(given, self.to_onehot_y, self.include_background)?;
        let source = seen.source(self.sigmoid, self.softmax)?;
        let dice = DiceLoss {
            squared_pred: self.squared_pred,
            jaccard: self.jaccard,
            reduction: self.reduction,
            smooth_nr: self.smooth_nr,
            smooth_dr: self.smooth_dr,
            batch: self.batch,
            weight: self.weight.clone(),
            soft_label: self.soft_label,
            ..DiceLoss::default()
        };
        match &self.mask {
            None => dice.over(seen, source),
            Some(_) if seen.labels && seen.dropped == 0 => refuse(
                "MONAI makes the labels under the mask background, which the prediction then misses: \
                 pass a one-hot target, or include_background=False",
            ),
            Some(weight) => dice.over(seen, source.weigh(weight.clone())),
        }
    }
}

declare! {
    /// `monai.losses.TverskyLoss`: per image and class 1 - (TP + `smooth_nr`) / (TP + α FP + β FN + `smooth_dr`).
    ///
    /// `alpha` weighs the false positives, Σ p (1 - t), `beta` the false negatives. Pixels with the label
    /// `ignore_index` are in no sum; where the target is dense they come as the mask of the batch.
    TverskyLoss: "monai==1.6.1"
        "monai.losses.TverskyLoss"
            "(include_background, to_onehot_y, sigmoid, softmax, other_act=None, alpha, beta, reduction, smooth_nr, smooth_dr, batch, soft_label, ignore_index)(input, target)";
    Given::dense(Layout::NCHW); {
        /// Whether class 0 counts.
        include_background: bool = true,
        /// Whether the target is labels.
        to_onehot_y: bool = false,
        /// Whether the prediction is logits of a sigmoid.
        sigmoid: bool = false,
        /// Whether the prediction is logits of a softmax over the classes.
        softmax: bool = false,
        /// The weight of false positives.
        alpha: f64 = 0.5,
        /// The weight of false negatives.
        beta: f64 = 0.5,
        /// What is done with the ratios.
        reduction: Reduce = Reduce::Mean,
        /// Added to the numerator.
        smooth_nr: f64 = 1e-5,
        /// Added to the denominator.
        smooth_dr: f64 = 1e-5,
        /// Whether the sums of a ratio are over the images, too.
        batch: bool = false,
        /// Whether the overlap is made of |p - t|.
        soft_label: bool = false,
        /// The label that is ignored.
        ignore_index: Option<i64> = None,
    }
}

impl TverskyLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let seen = Seen::new(given, self.to_onehot_y, self.include_background)?;
        let source = seen.source(self.sigmoid, self.softmax)?;
        let masked = seen.masked(self.ignore_index);
        let source = if masked { source.weigh(Weight::Mask) } else { source };
        let smooth = (self.smooth_nr, self.smooth_dr);
        let ratio = ratio(spread(self.batch), smooth, self.soft_label)
            .false_positive(self.alpha)
            .false_negative(self.beta);
        Ok(reduced(source.tversky(ratio), self.reduction))
    }
}
