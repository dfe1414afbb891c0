//! The focal factor of a cross-entropy: the less a prediction lacks to the truth, the less its cell counts.

use std::fmt;

use crate::error::ErrorKind;
use crate::notation::Number;

/// The factor with which the loss of a cell is multiplied (Lin et al. 2017, arXiv:1708.02002).
///
/// ```text
/// F^g L,   F = 1 - p_true,   g >= 0
/// ```
///
/// L is the loss of the cell without it: with positive weight, smoothing, clip, epsilon and floor. `p_true` is
/// the probability of the truth, by the convention of [`Truth`]; p in it is the prediction after its
/// activation, clipped under [`Truth::Loss`] alone, and t the target after smoothing. `cross_entropy` has
/// `p_true` = p, and only the conventions [`Truth::Mixed`] and [`Truth::Loss`], which differ by the clip.
///
/// With a threshold r in (0, 1] the factor is (F / r)^g, and 1 where `p_true` < r (the reduced focal loss of
/// Sergievskiy and Ponamarev 2019, arXiv:1903.01347; SMP). It is not continuous at `p_true` = r unless r is 1/2.
///
/// The derivative goes through F as well, where L is clipped, too. It takes the factor to be constant
/// where its slope is infinite: where F is 0 (below 2^-1022) and g < 1. F^0 is 1.
///
/// ```
/// use lossfold::{Activation, Batch, Bce, Focal, Layout, Over, Truth, bce, mean};
/// use ndarray::array;
///
/// let smp = Focal::new(2.0).truth(Truth::Loss).threshold(0.5);
/// let loss = bce(Bce::new(Activation::Probability).focal(smp)).reduce(mean(Over::All));
/// assert_eq!(
///     loss.to_string(),
///     "bce(probability; focal=2, truth=loss, threshold=0.5) > mean(all)"
/// );
/// let (prediction, target) = (array![[0.75, 0.25]], array![[1_u8, 1]]);
/// let value = loss.value(&Batch::new(Layout::NC, &prediction, &target)?)?;
/// let easy = (0.25_f64 / 0.5).powi(2) * -0.75_f64.ln();
/// let hard = -0.25_f64.ln(); // p_true is below the threshold
/// assert!((value - (easy + hard) / 2.0).abs() < 1e-15);
/// # Ok::<(), lossfold::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Focal {
    pub(crate) gamma: f64,
    pub(crate) truth: Truth,
    pub(crate) threshold: Option<f64>,
}

impl Focal {
    /// The factor F^gamma, of the probability [`Truth::Mixed`].
    pub fn new(gamma: f64) -> Self {
        Self { gamma, truth: Truth::Mixed, threshold: None }
    }

    /// Names what the probability of the truth is where the target is soft.
    #[must_use]
    pub fn truth(mut self, truth: Truth) -> Self {
        self.truth = truth;
        self
    }

    /// Lets every cell count in full whose probability of the truth is below this, and divides F by it
    /// elsewhere.
    #[must_use]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = Some(threshold);
        self
    }

    pub(super) fn check(&self) -> Result<(), (ErrorKind, String)> {
        let gamma = self.gamma;
        if !(gamma >= 0.0 && gamma.is_finite()) {
            let why = format!("focal is {gamma}, expected a finite number of at least 0");
            return Err((ErrorKind::Order, why));
        }
        if let Some(threshold) = self.threshold.filter(|r| !(*r > 0.0 && *r <= 1.0)) {
            let why = format!("threshold is {threshold}, expected a number in (0, 1]");
            return Err((ErrorKind::Order, why));
        }
        Ok(())
    }

    /// Its options as they stand in texts.
    pub(super) fn to_text(self) -> String {
        let truth = match self.truth {
            Truth::Mixed => String::new(),
            truth => format!(", truth={truth}"),
        };
        let threshold = self.threshold.map(|r| format!(", threshold={}", Number(r)));
        format!("focal={}{truth}{}", Number(self.gamma), threshold.unwrap_or_default())
    }
}

impl From<f64> for Focal {
    fn from(gamma: f64) -> Self {
        Self::new(gamma)
    }
}

/// What a focal factor takes for the probability of the truth, `p_true`, where a target t is soft. All
/// agree where t is 0 or 1.
///
/// ```
/// use lossfold::{Activation, Batch, Bce, Focal, Layout, Over, Truth, bce, sum};
/// use ndarray::array;
///
/// let of = |truth, target: f64| {
///     let focal = Focal::new(1.0).truth(truth);
///     let loss = bce(Bce::new(Activation::Sigmoid).focal(focal)).reduce(sum(Over::All));
///     let (logit, target) = (array![[3_f64.ln()]], array![[target]]); // p = 3/4
///     loss.value(&Batch::new(Layout::NC, &logit, &target)?)
/// };
/// let near = |value: f64, expected: f64| (value - expected).abs() < 1e-15;
/// let (of_1, of_0) = (-0.75_f64.ln(), -0.25_f64.ln()); // -ln p, -ln(1 - p)
/// let half = (of_1 + of_0) / 2.0;
/// assert!(near(of(Truth::Mixed, 0.5)?, 0.5 * half));
/// assert!(near(of(Truth::Terms, 0.5)?, (0.25 * of_1 + 0.75 * of_0) / 2.0));
/// assert!(near(of(Truth::Loss, 0.5)?, (1.0 - 0.1875_f64.sqrt()) * half)); // 1 - √(p (1 - p))
/// assert!(near(of(Truth::Logit, 0.5)?, 0.5 * half));
/// for truth in Truth::ALL {
///     assert!(near(of(truth, 1.0)?, 0.25 * of_1) && near(of(truth, 0.0)?, 0.75 * of_0));
/// }
/// # Ok::<(), lossfold::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Truth {
    /// `p_true` = t p + (1 - t) (1 - p), so F = t (1 - p) + (1 - t) p (Keras, optax, torchvision).
    Mixed,
    /// Each term has a factor of its own, p is that of the positive and 1 - p that of the negative:
    /// w t (1 - p)^g (-ln p) + (1 - t) p^g (-ln(1 - p)), the expectation of the hard loss (kornia; Yeung et al.
    /// 2022).
    Terms,
    /// `p_true` = e^-b, b the plain BCE -(t ln p + (1 - t) ln(1 - p)) of the cell, its p clipped where that of
    /// the loss is, so F = 1 - e^-b (SMP). Of `cross_entropy` it is p, clipped where that of the loss is (Keras, MONAI). It is taken to be constant where p is 0 or 1 and t between them, where its slope is infinite.
    Loss,
    /// F = 1 / (1 + e^((2 t - 1) x)), x the logit: of `Sigmoid` only (MONAI).
    Logit,
}

impl Truth {
    /// Every convention.
    pub const ALL: [Self; 4] = [Self::Mixed, Self::Terms, Self::Loss, Self::Logit];

    /// The word that stands for the convention in texts: its name in lower case.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Terms => "terms",
            Self::Loss => "loss",
            Self::Logit => "logit",
        }
    }
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
