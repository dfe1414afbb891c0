//! Random nested loss expressions with their data: what two engines have to agree on.
//!
//! A [`Case`] is plain data, so that it shrinks and prints. [`draw`] and [`data`] draw the parts,
//! [`fit`] repairs a drawn expression until it can be carried out, [`build`] makes the crate's loss
//! and batch, and [`compare`] says whether two results are the same up to rounding.

pub mod build;
pub mod compare;
pub mod data;
pub mod draw;
pub mod fit;
pub mod frame;
pub mod nudge;
pub mod offend;

use std::fmt;

use lossfold::{
    Activation, Axes, Axis, Extents, Layout, Map, Ratio, Smoothing, Step, Truth, Weight,
};
use ndarray::ArrayD;

/// A start and what is done to it, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    pub head: Head,
    pub links: Vec<Link>,
}

/// What a chain begins with.
#[derive(Clone, Debug, PartialEq)]
pub enum Head {
    Element(Source),
    Overlap(Region),
    Sum {
        terms: Vec<(f64, Chain)>,
        constant: f64,
        repair: Repair,
    },
    /// A quotient; the constant is added to its denominator.
    Quotient {
        over: Box<Chain>,
        under: Box<Chain>,
        constant: f64,
        repair: Repair,
    },
}

/// What happens where the terms of a sum or a quotient carry different weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// A term that has a weight alone takes a mean by it.
    Mean,
    /// The other terms are weighed, too, where that can be named.
    Weigh,
    /// Nothing: most probably an error, which both engines have to report.
    Leave,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    pub formula: Element,
    pub activation: Activation,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Element {
    Bce {
        logs: Logs,
        /// A number for all, or one for each of the most classes.
        positive: Option<Vec<f64>>,
        smoothing: Option<Smoothing>,
        focal: Option<Focus>,
        alpha: Option<f64>,
        /// Whether the term of 1 - p is there.
        negative: bool,
    },
    Kl,
    Squared,
    Absolute,
    Predicted,
    Own,
}

/// The exponent, convention and threshold of a focal factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Focus {
    pub gamma: f64,
    pub truth: Truth,
    pub threshold: Option<f64>,
}

/// How the logarithms of a cross-entropy are kept from infinity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Logs {
    Plain,
    Clip(f64),
    Epsilon(f64),
    Both(f64, f64),
    Floor(f64),
}

/// An overlap, the weights and selections inside it, and its ratio.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    pub activation: Activation,
    pub clip: Option<f64>,
    pub before: Vec<Link>,
    pub formula: Formula,
    pub over: Axes,
    pub ratio: Ratio,
    pub carry: bool,
    /// Whether every value lies in [0, 1] whatever the prediction, rounding aside.
    pub unit: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formula {
    Dice,
    Jaccard,
    Tversky,
    Lovasz,
    LovaszHinge,
    Own,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    Step(Step),
    Scale(Weight),
    Weigh(Weight),
    Map(Map),
    Select(Vec<usize>),
    Without(Vec<usize>),
}

/// The element type of a dense array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    F64,
    F32,
    U8,
    Bool,
}

/// The integer type of labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integer {
    U8,
    U16,
    U64,
    Usize,
    I8,
    I16,
    I32,
    I64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    Dense(Container, ArrayD<f64>),
    /// A label per pixel and image, and the one to ignore.
    Labels(Integer, ArrayD<i64>, Option<i64>),
}

/// How an array lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lies {
    Straight,
    /// With the first axis fastest.
    Turned,
    /// Backwards along every axis.
    Reversed,
    /// Every other place of a larger array.
    Wide,
}

