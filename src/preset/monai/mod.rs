//! `monai.losses`: overlap losses and focal losses on tensors (N, C, ...), and their sums.
//!
//! An overlap is a ratio per image and class, or per class with `batch`, of which the mean over all is taken. The
//! target is dense unless `to_onehot_y` says that it is labels; a prediction of one channel is never
//! compared with labels, and keeps its background, its activation but softmax, and no weight per class.
//!
//! ```
//! use lossfold::preset;
//!
//! let loss = preset::parse("monai.losses.DiceLoss(softmax=True, include_background=False, batch=True)")?;
//! assert_eq!(
//!     loss.to_string(),
//!     "overlap(softmax) > without([0]) > dice(pixel, image; smooth=1e-5) > mean(all)"
//! );
//! # Ok::<(), lossfold::Error>(())
//! ```

mod focal;
mod generalized;
mod levels;
mod overlap;
mod sums;
mod unified;
mod wasserstein;

pub use focal::FocalLoss;
pub use generalized::{GeneralizedDiceLoss, VolumeWeight};
pub use levels::{WeightMode, level_weights};
pub use overlap::{DiceLoss, MaskedDiceLoss, TverskyLoss};
pub use sums::{DiceCELoss, DiceFocalLoss, GeneralizedDiceFocalLoss};
pub use unified::{AsymmetricFocalLoss, AsymmetricFocalTverskyLoss, AsymmetricUnifiedFocalLoss};
pub use wasserstein::{GeneralizedWassersteinDiceLoss, WassersteinWeight};

use super::argument::{Reduce, Tensor};
use super::entry::Entry;
use super::torch::reduced;
use super::{Given, refuse};
use crate::element::Activation;
use crate::error::Result;
use crate::loss::Loss;
use crate::weight::Weight;

pub(super) const ALL: &[&[Entry]] = &[
    DiceLoss::ENTRIES,
    MaskedDiceLoss::ENTRIES,
    GeneralizedDiceLoss::ENTRIES,
    TverskyLoss::ENTRIES,
    FocalLoss::ENTRIES,
    DiceCELoss::ENTRIES,
    DiceFocalLoss::ENTRIES,
    GeneralizedDiceFocalLoss::ENTRIES,
    AsymmetricFocalLoss::ENTRIES,
    AsymmetricFocalTverskyLoss::ENTRIES,
    AsymmetricUnifiedFocalLoss::ENTRIES,
    GeneralizedWassersteinDiceLoss::ENTRIES,
];

/// What MONAI sees of a batch, and which classes it keeps.
#[derive(Clone, Copy)]
struct Seen {
    /// Whether the target is labels.
    labels: bool,
    /// How many classes go: none, or the background.
    dropped: usize,
    /// How many stay, where that is known.
    kept: Option<usize>,
    binary: bool,
}

impl Seen {
    fn new(given: &Given, to_onehot_y: bool, include_background: bool) -> Result<Self> {
        let binary = given.is_binary();
        if given.labels && (binary || !to_onehot_y) {
            return refuse(
                "the target is labels: expected to_onehot_y=True and more than one class",
            );
        }
        let dropped = usize::from(!include_background && !binary);
        let kept = given.classes.map(|classes| classes.saturating_sub(dropped));
        Ok(Self { labels: to_onehot_y && !binary, dropped, kept, binary })
    }

    /// The activation by its flags.
    fn activation(self, sigmoid: bool, softmax: bool) -> Result<Activation> {
        match (sigmoid, softmax) {
            (true, true) => refuse("sigmoid=True and softmax=True: expected at most one of them"),
            (true, false) => Ok(Activation::Sigmoid),
            (false, true) if !self.binary => Ok(Activation::Softmax),
            _ => Ok(Activation::Identity),
        }
    }

    /// Whether ignored pixels come as a mask: labels are ignored by themselves.
    fn masked(self, ignore_index: Option<i64>) -> bool {
        ignore_index.is_some() && !self.labels
    }

    /// Numbers for the classes that are kept, numbered by all classes.
    fn numbered(self, name: &str, numbers: Vec<f64>, dropped: f64) -> Result<Vec<f64>> {
        if self.kept.is_some_and(|kept| kept != numbers.len()) {
            let kept = self.kept.unwrap_or_default();
            return refuse(format!(
                "{name}: expected one number for each of the {kept} classes that are kept, found {}",
                numbers.len()
            ));
        }
        Ok([vec![dropped; self.dropped], numbers].concat())
    }

    /// The loss, its value multiplied by a number or by one number per class.
    fn scaled(self, loss: Loss, name: &str, weight: &Tensor) -> Result<Loss> {
        match weight {
            Tensor::Number(number) if *number >= 0.0 => Ok(*number * loss),
            Tensor::Number(number) => refuse(format!("{name}: is {number}, expected at least 0")),
            Tensor::Numbers { .. } => {
                let numbers = weight.list().or_else(|why| refuse(format!("{name}: {why}")))?;
                Ok(loss.scale(Weight::Class(self.numbered(name, numbers, 0.0)?)))
            }
            Tensor::Carried(_) => refuse(format!("{name}: expected a number or one per class")),
        }
    }
}

/// Σ λ loss. What has λ = 0 is left out, unless both have or every value is kept, of which it may decide how many
/// there are.
fn combined(terms: [(&str, f64, Loss); 2], reduction: Reduce) -> Result<Loss> {
    if let Some((name, lambda, _)) =
        terms.iter().find(|(_, lambda, _)| lambda.is_nan() || *lambda < 0.0)
    {
        return refuse(format!("{name}: is {lambda}, expected at least 0"));
    }
    let [(_, first, one), (_, second, other)] = terms;
    let spared = reduction != Reduce::None;
    Ok(match (first == 0.0 && spared, second == 0.0 && spared) {
        (true, false) => second * other,
        (false, true) => first * one,
        _ => first * one + second * other,
    })
}
