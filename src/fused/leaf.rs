//! Which losses are linear in sums over the pixels of an image, and the sums that they need.
//!
//! Where every weight below a cut is the same for all pixels, and every step there is a sum or mean, a
//! cut is made of the sums of its sources per class: its *leaves*.

use crate::axis::Axis;
use crate::element::{Activation, Bce, Element};
use crate::kernel::{self, Extreme, Formula, Logarithm, Recipe};
use crate::loss::Node;
use crate::reduction::{Aggregate, Step};
use crate::region::{Overlap, Region, SoftOverlap};

use super::element::{LEAST_SLOPE, bounds};
use super::plan::{Named, Place, Plan, Spot, is_linear};

/// A source whose sums per class are all that a loss needs of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf {
    /// The number of its node.
    pub(super) id: usize,
    /// The recipe that sums it, and which of its sums is the first of this leaf.
    pub(super) recipe: usize,
    pub(super) first: usize,
}

/// The leaves of a loss and how they are summed.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaves {
    pub(super) leaves: Vec<Leaf>,
    pub(super) recipes: Vec<Weighted>,
}

/// A recipe, and the weights of the positive term per class, where they are not 1.
#[derive(Clone, Debug)]
pub(super) struct Weighted {
    pub(super) recipe: Recipe,
    pub(super) activation: Activation,
    pub(super) positive: Option<Vec<f64>>,
    /// Which of the values of a pixel is summed, where not each of its own class.
    pub(super) extreme: Option<Extreme>,
}

impl Leaves {
    /// Those of a plan; none if a cut needs more than sums.
    pub(super) fn of(plan: &Plan, narrow: fn(f64) -> f64) -> Option<Self> {
        let mut sources = Vec::new();
        for spot in plan.cut_spots() {
            cut(spot, &mut sources)?;
        }
        let mut all = 0;
        plan.root.visit(&mut |spot| all += usize::from(is_source(spot)));
        // A source that no cut sums needs the cells of whole images.
        if all != sources.len() {
            return None;
        }
        let mut leaves = Self::default();
        for spot in sources {
            leaves.add(spot, plan.facts.classes, narrow)?;
        }
        let identity = |weighted: &Weighted| weighted.activation == Activation::Identity;
        // What is counted from targets asks that they lie in [0, 1].
        if plan.counts() && leaves.recipes.iter().any(identity) {
            return None;
        }
        Some(leaves)
    }

    fn add(&mut self, spot: &Spot, classes: usize, narrow: fn(f64) -> f64) -> Option<()> {
        let (extreme, spot_of) = match spot.loss.node() {
            Node::Step(_, step) => (extreme_of(step), &spot.parts[0]),
            _ => (None, spot),
        };
        let (activation, formula, positive) = match spot_of.loss.node() {
            Node::Element(Element::Bce(bce)) => {
                let positive = bce.positive.as_deref();
                let positive = match positive {
                    Some(weights) => Some(spread(weights, classes)?),
                    None => None,
                };
                (bce.activation, formula(bce, classes, narrow)?, positive)
            }
            Node::Element(Element::Squared(activation)) => (*activation, Formula::Squared, None),
            Node::Element(Element::Absolute(activation)) => (*activation, Formula::Absolute, None),
            Node::Region { overlap, region } => {
                (overlap.activation, overlap_of(overlap, region)?, None)
            }
            _ => return None,
        };
        let activated = match (activation, formula) {
            (Activation::Probability, _) => kernel::Activated::Probability,
            (Activation::Identity, _) => kernel::Activated::Identity,
            (Activation::Sigmoid, _) => kernel::Activated::Sigmoid,
            (Activation::Softmax, Formula::Bce { .. })
            | (Activation::LogProbability | Activation::Normalize, _) => return None,
            (Activation::Softmax, _) => kernel::Activated::Coupled,
        };
        let (recipe, first) = self.place(Weighted {
            recipe: Recipe { activated, formula, overlap: false },
            activation,
            positive,
            extreme,
        });
        self.leaves.push(Leaf { id: spot.id, recipe, first });
        Some(())
    }

