//! Cross-entropies. What `where` leaves out comes as the mask of the batch.

use crate::axis::Axis::Class;
use crate::element::{Activation, Bce, Focal};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, bce, cross_entropy, predicted};
use crate::preset::declare::declare;
use crate::preset::{Given, refuse};
use crate::reduction::sum;
use crate::weight::Weight;

/// 0 for the pixels that `where` leaves out.
pub(super) fn left(loss: Loss, mask: Option<&Weight>) -> Result<Loss> {
    match mask {
        None => Ok(loss),
        Some(Weight::Mask) => Ok(loss.scale(Weight::Mask)),
        Some(other) => refuse(format!("where: expected the mask of the batch, found `{other}`")),
    }
}

declare! {
    /// `sigmoid_binary_cross_entropy`: -t ln p - (1 - t) ln(1 - p) of every element.
    SigmoidBinaryCrossEntropy: "optax==0.2.8" "optax.losses.sigmoid_binary_cross_entropy" "(logits, labels)";
    Given::dense(Layout::NHWC); {}
}

impl SigmoidBinaryCrossEntropy {
    fn order(&self, _: &Given) -> Result<Loss> {
        Ok(bce(Activation::Sigmoid))
    }
}

declare! {
    /// `softmax_cross_entropy`, and with labels `softmax_cross_entropy_with_integer_labels`: Σ t (-ln p) over class, of every
    /// pixel; 0 for those that `where` leaves out.
    ///
    /// A `where` that leaves out classes of a pixel takes them from the softmax: a logit of -1e30 does the same.
    SoftmaxCrossEntropy: "optax==0.2.8"
        "optax.losses.softmax_cross_entropy" "(logits, labels, axis, where)",
        "optax.losses.softmax_cross_entropy_with_integer_labels" "(logits, labels, axis, where)";
    Given::dense(Layout::NHWC); {
        /// The class axis.
        axis: i64 = -1,
        /// The pixels that count: the mask of the batch.
        r#where: Option<Weight> = None,
    }
}

impl SoftmaxCrossEntropy {
    fn order(&self, given: &Given) -> Result<Loss> {
        given.expect_class_axis("axis", self.axis)?;
        let loss = cross_entropy(Activation::Softmax).reduce(sum(Class));
        left(loss, self.r#where.as_ref())
    }
}

declare! {
    /// `safe_softmax_cross_entropy`: Σ t (-ln p) over class, of every pixel.
    SafeSoftmaxCrossEntropy: "optax==0.2.8" "optax.losses.safe_softmax_cross_entropy" "(logits, labels)";
    Given::dense(Layout::NHWC); {}
}

impl SafeSoftmaxCrossEntropy {
    fn order(&self, given: &Given) -> Result<Loss> {
        given.expect_class_axis("axis", -1)?;
        Ok(cross_entropy(Activation::Softmax).reduce(sum(Class)))
    }
}

declare! {
    /// `poly_loss_cross_entropy`: Σ t (-ln p) + epsilon Σ t (1 - p) over class, of every pixel; 0 for those that `where` leaves
    /// out.
    PolyLossCrossEntropy: "optax==0.2.8"
        "optax.losses.poly_loss_cross_entropy" "(logits, labels, *, epsilon, axis, where)";
    Given::dense(Layout::NHWC); {
        /// The coefficient of the second term.
        epsilon: f64 = 2.0,
        /// The class axis.
        axis: i64 = -1,
        /// The pixels that count: the mask of the batch.
        r#where: Option<Weight> = None,
    }
}

impl PolyLossCrossEntropy {
    fn order(&self, given: &Given) -> Result<Loss> {
        given.expect_class_axis("axis", self.axis)?;
        let entropy = cross_entropy(Activation::Softmax).reduce(sum(Class));
        let missed = (1.0 - predicted(Activation::Softmax)).scale(Weight::Positives);
        left(entropy + self.epsilon * missed.reduce(sum(Class)), self.r#where.as_ref())
    }
}

declare! {
    /// `sigmoid_focal_loss`: (1 - q)^gamma b (alpha t + (1 - alpha)(1 - t)) of every element, b the binary cross-entropy and
    /// q = t p + (1 - t)(1 - p).
    SigmoidFocalLoss: "optax==0.2.8" "optax.losses.sigmoid_focal_loss" "(logits, labels, *, alpha, gamma)";
    Given::dense(Layout::NHWC); {
        /// The weight of positives; that of negatives is 1 - alpha.
        alpha: Option<f64> = None,
        /// The exponent.
        gamma: f64 = 2.0,
    }
}

impl SigmoidFocalLoss {
    fn order(&self, _: &Given) -> Result<Loss> {
        let options = Bce::new(Activation::Sigmoid);
        let options =
            if self.gamma == 0.0 { options } else { options.focal(Focal::new(self.gamma)) };
        Ok(bce(match self.alpha {
            Some(alpha) => options.alpha(alpha),
            None => options,
        }))
    }
}
