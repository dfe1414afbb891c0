//! Focal losses, in which what is ignored counts in the divisor.

use super::expect_per_class;
use crate::element::{Activation, Bce, Focal, Truth};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, bce, cross_entropy};
use crate::preset::argument::Reduce;
use crate::preset::declare::declare;
use crate::preset::ignore::Ignore;
use crate::preset::torch::reduced;
use crate::preset::{Given, refuse};
use crate::weight::Weight;

/// The loss, its value multiplied by one number per class, and by 0 where it is ignored.
fn scaled(loss: Loss, weights: Option<Vec<f64>>, ignored: Ignore) -> Loss {
    let loss = match weights {
        Some(weights) => loss.scale(Weight::Class(weights)),
        None => loss,
    };
    if ignored.masks() { loss.scale(Weight::Mask) } else { loss }
}

declare! {
    /// `focal_loss`: w (1 - p)^gamma (-ln p) for the class of the label, 0 for the others; a mean divides by all of them.
    ///
    /// `alpha` weighs class 0 by 1 - alpha and the others by alpha.
    FocalLoss: "kornia==0.9.0"
        "kornia.losses.FocalLoss" "(alpha!, gamma, reduction, weight, ignore_index)(pred, target)",
        "kornia.losses.focal_loss" "(pred, target, alpha!, gamma, reduction, weight, ignore_index)";
    Given::labels(Layout::NCHW); {
        /// The weight of all classes but the first, that of the first being 1 - alpha.
        alpha: Option<f64> = None,
        /// The exponent.
        gamma: f64 = 2.0,
        /// What is done with the values.
        reduction: Reduce = Reduce::None,
        /// One number per class.
        weight: Option<Vec<f64>> = None,
        /// What is ignored, and counts.
        ignore_index: Ignore = Ignore::Unused(-100),
    }
}

impl FocalLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let options = Bce::new(Activation::Softmax);
        let options = if self.gamma == 0.0 { options } else { options.focal(self.gamma) };
        let weights = self.weights(given)?;
        Ok(reduced(scaled(cross_entropy(options), weights, self.ignore_index), self.reduction))
    }

    /// The weight of each class, alpha and `weight` together.
    fn weights(&self, given: &Given) -> Result<Option<Vec<f64>>> {
        if let Some(weights) = &self.weight {
            expect_per_class("weight", weights, given)?;
        }
        let Some(alpha) = self.alpha else { return Ok(self.weight.clone()) };
        let classes = self.weight.as_ref().map(Vec::len).or(given.classes);
        let Some(classes) = classes else {
            return refuse(
                "alpha: weighs class 0 by 1 - alpha and the others by alpha, so the number of classes must \
                 be given",
            );
        };
        let mut weights = self.weight.clone().unwrap_or_else(|| vec![1.0; classes]);
        for (class, weight) in weights.iter_mut().enumerate() {
            *weight *= if class == 0 { 1.0 - alpha } else { alpha };
        }
        Ok(Some(weights))
    }
}

declare! {
    /// `binary_focal_loss_with_logits`: w (v alpha t (1 - p)^gamma (-ln p) + (1 - alpha) (1 - t) p^gamma (-ln(1 - p))), p the sigmoid,
    /// v the `pos_weight` and w the `weight` of the class; a mean divides by all elements.
    ///
    /// The class has no default for alpha, the function 1/4.
    BinaryFocalLossWithLogits: "kornia==0.9.0"
        "kornia.losses.BinaryFocalLossWithLogits"
            "(alpha!, gamma, reduction, pos_weight, weight, ignore_index)(pred, target)",
        "kornia.losses.binary_focal_loss_with_logits"
            "(pred, target, alpha, gamma, reduction, pos_weight, weight, ignore_index)";
    Given::dense(Layout::NCHW); {
        /// The weight of the positive term; that of the negative one is 1 - alpha.
        alpha: Option<f64> = Some(0.25),
        /// The exponent.
        gamma: f64 = 2.0,
        /// What is done with the values.
        reduction: Reduce = Reduce::None,
        /// Multiplies the positive term: one number per class.
        pos_weight: Option<Vec<f64>> = None,
        /// One number per class.
        weight: Option<Vec<f64>> = None,
        /// What is ignored, and counts.
        ignore_index: Ignore = Ignore::Unused(-100),
    }
}

impl BinaryFocalLossWithLogits {
    fn order(&self, given: &Given) -> Result<Loss> {
        for (name, weights) in [("pos_weight", &self.pos_weight), ("weight", &self.weight)] {
            if let Some(weights) = weights {
                expect_per_class(name, weights, given)?;
            }
        }
        let options = Bce::new(Activation::Sigmoid);
        // Alpha is that of the terms only beside a factor of theirs.
        let options = if self.gamma == 0.0 && self.alpha.is_none() {
            options
        } else {
            options.focal(Focal::new(self.gamma).truth(Truth::Terms))
        };
        let options = match self.alpha {
            Some(alpha) => options.alpha(alpha),
            None => options,
        };
        let options = match &self.pos_weight {
            Some(weights) => options.positive(weights.iter().copied()),
            None => options,
        };
        let loss = scaled(bce(options), self.weight.clone(), self.ignore_index);
        Ok(reduced(loss, self.reduction))
    }
}
