//! Where a loss comes from: which step divides by what, and which class and image it stems from.

mod ask;
mod display;
mod focus;
mod hard;
mod report;

pub use ask::Explain;
#[cfg(feature = "html")]
pub(crate) use display::percent;
pub(crate) use display::{Table, bar, short};
pub use report::{Alternative, ClassReport, Drowned, ImageReport, Report, StepReport};

use ndarray::Dimension;

use crate::axis::Axis;
use crate::batch::{Batch, Float};
use crate::element::Activation;
use crate::error::Result;
use crate::fused::{Account, Noted, value_of_part};
use crate::loss::{Loss, Node, bce};
use crate::reduction::{max, mean};
use crate::region::{Errors, Ratio, overlap};
use crate::weight::Weight;

impl Loss {
    /// Where the value of the loss on a batch comes from. [`Explain`] puts more into the report.
    ///
    /// **Errors**: those of [`value`](Self::value).
    ///
    /// ```
    /// use lossfold::{Activation, Batch, Layout, Over, bce, mean};
    /// use ndarray::array;
    ///
    /// let prediction = array![[0.9, 0.1], [0.8, 0.2], [0.9, 0.1], [0.9, 0.1]];
    /// let target = array![[1_u8, 0], [1, 0], [1, 0], [0, 1]]; // the last image is all wrong
    /// let loss = bce(Activation::Probability).reduce(mean(Over::All));
    /// let report = loss.explain(&Batch::new(Layout::NC, &prediction, &target)?)?;
    ///
    /// let parts: f64 = report.classes.iter().map(|class| class.contribution).sum();
    /// assert!((parts - report.value).abs() < 1e-12);
    /// assert_eq!(report.classes[1].iou, Some(0.0)); // never found
    /// assert!(report.images[3].share_of_total > 0.8);
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn explain<F: Float, D: Dimension>(&self, batch: &Batch<'_, F, D>) -> Result<Report> {
        Explain::new(self).on(batch)
    }

    /// The loss with these weights after every source. A scalar sum takes each term by itself, since
    /// its terms may leave out different cells.
    fn own<F: Float, D: Dimension>(
        &self,
        batch: &Batch<'_, F, D>,
        weights: &[Weight],
    ) -> Option<f64> {
        match self.node() {
            Node::Sum { terms, constant } => {
                terms.iter().try_fold(*constant, |total, (factor, term)| {
                    Some(total + factor * term.own(batch, weights)?)
                })
            }
            _ => value_of_part(&self.focused(weights), batch).ok(),
        }
    }

    /// The loss of a class over the cells where it is the truth. A sum over the classes spends the positives and
    /// leaves every pixel, so where pixels have one class each the pixels are weighed, too; unless that cannot be
    /// said, since a term of a sum has spent its pixels already.
    fn own_where_true<F: Float, D: Dimension>(
        &self,
        batch: &Batch<'_, F, D>,
        class: usize,
        exclusive: bool,
    ) -> Option<f64> {
        let classes = batch.extents().class;
        let cells = [alone(class, classes), Weight::Positives];
        let pixels = exclusive.then(|| Weight::target(one(class, classes)));
        pixels
            .and_then(|pixels| self.own(batch, &[cells.as_slice(), &[pixels]].concat()))
            .or_else(|| self.own(batch, &cells))
    }

    /// The prediction above which a cell of a loss with one class decides for it.
    fn decides_at(&self) -> f64 {
        match self.sources().first().map(|source| activation(source)) {
            Some(Activation::Sigmoid | Activation::Softmax) => 0.0,
            Some(Activation::LogProbability) => -std::f64::consts::LN_2,
            _ => 0.5,
        }
    }

    fn would_show<F: Float, D: Dimension>(
        &self,
        batch: &Batch<'_, F, D>,
        class: usize,
    ) -> Vec<Alternative> {
        let sources = self.sources();
        let Some(activation) = sources.first().map(|source| activation(source)) else {
            return Vec::new();
        };
        let element = sources.iter().find(|source| matches!(source.node(), Node::Element(_)));
        let element = match element {
            Some(source) => (*source).clone(),
            None => bce(activation),
        };
        let carried: Vec<Weight> = [
            (Weight::Image, batch.image_weights()),
            (Weight::Map, batch.map()),
            (Weight::Mask, batch.mask()),
        ]
        .into_iter()
        .filter_map(|(weight, carried)| carried.map(|_| weight))
        .collect();
        let pixels_and_images = [Axis::Pixel, Axis::Image];
        let per_true_class = element
            .clone()
            .weigh(Weight::Positives)
            .reduce(mean(pixels_and_images).then(mean(Axis::Class)));
        let worst_class = element.reduce(max(Axis::Class).then(mean(pixels_and_images)));
        let dice = overlap(activation)
            .dice(Ratio::over(pixels_and_images).smooth(1.0))
            .reduce(mean(Axis::Class));
        let orders =
            [per_true_class, dice, worst_class].into_iter().map(|loss| loss.focused(&carried));
        orders.filter_map(|loss| loss.beside(&loss.to_string(), batch, class, true).ok()).collect()
    }

