//! Element sources: one loss value for every image, class and pixel.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::notation::{Number, call, list};

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

/// Binary cross-entropy of every cell, with its options.
///
/// ```text
/// -(w t ln p + (1 - t) ln(1 - p))
/// ```
///
/// p is the prediction after its activation, t the target, w the positive-term weight of the class
/// (1 unless given).
///
/// ```
/// use lossfold::{Activation, Bce, bce};
///
/// let torch = bce(Bce::new(Activation::Sigmoid).positive([1, 2, 5]));
/// assert_eq!(torch.to_string(), "bce(sigmoid; positive=[1, 2, 5])");
/// let keras = bce(Bce::new(Activation::Probability).clip(1e-7));
/// assert_eq!(keras.to_string(), "bce(probability; clip=1e-7)");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Bce {
    pub(crate) activation: Activation,
    pub(crate) clip: Option<f64>,
    pub(crate) epsilon: Option<f64>,
    pub(crate) log_floor: Option<f64>,
    pub(crate) positive: Option<Vec<f64>>,
    pub(crate) smoothing: Option<Smoothing>,
    /// Whether the term of 1 - p is there; without it, this is the cross-entropy over classes.
    pub(crate) negative: bool,
}

impl Bce {
    /// Plain binary cross-entropy.
    pub fn new(activation: Activation) -> Self {
        Self {
            activation,
            clip: None,
            epsilon: None,
            log_floor: None,
            positive: None,
            smoothing: None,
            negative: true,
        }
    }

    /// Clips p to [eps, 1 - eps], both bounds rounded to the element type of the prediction (Keras).
    /// The gradient is 0 outside.
    #[must_use]
    pub fn clip(mut self, eps: f64) -> Self {
        self.clip = Some(eps);
        self
    }

    /// Adds eps inside both logarithms: ln(p + eps), ln(1 - p + eps) (tf.keras 2, Flux).
    #[must_use]
    pub fn epsilon(mut self, eps: f64) -> Self {
        self.epsilon = Some(eps);
        self
    }

    /// Replaces both logarithms by at least `floor` (`PyTorch`: -100).
    ///
    /// The gradient with respect to p is `PyTorch`'s, ((1 - t) p - w t (1 - p)) / max(p (1 - p), 1e-12), where 1e-12 is an f32,
    /// which is the derivative wherever neither logarithm is at its floor.
    #[must_use]
    pub fn log_floor(mut self, floor: f64) -> Self {
        self.log_floor = Some(floor);
        self
    }

    /// Weights of the positive term, one per class, or one for all.
    #[must_use]
    pub fn positive<W: Into<f64>>(mut self, weights: impl IntoIterator<Item = W>) -> Self {
        self.positive = Some(weights.into_iter().map(Into::into).collect());
        self
    }

    /// Replaces the target by a smoother one.
    #[must_use]
    pub fn smoothing(mut self, smoothing: Smoothing) -> Self {
        self.smoothing = Some(smoothing);
        self
    }
}

impl From<Activation> for Bce {
    fn from(activation: Activation) -> Self {
        Self::new(activation)
    }
}

/// Label smoothing: the target t becomes a t + b. The amount s lies in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Smoothing {
    /// Towards 1/2: (1 - s) t + s / 2 (Keras, binary). Text: `smoothing=half(0.1)`.
    Half(f64),
    /// Towards 1/C: (1 - s) t + s / C (Keras and `PyTorch`, categorical). Text:
    /// `smoothing=classes(0.1)`.
    Classes(f64),
    /// Flipped with probability s: (1 - s) t + s (1 - t) (SMP). Text: `smoothing=flip(0.1)`.
    Flip(f64),
}

impl Smoothing {
    /// The numbers a and b of a t + b, where there are `classes` classes.
    pub(crate) fn line(self, classes: usize) -> (f64, f64) {
        match self {
            Self::Half(s) => (1.0 - s, s / 2.0),
            Self::Classes(s) => (1.0 - s, s / classes as f64),
            Self::Flip(s) => (1.0 - 2.0 * s, s),
        }
    }

