//! `candle_nn::loss`: means, without weights, smoothing or ignored labels.
//!
//! ```
//! use lossfold::preset;
//!
//! let loss = preset::parse("candle_nn.loss.cross_entropy(inp, target)")?;
//! assert_eq!(loss.to_string(), "cross_entropy(softmax) > sum(class) > mean(pixel, image)");
//! # Ok::<(), lossfold::Error>(())
//! ```

use super::Given;
use super::declare::declare;
use super::entry::Entry;
use crate::axis::Axis;
use crate::element::Activation;
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, bce, cross_entropy, squared};
use crate::reduction::{Over, mean, sum};

pub(super) const ALL: &[&[Entry]] =
    &[BinaryCrossEntropyWithLogit::ENTRIES, CrossEntropy::ENTRIES, Mse::ENTRIES];

declare! {
    /// `binary_cross_entropy_with_logit`: the mean over all elements.
    ///
    /// candle takes the logarithm of the sigmoid as it is rounded: beyond a logit of about 17 in f32 its value is
    /// infinite or NaN. Here it is the logarithm itself.
    BinaryCrossEntropyWithLogit: "candle-nn==0.11.1"
        "candle_nn.loss.binary_cross_entropy_with_logit" "(inp, target)";
    Given::dense(Layout::NC); {}
}

impl BinaryCrossEntropyWithLogit {
    fn order(&self, _: &Given) -> Result<Loss> {
        Ok(bce(Activation::Sigmoid).reduce(mean(Over::All)))
    }
}

declare! {
    /// `cross_entropy`: softmax, the mean over the labels.
    CrossEntropy: "candle-nn==0.11.1" "candle_nn.loss.cross_entropy" "(inp, target)";
    Given::labels(Layout::NC); {}
}

impl CrossEntropy {
    fn order(&self, _: &Given) -> Result<Loss> {
        let order = sum(Axis::Class).then(mean([Axis::Pixel, Axis::Image]));
        Ok(cross_entropy(Activation::Softmax).reduce(order))
    }
}

declare! {
    /// `mse`: the mean of (x - t)² over all elements.
    Mse: "candle-nn==0.11.1" "candle_nn.loss.mse" "(inp, target)";
    Given::dense(Layout::NC); {}
}

impl Mse {
    fn order(&self, _: &Given) -> Result<Loss> {
        Ok(squared(Activation::Identity).reduce(mean(Over::All)))
    }
}
