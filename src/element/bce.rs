//! Binary cross-entropy and its options.

use std::fmt;

use super::{Activation, Focal, Truth};
use crate::error::ErrorKind;
use crate::notation::{Number, call, list};

/// Binary cross-entropy of every cell, with its options.
///
/// ```text
/// -(w t ln p + (1 - t) ln(1 - p))
/// ```
///
/// p is the prediction after its activation, t the target, w the positive-term weight of the class
/// (1 unless given). [`focal`](Self::focal) multiplies it by a power of what p lacks to the truth,
/// [`alpha`](Self::alpha) by a weight that depends on the target.
///
/// ```
/// use lossfold::{Activation, Bce, bce};
///
/// let torch = bce(Bce::new(Activation::Sigmoid).positive([1, 2, 5]));
/// assert_eq!(torch.to_string(), "bce(sigmoid; positive=[1, 2, 5])");
/// let keras = bce(Bce::new(Activation::Probability).clip(1e-7));
/// assert_eq!(keras.to_string(), "bce(probability; clip=1e-7)");
/// let focal = bce(Bce::new(Activation::Sigmoid).focal(2.0).alpha(0.25));
/// assert_eq!(focal.to_string(), "bce(sigmoid; focal=2, alpha=0.25)");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Bce {
    pub(crate) activation: Activation,
    pub(crate) clip: Option<f64>,
    pub(crate) epsilon: Option<f64>,
    pub(crate) log_floor: Option<f64>,
    pub(crate) positive: Option<Vec<f64>>,
    pub(crate) smoothing: Option<Smoothing>,
    pub(crate) focal: Option<Focal>,
    pub(crate) alpha: Option<f64>,
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
            focal: None,
            alpha: None,
            negative: true,
        }
    }

    /// Clips p to [eps, 1 - eps], both bounds rounded to the element type of the prediction (Keras).
    /// The gradient is 0 outside, but for that of a [`focal`](Self::focal) factor, which is clipped under
    /// [`Truth::Loss`] alone.
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

    /// Multiplies the loss of a cell by a power of what its prediction lacks to the truth (Lin et al.
    /// 2017), see [`Focal`]. A number is the exponent.
    ///
    /// ```
    /// use lossfold::Axis::{Class, Image, Pixel};
    /// use lossfold::{Activation, Batch, Bce, Layout, cross_entropy, mean, sum};
    /// use ndarray::array;
    ///
    /// let loss = cross_entropy(Bce::new(Activation::Softmax).focal(2.0));
    /// assert_eq!(loss.to_string(), "cross_entropy(softmax; focal=2)");
    /// let loss = loss.reduce(sum(Class).then(mean([Pixel, Image])));
    /// let (logits, target) = (array![[0.0, 0.0]], array![[1_u8, 0]]);
    /// let value = loss.value(&Batch::new(Layout::NC, &logits, &target)?)?;
    /// assert!((value - 2_f64.ln() / 4.0).abs() < 1e-15); // p = 1/2: (1 - p)² (-ln p)
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    #[must_use]
    pub fn focal(mut self, focal: impl Into<Focal>) -> Self {
        self.focal = Some(focal.into());
        self
    }

    /// Multiplies the loss of a cell by a t + (1 - a) (1 - t), where a is `alpha`, in [0, 1], and t the
    /// target after smoothing (Lin et al. 2017; Keras, MONAI, SMP). Under [`Truth::Terms`] it is the positive term that is
    /// multiplied by a, and the negative one by 1 - a, which is the same where t is 0 or 1.
    ///
    /// It needs no [`focal`](Self::focal), and `cross_entropy` takes none: its classes have weights.
    ///
    /// ```
    /// use lossfold::{Activation, Batch, Bce, Layout, Over, bce, sum};
    /// use ndarray::array;
    ///
    /// let loss = bce(Bce::new(Activation::Probability).alpha(0.25)).reduce(sum(Over::All));
    /// let (half, target) = (array![[0.5, 0.5, 0.5]], array![[1_u8, 0, 0]]);
    /// let value = loss.value(&Batch::new(Layout::NC, &half, &target)?)?;
    /// assert!((value - 1.75 * 2_f64.ln()).abs() < 1e-15); // 1/4 + 3/4 + 3/4
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = Some(alpha);
        self
    }

    /// Whether it is refused, and why.
    pub(super) fn check(&self) -> Result<(), (ErrorKind, String)> {
        let refuse = |kind, why: String| Err((kind, why));
        if let Some(clip) = self.clip.filter(|clip| !(*clip > 0.0 && *clip < 0.5)) {
            return refuse(
                ErrorKind::Order,
                format!("clip is {clip}, expected a number in (0, 0.5)"),
            );
        }
        if let Some(epsilon) = self.epsilon.filter(|eps| !(*eps > 0.0 && eps.is_finite())) {
            return refuse(
                ErrorKind::Order,
                format!("epsilon is {epsilon}, expected a finite number above 0"),
            );
        }
        if let Some(floor) = self.log_floor.filter(|floor| !(*floor < 0.0 && floor.is_finite())) {
            return refuse(
                ErrorKind::Order,
                format!("log_floor is {floor}, expected a finite number below 0"),
            );
        }
        if self.log_floor.is_some() && (self.clip.is_some() || self.epsilon.is_some()) {
            return refuse(
                ErrorKind::Order,
                "log_floor stands alone; it cannot be joined with clip or epsilon".into(),
            );
        }
        if let Some(smoothing) = self.smoothing.filter(|s| !(0.0..=1.0).contains(&s.amount())) {
            return refuse(
                ErrorKind::Order,
                format!("smoothing is {}, expected a number in [0, 1]", smoothing.amount()),
            );
        }
        let weights = self.positive.iter().flatten();
        if let Some(weight) =
            weights.copied().find(|weight| !(weight.is_finite() && *weight >= 0.0))
        {
            return refuse(
                ErrorKind::Weight,
                format!("positive has {weight}, expected finite numbers of at least 0"),
            );
        }
        if let Some(focal) = &self.focal {
            focal.check()?;
            if !self.negative && matches!(focal.truth, Truth::Terms | Truth::Logit) {
                return refuse(
                    ErrorKind::Order,
                    format!(
                        "truth is {}, but cross_entropy has one term; name loss or none",
                        focal.truth
                    ),
                );
            }
            if focal.truth == Truth::Logit && self.activation != Activation::Sigmoid {
                return refuse(
                    ErrorKind::Order,
                    format!("truth=logit needs a logit; name sigmoid, not {}", self.activation),
                );
            }
        }
        if let Some(alpha) = self.alpha {
            if !self.negative {
                return refuse(
                    ErrorKind::Order,
                    "alpha weighs two terms, but cross_entropy has one; name positive".into(),
                );
            }
            if !(0.0..=1.0).contains(&alpha) {
                return refuse(
                    ErrorKind::Order,
                    format!("alpha is {alpha}, expected a number in [0, 1]"),
                );
            }
        }
        Ok(())
    }

    /// Writes it as it stands in texts.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number =
            |key: &str, value: Option<f64>| value.map(|value| format!("{key}={}", Number(value)));
        let options: Vec<String> = [
            number("clip", self.clip),
            number("epsilon", self.epsilon),
            number("log_floor", self.log_floor),
            self.positive.as_ref().map(|weights| format!("positive={}", list(weights))),
            self.smoothing.map(|smoothing| format!("smoothing={smoothing}")),
            self.focal.map(Focal::to_text),
            number("alpha", self.alpha),
        ]
        .into_iter()
        .flatten()
        .collect();
        call(f, if self.negative { "bce" } else { "cross_entropy" }, self.activation, &options)
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
