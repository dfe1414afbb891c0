//! The focal loss.

use super::{Seen, reduced};
use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::{Activation, Bce, Focal, Truth};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, bce, cross_entropy};
use crate::preset::argument::{Reduce, Tensor};
use crate::preset::declare::declare;
use crate::preset::{Given, refuse};
use crate::reduction::{Empty, mean, sum};
use crate::weight::Weight;

declare! {
    /// `monai.losses.FocalLoss`: logits, of a sigmoid per class or of a softmax over the classes; all is computed in
    /// f32.
    ///
    /// Sigmoid: F^γ times the binary cross-entropy, F = sigmoid(-(2t - 1) x); a number `alpha` multiplies by
    /// α t + (1 - α) (1 - t), a list multiplies the positives (t = 1) of a class. Softmax: -(1 - p)^γ t ln p; a number
    /// `alpha` multiplies the background by 1 - α and the other classes by α, a list every class.
    ///
    /// The mean is over all classes, also of the softmax, where all but the true one are 0. The
    /// sum is the sum over images and classes of the *mean* over pixels. With `ignore_index` the mean divides by the
    /// number of pixels that are left, not times the number of classes, and is 0 if there are none; where
    /// the target is dense they come as the mask of the batch.
    FocalLoss: "monai==1.6.1"
        "monai.losses.FocalLoss"
            "(include_background, to_onehot_y, gamma, alpha, weight, reduction, use_softmax, ignore_index)(input, target)";
    Given::dense(Layout::NCHW); {
        /// Whether class 0 counts.
        include_background: bool = true,
        /// Whether the target is labels.
        to_onehot_y: bool = false,
        /// The exponent.
        gamma: f64 = 2.0,
        /// A number, or one per class that is kept.
        alpha: Option<Tensor> = None,
        /// Multiplies the values: a number, or one per class that is kept.
        weight: Option<Tensor> = None,
        /// What is done with the values.
        reduction: Reduce = Reduce::Mean,
        /// Whether the classes exclude each other.
        use_softmax: bool = false,
        /// The label that is ignored.
        ignore_index: Option<i64> = None,
    }
}

impl FocalLoss {
    pub(super) fn order(&self, given: &Given) -> Result<Loss> {
        let seen = Seen::new(given, self.to_onehot_y, self.include_background)?;
        let loss = if self.use_softmax { self.categorical(seen)? } else { self.binary(seen)? };
        let loss = match &self.weight {
            Some(Tensor::Numbers { .. }) if seen.kept == Some(1) => {
                return refuse("weight: expected a number where one class is kept, found a list");
            }
            Some(weight) => seen.scaled(loss, "weight", weight)?,
            None => loss,
        };
        if self.ignore_index.is_none() {
            return Ok(match self.reduction {
                Reduce::Sum => loss.reduce(mean(Pixel).then(sum([Class, Image]))),
                reduction => reduced(loss, reduction),
            });
        }
        let masked = seen.masked(self.ignore_index);
        if self.reduction == Reduce::None {
            return Ok(if masked { loss.scale(Weight::Mask) } else { loss });
        }
        let loss = if masked { loss.weigh(Weight::Mask) } else { loss };
        Ok(if self.reduction == Reduce::Sum {
            loss.reduce(mean(Pixel).empty(Empty::Zero).then(sum([Class, Image])))
        } else {
            loss.reduce(sum(Class).then(mean([Pixel, Image]).empty(Empty::Zero)))
        })
    }

    fn options(&self, activation: Activation, truth: Truth) -> Bce {
        let options = Bce::new(activation);
        let plain = self.gamma == 0.0;
        if plain { options } else { options.focal(Focal::new(self.gamma).truth(truth)) }
    }

    fn binary(&self, seen: Seen) -> Result<Loss> {
        let options = self.options(Activation::Sigmoid, Truth::Logit);
        let options = match &self.alpha {
            None => options,
            Some(Tensor::Number(alpha)) => options.alpha(*alpha),
            Some(alpha) => {
                let alpha = alpha.list().or_else(|why| refuse(format!("alpha: {why}")))?;
                options.positive(seen.numbered("alpha", alpha, 1.0)?)
            }
        };
        let loss = bce(options);
        Ok(if seen.dropped > 0 { loss.without([0]) } else { loss })
    }

    fn categorical(&self, seen: Seen) -> Result<Loss> {
        if seen.dropped > 0 {
            return refuse(
                "include_background=False: the softmax is over the classes that are left; leave channel 0 of \
                 prediction and target out of the batch instead",
            );
        }
        let loss = cross_entropy(self.options(Activation::Softmax, Truth::Mixed));
        let alpha = match (&self.alpha, seen.kept) {
            (None, _) => return Ok(loss),
            (Some(Tensor::Number(alpha)), Some(kept)) => {
                let mut list = vec![*alpha; kept];
                list[0] = 1.0 - alpha;
                list
            }
            (Some(Tensor::Number(_)), None) => {
                return refuse(
                    "alpha: a number is 1 - alpha for the background and alpha for every other class, and the \
                     number of classes is not known; expected a list, or classes of what is given",
                );
            }
            (Some(alpha), _) => {
                let alpha = alpha.list().or_else(|why| refuse(format!("alpha: {why}")))?;
                seen.numbered("alpha", alpha, 0.0)?
            }
        };
        Ok(loss.scale(Weight::Class(alpha)))
    }
}
