//! `burn_nn::loss` of burn, with the fields of its configurations as arguments.
//!
//! Its losses are means over all elements. [`BinaryCrossEntropyLoss`] multiplies by the weights and does not divide by
//! them; [`CrossEntropyLoss`] divides by the sum of the weights of the labels.
//!
//! ```
//! use lossfold::{Layout, preset};
//!
//! let call = "burn.nn.loss.BinaryCrossEntropyLoss(logits=True, weights=[1, 2])";
//! let loss = preset::parse(call)?;
//! assert_eq!(loss.to_string(), "bce(sigmoid) > scale(class=[1, 2]) > mean(all)");
//! # Ok::<(), lossfold::Error>(())
//! ```

use super::declare::declare;
use super::entry::Entry;
use super::{Given, refuse};
use crate::axis::Axis;
use crate::element::{Activation, Bce, Smoothing};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, bce, cross_entropy};
use crate::reduction::{Empty, Over, mean, sum};
use crate::weight::Weight;

pub(super) const ALL: &[&[Entry]] = &[BinaryCrossEntropyLoss::ENTRIES, CrossEntropyLoss::ENTRIES];

declare! {
    /// `BinaryCrossEntropyLoss`: the mean of w L over all elements, where w is the weight of the *last* axis, or, of a
    /// tensor of one axis, that of the element's target, 0 or 1. Smoothing goes towards 1 over the extent of the last
    /// axis, or 1/2. Probabilities have logarithms of at least -100.
    BinaryCrossEntropyLoss: "burn-nn==0.22.1"
        "burn.nn.loss.BinaryCrossEntropyLoss" "(weights, smoothing, logits)(input, targets)";
    Given::dense(Layout::NC); {
        /// Of the last axis, or of the targets 0 and 1.
        weights: Option<Vec<f64>> = None,
        /// The amount of smoothing.
        smoothing: Option<f64> = None,
        /// Whether the prediction is a logit.
        logits: bool = false,
    }
}

impl BinaryCrossEntropyLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let axes = given.layout.axes();
        let single = axes.len() == 1;
        if !single
            && axes.last() != Some(&Axis::Class)
            && (self.weights.is_some() || self.smoothing.is_some())
        {
            return refuse(format!(
                "weights and smoothing belong to the last axis, which is {} in {}; burn means one of classes",
                axes[axes.len() - 1],
                given.layout
            ));
        }
        let options = if self.logits {
            Bce::new(Activation::Sigmoid)
        } else {
            Bce::new(Activation::Probability).log_floor(-100.0)
        };
        let options = match self.smoothing {
            None => options,
            Some(amount) if single => options.smoothing(Smoothing::Half(amount)),
            Some(amount) => options.smoothing(Smoothing::Classes(amount)),
        };
        let loss = bce(options);
        let loss = match self.weights.as_deref() {
            None => loss,
            Some(&[negative, positive]) if single => {
                positive * loss.clone().scale(Weight::Positives)
                    + negative * loss.scale(Weight::Negatives)
            }
            Some(weights) if single => {
                return refuse(format!(
                    "weights: expected two, of the targets 0 and 1, found {}",
                    weights.len()
                ));
            }
            Some(weights) => loss.scale(Weight::class(weights.iter().copied())),
        };
        Ok(loss.reduce(mean(Over::All)))
    }
}

declare! {
    /// `CrossEntropyLoss`: Σ w_t L / Σ w_t over the labels that are no pad token; NaN if all are.
    ///
    /// A pad token is the ignored label of the batch. Smoothing goes towards 1/C. Without `logits` the
    /// prediction is a probability, in f32 clamped to 1.08e-19 at least.
    CrossEntropyLoss: "burn-nn==0.22.1"
        "burn.nn.loss.CrossEntropyLoss" "(pad_tokens, weights, smoothing, logits)(logits, targets)";
    Given::labels(Layout::NC); {
        /// One number per class.
        weights: Option<Vec<f64>> = None,
        /// The amount of smoothing.
        smoothing: Option<f64> = None,
        /// Whether the prediction is a logit.
        logits: bool = true,
    }
}

impl CrossEntropyLoss {
    fn order(&self, _: &Given) -> Result<Loss> {
        let options = if self.logits {
            Bce::new(Activation::Softmax)
        } else {
            Bce::new(Activation::Probability).clip(f64::from(f32::MIN_POSITIVE.sqrt()))
        };
        let pixels = [Axis::Pixel, Axis::Image];
        Ok(match (self.smoothing, &self.weights) {
            (None, None) => {
                cross_entropy(options).reduce(sum(Axis::Class).then(mean(pixels).empty(Empty::Nan)))
            }
            (None, Some(weights)) => cross_entropy(options)
                .reduce(sum(Axis::Class))
                .weigh(Weight::target(weights.iter().copied()))
                .reduce(mean(pixels).empty(Empty::Nan)),
            (Some(amount), weights) => {
                let loss = cross_entropy(options.smoothing(Smoothing::Classes(amount)));
                let total = mean(pixels).empty(Empty::Nan);
                match weights {
                    None => loss.reduce(sum(Axis::Class).then(total)),
                    Some(weights) => loss
                        .scale(Weight::class(weights.iter().copied()))
                        .reduce(sum(Axis::Class))
                        .reduce(total.by([Weight::target(weights.iter().copied())])),
                }
            }
        })
    }
}
