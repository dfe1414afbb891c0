//! `Flux.Losses` of Julia, with its keywords as arguments: an `agg` of what is left, the mean unless told otherwise.
//!
//! Flux adds its `eps`, the machine epsilon of the element type, inside logarithms; here it is named in the
//! cross-entropies and left out of the focal losses, where it moves the value by less than its rounding.
//! Read, not run; its doctests are reproduced.
//!
//! ```
//! use lossfold::preset;
//!
//! let loss = preset::parse("Flux.Losses.dice_coeff_loss(smooth=1)")?;
//! assert_eq!(loss.to_string(), "overlap(identity) > dice(all; smooth=1, exponent=2)");
//! # Ok::<(), lossfold::Error>(())
//! ```

use super::Given;
use super::argument::words;
use super::declare::declare;
use super::entry::Entry;
use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::{Activation, Bce};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, absolute, bce, cross_entropy, squared};
use crate::reduction::{Over, mean, sum};
use crate::region::{Ratio, overlap};

pub(super) const ALL: &[&[Entry]] = &[
    BinaryCrossEntropy::ENTRIES,
    LogitBinaryCrossEntropy::ENTRIES,
    CrossEntropy::ENTRIES,
    LogitCrossEntropy::ENTRIES,
    DiceCoeffLoss::ENTRIES,
    TverskyLoss::ENTRIES,
    Mse::ENTRIES,
    Mae::ENTRIES,
    BinaryFocalLoss::ENTRIES,
    FocalLoss::ENTRIES,
];

words! {
    /// What is done with the values that are left.
    Agg {
        /// The mean.
        Mean = "mean",
        /// The sum.
        Sum = "sum",
        /// Nothing.
        Identity = "identity",
    }
}

impl Agg {
    fn of(self, loss: Loss, over: impl Into<Over>) -> Loss {
        match self {
            Self::Mean => loss.reduce(mean(over)),
            Self::Sum => loss.reduce(sum(over)),
            Self::Identity => loss,
        }
    }
}

/// The machine epsilon of Float32.
const EPS: f64 = f32::EPSILON as f64;

declare! {
    /// `binarycrossentropy`: agg(-y ln(ŷ + ε) - (1 - y) ln(1 - ŷ + ε)).
    BinaryCrossEntropy: "Flux==0.16" "Flux.Losses.binarycrossentropy" "(y_hat, y, *, agg, eps)";
    Given::dense(Layout::NCHW); {
        /// What is done with the values.
        agg: Agg = Agg::Mean,
        /// Inside both logarithms.
        eps: f64 = EPS,
    }
}

impl BinaryCrossEntropy {
    fn order(&self, _: &Given) -> Result<Loss> {
        Ok(self.agg.of(bce(Bce::new(Activation::Probability).epsilon(self.eps)), Over::All))
    }
}

declare! {
    /// `logitbinarycrossentropy`: agg((1 - y) ŷ - ln σ(ŷ)).
    LogitBinaryCrossEntropy: "Flux==0.16" "Flux.Losses.logitbinarycrossentropy" "(y_hat, y, *, agg)";
    Given::dense(Layout::NCHW); {
        /// What is done with the values.
        agg: Agg = Agg::Mean,
    }
}

impl LogitBinaryCrossEntropy {
    fn order(&self, _: &Given) -> Result<Loss> {
        Ok(self.agg.of(bce(Activation::Sigmoid), Over::All))
    }
}

declare! {
    /// `crossentropy`: agg(-Σ_c y ln(ŷ + ε)). `dims` is the class axis.
    CrossEntropy: "Flux==0.16" "Flux.Losses.crossentropy" "(y_hat, y, *, dims, agg, eps)";
    Given::dense(Layout::NCHW); {
        /// What is done with the values.
        agg: Agg = Agg::Mean,
        /// Inside the logarithm.
        eps: f64 = EPS,
    }
}

impl CrossEntropy {
    fn order(&self, _: &Given) -> Result<Loss> {
        let options = Bce::new(Activation::Probability).epsilon(self.eps);
        Ok(self.agg.of(cross_entropy(options).reduce(sum(Class)), [Pixel, Image]))
    }
}

declare! {
    /// `logitcrossentropy`: agg(-Σ_c y ln softmax(ŷ)). `dims` is the class axis.
    LogitCrossEntropy: "Flux==0.16" "Flux.Losses.logitcrossentropy" "(y_hat, y, *, dims, agg)";
    Given::dense(Layout::NCHW); {
        /// What is done with the values.
        agg: Agg = Agg::Mean,
    }
}

