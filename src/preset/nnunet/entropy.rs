//! Cross-entropy of labels with a class axis, and its worst pixels.

use super::refuse;
use crate::axis::Axis::{Image, Pixel};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::Loss;
use crate::preset::argument::{Argument, Reduce, Tensor};
use crate::preset::call::Value;
use crate::preset::declare::declare;
use crate::preset::signature::keywords;
use crate::preset::torch::CrossEntropyLoss;
use crate::preset::{Given, Preset};
use crate::reduction::{Empty, top_fraction};
use crate::weight::Weight;

/// The label that torch ignores where none is named: no class has it.
const NO_LABEL: i64 = -100;

declare! {
    /// `RobustCrossEntropyLoss`: torch's [`CrossEntropyLoss`] on labels.
    RobustCrossEntropyLoss: "nnunetv2==2.8.1"
        "nnunetv2.training.loss.robust_ce_loss.RobustCrossEntropyLoss"
            "(weight, size_average=None, ignore_index, reduce=None, reduction, label_smoothing)(input, target)";
    Given::labels(Layout::NCHW); {
        /// One number per class.
        weight: Option<Tensor> = None,
        /// What is done with the values.
        reduction: Reduce = Reduce::Mean,
        /// Towards 1/C.
        label_smoothing: f64 = 0.0,
    }
}

impl RobustCrossEntropyLoss {
    pub(super) fn order(&self, given: &Given) -> Result<Loss> {
        self.without_pixels(given, Empty::Nan)
    }

    /// The loss, and what its mean is where no pixel is left.
    pub(super) fn without_pixels(&self, given: &Given, empty: Empty) -> Result<Loss> {
        let Self { weight, reduction, label_smoothing } = self.clone();
        let labels = Given { labels: true, ..given.clone() };
        CrossEntropyLoss { weight, reduction, label_smoothing }.with_empty(&labels, empty)
    }
}

impl Argument for RobustCrossEntropyLoss {
    fn read(value: &Value<'_>) -> Result<Self, String> {
        keywords(value, &Self::ENTRIES[0].signature, Self::of)
    }

    fn show(&self) -> String {
        "{}".into()
    }
}

declare! {
    /// `TopKLoss`: the mean of the k percent of all pixels of the batch with the largest cross-entropy.
    ///
    /// Weights multiply, and do not divide. Pixels with the label `ignore_index` are worth 0 and *count* among the
    /// pixels, so that they may be among the worst; labels that are ignored have no mass here. Such a batch has a
    /// dense target that is 0 there, and a mask.
    TopKLoss: "nnunetv2==2.8.1"
        "nnunetv2.training.loss.robust_ce_loss.TopKLoss"
            "(weight, ignore_index, k, label_smoothing)(inp, target)";
    Given::labels(Layout::NCHW); {
        /// One number per class.
        weight: Option<Tensor> = None,
        /// The label that is ignored.
        ignore_index: i64 = NO_LABEL,
        /// The share of the pixels, in percent.
        k: f64 = 10.0,
        /// Towards 1/C.
        label_smoothing: f64 = 0.0,
    }
}

impl TopKLoss {
    pub(super) fn order(&self, given: &Given) -> Result<Loss> {
        let ignores = self.ignore_index != NO_LABEL;
        if ignores && given.labels {
            return refuse(format!(
                "ignore_index={}: the ignored pixels count among those of which the worst are taken, with the value \
                 0; give a dense target that is 0 there, and a mask",
                self.ignore_index
            ));
        }
        let entropy = CrossEntropyLoss {
            weight: self.weight.clone(),
            reduction: Reduce::None,
            label_smoothing: self.label_smoothing,
        };
        let loss = entropy.loss_for(given)?;
        let loss = if ignores { loss.scale(Weight::Mask) } else { loss };
        Ok(loss.reduce(top_fraction([Pixel, Image], self.k / 100.0)))
    }
}

impl Argument for TopKLoss {
    fn read(value: &Value<'_>) -> Result<Self, String> {
        keywords(value, &Self::ENTRIES[0].signature, Self::of)
    }

    fn show(&self) -> String {
        "{}".into()
    }
}
