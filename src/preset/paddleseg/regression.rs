//! Losses of numbers.

use crate::element::Activation;
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, absolute, squared};
use crate::preset::Given;
use crate::preset::argument::Reduce;
use crate::preset::declare::declare;
use crate::preset::ignore::Ignore;
use crate::preset::torch::reduced;
use crate::reduction::{Empty, Over, mean};
use crate::weight::Weight;

declare! {
    /// `L1Loss`: |y - t|, the mean over the elements that are not ignored, which come as the mask of the batch.
    L1Loss: "paddleseg==2.8.0"
        "paddleseg.L1Loss" "(reduction, ignore_index)(input, label)";
    Given::dense(Layout::NCHW); {
        /// What is done with the values.
        reduction: Reduce = Reduce::Mean,
        /// What is ignored.
        ignore_index: Ignore = Ignore::Unused(255),
    }
}

impl L1Loss {
    #[expect(clippy::unnecessary_wraps, reason = "presets may refuse their arguments")]
    fn order(&self, _: &Given) -> Result<Loss> {
        let loss = absolute(Activation::Identity);
        Ok(match (self.ignore_index.masks(), self.reduction) {
            (false, _) => reduced(loss, self.reduction),
            (true, Reduce::Mean) => {
                loss.weigh(Weight::Mask).reduce(mean(Over::All).empty(Empty::Zero))
            }
            (true, _) => reduced(loss.scale(Weight::Mask), self.reduction),
        })
    }
}

declare! {
    /// `MSELoss`: (y - t)². `ignore_index` changes nothing.
    MSELoss: "paddleseg==2.8.0"
        "paddleseg.MSELoss" "(reduction, ignore_index)(input, label)";
    Given::dense(Layout::NCHW); {
        /// What is done with the values.
        reduction: Reduce = Reduce::Mean,
    }
}

impl MSELoss {
    #[expect(clippy::unnecessary_wraps, reason = "presets may refuse their arguments")]
    fn order(&self, _: &Given) -> Result<Loss> {
        Ok(reduced(squared(Activation::Identity), self.reduction))
    }
}
