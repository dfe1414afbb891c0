//! The pass over the data: what the images leave of every pool.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use crate::axis::Axes;
use crate::error::{Error, Result};
use crate::loss::Node;

use super::data::Data;
use super::evaluate::{self, Given, World, live_below, live_of_selected, live_of_term};
use super::field::{Field, Mass, mass};
use super::grid::{Grid, Mask, Shape};
use super::linear::{Cut, Known, Rest, deferred, partition};
use super::offence::{Offences, OnOffence, Rank};
use super::plan::{Named, Place, Plan, Spot, is_linear};
use super::pull::{Adjoint, Back, Sink};
use super::threads;
use super::window::{Volumes, Window};

/// How many pixels a block has. The summation tree inside an image depends on its length and on
/// these two numbers only.
pub(super) const BLOCK: usize = 1024;
/// How many blocks make a chunk, the unit of work of a thread.
const CHUNK: usize = 16;

/// What one image leaves of a pool.
#[derive(Clone, Debug)]
pub(super) enum Row {
    Sums(Cut),
    Kept(Kept),
}

/// The values of one image for a step over images that is no sum or mean: per class, or one.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) value: Grid,
    /// The product of the consumed weights that were not made from the prediction.
    pub(super) mass: Grid,
    /// The one that was.
    pub(super) depends: Option<Grid>,
    pub(super) rest: Rest,
}

/// A batch in the pass.
pub(super) struct Pass<'w, 'b> {
    pub(super) plan: &'w Plan,
    pub(super) data: &'w Data<'b>,
    /// Which cells of each pool somebody reads.
    pools: Vec<Mask>,
    /// The sums of the target per class over all images, where they decide what is read.
    totals: Option<Grid>,
    /// By image.
    pub(super) images: Vec<Image>,
}

/// What is known of an image besides its cells.
pub(super) struct Image {
    /// Which cells of each cut somebody reads.
    live: Vec<Mask>,
    volumes: Option<Volumes>,
    /// The sums of each cut.
    pub(super) cuts: Vec<Cut>,
}

impl World for Window<'_, '_> {
    fn shape(&self, spot: &Spot) -> Shape {
        Window::shape(self, spot.axes, spot.classes.len())
    }

    fn classes(&self) -> usize {
        self.data.extents.class
    }

    fn first_image(&self) -> usize {
        self.images.start
    }

    fn weight(&self, named: &Arc<Named>, rank: Rank) -> Result<Mass> {
        Window::weight(self, named, rank)
    }

    fn given(&self, spot: &Spot) -> Option<Given<'_>> {
        match spot.place {
            Place::Cut(number) => self.cuts.map(|cuts| Given::Sums(number, &cuts[number])),
            Place::Pool(..) | Place::Fold => Some(Given::Term),
            Place::Pixels | Place::Image => None,
        }
    }

    fn known(&self) -> Option<&dyn Known> {
        None
    }

    fn read_term(&self, id: usize) {
        self.terms.borrow_mut().insert(id);
    }

    fn terms_read(&self) -> BTreeSet<usize> {
        self.terms.borrow().clone()
    }

    fn window(&self) -> Option<&Window<'_, '_>> {
        Some(self)
    }
}

/// The sums of two parts together.
pub(super) fn add(mut one: Cut, other: &Cut) -> Cut {
    for (sum, more) in one.sums.iter_mut().zip(&other.sums) {
        sum.add(more);
    }
    one.rest.touched = one.rest.touched.with(other.rest.touched);
    one.rest.read.extend(&other.rest.read);
    one
}

/// Adds neighbours until one is left: the tree depends on the number of parts only.
fn pairwise<T>(mut parts: Vec<T>, add: impl Fn(T, T) -> T) -> Option<T> {
    while parts.len() > 1 {
        let mut next = Vec::with_capacity(parts.len().div_ceil(2));
        let mut rest = parts.into_iter();
        while let Some(one) = rest.next() {
            next.push(match rest.next() {
                Some(other) => add(one, other),
                None => one,
            });
        }
        parts = next;
    }
    parts.pop()
}

/// The blocks of an image: at least one, which may be empty.
pub(super) fn blocks(pixels: usize) -> usize {
    pixels.div_ceil(BLOCK).max(1)
}

