//! Focal losses.

use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::{Activation, Bce};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, bce, cross_entropy};
use crate::preset::declare::declare;
use crate::preset::{Given, refuse};
use crate::reduction::{Empty, Over, mean, sum};

/// The cross-entropy with a factor, which an exponent of 0 leaves out.
fn focal(options: Bce, gamma: f64) -> Bce {
    if gamma == 0.0 { options } else { options.focal(gamma) }
}

declare! {
    /// `FocalLoss`: F^gamma b (alpha t + (1 - alpha)(1 - t)) of two logits, b the binary cross-entropy of each and F = t (1 - p) + (1 - t) p; the
    /// mean over the elements that are not ignored.
    FocalLoss: "paddleseg==2.8.0"
        "paddleseg.FocalLoss" "(alpha, gamma, ignore_index)(logit, label)";
    Given::labels(Layout::NCHW); {
        /// The weight of positives; that of negatives is 1 - alpha.
        alpha: f64 = 0.25,
        /// The exponent.
        gamma: f64 = 2.0,
    }
}

impl FocalLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        if given.classes.is_some_and(|classes| classes != 2) {
            return refuse("the channel of logit should be 2");
        }
        let options = focal(Bce::new(Activation::Sigmoid), self.gamma).alpha(self.alpha);
        Ok(bce(options).reduce(mean(Over::All).empty(Empty::Zero)))
    }
}

declare! {
    /// `MultiClassFocalLoss`: `-alpha (1 - p[t])^gamma ln p[t]` of the softmax, the mean over the pixels that are not ignored.
    MultiClassFocalLoss: "paddleseg==2.8.0"
        "paddleseg.focal_loss.MultiClassFocalLoss"
            "(num_class!, alpha, gamma, ignore_index)(logit, label)";
    Given::labels(Layout::NCHW); {
        /// Multiplies the loss.
        alpha: f64 = 1.0,
        /// The exponent.
        gamma: f64 = 2.0,
    }
}

impl MultiClassFocalLoss {
    #[expect(clippy::unnecessary_wraps, reason = "presets may refuse their arguments")]
    fn order(&self, _: &Given) -> Result<Loss> {
        let loss = cross_entropy(focal(Bce::new(Activation::Softmax), self.gamma));
        let loss = loss.reduce(sum(Class).then(mean([Pixel, Image]).empty(Empty::Zero)));
        Ok(if self.alpha == 1.0 { loss } else { self.alpha * loss })
    }
}
