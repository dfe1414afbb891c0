//! `mmseg.models.losses` of mmsegmentation 0.30.0.
//!
//! Tversky, focal and Lovász losses are those of [`mmseg`]; cross-entropy has another divisor, and Dice is
//! another loss.
//!
//! ```
//! use lossfold::preset;
//!
//! let loss = preset::parse("mmseg==0.30.0 mmseg.models.losses.DiceLoss()")?;
//! assert_eq!(
//!     loss.to_string(),
//!     "overlap(softmax) > dice(pixel; smooth=1, exponent=2) > mean(class, image)"
//! );
//! # Ok::<(), lossfold::Error>(())
//! ```

pub use super::mmseg::{FocalLoss, LovaszLoss, TverskyLoss};

use super::argument::{Reduce, Tensor};
use super::declare::declare;
use super::entry::Entry;
use super::ignore::Ignore;
use super::mmseg::{self, Divisor, divided, per_class, times};
use super::{Given, refuse};
use crate::axis::Axis::Pixel;
use crate::element::Activation;
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, Map, absolute, predicted, squared};
use crate::reduction::{Empty, sum};
use crate::region::{Ratio, overlap};
use crate::weight::Weight;

const VERSION: &str = "mmseg==0.30.0";

pub(super) const ALL: &[&[Entry]] = &[
    CrossEntropyLoss::ENTRIES,
    DiceLoss::ENTRIES,
    &[TverskyLoss::ENTRIES[0].in_version(VERSION)],
    &[FocalLoss::ENTRIES[0].in_version(VERSION)],
    &[LovaszLoss::ENTRIES[0].in_version(VERSION)],
];

declare! {
    /// `CrossEntropyLoss`: as [that of 1.2.2](mmseg::CrossEntropyLoss), but `class_weight` scales the values and never divides, and
    /// a dense target is divided by the number of pixels (by C times that with `avg_non_ignore`).
    CrossEntropyLoss: "mmseg==0.30.0"
        "mmseg.CrossEntropyLoss"
            "(use_sigmoid, use_mask, reduction, class_weight, loss_weight, loss_name, avg_non_ignore)\
             (cls_score, label, weight, avg_factor, reduction_override, ignore_index)";
    Given::labels(Layout::NCHW); {
        /// Whether every class is a loss of its own.
        use_sigmoid: bool = false,
        /// Whether it is the loss of masks of objects, which has no order here.
        use_mask: bool = false,
        /// What is done with the values.
        reduction: Reduce = Reduce::Mean,
        /// One number per class.
        class_weight: Option<Vec<f64>> = None,
        /// Multiplies the loss.
        loss_weight: f64 = 1.0,
        /// Whether ignored values are not among those by which the mean divides.
        avg_non_ignore: bool = false,
        /// Multiplies the values.
        weight: Option<Tensor> = None,
        /// Divides the sum.
        avg_factor: Option<f64> = None,
        /// What takes the place of `reduction`.
        reduction_override: Option<Reduce> = None,
        /// What is ignored.
        ignore_index: Ignore = Ignore::Unused(-100),
    }
}

impl CrossEntropyLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let same = self.clone();
        mmseg::CrossEntropyLoss {
            use_sigmoid: same.use_sigmoid,
            use_mask: same.use_mask,
            reduction: same.reduction,
            class_weight: same.class_weight,
            loss_weight: same.loss_weight,
            avg_non_ignore: same.avg_non_ignore,
            weight: same.weight,
            avg_factor: same.avg_factor,
            reduction_override: same.reduction_override,
            ignore_index: same.ignore_index,
        }
        .with_divisor(given, Divisor::Pixels)
    }
}