pub(super) fn block(number: usize, pixels: usize) -> Range<usize> {
    let end = pixels.min((number + 1) * BLOCK);
    end.min(number * BLOCK)..end
}

impl<'w, 'b> Pass<'w, 'b> {
    /// Reads a batch up to the sums of every cut.
    pub(super) fn new(
        plan: &'w Plan,
        data: &'w Data<'b>,
        terms: Terms,
        on_offence: OnOffence<'w>,
    ) -> Result<Self> {
        let mut pools = vec![None; plan.pools];
        let of_image = |image| volumes_of(plan, data, image, on_offence);
        let volumes = threads::map(data.extents.image, of_image);
        let volumes = volumes.into_iter().collect::<Result<Vec<_>>>()?;
        let totals = (terms == Terms::Weighed && plan.defers()).then(|| total(&volumes, data));
        let around = (data, totals.as_ref());
        descend_to_pools(around, &plan.root, &None, terms, on_offence, &mut pools)?;
        let mut pass = Self { plan, data, pools, totals, images: Vec::new() };
        let prepare = |image: usize| pass.prepare(image, volumes[image].clone(), on_offence);
        let images = threads::map(data.extents.image, prepare);
        pass.images = images.into_iter().collect::<Result<_>>()?;
        let spots = plan.cut_spots();
        if spots.is_empty() {
            return Ok(pass);
        }
        let all_blocks = blocks(data.extents.pixel);
        let chunks = all_blocks.div_ceil(CHUNK);
        let chunk = |place: usize| -> Result<Vec<Cut>> {
            let (image, chunk) = (place / chunks, place % chunks);
            let parts = (chunk * CHUNK..all_blocks.min((chunk + 1) * CHUNK)).map(|number| {
                let window = pass.block(image, block(number, data.extents.pixel), on_offence);
                let live = &pass.images[image].live;
                let of_spot = |(spot, live): (&&Spot, &Mask)| {
                    evaluate::part(&window, spot, live).map(|(cut, _)| cut)
                };
                spots.iter().zip(live).map(of_spot).collect::<Result<Vec<Cut>>>()
            });
            Ok(pairwise(parts.collect::<Result<_>>()?, add_all).unwrap_or_default())
        };
        let parts = threads::map(data.extents.image * chunks, chunk);
        let mut parts = parts.into_iter();
        let mut summed = Vec::new();
        for _ in 0..data.extents.image {
            let of_image = parts.by_ref().take(chunks).collect::<Result<Vec<_>>>()?;
            summed.push(pairwise(of_image, add_all).unwrap_or_default());
        }
        for (image, cuts) in pass.images.iter_mut().zip(summed) {
            image.cuts = cuts;
        }
        Ok(pass)
    }

