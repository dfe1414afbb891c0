//! Random losses with their data, in words of their own.
//!
//! A [`Case`] is a loss and a batch, described by plain numbers and enums; nothing in it comes from
//! the crate. [`oracle`] computes what a case is worth, [`build`] makes the crate's loss and batch of
//! it, and a test holds the two together.

// Every test file uses a part of this module.
#![allow(dead_code)]

pub mod build;
pub mod nested;
pub mod oracle;
pub mod random;

/// Class, pixel and image, in this order, wherever three of something stand in a row.
pub const CLASS: usize = 0;
/// The place of the pixel axis.
pub const PIXEL: usize = 1;
/// The place of the image axis.
pub const IMAGE: usize = 2;

/// The most classes, pixels and images of a case.
pub const MOST: [usize; 3] = [4, 6, 4];
/// How many numbers a case has per cell, whatever its extents, so that it shrinks well.
pub const CELLS: usize = MOST[CLASS] * MOST[PIXEL] * MOST[IMAGE];

/// Where the numbers of a cell stand in a list of [`CELLS`].
pub fn place([class, pixel, image]: [usize; 3]) -> usize {
    (class * MOST[PIXEL] + pixel) * MOST[IMAGE] + image
}

/// Visits every cell of `size`, class by class and pixel by pixel.
pub fn each(size: [usize; 3], mut visit: impl FnMut([usize; 3])) {
    for class in 0..size[CLASS] {
        for pixel in 0..size[PIXEL] {
            for image in 0..size[IMAGE] {
                visit([class, pixel, image]);
            }
        }
    }
}

/// Which of the axes are meant.
pub type Set = [bool; 3];

pub fn some(set: Set) -> bool {
    set.contains(&true)
}

pub fn both(one: Set, other: Set) -> Set {
    [0, 1, 2].map(|axis| one[axis] && other[axis])
}

pub fn either(one: Set, other: Set) -> Set {
    [0, 1, 2].map(|axis| one[axis] || other[axis])
}

pub fn without(one: Set, other: Set) -> Set {
    [0, 1, 2].map(|axis| one[axis] && !other[axis])
}

/// What the prediction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Squash {
    Identity,
    Probability,
    LogProbability,
    Sigmoid,
    Softmax,
}

/// The probability of the truth of a focal factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    Mixed,
    Terms,
    Loss,
    Logit,
}

/// The focal factor and the balance of a cross-entropy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Focus {
    pub gamma: f64,
    pub truth: Truth,
    pub threshold: Option<f64>,
    pub alpha: Option<f64>,
}

/// The loss of one cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    Bce(Squash),
    Focal(Squash, Focus),
    Kl(Squash),
    Squared(Squash),
    Absolute(Squash),
    Predicted(Squash),
}

/// A weight, by name; a list has a number for each of the most classes.
#[derive(Clone, Debug, PartialEq)]
pub enum Named {
    Class(Vec<f64>),
    Target(Vec<f64>),
    Image,
    Map,
    Mask,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Sum,
    Mean,
    Max,
    Min,
    Power(f64),
    LogMeanExp(f64),
    Quantile(f64),
    /// The worst eighths of the cells.
    TopEighths(usize),
    TopK(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Skip,
    Zero,
    One,
    Nan,
    Error,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub kind: Kind,
    pub over: Set,
    /// The weights whose total divides; the mass divides where there are none.
    pub by: Vec<Named>,
    pub carry: bool,
    pub policy: Policy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formula {
    Dice,
    Jaccard,
    Tversky,
    /// Lovász, of |t - p|, or of the hinge where the squash is the identity.
    Lovasz,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    Keep,
    Skip,
    Zero,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    /// Holds p between this and 1 less this, in the overlap on which the ratio stands.
    pub clip: Option<f64>,
    pub formula: Formula,
    pub over: Set,
    pub smooth_numerator: f64,
    pub smooth_denominator: f64,
    pub floor: f64,
    pub true_positive_floor: Option<f64>,
    pub score_floor: Option<f64>,
    /// p^2 and t^2 stand in the denominator.
    pub squared: bool,
    /// The soft overlap is (p^e + t^e - |p - t|) / 2.
    pub distance: bool,
    /// The weights of false positives and false negatives, for Tversky.
    pub wrong: [f64; 2],
    pub absent: Absent,
    pub policy: Policy,
    pub carry: bool,
}

/// What a loss begins with.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    Element(Source),
    /// An overlap with the weights inside its sums, and the ratio on it.
    Overlap(Squash, Vec<Named>, Ratio),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Weigh(Named),
    Scale(Named),
    Step(Step),
}

/// The element type in which a dense target enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    F32,
    F64,
    U8,
    Bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    Dense(Container, Vec<f64>),
    /// A label per pixel and image (the numbers of class 0), and the label to ignore.
    Labels(Vec<u8>, Option<u8>),
}

/// A loss and a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub extents: [usize; 3],
    pub prediction: Vec<f64>,
    pub target: Target,
    pub image: Vec<f64>,
    pub map: (Set, Vec<f64>),
    pub mask: (Set, Vec<bool>),
    pub start: Start,
    pub items: Vec<Item>,
}

impl Case {
    /// The axes of a weight.
    pub fn axes(&self, named: &Named) -> Set {
        match named {
            Named::Class(_) => [true, false, false],
            Named::Target(_) => [false, true, true],
            Named::Image => [false, false, true],
            Named::Map => self.map.0,
            Named::Mask => self.mask.0,
        }
    }

    pub fn squash(&self) -> Squash {
        match self.start {
            Start::Element(
                Source::Bce(squash)
                | Source::Focal(squash, _)
                | Source::Kl(squash)
                | Source::Squared(squash)
                | Source::Absolute(squash)
                | Source::Predicted(squash),
            )
            | Start::Overlap(squash, ..) => squash,
        }
    }

    /// Every weight that the loss names.
    pub fn named(&self) -> impl Iterator<Item = &Named> {
        let before: &[Named] = match &self.start {
            Start::Overlap(_, before, _) => before,
            Start::Element(_) => &[],
        };
        let after = self.items.iter().flat_map(|item| match item {
            Item::Weigh(named) | Item::Scale(named) => std::slice::from_ref(named),
            Item::Step(step) => &step.by,
        });
        before.iter().chain(after)
    }

    /// The steps of the loss, which may be changed in place.
    pub fn steps(&mut self) -> impl Iterator<Item = &mut Step> {
        self.items.iter_mut().filter_map(|item| match item {
            Item::Step(step) => Some(step),
            _ => None,
        })
    }
}
