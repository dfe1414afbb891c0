//! Dice, Jaccard and Tversky.

use super::Mode;
use crate::axis::Axis::{Class, Image, Pixel};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, Map};
use crate::preset::declare::declare;
use crate::preset::{Given, refuse};
use crate::reduction::{Empty, Over, mean};
use crate::region::{Absent, Overlap, Ratio, SoftOverlap, overlap};
use crate::weight::Weight;

/// What the three losses share.
struct Common<'p> {
    mode: Mode,
    classes: Option<&'p [i64]>,
    log_loss: bool,
    from_logits: bool,
    ignore_index: Option<i64>,
    eps: f64,
    class_weights: Option<&'p [f64]>,
}

impl Common<'_> {
    fn overlap(&self) -> Overlap {
        let terms = overlap(self.mode.activation(self.from_logits));
        if self.mode.masked(self.ignore_index) { terms.weigh(Weight::Mask) } else { terms }
    }

    fn ratio(&self) -> Ratio {
        let over = if self.mode == Mode::Binary { Over::All } else { [Pixel, Image].into() };
        let ratio = Ratio::over(over).soft(SoftOverlap::Distance).absent(Absent::Zero);
        if self.log_loss { ratio.score_floor(self.eps) } else { ratio }
    }

    /// What becomes of the losses per class.
    fn order(&self, loss: Loss, given: &Given) -> Result<Loss> {
        let loss = if self.log_loss { (1.0 - loss).map(Map::NegativeLog) } else { loss };
        if self.mode == Mode::Binary {
            return match (self.classes, self.class_weights) {
                (None, None) => Ok(loss),
                (Some(_), _) => refuse("classes: is not supported with mode='binary'"),
                (None, Some(_)) => refuse("class_weights: are not supported with mode='binary'"),
            };
        }
        let weighted = self.class_weights.is_some();
        let loss = match self.class_weights {
            Some(weights) => loss.weigh(Weight::Class(weights.to_vec())),
            None => loss,
        };
        let loss = match self.classes {
            Some(classes) => loss.select(numbers(classes, given)?),
            None => loss,
        };
        let step = mean(Class);
        Ok(loss.reduce(if weighted { step.empty(Empty::Nan) } else { step }))
    }
}

/// Classes by their numbers; as Python does, a negative one counts from the last.
fn numbers(classes: &[i64], given: &Given) -> Result<Vec<usize>> {
    let mut found = Vec::new();
    for &class in classes {
        let place = match (usize::try_from(class), given.classes) {
            (Ok(place), _) => Some(place),
            (Err(_), Some(all)) => {
                usize::try_from(class.unsigned_abs()).ok().and_then(|from| all.checked_sub(from))
            }
            (Err(_), None) => {
                return refuse(format!(
                    "classes: {class} counts from the last class, so the number of classes must be given"
                ));
            }
        };
        let Some(place) = place else {
            return refuse(format!("classes: there is no class {class}"));
        };
        if found.contains(&place) {
            return refuse(format!("classes: {class} is there twice, and would count twice"));
        }
        found.push(place);
    }
    Ok(found)
}

declare! {
    /// `DiceLoss`: mean over class of 1 - (I + s) / max(I + FP/2 + FN/2 + s, eps), the sums over pixel and image.
    ///
    /// I = (Σp + Σt - Σ|p - t|) / 2. Written as Dice, every number is doubled: `smooth=2 s`, `floor=2 eps`. A
    /// class that the batch does not have is worth 0 and counts; with `class_weights` the mean is Σ w L / Σ w,
    /// NaN if that is 0. `log_loss` takes -ln max(score, eps) in the place of 1 - score.
    DiceLoss: "segmentation_models_pytorch==0.6.0"
        "segmentation_models_pytorch.losses.DiceLoss"
            "(mode!, classes, log_loss, from_logits, smooth, ignore_index, eps, class_weights)(y_pred, y_true)";
    Given::labels(Layout::NCHW); {
        /// What the channels mean.
        mode: Mode = Mode::Multiclass,
        /// The classes that count.
        classes: Option<Vec<i64>> = None,
        /// Whether it is the logarithm of the score.
        log_loss: bool = false,
        /// Whether the prediction is logits.
        from_logits: bool = true,
        /// Added to numerator and denominator.
        smooth: f64 = 0.0,
        /// What is ignored.
        ignore_index: Option<i64> = None,
        /// The least denominator.
        eps: f64 = 1e-7,
        /// One number per class, by which the mean over class weighs.
        class_weights: Option<Vec<f64>> = None,
    }
}