    /// A block of an image.
    pub(super) fn block<'s>(
        &'s self,
        image: usize,
        pixels: Range<usize>,
        on_offence: OnOffence<'s>,
    ) -> Window<'s, 'b> {
        let volumes = self.images[image].volumes.as_ref();
        let mut window = Window::new(self.data, image..image + 1, pixels, on_offence);
        (window.volumes, window.totals) = (volumes, self.totals.as_ref());
        window
    }

    /// A whole image, from the sums of its cuts.
    fn image<'s>(&'s self, image: usize, on_offence: OnOffence<'s>) -> Window<'s, 'b> {
        let Image { volumes, cuts, .. } = &self.images[image];
        let pixels = 0..self.data.extents.pixel;
        let mut window = Window::new(self.data, image..image + 1, pixels, on_offence);
        (window.volumes, window.totals) = (volumes.as_ref(), self.totals.as_ref());
        window.cuts = Some(cuts);
        window
    }

    fn prepare(
        &self,
        image: usize,
        volumes: Option<Volumes>,
        on_offence: OnOffence<'_>,
    ) -> Result<Image> {
        let pixels = 0..self.data.extents.pixel;
        let mut window = Window::new(self.data, image..image + 1, pixels, on_offence);
        (window.volumes, window.totals) = (volumes.as_ref(), self.totals.as_ref());
        let mut live = vec![None; self.plan.cuts];
        for (spot, above) in self.plan.pool_spots().into_iter().zip(&self.pools) {
            descend_to_cuts(&window, spot, above, &mut live)?;
        }
        Ok(Image { live, volumes, cuts: Vec::new() })
    }

    /// What an image leaves of every pool.
    pub(super) fn rows(&self, image: usize, on_offence: OnOffence<'_>) -> Result<Vec<Row>> {
        let window = self.image(image, on_offence);
        let spots = self.plan.pool_spots();
        let rows = spots.into_iter().zip(&self.pools).map(|(spot, live)| match spot.place {
            Place::Pool(_, Some(cut)) => Ok(Row::Sums(self.images[image].cuts[cut].clone())),
            _ => row(&window, spot, live).map(|(row, _)| row),
        });
        rows.collect()
    }

    /// What no image leaves of every pool: the shape of the sums, and what rides past them.
    pub(super) fn no_rows(&self) -> Result<Vec<Row>> {
        let window = Window::new(self.data, 0..0, 0..self.data.extents.pixel, OnOffence::End);
        let spots = self.plan.pool_spots();
        spots.into_iter().map(|spot| row(&window, spot, &None).map(|(row, _)| row)).collect()
    }

    /// Passes what came back to the pools on to the cuts of an image, and to those of its cells that
    /// are reached without one.
    pub(super) fn pull_image(
        &self,
        image: usize,
        backs: &[Option<Back>],
        matched: &dyn Fn(usize, &Kept) -> Option<Adjoint>,
        parts: bool,
    ) -> Result<Sink> {
        let window = self.image(image, OnOffence::End);
        let shape = window.shape(Axes::ALL, self.data.extents.class);
        let mut sink = Sink::new(parts, shape, self.plan.cuts);
        let spots = self.plan.pool_spots();
        for ((spot, live), back) in spots.into_iter().zip(&self.pools).zip(backs) {
            let Place::Pool(number, cut) = spot.place else { continue };
            let Some(back) = back else { continue };
            if let Some(cut) = cut {
                sink.given[cut] = Some(back.clone());
                continue;
            }
            match (row(&window, spot, live)?, back) {
                ((Row::Kept(kept), Evaluated::Child(child)), Back::Kept(_)) => {
                    if let Some(Adjoint { values, of_weight }) = matched(number, &kept) {
                        // The weight was spread over the cells that are kept.
                        let of_own = |(slope, own): (Grid, &Mass)| slope.gather(own.grid.shape);
                        let of_weight = of_weight.zip(child.field.dependent()).map(of_own);
                        child.pull(Adjoint { values, of_weight }, &mut sink);
                    }
                }
                ((_, Evaluated::Sums(sums)), back) => sums.pull_part(spot, back, None, &mut sink),
                _ => {}
            }
        }
        Ok(sink)
    }

    /// What came back to the cuts of an image, spread over the cells of a block.
    pub(super) fn pull_block(
        &self,
        image: usize,
        pixels: Range<usize>,
        of_image: &Sink,
    ) -> Result<Sink> {
        let window = self.block(image, pixels, OnOffence::End);
        let shape = window.shape(Axes::ALL, self.data.extents.class);
        let mut sink = Sink::new(of_image.parts, shape, 0);
        let live = &self.images[image].live;
        for ((spot, live), back) in self.plan.cut_spots().iter().zip(live).zip(&of_image.given) {
            if let Some(back) = back {
                let (_, sums) = evaluate::part(&window, spot, live)?;
                sums.pull_part(spot, back, None, &mut sink);
            }
        }
        Ok(sink)
    }

    /// The sums of the targets of an image per class.
    pub(super) fn volumes(&self, image: usize) -> Option<&Volumes> {
        self.images[image].volumes.as_ref()
    }

    /// The weights that the fold needs and only a batch has: maps and masks without an image axis.
    pub(super) fn given(&self) -> Result<Vec<(Arc<Named>, Grid)>> {
        let window = Window::new(self.data, 0..0, 0..self.data.extents.pixel, OnOffence::End);
        let mut given = Vec::new();
        for named in self.plan.given_after() {
            let mass = window.weight(named, (0, 0))?;
            given.push((Arc::clone(named), (*mass.grid).clone()));
        }
        Ok(given)
    }
}