impl LogitCrossEntropy {
    fn order(&self, _: &Given) -> Result<Loss> {
        Ok(self.agg.of(cross_entropy(Activation::Softmax).reduce(sum(Class)), [Pixel, Image]))
    }
}

declare! {
    /// `dice_coeff_loss`: 1 - (2 Σ y ŷ + smooth) / (Σ y² + Σ ŷ² + smooth), over everything; there is no `agg`.
    DiceCoeffLoss: "Flux==0.16" "Flux.Losses.dice_coeff_loss" "(y_hat, y, *, smooth)";
    Given::dense(Layout::NCHW); {
        /// Added above and below.
        smooth: f64 = 1.0,
    }
}

impl DiceCoeffLoss {
    fn order(&self, _: &Given) -> Result<Loss> {
        let ratio = Ratio::over(Over::All).exponent(2.0).smooth(self.smooth);
        Ok(overlap(Activation::Identity).dice(ratio))
    }
}

declare! {
    /// `tversky_loss`: 1 - (Σ y ŷ + 1) / (Σ y ŷ + β FP + (1 - β) FN + 1), over everything; there is no `agg`.
    ///
    /// In the code `beta` weighs the false positives, whatever the documentation says.
    TverskyLoss: "Flux==0.16" "Flux.Losses.tversky_loss" "(y_hat, y, *, beta)";
    Given::dense(Layout::NCHW); {
        /// The weight of false positives.
        beta: f64 = 0.7,
    }
}

impl TverskyLoss {
    fn order(&self, _: &Given) -> Result<Loss> {
        let ratio = Ratio::over(Over::All).smooth(1.0);
        let ratio = ratio.false_positive(self.beta).false_negative(1.0 - self.beta);
        Ok(overlap(Activation::Identity).tversky(ratio))
    }
}

declare! {
    /// `mse`: agg((ŷ - y)²).
    Mse: "Flux==0.16" "Flux.Losses.mse" "(y_hat, y, *, agg)";
    Given::dense(Layout::NCHW); {
        /// What is done with the values.
        agg: Agg = Agg::Mean,
    }
}

impl Mse {
    fn order(&self, _: &Given) -> Result<Loss> {
        Ok(self.agg.of(squared(Activation::Identity), Over::All))
    }
}

declare! {
    /// `mae`: agg(|ŷ - y|).
    Mae: "Flux==0.16" "Flux.Losses.mae" "(y_hat, y, *, agg)";
    Given::dense(Layout::NCHW); {
        /// What is done with the values.
        agg: Agg = Agg::Mean,
    }
}

impl Mae {
    fn order(&self, _: &Given) -> Result<Loss> {
        Ok(self.agg.of(absolute(Activation::Identity), Over::All))
    }
}

declare! {
    /// `binary_focal_loss`: agg((1 - p)^γ (-ln p)), p = y ŷ + (1 - y)(1 - ŷ). A target is 0 or 1.
    BinaryFocalLoss: "Flux==0.16" "Flux.Losses.binary_focal_loss" "(y_hat, y, *, agg, gamma, eps)";
    Given::dense(Layout::NCHW); {
        /// What is done with the values.
        agg: Agg = Agg::Mean,
        /// The exponent.
        gamma: f64 = 2.0,
    }
}

impl BinaryFocalLoss {
    fn order(&self, _: &Given) -> Result<Loss> {
        Ok(self.agg.of(bce(Bce::new(Activation::Probability).focal(self.gamma)), Over::All))
    }
}

declare! {
    /// `focal_loss`: agg(Σ_c -y (1 - ŷ)^γ ln ŷ). `dims` is the class axis.
    FocalLoss: "Flux==0.16" "Flux.Losses.focal_loss" "(y_hat, y, *, dims, agg, gamma, eps)";
    Given::dense(Layout::NCHW); {
        /// What is done with the values.
        agg: Agg = Agg::Mean,
        /// The exponent.
        gamma: f64 = 2.0,
    }
}

impl FocalLoss {
    fn order(&self, _: &Given) -> Result<Loss> {
        let options = Bce::new(Activation::Probability).focal(self.gamma);
        Ok(self.agg.of(cross_entropy(options).reduce(sum(Class)), [Pixel, Image]))
    }
}
