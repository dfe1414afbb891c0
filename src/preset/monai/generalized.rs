//! The generalised Dice: one ratio of all classes, each weighed by its volume.

use super::Seen;
use super::overlap::{ratio, spread};
use crate::axis::Axis::{Class, Image, Pixel};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::Loss;
use crate::preset::Given;
use crate::preset::argument::{Reduce, words};
use crate::preset::declare::declare;
use crate::reduction::{Over, mean, sum};
use crate::weight::{AbsentVolume, Weight};

words! {
    /// How the volume of a class weighs it in the generalised Dice.
    VolumeWeight {
        /// 1 / T².
        Square = "square",
        /// 1 / T.
        Simple = "simple",
        /// 1.
        Uniform = "uniform",
    }
}

declare! {
    /// `monai.losses.GeneralizedDiceLoss`: per image 1 - (2 Σ w TP + `smooth_nr`) / (Σ w (P + T) + `smooth_dr`), Σ over
    /// the classes, w = 1 / T² (Sudre et al. 2017).
    ///
    /// An absent class has the largest finite weight of its image, and 0 if there is none: then the loss is
    /// 1 - `smooth_nr` / `smooth_dr`. With `batch` all sums and T are over the images, too. w is computed in f32.
    GeneralizedDiceLoss: "monai==1.6.1"
        "monai.losses.GeneralizedDiceLoss"
            "(include_background, to_onehot_y, sigmoid, softmax, other_act=None, w_type, reduction, smooth_nr, smooth_dr, batch, soft_label)(input, target)",
        "monai.losses.generalized_dice"
            "(include_background, to_onehot_y, sigmoid, softmax, other_act=None, w_type, reduction, smooth_nr, smooth_dr, batch, soft_label)(input, target)";
    Given::dense(Layout::NCHW); {
        /// Whether class 0 counts.
        include_background: bool = true,
        /// Whether the target is labels.
        to_onehot_y: bool = false,
        /// Whether the prediction is logits of a sigmoid.
        sigmoid: bool = false,
        /// Whether the prediction is logits of a softmax over the classes.
        softmax: bool = false,
        /// The weight of a class by its volume.
        w_type: VolumeWeight = VolumeWeight::Square,
        /// What is done with the ratios.
        reduction: Reduce = Reduce::Mean,
        /// Added to the numerator.
        smooth_nr: f64 = 1e-5,
        /// Added to the denominator.
        smooth_dr: f64 = 1e-5,
        /// Whether the sums of the ratio are over the images, too.
        batch: bool = false,
        /// Whether the overlap is made of |p - t|.
        soft_label: bool = false,
    }
}

impl GeneralizedDiceLoss {
    pub(super) fn order(&self, given: &Given) -> Result<Loss> {
        let seen = Seen::new(given, self.to_onehot_y, self.include_background)?;
        let source = seen.source(self.sigmoid, self.softmax)?;
        let volume =
            |power| Weight::volume(power).over(spread(self.batch)).absent(AbsentVolume::Largest);
        let source = match self.w_type {
            VolumeWeight::Square => source.weigh(volume(-2.0)),
            VolumeWeight::Simple => source.weigh(volume(-1.0)),
            VolumeWeight::Uniform => source,
        };
        let smooth = (self.smooth_nr, self.smooth_dr);
        if self.batch {
            return Ok(source.dice(ratio(Over::All, smooth, self.soft_label)));
        }
        let loss = source.dice(ratio([Class, Pixel], smooth, self.soft_label));
        Ok(match self.reduction {
            Reduce::None => loss,
            Reduce::Mean => loss.reduce(mean(Image)),
            Reduce::Sum => loss.reduce(sum(Image)),
        })
    }
}
