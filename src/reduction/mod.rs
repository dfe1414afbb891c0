//! Reductions: whole orders, built from steps.

mod algebra;
mod display;
mod step;

pub use step::{Aggregate, Empty, Over, Step};

use crate::axis::{Axes, Axis};
use crate::error::{Error, ErrorKind, Result};
use crate::weight::Weight;

/// A whole order of reduction: the steps by which a field of many values becomes one of fewer.
///
/// A reduction is a monoid: [`then`](Self::then) puts two together, [`Keep`](Self::Keep) keeps every
/// value. It is flat inside, so that equality is the monoid's: `(a then b) then c == a then (b then c)`.
///
/// ```
/// use lossfold::Axis::{Class, Image, Pixel};
/// use lossfold::{Reduction, mean};
///
/// let keras = mean(Class).then(mean(Pixel)).then(mean(Image));
/// assert_eq!(keras.to_string(), "mean(class) > mean(pixel) > mean(image)");
/// assert_eq!(keras, "mean(class) > mean(pixel) > mean(image)".parse()?);
/// assert_eq!(keras.clone().then(Reduction::Keep), keras);
/// # Ok::<(), lossfold::Error>(())
/// ```
///
/// The levels of the ladder are methods that add one step over the axes that are left on the way
/// from cell to batch:
///
/// ```
/// use lossfold::{Aggregate, Reduction};
///
/// let order = Reduction::Keep.per_pixel(Aggregate::Max).per_image(Aggregate::Mean);
/// assert_eq!(order.to_string(), "max(class) > mean(pixel)");
/// assert_eq!(
///     order.per_batch(Aggregate::Mean).to_string(),
///     "max(class) > mean(pixel) > mean(image)"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Reduction {
    /// Keep every value: the identity of [`then`](Self::then).
    #[default]
    Keep,
    /// One step.
    Step(Step),
    /// Two or more steps, in the order of execution.
    Then(Steps),
}

/// Two or more steps in the order of execution.
///
/// Only [`Reduction::then`] makes one, so that a reduction of one step is never written in two ways.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps(Vec<Step>);

impl std::ops::Deref for Steps {
    type Target = [Step];

    fn deref(&self) -> &[Step] {
        &self.0
    }
}

impl From<Step> for Reduction {
    fn from(step: Step) -> Self {
        Self::Step(step)
    }
}

impl FromIterator<Step> for Reduction {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        let mut steps: Vec<Step> = steps.into_iter().collect();
        match steps.len() {
            0 => Self::Keep,
            1 => Self::Step(steps.remove(0)),
            _ => Self::Then(Steps(steps)),
        }
    }
}

impl Reduction {
    /// This order, then `next`.
    pub fn then(self, next: Self) -> Self {
        self.steps().iter().chain(next.steps()).cloned().collect()
    }

    /// The steps in the order of execution.
    pub fn steps(&self) -> &[Step] {
        match self {
            Self::Keep => &[],
            Self::Step(step) => std::slice::from_ref(step),
            Self::Then(steps) => steps,
        }
    }

    /// The axes over which the reduction goes: those that vanish.
    ///
    /// ```
    /// use lossfold::{Axis, mean};
    ///
    /// let per_class = mean([Axis::Pixel, Axis::Image]);
    /// assert_eq!(per_class.removes().to_string(), "pixel, image");
    /// assert_eq!(per_class.keeps().to_string(), "class");
    /// ```
    pub fn removes(&self) -> Axes {
        self.steps().iter().fold(Axes::NONE, |gone, step| match step.over {
            Over::All => Axes::ALL,
            Over::Axes(axes) => gone.with(axes),
        })
    }

    /// The axes per which the result is: those that remain.
    pub fn keeps(&self) -> Axes {
        Axes::ALL.without(self.removes())
    }

    /// Whether the result is a weighted sum of the values: only `sum` and `mean` steps.
    pub fn is_linear(&self) -> bool {
        let linear = |step: &Step| matches!(step.aggregate, Aggregate::Sum | Aggregate::Mean);
        self.steps().iter().all(linear)
    }

    /// Then one number per pixel of every image: the step over `class`.
    pub fn per_pixel(self, aggregate: Aggregate) -> Self {
        self.over_what_is_left_of(Axis::Class.into(), aggregate)
    }

    /// Then one number per class of every image: the step over `pixel`.
    pub fn per_class(self, aggregate: Aggregate) -> Self {
        self.over_what_is_left_of(Axis::Pixel.into(), aggregate)
    }

    /// Then one number per image: the step over what is left of `class, pixel`.
    pub fn per_image(self, aggregate: Aggregate) -> Self {
        self.over_what_is_left_of([Axis::Class, Axis::Pixel].into(), aggregate)
    }

    /// Then one number per batch: the step over what is left of `class, pixel, image`.
    pub fn per_batch(self, aggregate: Aggregate) -> Self {
        self.over_what_is_left_of(Axes::ALL, aggregate)
    }

    fn over_what_is_left_of(self, axes: Axes, aggregate: Aggregate) -> Self {
        let left = axes.without(self.removes());
        if left.is_empty() { self } else { self.then(Step::new(aggregate, left).into()) }
    }

    /// The last mean, power or logmeanexp leaves its divisor behind as mass ("micro").
    ///
    /// ```
    /// use lossfold::{Axis, mean};
    ///
    /// assert_eq!(mean(Axis::Pixel).carry().to_string(), "mean(pixel; carry)");
    /// ```
    pub fn carry(self) -> Self {
        self.on_last(|step| step.carry = true)
    }

