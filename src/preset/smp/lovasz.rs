//! Lovász losses.

use super::Mode;
use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::Activation;
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::Loss;
use crate::preset::declare::declare;
use crate::preset::{Given, refuse};
use crate::reduction::{Empty, Over, mean};
use crate::region::{Absent, Ratio, overlap};
use crate::weight::Weight;

declare! {
    /// `LovaszLoss`: the Lovász hinge of logits, all channels in one order, or in the mode `multiclass`
    /// Lovász-Softmax, the mean over the classes that are present.
    ///
    /// One order for the batch, or with `per_image` one per image and the mean of the losses. Ignored pixels are left out; the
    /// hinge is 0 where that leaves none. `from_logits` changes nothing.
    LovaszLoss: "segmentation_models_pytorch==0.6.0"
        "segmentation_models_pytorch.losses.LovaszLoss"
            "(mode!, per_image, ignore_index, from_logits)(y_pred, y_true)";
    Given::labels(Layout::NCHW); {
        /// What the channels mean.
        mode: Mode = Mode::Multiclass,
        /// Whether every image is a loss.
        per_image: bool = false,
        /// What is ignored.
        ignore_index: Option<i64> = None,
    }
}

impl LovaszLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        if self.mode != Mode::Multiclass {
            return Ok(self.hinge());
        }
        if given.is_binary() {
            return refuse("mode='multiclass': expected more than one class, found one");
        }
        let terms = overlap(Activation::Softmax);
        Ok(if self.per_image {
            let ratio = Ratio::over(Pixel).absent(Absent::Skip);
            terms.lovasz(ratio).reduce(mean(Class).then(mean(Image)))
        } else {
            terms.lovasz(Ratio::over([Pixel, Image]).absent(Absent::Skip)).reduce(mean(Class))
        })
    }

    fn hinge(&self) -> Loss {
        let terms = overlap(Activation::Identity);
        let masked = self.ignore_index.is_some();
        let terms = if masked { terms.weigh(Weight::Mask) } else { terms };
        let over: Over = if self.per_image { [Class, Pixel].into() } else { Over::All };
        let ratio = Ratio::over(over);
        let loss = terms.lovasz_hinge(if masked { ratio.empty(Empty::Zero) } else { ratio });
        if self.per_image { loss.reduce(mean(Image)) } else { loss }
    }
}