impl DiceLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let common = Common {
            mode: self.mode,
            classes: self.classes.as_deref(),
            log_loss: self.log_loss,
            from_logits: self.from_logits,
            ignore_index: self.ignore_index,
            eps: self.eps,
            class_weights: self.class_weights.as_deref(),
        };
        let ratio = common.ratio().smooth(2.0 * self.smooth).floor(2.0 * self.eps);
        common.order(common.overlap().dice(ratio), given)
    }
}

declare! {
    /// `JaccardLoss`: mean over class of 1 - (I + s) / max(I + FP + FN + s, eps), the sums over pixel and image; otherwise
    /// as [`DiceLoss`].
    JaccardLoss: "segmentation_models_pytorch==0.6.0"
        "segmentation_models_pytorch.losses.JaccardLoss"
            "(mode!, classes, log_loss, from_logits, smooth, ignore_index, eps, class_weights)(y_pred, y_true)";
    Given::labels(Layout::NCHW); {
        /// What the channels mean.
        mode: Mode = Mode::Multiclass,
        /// The classes that count.
        classes: Option<Vec<i64>> = None,
        /// Whether it is the logarithm of the score.
        log_loss: bool = false,
        /// Whether the prediction is logits.
        from_logits: bool = true,
        /// Added to numerator and denominator.
        smooth: f64 = 0.0,
        /// What is ignored.
        ignore_index: Option<i64> = None,
        /// The least denominator.
        eps: f64 = 1e-7,
        /// One number per class, by which the mean over class weighs.
        class_weights: Option<Vec<f64>> = None,
    }
}

impl JaccardLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let common = Common {
            mode: self.mode,
            classes: self.classes.as_deref(),
            log_loss: self.log_loss,
            from_logits: self.from_logits,
            ignore_index: self.ignore_index,
            eps: self.eps,
            class_weights: self.class_weights.as_deref(),
        };
        let ratio = common.ratio().smooth(self.smooth).floor(self.eps);
        common.order(common.overlap().jaccard(ratio), given)
    }
}

declare! {
    /// `TverskyLoss`: (mean over class of 1 - (I + s) / max(I + alpha FP + beta FN + s, eps))^gamma, the sums over pixel and
    /// image; otherwise as [`DiceLoss`].
    ///
    /// The power is that of the mean, not that of each class.
    TverskyLoss: "segmentation_models_pytorch==0.6.0"
        "segmentation_models_pytorch.losses.TverskyLoss"
            "(mode!, classes, log_loss, from_logits, smooth, ignore_index, eps, alpha, beta, gamma, \
             class_weights)(y_pred, y_true)";
    Given::labels(Layout::NCHW); {
        /// What the channels mean.
        mode: Mode = Mode::Multiclass,
        /// The classes that count.
        classes: Option<Vec<i64>> = None,
        /// Whether it is the logarithm of the score.
        log_loss: bool = false,
        /// Whether the prediction is logits.
        from_logits: bool = true,
        /// Added to numerator and denominator.
        smooth: f64 = 0.0,
        /// What is ignored.
        ignore_index: Option<i64> = None,
        /// The least denominator.
        eps: f64 = 1e-7,
        /// The weight of false positives.
        alpha: f64 = 0.5,
        /// The weight of false negatives.
        beta: f64 = 0.5,
        /// The power of the mean.
        gamma: f64 = 1.0,
        /// One number per class, by which the mean over class weighs.
        class_weights: Option<Vec<f64>> = None,
    }
}

impl TverskyLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let common = Common {
            mode: self.mode,
            classes: self.classes.as_deref(),
            log_loss: self.log_loss,
            from_logits: self.from_logits,
            ignore_index: self.ignore_index,
            eps: self.eps,
            class_weights: self.class_weights.as_deref(),
        };
        let ratio = common.ratio().smooth(self.smooth).floor(self.eps);
        let ratio = ratio.false_positive(self.alpha).false_negative(self.beta);
        let loss = common.order(common.overlap().tversky(ratio), given)?;
        if self.gamma == 1.0 {
            return Ok(loss);
        }
        Ok(loss.map(Map::Power(self.gamma)))
    }
}