    /// The loss as another order beside a report that looks at a class.
    fn beside<F: Float, D: Dimension>(
        &self,
        name: &str,
        batch: &Batch<'_, F, D>,
        class: usize,
        part: bool,
    ) -> Result<Alternative> {
        let parts = Parts::of(Account::of(self, batch, part)?);
        Ok(Alternative {
            name: name.into(),
            loss: self.to_string(),
            value: parts.value,
            own: self.own(batch, &[alone(class, batch.extents().class)]),
            share_of_total: parts.share_of_total(Axis::Class, class),
            share_of_gradient: parts.share_of_gradient(Axis::Class, class),
        })
    }
}

/// The weight that is 1 for a class and 0 for the others.
fn alone(class: usize, classes: usize) -> Weight {
    Weight::class(one(class, classes))
}

fn one(class: usize, classes: usize) -> impl Iterator<Item = f64> {
    (0..classes).map(move |c| f64::from(u8::from(c == class)))
}

fn activation(source: &Loss) -> Activation {
    match source.node() {
        Node::Element(element) => element.activation(),
        // A hinge reads logits, as another loss does through a sigmoid.
        Node::Region { region, .. } if region.errors() == Some(Errors::Hinge) => {
            Activation::Sigmoid
        }
        Node::Region { overlap, .. } => overlap.activation,
        _ => Activation::Identity,
    }
}

/// The drowned classes: where it is the truth, the loss of a class is at least twice that of all,
/// and its share of the total is less than 1/C.
fn drowned(classes: &[ClassReport], where_true: Option<f64>) -> Vec<Drowned> {
    let Some(all) = where_true.filter(|all| *all > 0.0) else { return Vec::new() };
    let mut drowned: Vec<Drowned> = classes
        .iter()
        .filter_map(|class| {
            let times = class.own_where_true? / all;
            let lost = times >= 2.0 && class.share_of_total < 1.0 / classes.len() as f64;
            lost.then_some(Drowned {
                class: class.class,
                times,
                share_of_total: class.share_of_total,
            })
        })
        .collect();
    drowned.sort_by(|a, b| b.times.total_cmp(&a.times));
    drowned
}

/// A value, its steps, and what each class and image has to do with it.
struct Parts {
    value: f64,
    steps: Vec<StepReport>,
    cells: Shares,
    gradient: Shares,
    constant: f64,
    remainder: f64,
}

/// A number per class for each image, and the total.
struct Shares {
    images: Vec<Vec<f64>>,
    total: f64,
}

impl Parts {
    fn of(account: Account) -> Self {
        let step = |node: Noted| StepReport {
            step: node.step,
            depth: node.depth,
            leaves: node.leaves,
            divisor: node.divisor,
            takes: node.takes,
        };
        Self {
            value: account.value,
            steps: account.nodes.into_iter().map(step).collect(),
            cells: Shares::new(account.parts),
            gradient: Shares::new(account.slopes),
            constant: account.constant,
            remainder: account.remainder,
        }
    }

    fn contribution(&self, axis: Axis, place: usize) -> f64 {
        self.cells.along(axis, place)
    }

    fn share_of_total(&self, axis: Axis, place: usize) -> f64 {
        self.cells.share(axis, place)
    }

    fn share_of_gradient(&self, axis: Axis, place: usize) -> f64 {
        self.gradient.share(axis, place)
    }
}

impl Shares {
    fn new(images: Vec<Vec<f64>>) -> Self {
        let total = images.iter().flatten().sum();
        Self { images, total }
    }

    /// The sum for a class over the images, or for an image over the classes.
    fn along(&self, axis: Axis, place: usize) -> f64 {
        match axis {
            Axis::Image => self.images[place].iter().sum(),
            _ => self.images.iter().map(|image| image[place]).sum(),
        }
    }

    fn share(&self, axis: Axis, place: usize) -> f64 {
        if self.total == 0.0 { 0.0 } else { self.along(axis, place) / self.total }
    }
}
