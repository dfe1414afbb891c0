//! Dice and Tversky.

use super::{Ending, times};
use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::Activation;
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::Loss;
use crate::preset::argument::{Broadcast, Reduce, Tensor};
use crate::preset::declare::declare;
use crate::preset::{Given, refuse};
use crate::reduction::{Empty, mean};
use crate::region::{Ratio, overlap};
use crate::weight::Weight;

/// What mmseg ignores unless it is told otherwise, which is taken to be no class.
const NO_CLASS: i64 = 255;

/// The class that has the ignored number, where there is one.
fn ignored_class(ignored: i64, classes: Option<usize>) -> Result<Option<usize>> {
    match (usize::try_from(ignored), classes) {
        (Err(_), _) => Ok(None),
        (Ok(class), Some(classes)) => Ok(Some(class).filter(|&class| class < classes)),
        (Ok(_), None) if ignored == NO_CLASS => Ok(None),
        (Ok(_), None) => refuse(format!(
            "ignore_index: whether {ignored} is a class depends on the number of classes, which must be given"
        )),
    }
}

/// The sum over class, in which the ignored class is not, divided by the number of all classes: a mean with weights, that
/// of the ignored class 0.
pub(in crate::preset) fn per_class(
    loss: Loss,
    class_weight: Option<&[f64]>,
    ignored: i64,
    given: &Given,
) -> Result<Loss> {
    let classes = given.classes.or(class_weight.map(<[f64]>::len));
    let dropped = ignored_class(ignored, classes)?;
    if dropped.is_none() && class_weight.is_none() {
        return Ok(loss.reduce(mean([Class, Image])));
    }
    let mut weights = class_weight.map_or_else(|| vec![1.0; classes.unwrap_or(0)], <[f64]>::to_vec);
    if let Some(weight) = dropped.and_then(|class| weights.get_mut(class)) {
        *weight = 0.0;
    }
    Ok(loss.scale(Weight::Class(weights)).reduce(mean([Class, Image])))
}

declare! {
    /// `DiceLoss`: per image 1 - 2 Σ p t / (Σ p² + Σ t² + 2 eps), the sums over class and pixel together; then the mean.
    ///
    /// `naive_dice` is 1 - (2 Σ p t + eps) / (Σ p + Σ t + eps). A class whose number is `ignore_index` is left out. No pixel
    /// is ignored: a label that is no class is 0 in every class, so that what is predicted there is false; such labels come as a dense
    /// target. `activate=False` takes the prediction as it is, and so does `use_sigmoid=False` with one class. `weight` is per image.
    DiceLoss: "mmseg==1.2.2"
        "mmseg.DiceLoss"
            "(use_sigmoid, activate, reduction, naive_dice, loss_weight, ignore_index, eps, loss_name)\
             (pred, target, weight, avg_factor, reduction_override)";
    Given::labels(Layout::NCHW); {
        /// Whether the activation is a sigmoid; otherwise it is a softmax.
        use_sigmoid: bool = true,
        /// Whether there is an activation.
        activate: bool = true,
        /// What is done with the losses of the images.
        reduction: Reduce = Reduce::Mean,
        /// Whether nothing is squared.
        naive_dice: bool = false,
        /// Multiplies the loss.
        loss_weight: f64 = 1.0,
        /// The class that is left out.
        ignore_index: Option<i64> = Some(NO_CLASS),
        /// Added to each sum, or of `naive_dice` to numerator and denominator.
        eps: f64 = 1e-3,
        /// Multiplies the losses of the images.
        weight: Option<Tensor> = None,
        /// Divides the sum.
        avg_factor: Option<f64> = None,
        /// What takes the place of `reduction`.
        reduction_override: Option<Reduce> = None,
    }
}

impl DiceLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let terms = overlap(match (self.activate, self.use_sigmoid) {
            (true, true) => Activation::Sigmoid,
            (true, false) if !given.is_binary() => Activation::Softmax,
            _ => Activation::Identity,
        });
        let ignored = self.ignore_index.map(|ignored| ignored_class(ignored, given.classes));
        let terms = match ignored.transpose()?.flatten() {
            Some(_) if given.is_binary() => {
                return refuse("ignore_index: is the only class, so that none is left");
            }
            Some(class) => terms.without([class]),
            None => terms,
        };
        let ratio = Ratio::over([Class, Pixel]);
        let ratio = if self.naive_dice {
            ratio.smooth(self.eps)
        } else {
            ratio.smooth_denominator(2.0 * self.eps).exponent(2.0)
        };
        let loss = terms.dice(if self.eps == 0.0 { ratio.empty(Empty::Nan) } else { ratio });
        let weight = self.weight.as_ref().map(|weight| weight.broadcast(given.layout));
        let loss = match weight {
            None => loss,
            Some(Ok(weight @ (Broadcast::Number(_) | Broadcast::Weight(_)))) => weight.scale(loss),
            Some(_) => {
                return refuse(
                    "weight: has one number per image; let the batch carry it and write `image`",
                );
            }
        };
        let Self { avg_factor, loss_weight, .. } = *self;
        let reduction = self.reduction_override.unwrap_or(self.reduction);
        Ending { reduction, avg_factor, loss_weight }.of(loss, Image, mean(Image))
    }
}

declare! {
    /// `TverskyLoss`: per image and class 1 - (TP + s) / (TP + alpha FP + beta FN + s), the sums over the pixels that are not
    /// ignored; times `class_weight`, then the mean over class and image.
    ///
    /// A class whose number is `ignore_index` is not in the sum over class, which is still divided by the number of all classes.
    /// A label below 0 counts as class 0, one above the last as the last. An image without a pixel that counts is worth 0. What is
    /// passed with the batch changes nothing.
    TverskyLoss: "mmseg==1.2.2"
        "mmseg.TverskyLoss"
            "(smooth, class_weight, loss_weight, ignore_index, alpha, beta, loss_name)\
             (pred, target, *, weight, avg_factor, reduction_override)";
    Given::labels(Layout::NCHW); {
        /// Added to numerator and denominator.
        smooth: f64 = 1.0,
        /// One number per class.
        class_weight: Option<Vec<f64>> = None,
        /// Multiplies the loss.
        loss_weight: f64 = 1.0,
        /// The label that is ignored.
        ignore_index: i64 = NO_CLASS,
        /// The weight of false positives.
        alpha: f64 = 0.3,
        /// The weight of false negatives; with `alpha` it makes 1.
        beta: f64 = 0.7,
    }
}

impl TverskyLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let Self { alpha, beta, smooth, .. } = *self;
        #[expect(clippy::float_cmp, reason = "mmseg compares them so")]
        if alpha + beta != 1.0 {
            return refuse(format!("alpha, beta: expected a sum of 1, found {alpha} + {beta}"));
        }
        let empty = if smooth == 0.0 { Empty::Nan } else { Empty::Zero };
        let ratio = Ratio::over(Pixel).false_positive(alpha).false_negative(beta).smooth(smooth);
        let loss = overlap(Activation::Softmax).tversky(ratio.empty(empty));
        let loss = per_class(loss, self.class_weight.as_deref(), self.ignore_index, given)?;
        Ok(times(self.loss_weight, loss))
    }
}
