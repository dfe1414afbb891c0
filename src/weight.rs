//! The weights that a loss can name.

use std::fmt;

use crate::axis::{Axes, Axis};
use crate::error::{Error, ErrorKind, Result};
use crate::notation::{Number, call, list};

/// A weight, by name. [`Loss::scale`](crate::Loss::scale) multiplies the value by it,
/// [`Loss::weigh`](crate::Loss::weigh) the mass.
///
/// | text | per | the weight of a cell |
/// |---|---|---|
/// | `class=[1, 2]` | class | the number of its class |
/// | `target=[1, 2]` | pixel, image | the number of the pixel's true class: the label, or the first largest target; 0 for an ignored label |
/// | `image` | image | carried by the batch |
/// | `map` | as the batch declares | carried by the batch |
/// | `mask` | as the batch declares | carried by the batch, 0 or 1 |
/// | `positives` | class, pixel, image | its target t |
/// | `negatives` | class, pixel, image | 1 - t |
/// | `presence` | class, image | 1 if the class occurs (Σ t > 0 over pixel), else 0 |
/// | `volume=-2` | class, image | V^-2, V = Σ t over pixel |
/// | `volume(pixel; epsilon=1e-7)=-2` | class, image | 1 / (V^2 + 1e-7) |
/// | `balance` | class, pixel, image | 2 (t (1 - π) + (1 - t) π), π the mean of t over all cells |
///
/// Presence, volume and balance are counted over the axes in parentheses, where they are others:
/// `volume(pixel, image)=-2`. Weights made from the target are constants for the gradient; an
/// ignored pixel has weight 0 in them, a masked one counts like any other.
///
/// **Errors** ([`ErrorKind::Weight`]): a weight that is negative, NaN or infinite, a list whose length
/// is not the number of classes, a weight that is named but not carried, or carried but not named.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Weight {
    /// One number per class.
    Class(Vec<f64>),
    /// One number per pixel, by its true class.
    Target(Vec<f64>),
    /// The image weights of the batch.
    Image,
    /// The map of the batch.
    Map,
    /// The mask of the batch.
    Mask,
    /// The target itself: only where a class is true does its cell count.
    Positives,
    /// One minus the target: only where a class is not true does its cell count.
    Negatives,
    /// 1 for a class that occurs, 0 for one that does not.
    Presence {
        /// The axes over which the target is summed.
        over: Axes,
    },
    /// A power of the volume of the class (Sudre et al. 2017: generalised Dice has -2).
    Volume {
        /// The exponent.
        power: f64,
        /// The axes over which the target is summed.
        over: Axes,
        /// What the weight of an absent class is, where the power would make it infinite.
        absent: AbsentVolume,
        /// What is added to the volume's power before it is inverted, where the power is negative.
        epsilon: Option<f64>,
    },
    /// Twice the share of negatives for a positive, twice the share of positives for a negative
    /// (`PaddleSeg`'s `dynamic`).
    Balance {
        /// The axes over which the share is taken.
        over: Axes,
    },
}

/// What a negative power of the volume is worth for a class whose volume is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AbsentVolume {
    /// An error that names the class.
    #[default]
    Error,
    /// 0: the class does not count.
    Zero,
    /// The largest finite weight among the classes of the same image (MONAI); 0 if there is none.
    Largest,
}

impl Weight {
    /// One number per class.
    pub fn class<W: Into<f64>>(weights: impl IntoIterator<Item = W>) -> Self {
        Self::Class(weights.into_iter().map(Into::into).collect())
    }

    /// One number per pixel, by its true class.
    pub fn target<W: Into<f64>>(weights: impl IntoIterator<Item = W>) -> Self {
        Self::Target(weights.into_iter().map(Into::into).collect())
    }

    /// Whether the class occurs in the image.
    pub fn presence() -> Self {
        Self::Presence { over: Axis::Pixel.into() }
    }

    /// A power of the class's volume in the image.
    pub fn volume(power: f64) -> Self {
        let (over, absent) = (Axis::Pixel.into(), AbsentVolume::default());
        Self::Volume { power, over, absent, epsilon: None }
    }

    /// Positives and negatives balanced over the whole batch.
    pub fn balance() -> Self {
        Self::Balance { over: Axes::ALL }
    }

    /// The same weight, counted over other axes. A weight that counts nothing stays as it is.
    pub fn over(mut self, axes: impl Into<Axes>) -> Self {
        if let Self::Presence { over } | Self::Volume { over, .. } | Self::Balance { over } =
            &mut self
        {
            *over = axes.into();
        }
        self
    }

    /// The same volume weight with another rule for an absent class. Other weights stay as they are.
    pub fn absent(mut self, rule: AbsentVolume) -> Self {
        if let Self::Volume { absent, .. } = &mut self {
            *absent = rule;
        }
        self
    }