declare! {
    /// `DiceLoss`: per image and class 1 - (2 Σ p t m + s) / (Σ p^e + Σ t^e + s), the sums over pixel; times `class_weight`, then
    /// the mean over class and image.
    ///
    /// m is 0 where the label is `ignore_index` and 1 elsewhere: ignored pixels are left out of the numerator alone. They come as the
    /// mask of the batch, and their labels as the class that mmseg makes of them: the last, or for a label below 0 the first. Of a class whose
    /// number is `ignore_index` no pixel is in another numerator; it is not in the sum over class, which is still divided by the
    /// number of all classes. `reduction` changes nothing, and `avg_factor` divides what is already a mean.
    DiceLoss: "mmseg==0.30.0"
        "mmseg.DiceLoss"
            "(smooth, exponent, reduction, class_weight, loss_weight, ignore_index, loss_name)\
             (pred, target, avg_factor, reduction_override, *, weight)";
    Given::labels(Layout::NCHW); {
        /// Added to numerator and denominator.
        smooth: f64 = 1.0,
        /// The power of p and t in the denominator.
        exponent: f64 = 2.0,
        /// What does nothing to one number.
        reduction: Reduce = Reduce::Mean,
        /// One number per class.
        class_weight: Option<Vec<f64>> = None,
        /// Multiplies the loss.
        loss_weight: f64 = 1.0,
        /// The label that is ignored.
        ignore_index: Ignore = Ignore::Unused(255),
        /// Divides the mean.
        avg_factor: Option<f64> = None,
        /// What takes the place of `reduction`.
        reduction_override: Option<Reduce> = None,
    }
}

impl DiceLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        if self.exponent <= 0.0 {
            return refuse(format!("exponent: expected a number above 0, found {}", self.exponent));
        }
        let classes = given.classes.or(self.class_weight.as_ref().map(Vec::len));
        let ignored = match self.ignore_index {
            Ignore::Nothing => return refuse("ignore_index: expected a number, found None"),
            Ignore::Unused(number) | Ignore::Number(number) => number,
        };
        let is_class = usize::try_from(ignored)
            .is_ok_and(|number| classes.is_some_and(|classes| number < classes));
        let masked = self.ignore_index.masks() && !is_class;
        let loss = if masked || self.exponent < 1.0 {
            self.quotient(masked)
        } else {
            let ratio = Ratio::over(Pixel).smooth(self.smooth).exponent(self.exponent);
            let ratio = if self.smooth == 0.0 { ratio.empty(Empty::Nan) } else { ratio };
            overlap(Activation::Softmax).dice(ratio)
        };
        let loss = per_class(loss, self.class_weight.as_deref(), ignored, given)?;
        let loss = match (self.reduction_override.unwrap_or(self.reduction), self.avg_factor) {
            (Reduce::Sum, Some(_)) => {
                return refuse("avg_factor: can not be used with reduction='sum'");
            }
            (Reduce::Mean, Some(divisor)) => divided(loss, divisor),
            _ => loss,
        };
        Ok(times(self.loss_weight, loss))
    }

    /// The ratio with a mask in its numerator alone, or of an exponent that ratios do not take.
    ///
    /// Of hard targets Σ p² + Σ t² = Σ (p - t)² + 2 Σ p t.
    fn quotient(&self, masked: bool) -> Loss {
        let softmax = Activation::Softmax;
        let correct = predicted(softmax).scale(Weight::Positives);
        let counted = correct.clone();
        let counted = if masked { counted.scale(Weight::Mask) } else { counted };
        let numerator = 2.0 * counted.reduce(sum(Pixel)) + self.smooth;
        let powers = if self.exponent == 2.0 {
            squared(softmax).reduce(sum(Pixel)) + 2.0 * correct.reduce(sum(Pixel))
        } else if self.exponent == 1.0 {
            absolute(softmax).reduce(sum(Pixel)) + 2.0 * correct.reduce(sum(Pixel))
        } else {
            let one = 0.0 * predicted(softmax) + 1.0;
            predicted(softmax).map(Map::Power(self.exponent)).reduce(sum(Pixel))
                + one.scale(Weight::Positives).reduce(sum(Pixel))
        };
        1.0 - numerator / (powers + self.smooth)
    }
}
