//! `torch.nn` and `torch.nn.functional`.
//!
//! The values of a pixelwise loss are multiplied by `weight`, then summed or divided by their number. Only
//! [`CrossEntropyLoss`] and [`NLLLoss`] on labels divide by the sum of the weights.

use super::argument::{Broadcast, Reduce, Tensor, words};
use super::declare::declare;
use super::entry::Entry;
use super::{Given, refuse};
use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::{Activation, Bce, Smoothing};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, bce, cross_entropy, kl};
use crate::reduction::{Empty, Over, mean, sum};
use crate::weight::Weight;

pub(super) const ALL: &[&[Entry]] = &[
    BCELoss::ENTRIES,
    BCEWithLogitsLoss::ENTRIES,
    CrossEntropyLoss::ENTRIES,
    NLLLoss::ENTRIES,
    KLDivLoss::ENTRIES,
];

/// What a weight that cannot be read is called in an error.
fn named<T>(name: &str, read: Result<T, String>) -> Result<T> {
    read.or_else(|why| refuse(format!("{name}: {why}")))
}

pub(super) fn reduced(loss: Loss, reduction: Reduce) -> Loss {
    match reduction {
        Reduce::None => loss,
        Reduce::Mean => loss.reduce(mean(Over::All)),
        Reduce::Sum => loss.reduce(sum(Over::All)),
    }
}

pub(super) fn weighted(loss: Loss, weight: Option<&Tensor>, given: &Given) -> Result<Loss> {
    Ok(match weight {
        Some(weight) => named("weight", weight.broadcast(given.layout))?.scale(loss),
        None => loss,
    })
}

declare! {
    /// `torch.nn.BCELoss`: probabilities, both logarithms at least -100.
    BCELoss: "torch==2.15.0"
        "torch.nn.BCELoss" "(weight, size_average=None, reduce=None, reduction)(input, target)",
        "torch.nn.functional.binary_cross_entropy" "(input, target, weight, size_average=None, reduce=None, reduction)";
    Given::dense(Layout::NCHW); {
        /// Multiplies the values; broadcast from the right.
        weight: Option<Tensor> = None,
        /// What is done with the values.
        reduction: Reduce = Reduce::Mean,
    }
}

impl BCELoss {
    /// -w (t max(ln p, -100) + (1 - t) max(ln(1 - p), -100)), the mean over all elements.
    fn order(&self, given: &Given) -> Result<Loss> {
        let loss = bce(Bce::new(Activation::Probability).log_floor(-100.0));
        Ok(reduced(weighted(loss, self.weight.as_ref(), given)?, self.reduction))
    }
}

declare! {
    /// `torch.nn.BCEWithLogitsLoss`: logits, no clamp; `pos_weight` scales the positive term and does not divide.
    BCEWithLogitsLoss: "torch==2.15.0"
        "torch.nn.BCEWithLogitsLoss"
            "(weight, size_average=None, reduce=None, reduction, pos_weight)(input, target)",
        "torch.nn.functional.binary_cross_entropy_with_logits"
            "(input, target, weight, size_average=None, reduce=None, reduction, pos_weight)";
    Given::dense(Layout::NCHW); {
        /// Multiplies the values; broadcast from the right.
        weight: Option<Tensor> = None,
        /// What is done with the values.
        reduction: Reduce = Reduce::Mean,
        /// Multiplies the positive term; broadcast from the right.
        pos_weight: Option<Tensor> = None,
    }
}

impl BCEWithLogitsLoss {
    /// -w (v t ln p + (1 - t) ln(1 - p)), p the sigmoid and v the `pos_weight`.
    fn order(&self, given: &Given) -> Result<Loss> {
        let loss = with_logits(Bce::new(Activation::Sigmoid), self.pos_weight.as_ref(), given)?;
        Ok(reduced(weighted(loss, self.weight.as_ref(), given)?, self.reduction))
    }
}

/// The cross-entropy with these options, its positive term multiplied by `pos_weight`.
pub(super) fn with_logits(
    options: Bce,
    pos_weight: Option<&Tensor>,
    given: &Given,
) -> Result<Loss> {
    Ok(match pos_weight {
        None => bce(options),
        Some(weight) => match named("pos_weight", weight.broadcast(given.layout))? {
            Broadcast::Number(weight) => bce(options.positive([weight])),
            Broadcast::Class(weights) => bce(options.positive(weights)),
            // The positive term alone is what the negative one leaves of the whole.
            Broadcast::Weight(weight) => {
                let negative = bce(options.clone().positive([0.0]));
                (bce(options) - negative.clone()).scale(weight) + negative
            }
        },
    })
}