/// A loss and a batch. Its text, its layout and its numbers are what a failure prints.
#[derive(Clone, PartialEq)]
pub struct Case {
    pub chain: Chain,
    pub layout: Layout,
    /// Whether the prediction is one of f32, which its numbers then are.
    pub single: bool,
    pub prediction: ArrayD<f64>,
    pub target: Target,
    pub image: ArrayD<f64>,
    pub map: (Axes, Container, ArrayD<f64>),
    pub mask: (Axes, Container, ArrayD<f64>),
    /// Of prediction and gradient, target, map and mask.
    pub lies: [Lies; 4],
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on `{}` ", self.loss(), self.layout)?;
        writeln!(f, "of {}: {:?}", if self.single { "f32" } else { "f64" }, self.prediction)?;
        match &self.target {
            Target::Dense(container, values) => writeln!(f, "target {container:?}: {values:?}")?,
            Target::Labels(integer, labels, ignored) => {
                writeln!(f, "labels {integer:?}, ignored {ignored:?}: {labels:?}")?;
            }
        }
        writeln!(f, "image: {:?}", self.image)?;
        writeln!(f, "map {:?} {}: {:?}", self.map.1, self.map.0, self.map.2)?;
        writeln!(f, "mask {:?} {}: {:?}", self.mask.1, self.mask.0, self.mask.2)?;
        write!(f, "memory: {:?}", self.lies)
    }
}

impl Case {
    /// The numbers of classes, pixels and images.
    pub fn extents(&self) -> Extents {
        extents(self.layout, self.prediction.shape())
    }
}

/// The numbers of classes, pixels and images of a tensor.
pub fn extents(layout: Layout, shape: &[usize]) -> Extents {
    let of = |wanted| {
        let axes = layout.axes().iter().zip(shape).filter(|&(&axis, _)| axis == wanted);
        axes.map(|(_, extent)| extent).product()
    };
    Extents { class: of(Axis::Class), pixel: of(Axis::Pixel), image: of(Axis::Image) }
}

/// The shape of what has only some of the axes of a tensor.
pub fn shape_per(axes: Axes, layout: Layout, shape: &[usize]) -> Vec<usize> {
    let kept = layout.axes().iter().zip(shape).filter(|&(&axis, _)| axes.contains(axis));
    kept.map(|(_, &extent)| extent).collect()
}

impl Chain {
    /// Visits this chain and every chain inside it.
    pub fn each(&mut self, visit: &mut impl FnMut(&mut Self)) {
        match &mut self.head {
            Head::Sum { terms, .. } => terms.iter_mut().for_each(|(_, term)| term.each(visit)),
            Head::Quotient { over, under, .. } => {
                over.each(visit);
                under.each(visit);
            }
            Head::Element(_) | Head::Overlap(_) => {}
        }
        visit(self);
    }

    /// The steps of this chain and of every chain inside it.
    pub fn each_step(&mut self, visit: &mut impl FnMut(&mut Step)) {
        self.each(&mut |chain| {
            for link in &mut chain.links {
                if let Link::Step(step) = link {
                    visit(step);
                }
            }
        });
    }

    /// The activations of every source, and whether its targets lie in [0, 1] whatever the activation.
    pub fn activations(&self) -> Vec<(Activation, bool)> {
        let mut found = Vec::new();
        self.clone().each(&mut |chain| match &chain.head {
            Head::Element(source) => {
                let unit = matches!(source.formula, Element::Bce { .. });
                found.push((source.activation, unit));
            }
            Head::Overlap(region) => {
                found.push((region.activation, region.formula == Formula::LovaszHinge));
            }
            _ => {}
        });
        found
    }

    /// Every weight that the loss names.
    pub fn weights(&self) -> Vec<Weight> {
        let mut found = Vec::new();
        let mut of_link = |link: &Link| match link {
            Link::Scale(weight) | Link::Weigh(weight) => found.push(weight.clone()),
            Link::Step(step) => found.extend(step.by.iter().flatten().cloned()),
            Link::Map(_) | Link::Select(_) | Link::Without(_) => {}
        };
        self.clone().each(&mut |chain| {
            if let Head::Overlap(region) = &chain.head {
                region.before.iter().for_each(&mut of_link);
            }
            chain.links.iter().for_each(&mut of_link);
        });
        found
    }
}
