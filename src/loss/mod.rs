//! The loss as an expression: sources, weights, maps, steps, sums and quotients.

mod arithmetic;
mod classes;
mod display;
mod outline;

pub(crate) use classes::{Classes, places};
pub(crate) use outline::{Rides, Tag, common_weights, leaves};

use std::sync::Arc;

use crate::axis::{Axes, Axis};
use crate::element::{Activation, Bce, Element, ElementFormula};
use crate::error::{Error, ErrorKind, Result};
use crate::reduction::{Empty, Reduction, Step};
use crate::region::{Before, Overlap, Region};
use crate::weight::Weight;

/// How deep an expression may nest. The deepest loss of any framework nests about ten times.
pub(crate) const MOST_DEPTH: usize = 128;

/// How many nodes an expression may have.
const MOST_NODES: usize = 1 << 20;

/// A loss: an expression that is built, printed, parsed, compared and evaluated.
///
/// A loss is a cheap clone and `Send + Sync`. Building never fails; [`check`](Self::check), parsing
/// and evaluation refuse what makes no sense. Two losses are equal when their texts are.
///
/// ```
/// use lossfold::Axis::{Class, Image, Pixel};
/// use lossfold::{Activation, Loss, bce, mean, overlap};
///
/// let keras = mean(Class).then(mean(Pixel)).then(mean(Image));
/// let loss = 0.5 * bce(Activation::Sigmoid).reduce(keras)
///     + 0.5 * overlap(Activation::Sigmoid).dice(Pixel).reduce(mean(Class).then(mean(Image)));
/// let text = "0.5 * (bce(sigmoid) > mean(class) > mean(pixel) > mean(image)) \
///             + 0.5 * (overlap(sigmoid) > dice(pixel) > mean(class) > mean(image))";
/// assert_eq!(loss.to_string(), text);
/// assert_eq!(text.parse::<Loss>()?, loss);
/// # Ok::<(), lossfold::Error>(())
/// ```
#[derive(Clone)]
pub struct Loss {
    node: Arc<Node>,
    depth: usize,
    /// How many nodes a walk meets; a shared part is met once for each place where it stands.
    size: usize,
}

pub(crate) enum Node {
    Element(Element),
    Region {
        overlap: Overlap,
        region: Region,
    },
    Step(Loss, Step),
    Scale(Loss, Weight),
    Weigh(Loss, Weight),
    Map(Loss, Map),
    Select(Loss, Classes),
    /// Σ coefficient · loss + constant. Sums inside sums are flattened.
    Sum {
        terms: Vec<(f64, Loss)>,
        constant: f64,
    },
    Quotient(Loss, Loss),
    /// Stands for an expression that nests deeper, or has more nodes, than is supported.
    TooLarge,
}

/// A function of each value between steps. Times a number, minus and plus are arithmetic on
/// [`Loss`] itself.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Map {
    /// -ln x, for x of at least 0 (log-Dice: of the coefficient 1 - loss).
    NegativeLog,
    /// x^g, for x of at least 0 (focal Tversky).
    Power(f64),
}

/// Binary cross-entropy of every cell: -(w t ln p + (1 - t) ln(1 - p)), see [`Bce`].
///
/// ```
/// use lossfold::{Activation, Batch, Layout, Over, bce, sum};
/// use ndarray::array;
///
/// let (logit, target) = (array![[0.0_f32, 1e4]], array![[1_u8, 1]]);
/// let loss = bce(Activation::Sigmoid).reduce(sum(Over::All));
/// assert_eq!(loss.value(&Batch::new(Layout::NC, &logit, &target)?)?, 2.0_f32.ln());
/// # Ok::<(), lossfold::Error>(())
/// ```
pub fn bce(options: impl Into<Bce>) -> Loss {
    Loss::new(Node::Element(Element::Bce(Bce { negative: true, ..options.into() })))
}

