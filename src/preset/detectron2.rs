//! `detectron2`: the losses of its semantic heads, and of `PointRend`.
//!
//! ```
//! use lossfold::preset;
//!
//! let loss = preset::parse("detectron2.projects.deeplab.loss.DeepLabCE(top_k_percent_pixels=0.2)")?;
//! assert_eq!(loss.to_string(), "cross_entropy(softmax) > sum(class) > top(pixel, image; fraction=0.2)");
//! # Ok::<(), lossfold::Error>(())
//! ```

use super::argument::Tensor;
use super::declare::declare;
use super::entry::Entry;
use super::ignore::Ignore;
use super::torch::weighted;
use super::{Given, refuse};
use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::Activation;
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, bce, cross_entropy};
use crate::reduction::{Empty, Over, mean, sum, top_fraction};
use crate::weight::Weight;

pub(super) const ALL: &[&[Entry]] =
    &[DeepLabCE::ENTRIES, SemSegFPNHead::ENTRIES, RoiMaskPointLoss::ENTRIES];

declare! {
    /// `DeepLabCE`: `-w[t] ln p[t]` of the softmax, the mean over all pixels, or over the share of them that has the largest losses.
    ///
    /// Ignored pixels are 0 and count, also among those of which the share is taken, so that they come as the mask of the batch. `weights`
    /// scales the values; nothing divides by weights.
    DeepLabCE: "detectron2==02b5c4e"
        "detectron2.projects.deeplab.loss.DeepLabCE"
            "(ignore_label, top_k_percent_pixels, weight)(logits, labels, weights)",
        "detectron2.projects.deeplab.DeepLabCE"
            "(ignore_label, top_k_percent_pixels, weight)(logits, labels, weights)";
    Given::labels(Layout::NCHW); {
        /// What is ignored.
        ignore_label: Ignore = Ignore::Unused(-1),
        /// The share of the pixels that count.
        top_k_percent_pixels: f64 = 1.0,
        /// One number per class.
        weight: Option<Vec<f64>> = None,
        /// Multiplies the values.
        weights: Option<Tensor> = None,
    }
}

impl DeepLabCE {
    fn order(&self, given: &Given) -> Result<Loss> {
        let share = self.top_k_percent_pixels;
        if !(share > 0.0 && share <= 1.0) {
            return refuse(format!(
                "top_k_percent_pixels: expected a share above 0 and at most 1, found {share}"
            ));
        }
        let loss = cross_entropy(Activation::Softmax).reduce(sum(Class));
        let loss = if self.ignore_label.masks() { loss.scale(Weight::Mask) } else { loss };
        let per_class = self.weight.clone().map(Weight::Target);
        let loss = per_class.into_iter().fold(loss, Loss::scale);
        let loss = weighted(loss, self.weights.as_ref(), given)?;
        let pixels = [Pixel, Image];
        Ok(loss.reduce(if share == 1.0 { mean(pixels) } else { top_fraction(pixels, share) }))
    }
}

declare! {
    /// The loss of `SemSegFPNHead`: torch's cross-entropy, the mean over the pixels that are not ignored, NaN if there are none.
    SemSegFPNHead: "detectron2==02b5c4e"
        "detectron2.modeling.SemSegFPNHead"
            "(input_shape, *, num_classes, conv_dims, common_stride, loss_weight, norm, ignore_value)";
    Given::labels(Layout::NCHW); {
        /// Multiplies the loss.
        loss_weight: f64 = 1.0,
    }
}

impl SemSegFPNHead {
    #[expect(clippy::unnecessary_wraps, reason = "presets may refuse their arguments")]
    fn order(&self, _: &Given) -> Result<Loss> {
        let order = sum(Class).then(mean([Pixel, Image]).empty(Empty::Nan));
        let loss = cross_entropy(Activation::Softmax).reduce(order);
        Ok(if self.loss_weight == 1.0 { loss } else { self.loss_weight * loss })
    }
}

declare! {
    /// `roi_mask_point_loss` of `PointRend`: the binary cross-entropy of the logits of the points; the mean over all, those that are
    /// ignored (-1) as 0. They come as the mask of the batch.
    RoiMaskPointLoss: "detectron2==02b5c4e"
        "detectron2.projects.point_rend.point_head.roi_mask_point_loss"
            "(mask_logits, instances, point_labels)";
    Given::dense(Layout::NC); {}
}

impl RoiMaskPointLoss {
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "a loss without arguments")]
    fn order(&self, _: &Given) -> Result<Loss> {
        Ok(bce(Activation::Sigmoid).scale(Weight::Mask).reduce(mean(Over::All)))
    }
}
