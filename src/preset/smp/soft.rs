//! Cross-entropies with smoothing, in which what is ignored counts in the divisor.

use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::{Activation, Bce, Smoothing};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, cross_entropy};
use crate::preset::argument::{Reduce, Tensor};
use crate::preset::declare::declare;
use crate::preset::ignore::Ignore;
use crate::preset::torch::{reduced, weighted, with_logits};
use crate::preset::{Given, refuse};
use crate::reduction::{mean, sum};
use crate::weight::Weight;

/// What is ignored is 0, and counts.
fn masked(loss: Loss, ignored: Ignore) -> Loss {
    if ignored.masks() { loss.scale(Weight::Mask) } else { loss }
}

declare! {
    /// `SoftBCEWithLogitsLoss`: torch's `BCEWithLogitsLoss` of the targets (1 - s) t + s (1 - t), 0 where they are
    /// ignored; the mean divides by all elements.
    SoftBCEWithLogitsLoss: "segmentation_models_pytorch==0.6.0"
        "segmentation_models_pytorch.losses.SoftBCEWithLogitsLoss"
            "(weight, ignore_index, reduction, smooth_factor, pos_weight)(y_pred, y_true)";
    Given::dense(Layout::NCHW); {
        /// Multiplies the values; broadcast from the right.
        weight: Option<Tensor> = None,
        /// What is ignored, and counts.
        ignore_index: Ignore = Ignore::Unused,
        /// What is done with the values.
        reduction: Reduce = Reduce::Mean,
        /// How much of a target is flipped.
        smooth_factor: Option<f64> = None,
        /// Multiplies the positive term; broadcast from the right.
        pos_weight: Option<Tensor> = None,
    }
}

impl SoftBCEWithLogitsLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let options = Bce::new(Activation::Sigmoid);
        let options = match self.smooth_factor {
            None | Some(0.0) => options,
            Some(amount) => options.smoothing(Smoothing::Flip(amount)),
        };
        let loss = with_logits(options, self.pos_weight.as_ref(), given)?;
        let loss = weighted(loss, self.weight.as_ref(), given)?;
        Ok(reduced(masked(loss, self.ignore_index), self.reduction))
    }
}

declare! {
    /// `SoftCrossEntropyLoss`: (1 - s) (-ln p of the label) + s/C Σ (-ln p), 0 where the label is ignored; the mean divides
    /// by all pixels.
    ///
    /// A `smooth_factor` of None, its default, is an error of SMP's.
    SoftCrossEntropyLoss: "segmentation_models_pytorch==0.6.0"
        "segmentation_models_pytorch.losses.SoftCrossEntropyLoss"
            "(reduction, smooth_factor, ignore_index, dim)(y_pred, y_true)";
    Given::labels(Layout::NCHW); {
        /// What is done with the values.
        reduction: Reduce = Reduce::Mean,
        /// How much goes to all classes.
        smooth_factor: Option<f64> = None,
        /// What is ignored, and counts.
        ignore_index: Ignore = Ignore::Unused,
        /// The class axis.
        dim: i64 = 1,
    }
}

impl SoftCrossEntropyLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let Some(amount) = self.smooth_factor else {
            return refuse(
                "smooth_factor: expected a number, found None, of which SMP makes a TypeError",
            );
        };
        given.expect_class_axis("dim", self.dim)?;
        let options = Bce::new(Activation::Softmax);
        let options =
            if amount == 0.0 { options } else { options.smoothing(Smoothing::Classes(amount)) };
        let loss = masked(cross_entropy(options).reduce(sum(Class)), self.ignore_index);
        let pixels = [Pixel, Image];
        Ok(match self.reduction {
            Reduce::None => loss,
            Reduce::Mean => loss.reduce(mean(pixels)),
            Reduce::Sum => loss.reduce(sum(pixels)),
        })
    }
}