    fn amount(self) -> f64 {
        match self {
            Self::Half(s) | Self::Classes(s) | Self::Flip(s) => s,
        }
    }
}

impl fmt::Display for Smoothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Half(_) => "half",
            Self::Classes(_) => "classes",
            Self::Flip(_) => "flip",
        };
        write!(f, "{name}({})", Number(self.amount()))
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
const TAKEN: [&str; 10] = [
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
        let refuse = |kind, why: String| Err(Error::new(kind, format!("source `{self}`: {why}")));
        if let Self::Own { name, .. } = self {
            return check_own_name(name);
        }
        let needs = match self {
            Self::Bce(_) => Some("cross-entropy"),
            Self::Kl(_) => Some("a divergence"),
            _ => None,
        };
        if let Some(needs) = needs.filter(|_| self.activation() == Activation::Identity) {
            let names = "probability, log_probability, sigmoid, softmax or normalize";
            return refuse(ErrorKind::Order, format!("{needs} needs a probability; name {names}"));
        }
        let Self::Bce(bce) = self else { return Ok(()) };
        if let Some(clip) = bce.clip.filter(|clip| !(*clip > 0.0 && *clip < 0.5)) {
            return refuse(
                ErrorKind::Order,
                format!("clip is {clip}, expected a number in (0, 0.5)"),
            );
        }
        if let Some(epsilon) = bce.epsilon.filter(|eps| !(*eps > 0.0 && eps.is_finite())) {
            return refuse(
                ErrorKind::Order,
                format!("epsilon is {epsilon}, expected a finite number above 0"),
            );
        }
        if let Some(floor) = bce.log_floor.filter(|floor| !(*floor < 0.0 && floor.is_finite())) {
            return refuse(
                ErrorKind::Order,
                format!("log_floor is {floor}, expected a finite number below 0"),
            );
        }
        if bce.log_floor.is_some() && (bce.clip.is_some() || bce.epsilon.is_some()) {
            return refuse(
                ErrorKind::Order,
                "log_floor stands alone; it cannot be joined with clip or epsilon".into(),
            );
        }
        if let Some(smoothing) = bce.smoothing.filter(|s| !(0.0..=1.0).contains(&s.amount())) {
            return refuse(
                ErrorKind::Order,
                format!("smoothing is {}, expected a number in [0, 1]", smoothing.amount()),
            );
        }
        let weights = bce.positive.iter().flatten();
        if let Some(weight) =
            weights.copied().find(|weight| !(weight.is_finite() && *weight >= 0.0))
        {
            return refuse(
                ErrorKind::Weight,
                format!("positive has {weight}, expected finite numbers of at least 0"),
            );
        }
        Ok(())
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bce(bce) => {
                let number = |key: &str, value: Option<f64>| {
                    value.map(|value| format!("{key}={}", Number(value)))
                };
                let options: Vec<String> = [
                    number("clip", bce.clip),
                    number("epsilon", bce.epsilon),
                    number("log_floor", bce.log_floor),
                    bce.positive.as_ref().map(|weights| format!("positive={}", list(weights))),
                    bce.smoothing.map(|smoothing| format!("smoothing={smoothing}")),
                ]
                .into_iter()
                .flatten()
                .collect();
                let name = if bce.negative { "bce" } else { "cross_entropy" };
                call(f, name, bce.activation, &options)
            }
            Self::Kl(activation) => write!(f, "kl({activation})"),
            Self::Squared(activation) => write!(f, "squared({activation})"),
            Self::Absolute(activation) => write!(f, "absolute({activation})"),
            Self::Predicted(activation) => write!(f, "predicted({activation})"),
            Self::Own { name, activation, .. } => write!(f, "{name}({activation})"),
        }
    }
}