    /// The same volume weight with an epsilon under its fraction: 1 / (V^2 + epsilon) for a power of -2 (optax,
    /// over `pixel, image`), so that an absent class has 1 / epsilon and needs no rule. Other weights stay as
    /// they are.
    ///
    /// **Errors** ([`ErrorKind::Weight`]), by the loss: a power that is not below 0, an epsilon that has no
    /// finite inverse, and a rule for an absent class besides.
    ///
    /// ```
    /// use lossfold::Axis::{Class, Image, Pixel};
    /// use lossfold::{Activation, Batch, Layout, Weight, mean, squared};
    /// use ndarray::array;
    ///
    /// let weight = Weight::volume(-2.0).over([Pixel, Image]).epsilon(0.5);
    /// assert_eq!(weight.to_string(), "volume(pixel, image; epsilon=0.5)=-2");
    ///
    /// let (prediction, target) = (array![[3.0, 1.0]], array![[0.0, 0.0]]); // weights 1 / 0.5
    /// let loss = squared(Activation::Identity).scale(weight).reduce(mean(Class).then(mean(Image)));
    /// assert_eq!(loss.value(&Batch::new(Layout::NC, &prediction, &target)?)?, 10.0); // (18 + 2) / 2
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn epsilon(mut self, number: f64) -> Self {
        if let Self::Volume { epsilon, .. } = &mut self {
            *epsilon = Some(number);
        }
        self
    }

    /// The axes of the weight, where `carried` tells those of the weights that come with a batch.
    pub(crate) fn axes(&self, carried: &dyn Fn(&Self) -> Axes) -> Axes {
        match self {
            Self::Class(_) => Axis::Class.into(),
            Self::Target(_) => [Axis::Pixel, Axis::Image].into(),
            Self::Image | Self::Map | Self::Mask => carried(self),
            Self::Positives | Self::Negatives | Self::Balance { .. } => Axes::ALL,
            Self::Presence { over } | Self::Volume { over, .. } => Axes::ALL.without(*over),
        }
    }

    /// Refuses numbers that no batch could make right.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |message| Err(Error::new(ErrorKind::Weight, message));
        match self {
            Self::Class(weights) | Self::Target(weights) => {
                let bad = weights.iter().position(|weight| !(weight.is_finite() && *weight >= 0.0));
                match bad {
                    Some(place) => refuse(format!(
                        "weight `{self}`: entry {place} is {}, expected a finite number of at least 0",
                        weights[place]
                    )),
                    None => Ok(()),
                }
            }
            Self::Presence { over } | Self::Volume { over, .. } | Self::Balance { over }
                if over.is_empty() =>
            {
                refuse(format!("weight `{self}`: is counted over no axes, expected at least one"))
            }
            Self::Volume { power, .. } if !power.is_finite() => {
                refuse(format!("weight `{self}`: the power is {power}, expected a finite number"))
            }
            Self::Volume { power, absent, epsilon: Some(epsilon), .. } => {
                if !(*epsilon > 0.0 && epsilon.is_finite() && epsilon.recip().is_finite()) {
                    return refuse(format!(
                        "weight `{self}`: epsilon is {}, expected a finite number above 0 with a finite \
                         inverse",
                        Number(*epsilon)
                    ));
                }
                if *power >= 0.0 {
                    return refuse(format!(
                        "weight `{self}`: the power is {power}, expected one below 0, whose inverse an \
                         epsilon bounds"
                    ));
                }
                if *absent != AbsentVolume::Error {
                    return refuse(format!(
                        "weight `{self}`: an absent class has 1 / epsilon; it cannot have a rule besides"
                    ));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |f: &mut fmt::Formatter<'_>, over: &Axes, default: Axes| {
            if *over == default { Ok(()) } else { write!(f, "({over})") }
        };
        match self {
            Self::Class(weights) => write!(f, "class={}", list(weights)),
            Self::Target(weights) => write!(f, "target={}", list(weights)),
            Self::Image => f.write_str("image"),
            Self::Map => f.write_str("map"),
            Self::Mask => f.write_str("mask"),
            Self::Positives => f.write_str("positives"),
            Self::Negatives => f.write_str("negatives"),
            Self::Presence { over } => {
                f.write_str("presence")?;
                counted(f, over, Axis::Pixel.into())
            }
            Self::Volume { power, over, absent, epsilon } => {
                f.write_str("volume")?;
                let rule = match absent {
                    AbsentVolume::Error => None,
                    AbsentVolume::Zero => Some("absent=zero".to_owned()),
                    AbsentVolume::Largest => Some("absent=largest".to_owned()),
                };
                let epsilon = epsilon.map(|epsilon| format!("epsilon={}", Number(epsilon)));
                let options: Vec<String> = rule.into_iter().chain(epsilon).collect();
                if options.is_empty() {
                    counted(f, over, Axis::Pixel.into())?;
                } else {
                    call(f, "", over, &options)?;
                }
                write!(f, "={}", Number(*power))
            }
            Self::Balance { over } => {
                f.write_str("balance")?;
                counted(f, over, Axes::ALL)
            }
        }
    }
}
