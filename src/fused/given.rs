//! Sums that were made before: of the blocks of an image, or of all images; and the numbers that are
//! known only then.

use std::sync::Arc;

use crate::axis::Axis;
use crate::error::Result;
use crate::loss::Node;
use crate::region::Before;

use super::evaluate::{Given, Sums, Taped, World, node, ratio_of, step_of};
use super::field::{Factor, Mass};
use super::grid::{Grid, Mask, Shape};
use super::linear::{self, Cut, Known};
use super::offence::Rank;
use super::plan::{Named, Spot};
use super::window::Window;

/// Knows the terms of a pool besides what a world knows.
struct WithTerms<'a> {
    world: &'a dyn Known,
    terms: Vec<(usize, f64)>,
}

impl Known for WithTerms<'_> {
    fn weight(&self, named: &Named, classes: &[usize]) -> Result<Grid> {
        self.world.weight(named, classes)
    }

    fn term(&self, id: usize) -> f64 {
        self.terms.iter().find(|(known, _)| *known == id).map_or(0.0, |(_, value)| *value)
    }
}

/// A world that knows more.
struct Knowing<'a> {
    world: &'a dyn World,
    known: &'a dyn Known,
}

impl World for Knowing<'_> {
    fn shape(&self, spot: &Spot) -> Shape {
        self.world.shape(spot)
    }
    fn classes(&self) -> usize {
        self.world.classes()
    }
    fn first_image(&self) -> usize {
        self.world.first_image()
    }
    fn weight(&self, named: &Arc<Named>, rank: Rank) -> Result<Mass> {
        self.world.weight(named, rank)
    }
    fn given(&self, spot: &Spot) -> Option<Given<'_>> {
        self.world.given(spot)
    }
    fn known(&self) -> Option<&dyn Known> {
        Some(self.known)
    }
    fn note(&self, id: usize, divisor: &Grid) {
        self.world.note(id, divisor);
    }
    fn window(&self) -> Option<&Window<'_, '_>> {
        self.world.window()
    }
}

/// The field of a step or ratio whose sums are given.
pub(super) fn given<'p>(
    world: &dyn World,
    spot: &'p Spot,
    number: usize,
    cut: &Cut,
    live: &Mask,
) -> Result<Taped<'p>> {
    let mut cut = cut.clone();
    let mut terms = Vec::new();
    cut.rest.read.iter().for_each(|&id| world.read_term(id));
    if let Some(known) = world.known() {
        let classes = if spot.over.contains(Axis::Class) { &[][..] } else { &spot.classes };
        for weight in &mut cut.rest.waiting {
            *weight = resolved(weight, known, classes)?;
        }
        for term in terms_of(spot) {
            // A weight that was counted over images may leave nothing to read it.
            let deferred = |factors: &Vec<Factor>| {
                let of_factor = |factor: &Factor| match factor {
                    Factor::Weight(named) => Some(Arc::clone(named)),
                    Factor::Term(_) => None,
                };
                factors.iter().filter_map(of_factor).collect::<Vec<_>>()
            };
            let within = &spot.parts.first().map_or(&[][..], |child| &child.classes);
            let cells = cut.sums[0].shape;
            let mut weighed = false;
            for factors in cut.rest.factors.iter().filter(|f| f.contains(&Factor::Term(term.id))) {
                let all: Vec<_> =
                    deferred(factors).into_iter().chain(cut.rest.consumed.clone()).collect();
                let mass = linear::known_mass(&all, Some(known), within, cells)?;
                weighed |= mass.is_none_or(|mass| mass.cells.iter().any(|&mass| mass != 0.0));
            }
            let any = live.as_ref().is_none_or(|live| live.cells.iter().any(|&live| live != 0.0));
            let is_read = weighed && any && cut.rest.read.contains(&term.id);
            let live = (!is_read).then(|| Grid::zeros(world.shape(term)));
            let taped = node(world, term, &live)?;
            // What a term skips, the sum skips.
            cut.rest.waiting.extend(taped.field.weights.iter().cloned());
            terms.push(taped);
        }
    }
    let values = terms.iter().map(|term| (term.spot.id, term.field.value().cells[0])).collect();
    let sums = Sums::Given(number, terms);
    match world.known() {
        Some(world_known) => {
            let known = WithTerms { world: world_known, terms: values };
            let known_world = Knowing { world, known: &known };
            finished(&known_world, spot, cut, sums, live)
        }
        None => finished(world, spot, cut, sums, live),
    }
}

fn finished<'p>(
    world: &dyn World,
    spot: &'p Spot,
    cut: Cut,
    sums: Sums<'p>,
    live: &Mask,
) -> Result<Taped<'p>> {
    match spot.loss.node() {
        Node::Region { .. } => ratio_of(world, spot, cut, sums, live),
        _ => step_of(world, spot, cut, sums, live),
    }
}

/// A weight that was counted over images, now that they have been seen.
pub(super) fn resolved(weight: &Mass, known: &dyn Known, classes: &[usize]) -> Result<Mass> {
    let Some(named) = &weight.deferred else { return Ok(weight.clone()) };
    let grid = known.weight(named, classes)?.into();
    Ok(Mass { grid, deferred: None, ..weight.clone() })
}

/// The nodes inside the images that are known only after them, outermost first.
pub(super) fn terms_of(pool: &Spot) -> Vec<&Spot> {
    fn collect<'p>(spot: &'p Spot, found: &mut Vec<&'p Spot>) {
        for part in &spot.parts {
            if part.is_global() {
                found.push(part);
            } else {
                collect(part, found);
            }
        }
    }
    let mut found = Vec::new();
    collect(pool, &mut found);
    found
}

/// The classes inside the sums of a ratio, or of the field under a step.
pub(super) fn classes_within(spot: &Spot, all: usize) -> Vec<usize> {
    match spot.loss.node() {
        Node::Region { overlap, .. } => {
            overlap.steps.iter().fold((0..all).collect(), |left: Vec<usize>, step| match step {
                Before::Weigh(_) => left,
                Before::Select(classes) => classes.kept(&left),
            })
        }
        _ => spot.parts[0].classes.clone(),
    }
}