/// Cross-entropy of logits or log-probabilities.
///
/// Labels: Σ w_t L / Σ w_t over the pixels that are not ignored, NaN if there are none. With smoothing ε the pixel
/// loss is (1 - ε) w_t (-ln p_t) + ε/C Σ_c w_c (-ln p_c), over the same Σ w_t. A dense target: Σ_c w_c t_c (-ln p_c),
/// divided by the number of pixels; nothing is ignored.
fn categorical(
    activation: Activation,
    weight: Option<&Tensor>,
    smoothing: f64,
    reduction: Reduce,
    given: &Given,
    empty: Empty,
) -> Result<Loss> {
    let weights = weight.map(|weight| named("weight", weight.list())).transpose()?;
    let options = Bce::new(activation);
    let options =
        if smoothing == 0.0 { options } else { options.smoothing(Smoothing::Classes(smoothing)) };
    let source = cross_entropy(options);
    let pixels = [Pixel, Image];
    let Some(weights) = weights else {
        let loss = source.reduce(sum(Class));
        return Ok(match reduction {
            Reduce::None => loss,
            Reduce::Sum => loss.reduce(sum(pixels)),
            Reduce::Mean if given.labels => loss.reduce(mean(pixels).empty(empty)),
            Reduce::Mean => loss.reduce(mean(pixels)),
        });
    };
    let per_target = Weight::Target(weights.clone());
    if given.labels && smoothing == 0.0 {
        let loss = source.reduce(sum(Class));
        return Ok(match reduction {
            Reduce::None => loss.scale(per_target),
            Reduce::Sum => loss.scale(per_target).reduce(sum(pixels)),
            Reduce::Mean => loss.weigh(per_target).reduce(mean(pixels).empty(empty)),
        });
    }
    let loss = source.scale(Weight::Class(weights)).reduce(sum(Class));
    Ok(match reduction {
        Reduce::None => loss,
        Reduce::Sum => loss.reduce(sum(pixels)),
        Reduce::Mean if given.labels => loss.reduce(mean(pixels).by([per_target]).empty(empty)),
        Reduce::Mean => loss.reduce(mean(pixels)),
    })
}

declare! {
    /// `torch.nn.CrossEntropyLoss`: the softmax over class inside.
    ///
    /// `ignore_index` is the ignored label of the batch: labels with it have no mass. A dense target is a
    /// probability per class, for which torch divides by the number of pixels and ignores nothing.
    CrossEntropyLoss: "torch==2.15.0"
        "torch.nn.CrossEntropyLoss"
            "(weight, size_average=None, ignore_index, reduce=None, reduction, label_smoothing)(input, target)",
        "torch.nn.functional.cross_entropy"
            "(input, target, weight, size_average=None, ignore_index, reduce=None, reduction, label_smoothing)";
    Given::labels(Layout::NCHW); {
        /// One number per class.
        weight: Option<Tensor> = None,
        /// What is done with the values.
        reduction: Reduce = Reduce::Mean,
        /// Towards 1/C.
        label_smoothing: f64 = 0.0,
    }
}

impl CrossEntropyLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        self.with_empty(given, Empty::Nan)
    }

    /// The loss, and what its mean is where no pixel is left.
    pub(super) fn with_empty(&self, given: &Given, empty: Empty) -> Result<Loss> {
        let Self { weight, reduction, label_smoothing } = self;
        let activation = Activation::Softmax;
        categorical(activation, weight.as_ref(), *label_smoothing, *reduction, given, empty)
    }
}

declare! {
    /// `torch.nn.NLLLoss`: [`CrossEntropyLoss`] of log-probabilities.
    NLLLoss: "torch==2.15.0"
        "torch.nn.NLLLoss" "(weight, size_average=None, ignore_index, reduce=None, reduction)(input, target)",
        "torch.nn.functional.nll_loss"
            "(input, target, weight, size_average=None, ignore_index, reduce=None, reduction)";
    Given::labels(Layout::NCHW); {
        /// One number per class.
        weight: Option<Tensor> = None,
        /// What is done with the values.
        reduction: Reduce = Reduce::Mean,
    }
}

impl NLLLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let Self { weight, reduction } = self;
        categorical(Activation::LogProbability, weight.as_ref(), 0.0, *reduction, given, Empty::Nan)
    }
}

words! {
    /// What `KLDivLoss` does with its values.
    KlReduce {
        /// Nothing.
        None = "none",
        /// The mean over all elements.
        Mean = "mean",
        /// The sum by the number of images.
        BatchMean = "batchmean",
        /// The sum.
        Sum = "sum",
    }
}

declare! {
    /// `torch.nn.KLDivLoss`: t ln t - t x of log-probabilities x. `mean` divides by all elements, classes too;
    /// `batchmean` by the number of images.
    KLDivLoss: "torch==2.15.0"
        "torch.nn.KLDivLoss" "(size_average=None, reduce=None, reduction, log_target)(input, target)",
        "torch.nn.functional.kl_div" "(input, target, size_average=None, reduce=None, reduction, log_target)";
    Given::dense(Layout::NCHW); {
        /// What is done with the values.
        reduction: KlReduce = KlReduce::Mean,
        /// Whether the target is a logarithm, which has no order here.
        log_target: bool = false,
    }
}

impl KLDivLoss {
    fn order(&self, _: &Given) -> Result<Loss> {
        if self.log_target {
            return refuse("log_target: True, expected the target itself");
        }
        let loss = kl(Activation::LogProbability);
        Ok(match self.reduction {
            KlReduce::None => loss,
            KlReduce::Mean => loss.reduce(mean(Over::All)),
            KlReduce::Sum => loss.reduce(sum(Over::All)),
            KlReduce::BatchMean => loss.reduce(sum([Class, Pixel]).then(mean(Image))),
        })
    }
}
