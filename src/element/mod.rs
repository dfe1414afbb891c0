//! Element sources: one loss value for every image, class and pixel.

mod bce;
mod focal;

use std::fmt;
use std::sync::Arc;

pub use bce::{Bce, Smoothing};
pub use focal::{Focal, Truth};

use crate::error::{Error, ErrorKind, Result};

/// What the prediction is. It stands in the loss and has no default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// A probability: p = x, checked to lie in [0, 1].
    Probability,
    /// The logarithm of a probability: p = e^x and ln p = x, checked to be at most 0 (what torch's
    /// `log_softmax` leaves).
    LogProbability,
    /// A logit: p = 1 / (1 + e^-x). Logarithms of p and 1 - p are taken from x, so they hold at any
    /// finite logit.
    Sigmoid,
    /// Logits over the classes: p = e^x / Σ e^x over class. Logarithms hold at any finite logit.
    Softmax,
    /// Scores of at least 0, divided by their sum over the classes first, as Keras does: p = x / Σ x.
    Normalize,
    /// Any number: p = x. Only for losses that make sense on any number.
    Identity,
}

impl Activation {
    /// Every activation.
    pub const ALL: [Self; 6] = [
        Self::Probability,
        Self::LogProbability,
        Self::Sigmoid,
        Self::Softmax,
        Self::Normalize,
        Self::Identity,
    ];

    /// The word that stands for the activation in texts: its name in lower case, `log_probability` with `_`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Probability => "probability",
            Self::LogProbability => "log_probability",
            Self::Sigmoid => "sigmoid",
            Self::Softmax => "softmax",
            Self::Normalize => "normalize",
            Self::Identity => "identity",
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// An element formula of the user's own: the loss of one cell and its derivative.
///
/// ```
/// use lossfold::{Activation, Batch, ElementFormula, Layout, Over, element, mean};
/// use ndarray::array;
///
/// struct Huber;
/// impl ElementFormula for Huber {
///     fn value(&self, prediction: f64, target: f64) -> f64 {
///         let d = (prediction - target).abs();
///         if d < 1.0 { d * d / 2.0 } else { d - 0.5 }
///     }
///     fn derivative(&self, prediction: f64, target: f64) -> f64 {
///         (prediction - target).clamp(-1.0, 1.0)
///     }
/// }
///
/// let loss = element("huber", Activation::Identity, Huber).reduce(mean(Over::All));
/// let (prediction, target) = (array![[1.0, 5.0]], array![[1.0, 2.0]]);
/// let (value, gradient) = loss.value_and_gradient(&Batch::new(Layout::NC, &prediction, &target)?)?;
/// assert_eq!((value, gradient), (1.25, array![[0.0, 0.5]])); // (0 + 2.5) / 2
/// # Ok::<(), lossfold::Error>(())
/// ```
pub trait ElementFormula: Send + Sync + 'static {
    /// The loss of a cell; `prediction` is what the activation made of it.
    fn value(&self, prediction: f64, target: f64) -> f64;
    /// The derivative of [`value`](Self::value) with respect to `prediction`.
    fn derivative(&self, prediction: f64, target: f64) -> f64;
}

/// The words that the text language has for sources and ratios.
const TAKEN: [&str; 12] = [
    "bce",
    "cross_entropy",
    "kl",
    "squared",
    "absolute",
    "predicted",
    "overlap",
    "dice",
    "jaccard",
    "tversky",
    "lovasz",
    "lovasz_hinge",
];

/// Refuses a name for a formula of the user's own that would read as something else.
pub(crate) fn check_own_name(name: &str) -> Result<()> {
    let word = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if word && !TAKEN.contains(&name) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Order,
        format!(
            "name: an own formula is called `{name}`, expected a word of letters, digits and _ other \
             than {}",
            TAKEN.join(", ")
        ),
    ))
}

/// An element source.
#[derive(Clone)]
pub(crate) enum Element {
    Bce(Bce),
    /// t ln t - t ln p, where 0 ln 0 = 0.
    Kl(Activation),
    /// (p - t)²
    Squared(Activation),
    /// |p - t|; the derivative at p = t is taken to be 0.
    Absolute(Activation),
    /// p
    Predicted(Activation),
    Own {
        name: String,
        activation: Activation,
        formula: Arc<dyn ElementFormula>,
    },
}

impl Element {
    pub(crate) fn activation(&self) -> Activation {
        match self {
            Self::Bce(bce) => bce.activation,
            Self::Kl(activation)
            | Self::Squared(activation)
            | Self::Absolute(activation)
            | Self::Predicted(activation)
            | Self::Own { activation, .. } => *activation,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |(kind, why)| Error::new(kind, format!("source `{self}`: {why}"));
        let needs = match self {
            Self::Bce(_) => Some("cross-entropy"),
            Self::Kl(_) => Some("a divergence"),
            _ => None,
        };
        if let Some(needs) = needs.filter(|_| self.activation() == Activation::Identity) {
            let names = "probability, log_probability, sigmoid, softmax or normalize";
            let why = format!("{needs} needs a probability; name {names}");
            return Err(refuse((ErrorKind::Order, why)));
        }
        match self {
            Self::Bce(bce) => bce.check().map_err(refuse),
            Self::Own { name, .. } => check_own_name(name),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bce(bce) => bce.write(f),
            Self::Kl(activation) => write!(f, "kl({activation})"),
            Self::Squared(activation) => write!(f, "squared({activation})"),
            Self::Absolute(activation) => write!(f, "absolute({activation})"),
            Self::Predicted(activation) => write!(f, "predicted({activation})"),
            Self::Own { name, activation, .. } => write!(f, "{name}({activation})"),
        }
    }
}
