//! Losses as papers define them, under the names of their authors.
//!
//! ```
//! use lossfold::preset;
//!
//! let loss = preset::parse("paper.milletari_dice()")?;
//! assert_eq!(loss.to_string(), "overlap(probability) > dice(pixel; exponent=2) > mean(class, image)");
//! # Ok::<(), lossfold::Error>(())
//! ```

pub(super) mod unified;

pub use unified::{AsymUnifiedFocalLoss, SymUnifiedFocalLoss};

use super::argument::words;
use super::declare::declare;
use super::entry::Entry;
use super::{Given, Places, refuse};
use crate::axis::Axes;
use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::{Activation, Bce};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, bce};
use crate::reduction::{Over, mean, sum};
use crate::region::{Ratio, overlap};
use crate::weight::Weight;

pub(super) const ALL: &[&[Entry]] = &[
    TilborghsDice::ENTRIES,
    MilletariDice::ENTRIES,
    SudreGdl::ENTRIES,
    TaghanakiCombo::ENTRIES,
    AsymUnifiedFocalLoss::ENTRIES,
    SymUnifiedFocalLoss::ENTRIES,
];

/// The mean of what a ratio leaves.
fn averaged(loss: Loss, left: Axes) -> Loss {
    if left.is_empty() { loss } else { loss.reduce(mean(left)) }
}

words! {
    /// Where the epsilon of a ratio stands.
    EpsIn {
        /// Below.
        Denominator = "denominator",
        /// Above and below.
        Both = "both",
    }
}

declare! {
    /// Tilborghs et al. 2022: DL = 1/|Φ| Σ_φ (1 - 2 Σ_φ y ŷ / (Σ_φ (y + ŷ) + ε)).
    ///
    /// `phi` are the axes of one ratio: (2, 3) image-wise, (1, 2, 3) class-wise, (0, 2, 3) batch-wise, all four all-wise.
    TilborghsDice: "paper==2022" "paper.tilborghs_dice" "(phi, eps, eps_in)";
    Given::dense(Layout::NCHW); {
        /// The tensor axes of one ratio.
        phi: Places = Places(vec![2, 3]),
        /// The epsilon.
        eps: f64 = 1e-7,
        /// Where the epsilon stands.
        eps_in: EpsIn = EpsIn::Denominator,
    }
}

impl TilborghsDice {
    fn order(&self, given: &Given) -> Result<Loss> {
        let (over, left) = Places::of(Some(&self.phi), given.layout)?;
        let ratio = Ratio::over(over);
        let ratio = match self.eps_in {
            EpsIn::Denominator => ratio.smooth_denominator(self.eps),
            EpsIn::Both => ratio.smooth(self.eps),
        };
        Ok(averaged(overlap(Activation::Probability).dice(ratio), left))
    }
}

declare! {
    /// Milletari et al. 2016 (V-Net): 1 - 2 Σ p t / (Σ p² + Σ t²), per volume and class, without smoothing.
    MilletariDice: "paper==2016" "paper.milletari_dice" "(axis)";
    Given::dense(Layout::NCHW); {
        /// The tensor axes of one ratio.
        axis: Places = Places(vec![2, 3]),
    }
}

impl MilletariDice {
    fn order(&self, given: &Given) -> Result<Loss> {
        let (over, left) = Places::of(Some(&self.axis), given.layout)?;
        Ok(averaged(overlap(Activation::Probability).dice(Ratio::over(over).exponent(2.0)), left))
    }
}

words! {
    /// What one ratio of generalised Dice is over.
    Scope {
        /// The whole batch.
        Batch = "batch",
        /// Each image.
        Sample = "sample",
    }
}

declare! {
    /// Sudre et al. 2017, generalised Dice: 1 - 2 Σ_c w_c Σ p t / Σ_c w_c Σ (p + t), w_c = 1 / (Σ t)².
    ///
    /// A class that does not occur has no finite weight, which is an error here.
    SudreGdl: "paper==2017" "paper.sudre_gdl" "(scope)";
    Given::dense(Layout::NCHW); {
        /// What one ratio is over.
        scope: Scope = Scope::Sample,
    }
}

impl SudreGdl {
    fn order(&self, _: &Given) -> Result<Loss> {
        let (volume, source) = (Weight::volume(-2.0), overlap(Activation::Probability));
        Ok(match self.scope {
            Scope::Batch => source.weigh(volume.over([Pixel, Image])).dice(Over::All),
            Scope::Sample => source.weigh(volume).dice([Class, Pixel]).reduce(mean(Image)),
        })
    }
}

declare! {
    /// Taghanaki et al. 2019, combo loss: α/N Σ -(β t ln p + (1 - β)(1 - t) ln(1 - p)) - (1 - α) Σ_c (2 Σ p t + S) / (Σ p + Σ t + S).
    ///
    /// The cross-entropy is a *mean* over the N elements, the Dice a *sum* over the classes, over the whole batch.
    TaghanakiCombo: "paper==2019" "paper.taghanaki_combo" "(alpha, beta, smooth)";
    Given::dense(Layout::NCHW); {
        /// The share of the cross-entropy.
        alpha: f64 = 0.5,
        /// The weight of the positive term.
        beta: f64 = 0.5,
        /// Added above and below.
        smooth: f64 = 1.0,
    }
}

impl TaghanakiCombo {
    fn order(&self, given: &Given) -> Result<Loss> {
        let Self { alpha, beta, smooth } = *self;
        let Some(classes) = given.classes else {
            return refuse(
                "the sum of coefficients over the classes needs their number; give it by `Given::classes`",
            );
        };
        if !(0.0..1.0).contains(&beta) {
            return refuse(format!("beta: is {beta}, expected a number in [0, 1)"));
        }
        let entropy = bce(Bce::new(Activation::Probability).positive([beta / (1.0 - beta)]));
        let dice =
            overlap(Activation::Probability).dice(Ratio::over([Pixel, Image]).smooth(smooth));
        // Σ_c of a coefficient is C - Σ_c of its loss.
        Ok(alpha * (1.0 - beta) * entropy.reduce(mean(Over::All))
            + (1.0 - alpha) * (dice.reduce(sum(Class)) - classes as f64))
    }
}