/// The sums of the targets of an image, block by block, where a weight needs them.
fn volumes_of(
    plan: &Plan,
    data: &Data<'_>,
    image: usize,
    on_offence: OnOffence<'_>,
) -> Result<Option<Volumes>> {
    if !plan.counts() {
        return Ok(None);
    }
    let pixels = data.extents.pixel;
    let counted = plan.counted_after();
    let parts = (0..blocks(pixels)).map(|number| {
        let window = Window::new(data, image..image + 1, block(number, pixels), on_offence);
        for (rank, named) in &counted {
            window.weight(named, *rank)?;
        }
        Ok(window.volumes_of_pixels())
    });
    Ok(pairwise(parts.collect::<Result<_>>()?, |mut one: Volumes, other| {
        one.total.add(&other.total);
        one.count.add(&other.count);
        one
    }))
}

/// The sums of the target per class over all images.
fn total(volumes: &[Option<Volumes>], data: &Data<'_>) -> Grid {
    let mut total = Grid::per_class(vec![0.0; data.extents.class]);
    volumes.iter().flatten().for_each(|image| total.add(&image.total));
    total
}

/// What was evaluated to make a row.
pub(super) enum Evaluated<'p> {
    Child(Box<evaluate::Taped<'p>>),
    Sums(evaluate::Sums<'p>),
}

fn row<'p>(window: &Window<'_, '_>, spot: &'p Spot, live: &Mask) -> Result<(Row, Evaluated<'p>)> {
    let linear = match spot.loss.node() {
        Node::Step(_, step) => is_linear(step),
        _ => true,
    };
    if linear {
        let (cut, sums) = evaluate::part(window, spot, live)?;
        return Ok((Row::Sums(cut), Evaluated::Sums(sums)));
    }
    let child = &spot.parts[0];
    let below = live.as_ref().map(|live| live.spread(World::shape(window, child)));
    let taped = evaluate::node(window, child, &below)?;
    let row = Row::Kept(kept(spot.over, &taped.field));
    Ok((row, Evaluated::Child(Box::new(taped))))
}

fn kept(over: Axes, field: &Field) -> Kept {
    let (consumed, waiting) = partition(&field.weights, over);
    let depends = consumed.iter().find(|weight| weight.depends);
    let others = consumed.iter().filter(|weight| !weight.depends);
    let touched = consumed.iter().fold(Axes::NONE, |all, weight| all.with(weight.axes));
    Kept {
        value: field.value().clone(),
        mass: mass(others, field.shape).unwrap_or_else(|| Grid::filled(field.shape, 1.0)),
        depends: depends.map(|weight| weight.grid.spread(field.shape)),
        rest: Rest {
            factors: vec![Vec::new()],
            waiting,
            consumed: deferred(&consumed),
            by: Vec::new(),
            touched,
            depends: depends.is_some(),
            read: BTreeSet::new(),
        },
    }
}

fn add_all(one: Vec<Cut>, other: Vec<Cut>) -> Vec<Cut> {
    one.into_iter().zip(&other).map(|(one, other)| add(one, other)).collect()
}

/// The first cell that is read and cannot be, in the order of the user's axes.
pub(super) fn first_offence(plan: &Plan, data: &Data<'_>) -> Option<Error> {
    let offences = Offences::default();
    let collect = OnOffence::Collect(&offences);
    if plan.whole.is_some() {
        let (images, pixels) = (0..data.extents.image, 0..data.extents.pixel);
        let window = Window::new(data, images, pixels, collect);
        let _ = evaluate::node(&window, &plan.root, &None);
    } else if let Ok(pass) = Pass::new(plan, data, Terms::Weighed, collect) {
        for image in 0..data.extents.image {
            let _ = pass.rows(image, collect);
        }
    }
    offences.into_error()
}

/// Whether a number for the whole batch, which is weighted per cell, is taken to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Terms {
    /// Always. That saves a look at all weights, and differs only where every weight is 0.
    Read,
    /// Only if a cell has a weight other than 0.
    Weighed,
}

/// Finds which cells of every pool somebody reads.
fn descend_to_pools(
    (data, totals): (&Data<'_>, Option<&Grid>),
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
        for term in evaluate::terms_of(spot) {
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
fn descend_to_cuts(
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
            let gathered = |part| evaluate::gather_live(live, shape(spot), shape(part));
            spot.parts.iter().map(|part| (part, gathered(part))).collect()
        }
    })
}
