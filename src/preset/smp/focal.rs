//! The focal loss.

use super::Mode;
use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::{Activation, Bce, Focal, Truth};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, Map, absolute, bce};
use crate::preset::argument::words;
use crate::preset::declare::declare;
use crate::preset::{Given, refuse};
use crate::reduction::{Empty, Over, mean, sum};
use crate::weight::Weight;

words! {
    /// What is done with the values of a class.
    FocalReduce {
        /// Nothing, but the mode `multilabel` or `multiclass` takes the mean of all of them.
        None = "none",
        /// The mean.
        Mean = "mean",
        /// The sum.
        Sum = "sum",
        /// The sum over the first axis, and the mean over the others.
        BatchwiseMean = "batchwise_mean",
    }
}

declare! {
    /// `FocalLoss`: F^gamma b (alpha t + (1 - alpha)(1 - t)), b the binary cross-entropy of a logit and F = 1 - e^-b.
    ///
    /// Reduced over pixel and image per class, ignored ones left out, then the mean over class; in the mode `binary` at
    /// once. Classes that exclude each other are each against the rest, by the sigmoid. `reduced_threshold` r
    /// divides F by r, and makes the factor 1 where 1 - F < r. `normalized` divides by the sum of the factors (which SMP
    /// keeps at least 1e-6) and then reduces, so that the mean divides by both. Where all is ignored, a mean is NaN.
    FocalLoss: "segmentation_models_pytorch==0.6.0"
        "segmentation_models_pytorch.losses.FocalLoss"
            "(mode!, alpha, gamma, ignore_index, from_logits, eps, reduction, normalized, reduced_threshold, \
             class_weights)(y_pred, y_true)";
    Given::labels(Layout::NCHW); {
        /// What the channels mean.
        mode: Mode = Mode::Multiclass,
        /// The weight of positives; that of negatives is 1 - alpha.
        alpha: Option<f64> = None,
        /// The exponent.
        gamma: f64 = 2.0,
        /// What is ignored.
        ignore_index: Option<i64> = None,
        /// Whether the prediction is logits.
        from_logits: bool = true,
        /// Clips a probability to [eps, 1 - eps].
        eps: f64 = 1e-7,
        /// What is done with the values of a class.
        reduction: FocalReduce = FocalReduce::Mean,
        /// Whether the sum of the factors divides.
        normalized: bool = false,
        /// The least probability of the truth at which F counts.
        reduced_threshold: Option<f64> = None,
        /// One number per class, by which the mean over class weighs.
        class_weights: Option<Vec<f64>> = None,
    }
}

impl FocalLoss {
    fn order(&self, _: &Given) -> Result<Loss> {
        self.check()?;
        let binary = self.mode == Mode::Binary;
        let within: Over = if binary { Over::All } else { [Pixel, Image].into() };
        let loss = self.masked(bce(self.options()));
        let step = mean(within);
        let step = if self.ignore_index.is_some() { step.empty(Empty::Nan) } else { step };
        let loss = match self.reduction {
            FocalReduce::Mean => loss.reduce(step),
            FocalReduce::None if !binary => loss.reduce(step),
            FocalReduce::None => loss,
            FocalReduce::Sum => loss.reduce(sum(within)),
            FocalReduce::BatchwiseMean if binary || self.ignore_index.is_some() => {
                loss.reduce(sum(within))
            }
            FocalReduce::BatchwiseMean => loss.reduce(sum(Image).then(mean(Pixel))),
        };
        let loss = if self.normalized {
            loss / self.masked(self.factor()).reduce(sum(within))
        } else {
            loss
        };
        if binary {
            return Ok(loss);
        }
        Ok(match &self.class_weights {
            Some(weights) => {
                loss.weigh(Weight::Class(weights.clone())).reduce(mean(Class).empty(Empty::Nan))
            }
            None => loss.reduce(mean(Class)),
        })
    }

    fn masked(&self, loss: Loss) -> Loss {
        if self.mode.masked(self.ignore_index) { loss.weigh(Weight::Mask) } else { loss }
    }

    /// Classes that exclude each other are each against the rest.
    fn activation(&self) -> Activation {
        if self.from_logits { Activation::Sigmoid } else { Activation::Probability }
    }

    fn plain(&self) -> Bce {
        let plain = Bce::new(self.activation());
        if self.from_logits { plain } else { plain.clip(self.eps) }
    }

    fn options(&self) -> Bce {
        let options = match self.focal() {
            Some(focal) => self.plain().focal(focal),
            None => self.plain(),
        };
        match self.alpha {
            Some(alpha) => options.alpha(alpha),
            None => options,
        }
    }

    /// The factor, where it is not 1.
    fn focal(&self) -> Option<Focal> {
        let focal = Focal::new(self.gamma);
        // Labels are never soft, so that their truth needs no name.
        let hard = self.mode == Mode::Multiclass;
        let focal = if hard { focal } else { focal.truth(Truth::Loss) };
        match self.reduced_threshold {
            _ if self.gamma == 0.0 => None,
            Some(threshold) => Some(focal.threshold(threshold)),
            None => Some(focal),
        }
    }

    /// The factor by itself. Of labels it is |p - t| to its power; otherwise it is what it makes of the plain loss.
    fn factor(&self) -> Loss {
        let labels = self.mode == Mode::Multiclass && self.reduced_threshold.is_none();
        match self.focal() {
            None => 0.0 * absolute(self.activation()) + 1.0,
            Some(_) if labels && self.gamma == 1.0 => absolute(self.activation()),
            Some(_) if labels => absolute(self.activation()).map(Map::Power(self.gamma)),
            Some(focal) => bce(self.plain().focal(focal)) / bce(self.plain()),
        }
    }

    fn check(&self) -> Result<()> {
        let Self { mode, ignore_index, reduction, class_weights, .. } = self;
        let kept = matches!(reduction, FocalReduce::None | FocalReduce::BatchwiseMean);
        if *mode == Mode::Binary {
            if class_weights.is_some() {
                return refuse("class_weights: are not supported with mode='binary'");
            }
            if ignore_index.is_some() && *reduction == FocalReduce::None {
                return refuse(
                    "reduction='none' with ignore_index: only values that are not ignored come back, \
                     in no shape of the batch",
                );
            }
            return Ok(());
        }
        if *mode == Mode::Multilabel && ignore_index.is_some() {
            return refuse(
                "ignore_index with mode='multilabel': a mask of all classes indexes one of them, \
                 which torch refuses",
            );
        }
        if *mode == Mode::Multiclass && !self.from_logits {
            return refuse(
                "from_logits=False with mode='multiclass': the logarithm of a probability is taken for \
                 a logit, whose sigmoid is p / (1 + p)",
            );
        }
        if class_weights.is_some()
            && kept
            && !(ignore_index.is_some() && *reduction == FocalReduce::BatchwiseMean)
        {
            return refuse(
                "class_weights with values that are kept: they are broadcast to the last axis of the \
                 image",
            );
        }
        Ok(())
    }
}
