//! What is known of a loss before any cell is read: axes and classes of every node, and where in the
//! pass each is evaluated.
//!
//! A node is *local* while its field is known image by image, and *global* once a step or ratio over
//! `image` (a *pool*) has consumed the images. Pools are what a state keeps. A local node that ends the
//! pixels of an image by a sum, a mean or a ratio, of something that is known pixel by pixel, is a
//! *cut*: blocks of pixels are enough for it.

use std::sync::Arc;

use crate::axis::{Axes, Axis};
use crate::error::{Error, ErrorKind, Result};
use crate::loss::{Loss, Node, leaves};
use crate::reduction::{Aggregate, Step};
use crate::region::Before;
use crate::weight::Weight;

use super::facts::Facts;
use super::offence::Rank;
use super::stage::{self, Whole};

/// A weight where a loss names it.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// The node that names it, and its place there.
    pub(super) at: (usize, usize),
    pub(super) weight: Weight,
    pub(super) text: Arc<str>,
    pub(super) axes: Axes,
    /// Whether it is known only when all images have been seen.
    pub(super) deferred: bool,
    /// The classes over which it is made.
    pub(super) classes: Vec<usize>,
}

impl Named {
    /// Whether it is counted over the images of a batch.
    pub(super) fn over_images(&self) -> bool {
        match &self.weight {
            Weight::Presence { over } | Weight::Volume { over, .. } | Weight::Balance { over } => {
                over.contains(Axis::Image)
            }
            _ => false,
        }
    }
}

/// A node of a loss, with what is known of it beforehand.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) loss: Loss,
    /// Its number, above that of every node that holds it.
    pub(super) id: usize,
    /// The largest number among it and its parts.
    pub(super) last: usize,
    pub(super) axes: Axes,
    /// The numbers of the classes of its field, where that has a class axis.
    pub(super) classes: Vec<usize>,
    /// What a step or ratio is over.
    pub(super) over: Axes,
    /// The weights of a weigh or scale node, of the divisor of a mean, inside an overlap.
    pub(super) weights: Vec<Arc<Named>>,
    pub(super) parts: Vec<Spot>,
    pub(super) place: Place,
}

/// Where a node is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a window of some pixels of an image.
    Pixels,
    /// From the sums over blocks of pixels: the number of the cut.
    Cut(usize),
    /// In a window of a whole image.
    Image,
    /// From what the images left: the number of the pool, and of the cut whose blocks fill it.
    Pool(usize, Option<usize>),
    /// After the images.
    Fold,
}

/// How a loss is evaluated on batches with the same facts.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) loss: Loss,
    pub(super) facts: Facts,
    pub(super) root: Spot,
    pub(super) pools: usize,
    pub(super) cuts: usize,
    /// Whether a step over the one image of a layout without an image axis was added.
    pub(super) closed: bool,
    /// Why all cells must be read at once, where they must.
    pub(super) whole: Option<Whole>,
    /// Whether what is counted over images is counted first, in a pass of its own.
    pub(super) informed: bool,
}

impl Plan {
    /// Analyses a loss whose carried weights are those of the facts, for parts of a whole.
    ///
    /// A `part` of a loss may lack weights that the batch carries for other parts.
    pub(super) fn new(loss: &Loss, facts: Facts, part: bool) -> Result<Self> {
        Self::analysed(loss, facts, part, false)
    }

    /// The same for a batch that is all there is: what is counted over its images can be counted first.
    pub(super) fn of_batch(loss: &Loss, facts: Facts, part: bool) -> Result<Self> {
        let plan = Self::new(loss, facts, part)?;
        match plan.whole {
            Some(_) if plan.counts() => {
                let facts = plan.facts.clone();
                let informed = Self::analysed(loss, facts, part, true)?;
                Ok(if informed.whole.is_none() { informed } else { plan })
            }
            _ => Ok(plan),
        }
    }

