//! Which cells somebody reads, found from the top of a loss down before any of them is.

use crate::error::Result;
use crate::loss::{Node, places};

use super::data::Data;
use super::evaluate::World;
use super::field::Mass;
use super::given::terms_of;
use super::grid::{Grid, Mask, Shape, both};
use super::offence::OnOffence;
use super::plan::{Place, Spot};
use super::window::{Volumes, Window};

/// Whether a number for the whole batch, which is weighted per cell, is taken to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Terms {
    /// Always. That saves a look at all weights, and differs only where every weight is 0.
    Read,
    /// Only if a cell has a weight other than 0.
    Weighed,
}

/// Finds which cells of every pool somebody reads.
pub(super) fn descend_to_pools(
    (data, totals): (&Data<'_>, Option<&Volumes>),
    spot: &Spot,
    live: &Mask,
    terms: Terms,
    on_offence: OnOffence<'_>,
    pools: &mut [Mask],
) -> Result<()> {
    let window = |images| {
        let mut window = Window::new(data, images, 0..data.extents.pixel, on_offence);
        window.totals = totals;
        window
    };
    if let Place::Pool(number, _) = spot.place {
        pools[number].clone_from(live);
        let mut found = Vec::new();
        let images = if terms == Terms::Weighed { data.extents.image } else { 0 };
        for image in 0..images {
            let window = window(image..image + 1);
            descend_to_terms(&window, spot, live, &mut found)?;
        }
        for term in terms_of(spot) {
            let is_read = terms == Terms::Read || found.contains(&term.id);
            let one = Shape { class: 1, image: 1, pixel: 1 };
            let live = if is_read { None } else { Some(Grid::zeros(one)) };
            descend_to_pools((data, totals), term, &live, terms, on_offence, pools)?;
        }
        return Ok(());
    }
    for (part, below) in below(&window(0..0), spot, live)? {
        descend_to_pools((data, totals), part, &below, terms, on_offence, pools)?;
    }
    Ok(())
}

/// Finds the terms inside a pool that a cell of an image reads.
fn descend_to_terms(
    window: &Window<'_, '_>,
    spot: &Spot,
    live: &Mask,
    found: &mut Vec<usize>,
) -> Result<()> {
    for (part, below) in below(window, spot, live)? {
        if !part.is_global() {
            descend_to_terms(window, part, &below, found)?;
        } else if below.is_none_or(|below| below.cells.iter().any(|&live| live != 0.0)) {
            found.push(part.id);
        }
    }
    Ok(())
}

/// Finds which cells of the cuts inside a pool somebody reads in an image.
pub(super) fn descend_to_cuts(
    window: &Window<'_, '_>,
    spot: &Spot,
    live: &Mask,
    cuts: &mut [Mask],
) -> Result<()> {
    match spot.place {
        Place::Cut(number) | Place::Pool(_, Some(number)) => {
            cuts[number].clone_from(live);
            return Ok(());
        }
        Place::Pixels => return Ok(()),
        _ => {}
    }
    for (part, below) in below(window, spot, live)? {
        if !part.is_global() {
            descend_to_cuts(window, part, &below, cuts)?;
        }
    }
    Ok(())
}

/// The parts of a node, each with which of its cells somebody reads.
fn below<'p>(
    window: &Window<'_, '_>,
    spot: &'p Spot,
    live: &Mask,
) -> Result<Vec<(&'p Spot, Mask)>> {
    let shape = |spot: &Spot| World::shape(window, spot);
    let first = spot.parts.first();
    Ok(match (spot.loss.node(), first) {
        (Node::Scale(..) | Node::Weigh(..), Some(child)) => {
            let weight = window.weight(&spot.weights[0], spot.rank(&spot.weights[0]))?;
            vec![(child, live_below(live, &weight, shape(spot), shape(child)))]
        }
        (Node::Step(..), Some(child)) => {
            vec![(child, live.as_ref().map(|live| live.spread(shape(child))))]
        }
        (Node::Select(..), Some(child)) => vec![(child, live_of_selected(window, spot, live))],
        (Node::Sum { terms, .. }, _) => {
            let parts = spot.parts.iter().zip(terms);
            parts
                .map(|(part, (c, _))| (part, live_of_term(live, *c, shape(spot), shape(part))))
                .collect()
        }
        (_, _) => {
            let gathered = |part| gather_live(live, shape(spot), shape(part));
            spot.parts.iter().map(|part| (part, gathered(part))).collect()
        }
    })
}

/// The live cells under a weight: those whose weight is not 0. A weight that is finer than the child
/// leaves those of its cells live that have a weight anywhere.
pub(super) fn live_below(live: &Mask, weight: &Mass, shape: Shape, child: Shape) -> Mask {
    if weight.grid.cells.iter().all(|&w| w != 0.0) && !weight.grid.cells.is_empty() {
        return gather_live(live, shape, child);
    }
    let counts = (*weight.grid).clone().map(|w| f64::from(u8::from(w != 0.0)));
    gather_live(&both(live.clone(), Some(&counts), shape), shape, child)
}

/// A cell is live if it is live anywhere along the axes in which `shape` has one cell and `from` has more,
/// or none.
pub(super) fn gather_live(live: &Mask, from: Shape, shape: Shape) -> Mask {
    if from.cells() == 0 && shape.cells() != 0 {
        return Some(Grid::zeros(shape));
    }
    live.clone().map(|live| live.fold(shape, 0.0, |any, live| *any = f64::max(*any, live)))
}

pub(super) fn live_of_selected(world: &dyn World, spot: &Spot, live: &Mask) -> Mask {
    let child = &spot.parts[0];
    let places = places(&spot.classes, &child.classes);
    let live = match live {
        Some(live) => live.clone(),
        None if places.len() == child.classes.len() => return None,
        None => Grid::filled(world.shape(spot), 1.0),
    };
    Some(live.among(&places, child.classes.len()))
}

/// The live cells of a term of a sum: none under a coefficient of 0.
pub(super) fn live_of_term(live: &Mask, coefficient: f64, from: Shape, shape: Shape) -> Mask {
    if coefficient == 0.0 { Some(Grid::zeros(shape)) } else { gather_live(live, from, shape) }
}