/// The term of a class in the cross-entropy over classes: -w t ln p, with the options of [`Bce`], of which
/// it is the positive term alone. Its sum over class is the cross-entropy of a pixel; w are class weights.
///
/// ```
/// use lossfold::Axis::{Class, Image, Pixel};
/// use lossfold::{Activation, Batch, Labels, Layout, cross_entropy, mean, sum};
/// use ndarray::array;
///
/// let (logits, labels) = (array![[[0.0, 3_f64.ln()]], [[0.0, 0.0]]], array![[1_u8], [0]]);
/// let loss = cross_entropy(Activation::Softmax).reduce(sum(Class).then(mean([Pixel, Image])));
/// assert_eq!(loss.to_string(), "cross_entropy(softmax) > sum(class) > mean(pixel, image)");
///
/// let batch = Batch::new("NLC".parse()?, &logits, Labels::new(&labels))?;
/// let expected = ((4.0 / 3.0_f64).ln() + 2_f64.ln()) / 2.0; // p = 3/4 and 1/2
/// assert!((loss.value(&batch)? - expected).abs() < 1e-15);
/// # Ok::<(), lossfold::Error>(())
/// ```
pub fn cross_entropy(options: impl Into<Bce>) -> Loss {
    Loss::new(Node::Element(Element::Bce(Bce { negative: false, ..options.into() })))
}

/// The term of every cell in the Kullback-Leibler divergence of the target from the prediction:
/// t ln t - t ln p, with 0 ln 0 = 0. Its derivative with respect to p is -t / p.
///
/// The target lies in [0, 1]. torch's `KLDivLoss` is `kl(log_probability) > mean(all)`, and with
/// `batchmean` `kl(log_probability) > sum(class, pixel) > mean(image)`.
///
/// ```
/// use lossfold::Axis::{Class, Image, Pixel};
/// use lossfold::{Activation, Batch, Layout, kl, mean, sum};
/// use ndarray::array;
///
/// let logarithms = array![[0.25_f64.ln(), 0.75_f64.ln()]];
/// let target = array![[0.5, 0.5]];
/// let loss = kl(Activation::LogProbability).reduce(sum([Class, Pixel]).then(mean(Image)));
/// assert_eq!(loss.to_string(), "kl(log_probability) > sum(class, pixel) > mean(image)");
///
/// let expected = 0.5 * 2_f64.ln() + 0.5 * (2.0_f64 / 3.0).ln();
/// let batch = Batch::new(Layout::NC, &logarithms, &target)?;
/// assert!((loss.value(&batch)? - expected).abs() < 1e-15);
/// # Ok::<(), lossfold::Error>(())
/// ```
pub fn kl(activation: Activation) -> Loss {
    Loss::new(Node::Element(Element::Kl(activation)))
}

/// The squared error of every cell: (p - t)².
pub fn squared(activation: Activation) -> Loss {
    Loss::new(Node::Element(Element::Squared(activation)))
}

/// The absolute error of every cell: |p - t|. The derivative at p = t is taken to be 0.
pub fn absolute(activation: Activation) -> Loss {
    Loss::new(Node::Element(Element::Absolute(activation)))
}

/// The prediction of every cell itself: p. Of it, and of weights, sums are built that a quotient can divide.
///
/// ```
/// use lossfold::{Activation, Batch, Layout, Over, Weight, predicted, sum};
/// use ndarray::array;
///
/// let met = predicted(Activation::Probability).scale(Weight::Positives).reduce(sum(Over::All)); // Σ p t
/// let all = predicted(Activation::Probability).reduce(sum(Over::All));
/// let precision = met / all;
///
/// let (prediction, target) = (array![[0.5, 0.25, 0.25]], array![[1.0, 0.0, 0.0]]);
/// assert_eq!(precision.value(&Batch::new(Layout::NC, &prediction, &target)?)?, 0.5);
/// # Ok::<(), lossfold::Error>(())
/// ```
pub fn predicted(activation: Activation) -> Loss {
    Loss::new(Node::Element(Element::Predicted(activation)))
}

/// An element formula of the user's own. It prints by its name, and is built in code, not parsed.
pub fn element(
    name: impl Into<String>,
    activation: Activation,
    formula: impl ElementFormula,
) -> Loss {
    let formula = Arc::new(formula);
    Loss::new(Node::Element(Element::Own { name: name.into(), activation, formula }))
}