    /// The recipe that sums a formula, and where: an overlap and a cross-entropy share a loop.
    fn place(&mut self, new: Weighted) -> (usize, usize) {
        let plain = |formula| {
            matches!(
                formula,
                Formula::PlainBce
                    | Formula::CrossEntropy { .. }
                    | Formula::Bce { logarithm: Logarithm::Plain, .. }
            )
        };
        let simple = |formula| matches!(formula, Formula::Overlap { squared: false });
        let alone = |recipe: &Weighted| recipe.recipe.overlap || recipe.extreme.is_some();
        for (place, known) in self.recipes.iter_mut().enumerate() {
            if known.activation != new.activation || alone(known) || alone(&new) {
                continue;
            }
            if plain(known.recipe.formula) && simple(new.recipe.formula) {
                known.recipe.overlap = true;
                return (place, 1);
            }
            if simple(known.recipe.formula) && plain(new.recipe.formula) {
                let recipe = Recipe { overlap: true, ..new.recipe };
                *known = Weighted { recipe, ..new };
                let before = self.leaves.iter_mut().filter(|leaf| leaf.recipe == place);
                before.for_each(|leaf| leaf.first = 1);
                return (place, 0);
            }
        }
        self.recipes.push(new);
        (self.recipes.len() - 1, 0)
    }

    pub(super) fn of_spot(&self, id: usize) -> Option<&Leaf> {
        self.leaves.iter().find(|leaf| leaf.id == id)
    }
}

fn is_source(spot: &Spot) -> bool {
    matches!(spot.loss.node(), Node::Element(_) | Node::Region { .. })
}

fn same_for_all_pixels(named: &Named) -> bool {
    !named.axes.contains(Axis::Pixel)
}

/// Collects the sources below a cut, if it is linear in their sums.
fn cut<'p>(spot: &'p Spot, sources: &mut Vec<&'p Spot>) -> Option<()> {
    spot.weights.iter().all(|named| same_for_all_pixels(named)).then_some(())?;
    match spot.loss.node() {
        Node::Region { .. } => sources.push(spot),
        _ => below(&spot.parts[0], sources)?,
    }
    Some(())
}

fn below<'p>(spot: &'p Spot, sources: &mut Vec<&'p Spot>) -> Option<()> {
    // A number for the whole batch, which has cuts of its own.
    if spot.is_global() {
        return Some(());
    }
    if let Node::Step(_, step) = spot.loss.node()
        && extreme_of(step).is_some()
        && spot.over == Axis::Class.into()
        && !step.carry
        && !spot.parts[0].classes.is_empty()
        && matches!(spot.parts[0].loss.node(), Node::Element(_))
    {
        sources.push(spot);
        return Some(());
    }
    let linear = match spot.loss.node() {
        Node::Element(_) => {
            sources.push(spot);
            true
        }
        Node::Step(_, step) => is_linear(step),
        Node::Scale(..) | Node::Weigh(..) | Node::Select(..) | Node::Sum { .. } => true,
        _ => false,
    };
    let linear = linear && spot.place == Place::Pixels;
    (linear && spot.weights.iter().all(|named| same_for_all_pixels(named))).then_some(())?;
    spot.parts.iter().try_for_each(|part| below(part, sources))
}

/// Which of its values a step takes.
fn extreme_of(step: &Step) -> Option<Extreme> {
    match step.aggregate {
        Aggregate::Max => Some(Extreme::Largest),
        Aggregate::Min => Some(Extreme::Least),
        _ => None,
    }
}

/// One weight per class; none if there are as many as neither one nor all.
fn spread(weights: &[f64], classes: usize) -> Option<Vec<f64>> {
    match weights {
        &[one] => Some(vec![one; classes]),
        _ => (weights.len() == classes).then(|| weights.to_vec()),
    }
}

fn formula(bce: &Bce, classes: usize, narrow: fn(f64) -> f64) -> Option<Formula> {
    if *bce == Bce::new(Activation::Sigmoid) {
        return Some(Formula::PlainBce);
    }
    if bce.focal.is_some() || bce.alpha.is_some() {
        return None;
    }
    let (scale, shift) = bce.smoothing.map_or((1.0, 0.0), |smoothing| smoothing.line(classes));
    let logarithm = match (bce.log_floor, bce.clip, bce.epsilon) {
        (Some(floor), ..) => Logarithm::Floored { floor, least_slope: LEAST_SLOPE },
        (None, None, None) => Logarithm::Plain,
        (None, clip, epsilon) => {
            let ends = bounds(clip, narrow);
            let (least, most) = ends.unwrap_or((0.0, 1.0));
            Logarithm::Clipped { least, most, epsilon: epsilon.unwrap_or(0.0) }
        }
    };
    match (bce.negative, logarithm) {
        (true, _) => Some(Formula::Bce { scale, shift, logarithm }),
        (false, Logarithm::Plain) => Some(Formula::CrossEntropy { scale, shift }),
        (false, _) => None,
    }
}

fn overlap_of(overlap: &Overlap, region: &Region) -> Option<Formula> {
    let ratio = &region.ratio;
    let squared = match ratio.exponent {
        1.0 => false,
        2.0 => true,
        _ => return None,
    };
    let plain = ratio.soft == SoftOverlap::Product && overlap.clip.is_none();
    plain.then_some(Formula::Overlap { squared })
}
