//! The focal loss.

use super::Ending;
use crate::element::{Activation, Bce};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, bce};
use crate::preset::argument::{Reduce, Tensor};
use crate::preset::declare::declare;
use crate::preset::ignore::Ignore;
use crate::preset::torch::weighted;
use crate::preset::{Given, refuse};
use crate::reduction::{Over, mean};
use crate::weight::Weight;

declare! {
    /// `FocalLoss`: F^gamma b (alpha t + (1 - alpha)(1 - t)), b the binary cross-entropy of a logit and F = t (1 - p) + (1 - t) p;
    /// the mean over all elements.
    ///
    /// A list of `alpha` has one number per class. Ignored pixels are 0 and count, so that they come as the mask of the
    /// batch; of a dense target those are ignored whose largest class is `ignore_index`. With labels version 1.2.2 fails
    /// on the CPU; this is what it computes on the GPU.
    FocalLoss: "mmseg==1.2.2"
        "mmseg.FocalLoss"
            "(use_sigmoid, gamma, alpha, reduction, class_weight, loss_weight, loss_name)\
             (pred, target, weight, avg_factor, reduction_override, ignore_index)";
    Given::labels(Layout::NCHW); {
        /// Nothing else is supported by mmseg.
        use_sigmoid: bool = true,
        /// The exponent.
        gamma: f64 = 2.0,
        /// The weight of positives, for all classes or one for each; that of negatives is 1 - alpha.
        alpha: Vec<f64> = vec![0.5],
        /// What is done with the values.
        reduction: Reduce = Reduce::Mean,
        /// One number per class.
        class_weight: Option<Vec<f64>> = None,
        /// Multiplies the loss.
        loss_weight: f64 = 1.0,
        /// Multiplies the values.
        weight: Option<Tensor> = None,
        /// Divides the sum.
        avg_factor: Option<f64> = None,
        /// What takes the place of `reduction`.
        reduction_override: Option<Reduce> = None,
        /// What is ignored.
        ignore_index: Ignore = Ignore::Unused(255),
    }
}

impl FocalLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        if !self.use_sigmoid {
            return refuse("use_sigmoid: expected True, which alone mmseg supports");
        }
        let options = Bce::new(Activation::Sigmoid);
        let options = if self.gamma == 0.0 { options } else { options.focal(self.gamma) };
        let loss = match self.alpha.as_slice() {
            [] => return refuse("alpha: expected a number, or one per class, found an empty list"),
            [alpha] => bce(options.alpha(*alpha)),
            alphas => {
                let rest = alphas.iter().map(|alpha| 1.0 - alpha).collect();
                let loss = bce(options);
                loss.clone().scale(Weight::Positives).scale(Weight::Class(alphas.to_vec()))
                    + loss.scale(Weight::Negatives).scale(Weight::Class(rest))
            }
        };
        let loss = if self.ignore_index.masks() { loss.scale(Weight::Mask) } else { loss };
        let weights = self.class_weight.clone().map(Weight::Class);
        let loss = weights.into_iter().fold(loss, Loss::scale);
        let loss = weighted(loss, self.weight.as_ref(), given)?;
        let Self { avg_factor, loss_weight, .. } = *self;
        let reduction = self.reduction_override.unwrap_or(self.reduction);
        Ending { reduction, avg_factor, loss_weight }.of(loss, Over::All, mean(Over::All))
    }
}