impl Loss {
    pub(crate) fn new(node: Node) -> Self {
        let depth = 1 + node.children().map(|child| child.depth).max().unwrap_or(0);
        let size = node.children().fold(1_usize, |size, child| size.saturating_add(child.size));
        if depth > MOST_DEPTH || size > MOST_NODES {
            return Self { node: Arc::new(Node::TooLarge), depth: 1, size: 1 };
        }
        Self { node: Arc::new(node), depth, size }
    }

    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// Then the steps of a reduction.
    pub fn reduce(self, reduction: Reduction) -> Self {
        let steps = reduction.steps().iter();
        steps.fold(self, |loss, step| Self::new(Node::Step(loss, step.clone())))
    }

    /// Multiplies the value by a weight: v ← w v.
    pub fn scale(self, weight: Weight) -> Self {
        Self::new(Node::Scale(self, weight))
    }

    /// Multiplies the mass by a weight, which counts in the step over one of its axes.
    pub fn weigh(self, weight: Weight) -> Self {
        Self::new(Node::Weigh(self, weight))
    }

    /// Applies a function to each value.
    pub fn map(self, map: Map) -> Self {
        Self::new(Node::Map(self, map))
    }

    /// Drops all classes but these, with their weights. Lists per class keep one entry for each of
    /// the batch's classes.
    pub fn select(self, classes: impl IntoIterator<Item = usize>) -> Self {
        Self::new(Node::Select(self, Classes::Only(classes.into_iter().collect())))
    }

    /// Drops these classes, with their weights, and keeps all others: `without([0])` needs no number of
    /// classes. Lists per class keep one entry for each of the batch's classes.
    ///
    /// **Errors** ([`ErrorKind::Order`]), with the batch: a class that is not there, or none that is left.
    ///
    /// ```
    /// use lossfold::{Activation, Batch, Layout, Loss, Over, mean, squared};
    /// use ndarray::array;
    ///
    /// let loss = squared(Activation::Identity).without([0]).reduce(mean(Over::All));
    /// assert_eq!(loss.to_string(), "squared(identity) > without([0]) > mean(all)");
    ///
    /// let (prediction, target) = (array![[9.0, 1.0, 2.0]], array![[0.0, 0.0, 0.0]]);
    /// let batch = Batch::new(Layout::NC, &prediction, &target)?;
    /// assert_eq!(loss.value(&batch)?, 2.5); // (1 + 4) / 2
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn without(self, classes: impl IntoIterator<Item = usize>) -> Self {
        Self::new(Node::Select(self, Classes::Without(classes.into_iter().collect())))
    }

    /// Refuses an expression that no batch could make right.
    ///
    /// **Errors** ([`ErrorKind::Order`], [`ErrorKind::Weight`]): a step over an axis that is gone, a
    /// number out of its range, an option that does not belong, more than 128 levels or 2^20 parts.
    pub fn check(&self) -> Result<()> {
        let refuse = |why: String| Err(Error::new(ErrorKind::Order, format!("order: {why}")));
        // Which axes a map or a mask has is known with the batch: until then it may have all.
        let axes = |loss: &Self| loss.axes(&|_| Axes::ALL);
        for child in self.node.children() {
            child.check()?;
        }
        match &*self.node {
            Node::Element(element) => element.check(),
            Node::Region { overlap, region } => {
                overlap.check()?;
                for step in &overlap.steps {
                    match step {
                        Before::Weigh(weight) => weight.check()?,
                        Before::Select(classes) => classes.check()?,
                    }
                }
                region.check(overlap)
            }
            Node::Step(child, step) => {
                step.check()?;
                step.over
                    .of(axes(child))
                    .map(drop)
                    .or_else(|why| refuse(format!("step `{step}` {why}")))
            }
            Node::Scale(_, weight) | Node::Weigh(_, weight) => weight.check(),
            Node::Map(_, Map::Power(g)) if !(g.is_finite() && *g > 0.0) => {
                refuse(format!("map(x^{g}): the exponent is {g}, expected a finite number above 0"))
            }
            Node::Map(..) | Node::Quotient(..) => Ok(()),
            Node::Select(child, classes) if axes(child).contains(Axis::Class) => classes.check(),
            Node::Select(_, classes) => classes
                .check()
                .and_then(|()| refuse(format!("{classes} comes after the class axis is gone"))),
            Node::Sum { terms, constant } => {
                let numbers = terms.iter().map(|(coefficient, _)| coefficient).chain([constant]);
                match numbers.copied().find(|number| !number.is_finite()) {
                    Some(number) => {
                        refuse(format!("a sum has the number {number}, expected finite ones"))
                    }
                    None => Ok(()),
                }
            }
            Node::TooLarge => refuse(format!(
                "the loss nests deeper than {MOST_DEPTH} levels or has more than {MOST_NODES} parts"
            )),
        }
    }

