//! Cross-entropy over classes, and of each class by itself.

use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::{Activation, Bce};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, bce, cross_entropy};
use crate::preset::argument::{Argument, Tensor, found};
use crate::preset::call::{Value, What};
use crate::preset::declare::declare;
use crate::preset::ignore::Ignore;
use crate::preset::torch::weighted;
use crate::preset::{Given, refuse};
use crate::reduction::{Empty, Over, mean, sum, top_fraction};
use crate::weight::Weight;

declare! {
    /// `CrossEntropyLoss`: `Σ w[t] L / Σ w[t]` over the pixels that are not ignored, `L = -ln p[t]` of the softmax.
    ///
    /// With `avg_non_ignore=False` ignored pixels are 0 and count, so that they come as the mask of the batch; otherwise
    /// they are the ignored label. `semantic_weights` scales and never divides. `top_k_percent_pixels` is a share: the mean of
    /// the largest of all losses, ignored pixels among them.
    CrossEntropyLoss: "paddleseg==2.8.0"
        "paddleseg.CrossEntropyLoss"
            "(weight, ignore_index, top_k_percent_pixels, avg_non_ignore, data_format)\
             (logit, label, semantic_weights)";
    Given::labels(Layout::NCHW); {
        /// One number per class.
        weight: Option<Vec<f64>> = None,
        /// What is ignored.
        ignore_index: Ignore = Ignore::Unused(255),
        /// The share of the pixels that count.
        top_k_percent_pixels: f64 = 1.0,
        /// Whether the mean is over the pixels that are not ignored.
        avg_non_ignore: bool = true,
        /// Multiplies the values.
        semantic_weights: Option<Tensor> = None,
    }
}

impl CrossEntropyLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let loss = cross_entropy(Activation::Softmax).reduce(sum(Class));
        let pixels = [Pixel, Image];
        let top = self.top_k_percent_pixels != 1.0;
        let masked = self.ignore_index.masks() && (top || !self.avg_non_ignore);
        let loss = if masked { loss.scale(Weight::Mask) } else { loss };
        let loss = weighted(loss, self.semantic_weights.as_ref(), given)?;
        if top && self.weight.is_some() {
            return refuse(
                "weight with top_k_percent_pixels: the pixels are those of the largest weighted losses, and the \
                 sum is divided by their weights, which no step does",
            );
        }
        if top {
            return Ok(loss.reduce(top_fraction(pixels, self.top_k_percent_pixels)));
        }
        let step = mean(pixels);
        Ok(match self.weight.clone().map(Weight::Target) {
            Some(weights) => loss.weigh(weights).reduce(step.empty(Empty::Zero)),
            None if self.avg_non_ignore => loss.reduce(step.empty(Empty::Zero)),
            None => loss.reduce(step),
        })
    }
}

/// A weight, or the word `dynamic`.
#[derive(Clone, Debug, PartialEq)]
pub enum Rescaling {
    /// Twice the share of the other kind: that of negatives for positives, that of positives for negatives.
    Dynamic,
    /// This weight.
    Fixed(Tensor),
}

impl Argument for Rescaling {
    fn read(value: &Value<'_>) -> Result<Self, String> {
        match value.what {
            What::Text("dynamic") => Ok(Self::Dynamic),
            What::Text(_) => Err(format!("expected 'dynamic' or a weight, found {}", found(value))),
            _ => Tensor::read(value).map(Self::Fixed),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Dynamic => "'dynamic'".into(),
            Self::Fixed(tensor) => tensor.show(),
        }
    }
}

declare! {
    /// `BCELoss`: the binary cross-entropy of logits, the mean over the elements that are not ignored.
    ///
    /// Ignored elements come as the mask of the batch and as 0, for labels as class 0: so they are counted for the share of positives
    /// by `dynamic`. It is the share in the whole batch, all classes together. A `dynamic` `weight` multiplies positives
    /// by twice the share of negatives, and negatives by twice that of positives; a `dynamic` `pos_weight` the positive term
    /// alone. A weight is broadcast from the right.
    BCELoss: "paddleseg==2.8.0"
        "paddleseg.BCELoss" "(weight, pos_weight, ignore_index, edge_label)(logit, label)";
    Given::dense(Layout::NCHW); {
        /// Multiplies the values.
        weight: Option<Rescaling> = None,
        /// Multiplies the positive term.
        pos_weight: Option<Rescaling> = None,
        /// What is ignored.
        ignore_index: Ignore = Ignore::Unused(255),
    }
}

impl BCELoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let options = Bce::new(Activation::Sigmoid);
        let loss = match &self.pos_weight {
            None => bce(options),
            Some(Rescaling::Fixed(Tensor::Number(weight))) => bce(options.positive([*weight])),
            Some(Rescaling::Fixed(_)) => {
                return refuse("pos_weight: expected a number or 'dynamic'");
            }
            Some(Rescaling::Dynamic) => {
                cross_entropy(options.clone()).scale(Weight::balance())
                    + bce(options.positive([0.0]))
            }
        };
        let loss = match &self.weight {
            None => loss,
            Some(Rescaling::Fixed(weight)) => weighted(loss, Some(weight), given)?,
            Some(Rescaling::Dynamic) => loss.scale(Weight::balance()),
        };
        Ok(if self.ignore_index.masks() {
            loss.weigh(Weight::Mask).reduce(mean(Over::All).empty(Empty::Zero))
        } else {
            loss.reduce(mean(Over::All))
        })
    }
}
