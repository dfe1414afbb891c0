//! The report as data.

use crate::axis::{Axis, Extents};
#[cfg(feature = "html")]
use crate::picture::Album;

/// Where the value of a loss on a batch comes from, as data; it prints as tables.
///
/// ```text
/// value = Σ class contributions + constant + remainder = Σ image contributions + constant + remainder
/// ```
///
/// A cell contributes its value times the derivative of the loss with respect to it; a cell of a
/// ratio 1 - N/D contributes its share of (D - N) / D. What scales with nothing is kept apart:
/// constants of sums, and the remainder (smoothing, floors, policies for empty groups, maps and
/// aggregates that are not homogeneous of degree one).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The loss, as it prints.
    pub loss: String,
    /// The value of the loss.
    pub value: f64,
    /// The number of classes, pixels and images.
    pub extents: Extents,
    /// The extents of the spatial axes.
    pub spatial: Vec<usize>,
    /// What happens, in the order of execution.
    pub steps: Vec<StepReport>,
    /// One entry per class.
    pub classes: Vec<ClassReport>,
    /// One entry per image.
    pub images: Vec<ImageReport>,
    /// What constants of sums add.
    pub constant: f64,
    /// What stems from no cell and no constant.
    pub remainder: f64,
    /// The loss over the cells in which their class is the truth.
    pub where_true: Option<f64>,
    /// The classes that are drowned, the worst first.
    pub drowned: Vec<Drowned>,
    /// Orders that would show the drowned classes; none if no class is drowned.
    pub would_show: Vec<Alternative>,
    /// The class that other orders are asked about: the most drowned one, or else the one with the largest
    /// loss where it is the truth.
    pub focus: usize,
    /// The orders that [`Explain::beside`](crate::Explain::beside) named.
    pub beside: Vec<Alternative>,
    #[cfg(feature = "html")]
    pub(crate) album: Option<Album>,
}

/// A source or a step, and what it leaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StepReport {
    /// The source or step, as it prints; `0.5 * … + …` for a sum of what it takes.
    pub step: String,
    /// How many sums and quotients hold it.
    pub depth: usize,
    /// The axes that it leaves and their extents; none for one number.
    pub leaves: Vec<(Axis, usize)>,
    /// The smallest and the largest number by which it divides a group, where it divides.
    pub divisor: Option<(f64, f64)>,
    /// The steps, by their places, whose results it takes; none for a source.
    pub takes: Vec<usize>,
}

/// What a class does to the loss.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClassReport {
    /// The number of the class.
    pub class: usize,
    /// The name of the class, its number unless [`Report::name_classes`] gave another.
    pub name: String,
    /// The share of pixels in which the class is the truth: the mean of its target.
    pub pixels: f64,
    /// The loss of this class alone: the same order, `weigh(class=[..])` after every source with 1
    /// for this class and 0 for the others. None if it has no value.
    pub own: Option<f64>,
    /// The same, over the cells where the class is the truth: `weigh(positives)` too and, where every pixel
    /// has one class, `weigh(target=[..])`, so that a mean after a sum over the classes divides by the pixels
    /// of this class.
    pub own_where_true: Option<f64>,
    /// 2 TP / (2 TP + FP + FN) of hard decisions over the batch; none if nothing is to be counted.
    pub dice: Option<f64>,
    /// TP / (TP + FP + FN) of hard decisions over the batch.
    pub iou: Option<f64>,
    /// What the cells of the class contribute to the value.
    pub contribution: f64,
    /// The contribution, divided by those of all classes.
    pub share_of_total: f64,
    /// Σ |gradient| over the predictions of the class, divided by that of all classes.
    pub share_of_gradient: f64,
}

/// What an image does to the loss.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImageReport {
    /// The number of the image.
    pub image: usize,
    /// The loss of a batch of this image alone. None if it has no value.
    pub own: Option<f64>,
    /// What the cells of the image contribute to the value.
    pub contribution: f64,
    /// The contribution, divided by those of all images.
    pub share_of_total: f64,
    /// Σ |gradient| over the predictions of the image, divided by that of all images.
    pub share_of_gradient: f64,
}

/// A class whose loss is high where it is the truth, while it makes little of the total.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Drowned {
    /// The number of the class.
    pub class: usize,
    /// Its loss where it is the truth, divided by that of all classes where they are the truth: at
    /// least 2.
    pub times: f64,
    /// Its share of the total, less than one class in C would have.
    pub share_of_total: f64,
}

/// Another order for the same prediction, and what it makes of the class that the report looks at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Alternative {
    /// What people call it, or the loss as it prints.
    pub name: String,
    /// The loss, as it prints.
    pub loss: String,
    /// Its value.
    pub value: f64,
    /// The loss of the class alone, as in [`ClassReport::own`].
    pub own: Option<f64>,
    /// The share of the class.
    pub share_of_total: f64,
    /// The share of the class in Σ |gradient|.
    pub share_of_gradient: f64,
}

impl Report {
    /// Names the classes.
    pub fn name_classes<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        for (class, name) in self.classes.iter_mut().zip(names) {
            class.name = name.into();
        }
        self
    }
}