    /// Refuses a batch that carries a weight that the loss does not name, or lacks one that it does.
    pub(crate) fn check_carried(&self, carries: impl Fn(&Weight) -> bool) -> Result<()> {
        let mut named = Vec::new();
        self.weights_named(&mut named);
        for weight in [Weight::Image, Weight::Map, Weight::Mask] {
            let why = match (carries(&weight), named.contains(&&weight)) {
                (true, false) => "the batch carries it, but the loss does not name it",
                (false, true) => "the loss names it, but the batch does not carry it",
                _ => continue,
            };
            return Err(Error::new(ErrorKind::Weight, format!("weight `{weight}`: {why}")));
        }
        Ok(())
    }

    /// Whether a step or ratio of the loss asks for NaN where a group is empty.
    pub(crate) fn asks_for_nan(&self) -> bool {
        let here = match &*self.node {
            Node::Step(_, Step { empty: Empty::Nan, .. }) => true,
            Node::Region { region, .. } => region.ratio.empty == Empty::Nan,
            _ => false,
        };
        here || self.node.children().any(Self::asks_for_nan)
    }

    /// Collects every weight that the loss names.
    pub(crate) fn weights_named<'l>(&'l self, named: &mut Vec<&'l Weight>) {
        match &*self.node {
            Node::Scale(_, weight) | Node::Weigh(_, weight) => named.push(weight),
            Node::Step(_, Step { by: Some(by), .. }) => named.extend(by),
            Node::Region { overlap, .. } => {
                named.extend(overlap.steps.iter().filter_map(|step| match step {
                    Before::Weigh(weight) => Some(weight),
                    Before::Select(_) => None,
                }));
            }
            _ => {}
        }
        self.node.children().for_each(|child| child.weights_named(named));
    }

    /// The axes of the value of a loss, where `carried` tells the axes of the weights that come with
    /// a batch. A step that `check` refuses removes nothing.
    pub(crate) fn axes(&self, carried: &dyn Fn(&Weight) -> Axes) -> Axes {
        match &*self.node {
            Node::Element(_) => Axes::ALL,
            Node::Region { region, .. } => {
                Axes::ALL.without(region.ratio.over.of(Axes::ALL).unwrap_or_default())
            }
            Node::Step(child, step) => {
                let axes = child.axes(carried);
                axes.without(step.over.of(axes).unwrap_or_default())
            }
            Node::Scale(child, weight) | Node::Weigh(child, weight) => {
                child.axes(carried).with(weight.axes(carried))
            }
            Node::Map(child, _) | Node::Select(child, _) => child.axes(carried),
            Node::Sum { terms, .. } => {
                terms.iter().fold(Axes::NONE, |axes, (_, term)| axes.with(term.axes(carried)))
            }
            Node::Quotient(over, under) => over.axes(carried).with(under.axes(carried)),
            Node::TooLarge => Axes::NONE,
        }
    }
}

impl Node {
    pub(crate) fn children(&self) -> impl Iterator<Item = &Loss> {
        let (one, two, many): (Option<&Loss>, Option<&Loss>, &[(f64, Loss)]) = match self {
            Self::Element(_) | Self::Region { .. } | Self::TooLarge => (None, None, &[]),
            Self::Step(child, _)
            | Self::Scale(child, _)
            | Self::Weigh(child, _)
            | Self::Map(child, _)
            | Self::Select(child, _) => (Some(child), None, &[]),
            Self::Quotient(over, under) => (Some(over), Some(under), &[]),
            Self::Sum { terms, .. } => (None, None, terms),
        };
        one.into_iter().chain(two).chain(many.iter().map(|(_, term)| term))
    }
}

impl PartialEq for Loss {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.node, &other.node) || self.to_string() == other.to_string()
    }
}
