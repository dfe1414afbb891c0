//! The unified focal loss, for two classes: 0 is the background, 1 the foreground.
//!
//! A focal cross-entropy and a Tversky loss under a root, of probabilities that are clipped. Asymmetric, the focal factor
//! suppresses the background alone and the root enhances the foreground alone.
//!
//! ```
//! use lossfold::preset;
//!
//! let loss = preset::parse("paper.sym_unified_focal_loss(delta=0.75)")?;
//! assert_eq!(
//!     loss.to_string(),
//!     "0.5 * (overlap(probability; clip=1e-7) > tversky(pixel; fp=0.25, fn=0.75, smooth=1e-7) > map(x^0.5) \
//!      > mean(class, image)) + 0.5 * (cross_entropy(probability; clip=1e-7, focal=0.5, truth=loss) > scale(class=[0.25, 0.75]) \
//!      > sum(class) > mean(pixel, image))"
//! );
//! # Ok::<(), lossfold::Error>(())
//! ```

use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::{Activation, Bce, Focal, Truth};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, Map, cross_entropy};
use crate::preset::declare::declare;
use crate::preset::{Given, refuse};
use crate::reduction::{mean, sum};
use crate::region::{Overlap, Ratio, overlap};
use crate::weight::Weight;

/// Keras's epsilon.
const EPSILON: f64 = 1e-7;

/// A term of each of the two classes, joined where they are the same.
fn joined<T: PartialEq>(of: [T; 2], term: impl Fn(&T) -> Loss, weights: [f64; 2]) -> Loss {
    let [background, foreground] = weights;
    let one = |of: &T, weights: [f64; 2]| match weights {
        [1.0, 1.0] => term(of),
        weights => term(of).scale(Weight::class(weights)),
    };
    if of[0] == of[1] {
        return one(&of[0], weights);
    }
    one(&of[0], [background, 0.0]) + one(&of[1], [0.0, foreground])
}

/// (1 - δ) (1 - p)^γ (-t ln p) of the background and δ (1 - p)^γ (-t ln p) of the foreground, each with its γ.
pub(in crate::preset) fn focal(delta: f64, gammas: [f64; 2], epsilon: f64) -> Loss {
    let term = |gamma: &f64| {
        let plain = Bce::new(Activation::Probability).clip(epsilon);
        let factor = Focal::new(*gamma).truth(Truth::Loss);
        cross_entropy(if *gamma == 0.0 { plain } else { plain.focal(factor) })
    };
    joined(gammas, term, [1.0 - delta, delta])
}

/// The overlap of probabilities that are clipped.
pub(in crate::preset) fn clipped(epsilon: f64) -> Overlap {
    overlap(Activation::Probability).clip(epsilon)
}

/// (1 - (TP + ε) / (TP + δ FN + (1 - δ) FP + ε))^(1 - γ) per image and class, each class with its γ.
pub(in crate::preset) fn focal_tversky(
    terms: &Overlap,
    delta: f64,
    gammas: [f64; 2],
    epsilon: f64,
) -> Result<Loss> {
    if let Some(gamma) = gammas.iter().find(|gamma| gamma.is_nan() || **gamma >= 1.0) {
        return refuse(format!("gamma: is {gamma}, expected a number below 1"));
    }
    let ratio =
        Ratio::over(Pixel).false_positive(1.0 - delta).false_negative(delta).smooth(epsilon);
    let term = |gamma: &f64| {
        let loss = terms.clone().tversky(ratio.clone());
        if *gamma == 0.0 { loss } else { loss.map(Map::Power(1.0 - gamma)) }
    };
    Ok(joined(gammas, term, [1.0; 2]))
}

/// Refuses another number of classes than two.
pub(in crate::preset) fn expect_two_classes(given: &Given) -> Result<()> {
    match given.classes {
        None | Some(2) => Ok(()),
        Some(classes) => refuse(format!(
            "expected two classes, background and foreground, each with its channel, found {classes}"
        )),
    }
}

/// The weighted sum of the two, or their sum without a weight.
fn unified(
    weight: Option<f64>,
    delta: f64,
    (of_tversky, of_focal): ([f64; 2], [f64; 2]),
    given: &Given,
) -> Result<Loss> {
    expect_two_classes(given)?;
    let tversky = focal_tversky(&clipped(EPSILON), delta, of_tversky, EPSILON)?;
    let focal = focal(delta, of_focal, EPSILON);
    let (first, second) = weight.map_or((1.0, 1.0), |weight| (weight, 1.0 - weight));
    Ok(first * tversky.reduce(mean([Class, Image]))
        + second * focal.reduce(sum(Class).then(mean([Pixel, Image]))))
}

declare! {
    /// Yeung et al. 2022, the asymmetric unified focal loss, as the authors' code has it (`mlyg/unified-focal-loss`):
    /// λ L_T + (1 - λ) L_F, L_T and L_F without weight for `weight=None`.
    ///
    /// L_T is the mean over images and classes of 1 - TI of the background and (1 - TI)^(1 - γ) of the foreground,
    /// TI = (TP + ε) / (TP + δ FN + (1 - δ) FP + ε). L_F is the mean over *pixels* of the sum of
    /// (1 - δ) (1 - p)^γ (-t ln p) of the background and δ (-t ln p) of the foreground. p is clipped to [ε, 1 - ε], ε = 1e-7.
    AsymUnifiedFocalLoss: "paper==2022" "paper.asym_unified_focal_loss" "(weight, delta, gamma)(y_true, y_pred)";
    Given::dense(Layout::NHWC).classes(2); {
        /// The share of the Tversky part.
        weight: Option<f64> = Some(0.5),
        /// The weight of the foreground, and of false negatives.
        delta: f64 = 0.6,
        /// The exponent of the background's factor, and what the foreground's lacks to 1.
        gamma: f64 = 0.5,
    }
}

impl AsymUnifiedFocalLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let Self { weight, delta, gamma } = *self;
        unified(weight, delta, ([0.0, gamma], [gamma, 0.0]), given)
    }
}

declare! {
    /// Yeung et al. 2022, the symmetric unified focal loss: the asymmetric one, with the exponent 1 - γ and the factor
    /// (1 - p)^γ for both classes.
    SymUnifiedFocalLoss: "paper==2022" "paper.sym_unified_focal_loss" "(weight, delta, gamma)(y_true, y_pred)";
    Given::dense(Layout::NHWC).classes(2); {
        /// The share of the Tversky part.
        weight: Option<f64> = Some(0.5),
        /// The weight of the foreground, and of false negatives.
        delta: f64 = 0.6,
        /// The exponent of the factor, and what that of the ratio lacks to 1.
        gamma: f64 = 0.5,
    }
}

impl SymUnifiedFocalLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let Self { weight, delta, gamma } = *self;
        unified(weight, delta, ([gamma; 2], [gamma; 2]), given)
    }
}