    fn analysed(loss: &Loss, facts: Facts, part: bool, informed: bool) -> Result<Self> {
        if !part {
            loss.check_carried(|weight| facts.carries(weight))?;
        }
        loss.check()?;
        let mut root = Builder { facts: &facts, next: 0 }.spot(loss)?;
        let left: Axes = root.axes.iter().filter(|&axis| facts.layout.contains(axis)).collect();
        if !left.is_empty() {
            return Err(leaves(loss, left));
        }
        // A layout without an image axis has one image; the largest of one value is that value.
        let closed = root.axes.contains(Axis::Image);
        if closed {
            let over_image = loss.clone().reduce(crate::reduction::max(Axis::Image));
            root = Builder { facts: &facts, next: 0 }.spot(&over_image)?;
        }
        let mut plan = Self {
            loss: loss.clone(),
            facts,
            root,
            pools: 0,
            cuts: 0,
            closed,
            whole: None,
            informed,
        };
        stage::assign(&mut plan);
        Ok(plan)
    }

    /// The pools, each after those on which it depends not at all: in the order of the text.
    pub(super) fn pool_spots(&self) -> Vec<&Spot> {
        let mut found = Vec::new();
        self.root.visit(&mut |spot| {
            if let Place::Pool(number, _) = spot.place {
                found.push((number, spot));
            }
        });
        found.sort_by_key(|(number, _)| *number);
        found.into_iter().map(|(_, spot)| spot).collect()
    }

    /// Whether a weight is counted over the pixels of an image.
    pub(super) fn counts(&self) -> bool {
        self.named().iter().any(|named| match named.weight {
            Weight::Presence { over } | Weight::Volume { over, .. } | Weight::Balance { over } => {
                over.contains(Axis::Pixel)
            }
            _ => false,
        })
    }

    /// Whether a weight waits for all images, or asks for a pass of its own over them.
    pub(super) fn counts_images(&self) -> bool {
        self.named().iter().any(|named| named.deferred || self.informed && named.over_images())
    }

    /// The weights of the batch that are needed after the images.
    pub(super) fn given_after(&self) -> Vec<&Arc<Named>> {
        let mut given = Vec::new();
        self.root.visit(&mut |spot| {
            if spot.place == Place::Fold {
                let of_batch =
                    |named: &&Arc<Named>| matches!(named.weight, Weight::Map | Weight::Mask);
                given.extend(spot.weights.iter().filter(of_batch));
            }
        });
        given
    }

    /// The weights that wait for the images and are first needed after them.
    pub(super) fn counted_after(&self) -> Vec<(Rank, &Arc<Named>)> {
        let mut counted = Vec::new();
        self.root.visit(&mut |spot| {
            if spot.place == Place::Fold {
                let deferred = spot.weights.iter().filter(|named| named.over_images());
                counted.extend(deferred.map(|named| (spot.rank(named), named)));
            }
        });
        counted
    }

    fn named(&self) -> Vec<&Arc<Named>> {
        let mut named = Vec::new();
        self.root.visit(&mut |spot| named.extend(&spot.weights));
        named
    }

    /// Whether the derivative with respect to every source is known before any cell is read.
    pub(super) fn is_linear(&self) -> bool {
        let mut linear = true;
        self.root.visit(&mut |spot| {
            linear &= match spot.loss.node() {
                Node::Step(_, step) => is_linear(step) && !step.carry,
                Node::Element(_)
                | Node::Scale(..)
                | Node::Weigh(..)
                | Node::Select(..)
                | Node::Sum { .. } => true,
                _ => false,
            };
        });
        linear
    }

    /// The cuts, by number.
    pub(super) fn cut_spots(&self) -> Vec<&Spot> {
        let mut found = Vec::new();
        self.root.visit(&mut |spot| match spot.place {
            Place::Cut(number) | Place::Pool(_, Some(number)) => found.push((number, spot)),
            _ => {}
        });
        found.sort_by_key(|(number, _)| *number);
        found.into_iter().map(|(_, spot)| spot).collect()
    }
}

impl Spot {
    /// When a weight of the node is checked: before what it weighs, after what it divides.
    pub(super) fn rank(&self, named: &Named) -> Rank {
        match self.loss.node() {
            Node::Step(..) => (self.last, usize::MAX),
            _ => named.at,
        }
    }

    /// Whether the node is evaluated after the images.
    pub(super) fn is_global(&self) -> bool {
        matches!(self.place, Place::Pool(..) | Place::Fold)
    }