    /// What the last step makes of a group without mass.
    pub fn empty(self, empty: Empty) -> Self {
        self.on_last(|step| step.empty = empty)
    }

    /// The last mean divides by the total of these weights instead of by the mass.
    pub fn by(self, weights: impl IntoIterator<Item = Weight>) -> Self {
        self.on_last(|step| step.by = Some(weights.into_iter().collect()))
    }

    fn on_last(self, change: impl FnOnce(&mut Step)) -> Self {
        let mut steps = self.steps().to_vec();
        if let Some(last) = steps.last_mut() {
            change(last);
        }
        steps.into_iter().collect()
    }

    /// Refuses an order that no field can go through.
    ///
    /// **Errors** ([`ErrorKind::Order`], [`ErrorKind::Weight`]): a step over an axis that is gone, a
    /// number out of its range, an option that the aggregate does not have.
    ///
    /// ```
    /// use lossfold::{Axis, mean, max};
    ///
    /// let twice = mean(Axis::Pixel).then(max(Axis::Pixel));
    /// assert_eq!(
    ///     twice.check().unwrap_err().to_string(),
    ///     "order: step 2 `max(pixel)` is over pixel, which is gone; left are class, image"
    /// );
    /// ```
    pub fn check(&self) -> Result<()> {
        self.resolve(Axes::ALL).map(drop)
    }

    /// The steps with the axes that each goes over, where a field with `axes` enters.
    pub(crate) fn resolve(&self, axes: Axes) -> Result<Vec<(Axes, &Step)>> {
        let mut left = axes;
        let mut resolved = Vec::new();
        for (position, step) in self.steps().iter().enumerate() {
            step.check()?;
            let over = step.over.of(left).map_err(|why| {
                let position = position + 1;
                Error::new(ErrorKind::Order, format!("order: step {position} `{step}` {why}"))
            })?;
            left = left.without(over);
            resolved.push((over, step));
        }
        Ok(resolved)
    }
}

/// The sum over the axes: Σ m v. A sum of nothing is 0, and counts.
///
/// ```
/// use lossfold::{Axis, Extents, Field, sum};
///
/// let field = Field::from_fn(Extents { class: 2, pixel: 1, image: 1 }, |class, _, _| [1.0, 3.0][class]);
/// assert_eq!(sum(Axis::Class).apply(&field)?.at(0, 0, 0), 4.0);
/// # Ok::<(), lossfold::Error>(())
/// ```
pub fn sum(over: impl Into<Over>) -> Reduction {
    Step::new(Aggregate::Sum, over).into()
}

/// The mean over the axes by mass: Σ m v / Σ m. [`Reduction::by`] names another divisor.
///
/// ```
/// use lossfold::{Axis, Extents, Field, mean};
///
/// let field = Field::from_fn(Extents { class: 2, pixel: 1, image: 1 }, |class, _, _| [1.0, 4.0][class])
///     .weighed(Axis::Class, |class, _, _| [1.0, 2.0][class]);
/// assert_eq!(mean(Axis::Class).apply(&field)?.at(0, 0, 0), 3.0); // (1·1 + 2·4) / 3
/// # Ok::<(), lossfold::Error>(())
/// ```
pub fn mean(over: impl Into<Over>) -> Reduction {
    Step::new(Aggregate::Mean, over).into()
}

/// The largest value among the cells with mass. Ties share the gradient equally.
pub fn max(over: impl Into<Over>) -> Reduction {
    Step::new(Aggregate::Max, over).into()
}

/// The smallest value among the cells with mass. Ties share the gradient equally.
pub fn min(over: impl Into<Over>) -> Reduction {
    Step::new(Aggregate::Min, over).into()
}

/// The generalised mean over the axes: (Σ m v^p / Σ m)^(1/p), for values of at least 0.
pub fn power(over: impl Into<Over>, p: f64) -> Reduction {
    Step::new(Aggregate::Power(p), over).into()
}

/// The soft maximum over the axes: ln(Σ m e^(t v) / Σ m) / t.
pub fn logmeanexp(over: impl Into<Over>, t: f64) -> Reduction {
    Step::new(Aggregate::LogMeanExp(t), over).into()
}

/// The smallest value that holds, with the values below it, a share q of the mass.
///
/// 0 is the minimum and 1 the maximum; there is no interpolation (`numpy`'s `inverted_cdf`). Ties
/// share the gradient equally.
pub fn quantile(over: impl Into<Over>, q: f64) -> Reduction {
    Step::new(Aggregate::Quantile(q), over).into()
}

/// The mean by mass of the largest k = max(1, floor(fraction · n)) of the n cells with mass.
///
/// Cells that tie for the last places share these places equally, in value and gradient. (OHEM,
/// nnU-Net's top-k, conditional value at risk.)
pub fn top_fraction(over: impl Into<Over>, fraction: f64) -> Reduction {
    Step::new(Aggregate::TopFraction(fraction), over).into()
}

/// The mean by mass of the largest k cells with mass, or of all if there are fewer.
///
/// Cells that tie for the last places share these places equally, in value and gradient.
pub fn top_k(over: impl Into<Over>, k: usize) -> Reduction {
    Step::new(Aggregate::TopK(k), over).into()
}
