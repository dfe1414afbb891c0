//! Cross-entropy over classes, or of each class by itself.

use super::Ending;
use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::{Activation, Bce};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, cross_entropy};
use crate::preset::argument::{Reduce, Tensor};
use crate::preset::declare::declare;
use crate::preset::ignore::Ignore;
use crate::preset::torch::{weighted, with_logits};
use crate::preset::{Given, refuse};
use crate::reduction::{Empty, Over, mean, sum};
use crate::weight::Weight;

declare! {
    /// `CrossEntropyLoss`: `-w[t] ln p[t]` of the softmax, or with `use_sigmoid` the binary cross-entropy of every class.
    ///
    /// Values that are ignored are 0. The mean divides by the number of values, ignored ones among them, so that
    /// they come as the mask of the batch; with `avg_non_ignore` it divides by the others, and they are the ignored label of
    /// the batch (or, where the target is dense, the mask). With `class_weight` w the divisor is `Σ w[t]`. Where the
    /// divisor is 0 the loss is 0. `weight` scales the values and never divides.
    ///
    /// With `use_sigmoid` it is `class_weight` that multiplies the positive term, broadcast from the right, so that it is
    /// refused where the class axis is not the last. A dense target of the softmax is divided by C times the number of pixels.
    CrossEntropyLoss: "mmseg==1.2.2"
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

/// By what the mean of a version divides where there are class weights, or a dense target.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::preset) enum Divisor {
    /// The weights of the labels; the number of elements of the target.
    Weights,
    /// The number of pixels.
    Pixels,
}

impl CrossEntropyLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        self.with_divisor(given, Divisor::Weights)
    }

    pub(in crate::preset) fn with_divisor(&self, given: &Given, divisor: Divisor) -> Result<Loss> {
        match (self.use_mask, self.use_sigmoid) {
            (true, true) => refuse("use_sigmoid and use_mask exclude each other"),
            (true, false) => {
                refuse("use_mask=True: the masks of objects are no classes of a batch")
            }
            (false, true) => self.binary(given),
            (false, false) if given.labels => self.of_labels(given, divisor),
            (false, false) => self.of_probabilities(given, divisor),
        }
    }

    fn ending(&self) -> Ending {
        let reduction = self.reduction_override.unwrap_or(self.reduction);
        Ending { reduction, avg_factor: self.avg_factor, loss_weight: self.loss_weight }
    }

    fn of_labels(&self, given: &Given, divisor: Divisor) -> Result<Loss> {
        let ending = self.ending();
        let loss = cross_entropy(Activation::Softmax).reduce(sum(Class));
        let looked_up = divisor == Divisor::Weights && ending.is_mean();
        let weights = self.class_weight.as_ref();
        let masked = match (self.ignore_index, weights) {
            // The weight of every label is looked up, so that no label is one without a weight.
            (Ignore::Number(ignored), Some(weights)) if looked_up => {
                let count = i64::try_from(weights.len()).unwrap_or(i64::MAX);
                (-count..count).contains(&ignored)
            }
            (ignored, _) => ignored.masks(),
        };
        let loss = if masked && !self.avg_non_ignore { loss.scale(Weight::Mask) } else { loss };
        let loss = weighted(loss, self.weight.as_ref(), given)?;
        let pixels = [Pixel, Image];
        let may_be_empty = mean(pixels).empty(Empty::Zero);
        match weights.cloned().map(Weight::Target) {
            Some(weights) if looked_up => ending.of(loss.weigh(weights), pixels, may_be_empty),
            weights => {
                let loss = weights.into_iter().fold(loss, Loss::scale);
                let step = if self.avg_non_ignore { may_be_empty } else { mean(pixels) };
                ending.of(loss, pixels, step)
            }
        }
    }

    fn of_probabilities(&self, given: &Given, divisor: Divisor) -> Result<Loss> {
        let ending = self.ending();
        if matches!(self.ignore_index, Ignore::Number(ignored) if ignored >= 0) {
            return refuse("ignore_index: torch ignores nothing of a dense target");
        }
        if self.class_weight.is_some() && divisor == Divisor::Weights && ending.is_mean() {
            return refuse(
                "class_weight: the mean looks up the weight of every label, and a dense target has none",
            );
        }
        let weights = self.class_weight.clone().map(Weight::Class);
        let loss = weights.into_iter().fold(cross_entropy(Activation::Softmax), Loss::scale);
        if ending.is_mean() && (self.avg_non_ignore || divisor == Divisor::Weights) {
            let loss = weighted(loss, self.weight.as_ref(), given)?;
            return ending.of(loss, Over::All, mean(Over::All));
        }
        let loss = weighted(loss.reduce(sum(Class)), self.weight.as_ref(), given)?;
        ending.of(loss, [Pixel, Image], mean([Pixel, Image]))
    }

    fn binary(&self, given: &Given) -> Result<Loss> {
        let positive = self
            .class_weight
            .as_ref()
            .map(|weights| Tensor::Numbers { shape: vec![weights.len()], data: weights.clone() });
        let along = given.layout.axes().last();
        if self.class_weight.as_ref().is_some_and(|weights| weights.len() > 1)
            && along != Some(&Class)
        {
            return refuse(format!(
                "class_weight: multiplies the positive term and is broadcast from the right, so along the \
                 last axis of {}, which is not class",
                given.layout
            ));
        }
        let loss = with_logits(Bce::new(Activation::Sigmoid), positive.as_ref(), given)?;
        let labels = given.labels && !given.is_binary();
        let loss = match (self.ignore_index.masks(), self.avg_non_ignore) {
            (true, false) => loss.scale(Weight::Mask),
            (true, true) if !labels => loss.weigh(Weight::Mask),
            _ => loss,
        };
        let loss = weighted(loss, self.weight.as_ref(), given)?;
        let step = mean(Over::All);
        let step = if self.avg_non_ignore { step.empty(Empty::Zero) } else { step };
        self.ending().of(loss, Over::All, step)
    }
}