    pub(super) fn visit<'p>(&'p self, look: &mut impl FnMut(&'p Self)) {
        look(self);
        self.parts.iter().for_each(|part| part.visit(look));
    }
}

/// Whether a step is a weighted sum of its values.
pub(super) fn is_linear(step: &Step) -> bool {
    matches!(step.aggregate, Aggregate::Sum | Aggregate::Mean)
}

struct Builder<'f> {
    facts: &'f Facts,
    next: usize,
}

impl Builder<'_> {
    fn spot(&mut self, loss: &Loss) -> Result<Spot> {
        let id = self.next;
        self.next += 1;
        let parts =
            loss.node().children().map(|child| self.spot(child)).collect::<Result<Vec<_>>>()?;
        let axes = loss.axes(&|weight| self.facts.carried(weight));
        let order = |why: String| Error::new(ErrorKind::Order, format!("order: {why}"));
        let mut over = Axes::NONE;
        let mut weights = Vec::new();
        let mut classes = self.classes(loss, &parts, axes)?;
        match loss.node() {
            Node::Region { overlap, region } => {
                over = region.over(Axes::ALL)?;
                let mut left = self.all();
                for step in &overlap.steps {
                    match step {
                        Before::Weigh(weight) => {
                            weights.push(self.named(weight, Axes::ALL, &left, (id, weights.len())));
                        }
                        Before::Select(classes) => left = classes.of(&left, self.facts.classes)?,
                    }
                }
                if axes.contains(Axis::Class) {
                    classes = left;
                }
            }
            Node::Step(_, step) => {
                over = step
                    .over
                    .of(parts[0].axes)
                    .map_err(|why| order(format!("step `{step}` {why}")))?;
                let of_child = &parts[0].classes;
                let by = step.by.iter().flatten().enumerate();
                weights =
                    by.map(|(at, by)| self.named(by, parts[0].axes, of_child, (id, at))).collect();
                if let Some(by) = weights.iter().find(|by| !parts[0].axes.contains_all(by.axes)) {
                    let Named { text, axes, .. } = &**by;
                    let left = parts[0].axes;
                    return Err(order(format!(
                        "step `{step}` divides by `{text}`, which is per {axes}; left are {left}"
                    )));
                }
            }
            Node::Scale(_, weight) | Node::Weigh(_, weight) => {
                weights = vec![self.named(weight, axes, &classes, (id, 0))];
            }
            Node::TooLarge => return Err(order("the loss is too large".into())),
            _ => {}
        }
        let last = self.next - 1;
        let loss = loss.clone();
        Ok(Spot { loss, id, last, axes, classes, over, weights, parts, place: Place::Fold })
    }

    fn all(&self) -> Vec<usize> {
        (0..self.facts.classes).collect()
    }

    /// A weight over the classes of a field with these axes; over all where the class axis is gone.
    fn named(
        &self,
        weight: &Weight,
        axes: Axes,
        classes: &[usize],
        at: (usize, usize),
    ) -> Arc<Named> {
        let has_classes = axes.contains(Axis::Class);
        let classes = if has_classes { classes.to_vec() } else { self.all() };
        Arc::new(Named {
            at,
            weight: weight.clone(),
            text: weight.to_string().into(),
            axes: weight.axes(&|carried| self.facts.carried(carried)),
            deferred: false,
            classes,
        })
    }

    /// The classes of the field of a loss.
    fn classes(&self, loss: &Loss, parts: &[Spot], axes: Axes) -> Result<Vec<usize>> {
        if let Node::Select(_, kept) = loss.node() {
            return kept.of(&parts[0].classes, self.facts.classes);
        }
        if !axes.contains(Axis::Class) {
            return Ok(Vec::new());
        }
        // A weight with a class axis widens a field that lacks one to all classes.
        let mut with_classes = parts.iter().filter(|part| part.axes.contains(Axis::Class));
        let Some(first) = with_classes.next() else { return Ok(self.all()) };
        if with_classes.any(|other| other.classes != first.classes) {
            return Err(Error::new(
                ErrorKind::Order,
                format!("order: the terms of `{loss}` have different classes"),
            ));
        }
        Ok(first.classes.clone())
    }
}
