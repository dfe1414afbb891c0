//! The pass over the data: what the images leave of every pool.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use crate::axis::Axes;
use crate::error::{Error, Result};
use crate::loss::Node;

use super::account::Notes;
use super::cut::pairwise;
use super::data::Data;
use super::digest::Digest;
use super::evaluate::{self, Given, World};
use super::exact::Exact;
use super::field::{Field, Mass, mass};
use super::grid::{Grid, Mask, Shape};
use super::leaf::Leaves;
use super::linear::{Cut, Known, Rest, deferred, partition};
use super::live::{Terms, descend_to_cuts, descend_to_pools};
use super::offence::{Offences, OnOffence, Rank};
use super::plan::{Named, Place, Plan, Spot, is_linear};
use super::threads::{self, Work};
use super::window::{Volumes, Window};

/// How many pixels a block has. The summation tree inside an image depends on its length and on
/// these two numbers only.
pub(super) const BLOCK: usize = 256;
/// How many blocks make a chunk, the unit of work of a thread.
pub(super) const CHUNK: usize = 16;

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

/// How a batch is read.
#[derive(Clone, Copy)]
pub(super) struct Mode<'m> {
    pub(super) terms: Terms,
    pub(super) on_offence: OnOffence<'m>,
    /// Where divisors are taken down.
    pub(super) notes: Option<&'m Notes>,
}

impl Mode<'_> {
    /// To the end, or to the first bad cell.
    pub(super) const READ: Self =
        Self { terms: Terms::Read, on_offence: OnOffence::End, notes: None };
}

/// A batch in the pass.
pub(super) struct Pass<'w, 'b> {
    pub(super) plan: &'w Plan,
    pub(super) data: &'w Data<'b>,
    /// Which cells of each pool somebody reads.
    pub(super) pools: Vec<Mask>,
    /// The sums of the target per class over all images, where they decide what is read.
    totals: Option<Volumes>,
    /// Where cuts are linear in sums over the pixels of an image.
    pub(super) leaves: Option<Leaves>,
    /// By image.
    pub(super) images: Vec<Image>,
}

/// What is known of an image besides its cells.
pub(super) struct Image {
    /// Which cells of each cut somebody reads.
    pub(super) live: Vec<Mask>,
    volumes: Option<Volumes>,
    /// The sums of the leaves, where these are all that is needed.
    pub(super) digest: Option<Digest>,
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

    fn note(&self, id: usize, divisor: &Grid) {
        if let Some(notes) = self.notes {
            notes.add(id, divisor);
        }
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
    pub(super) fn new(plan: &'w Plan, data: &'w Data<'b>, mode: Mode<'w>) -> Result<Self> {
        let mut pass = Self::unread(plan, data, mode)?;
        pass.digest();
        pass.cut(mode)?;
        Ok(pass)
    }

    /// What is known of a batch before its cells are.
    pub(super) fn unread(plan: &'w Plan, data: &'w Data<'b>, mode: Mode<'w>) -> Result<Self> {
        let Mode { terms, on_offence, .. } = mode;
        let mut pools = vec![None; plan.pools];
        let of_image = |image| volumes_of(plan, data, image, on_offence);
        let work = if plan.counts() { Work::Heavy } else { Work::Light };
        let volumes = threads::map_by(work, data.extents.image, of_image);
        let volumes = volumes.into_iter().collect::<Result<Vec<_>>>()?;
        let counted = plan.counts_images() && (plan.informed || terms == Terms::Weighed);
        let totals = counted.then(|| total(&volumes, data));
        let around = (data, totals.as_ref());
        descend_to_pools(around, &plan.root, &None, terms, on_offence, &mut pools)?;
        let mut pass = Self { plan, data, pools, totals, leaves: None, images: Vec::new() };
        let prepare = |image: usize| pass.prepare(image, volumes[image].clone(), on_offence);
        let carried = data.map.is_some() || data.mask.is_some();
        let work = if carried { Work::Heavy } else { Work::Light };
        let images = threads::map_by(work, data.extents.image, prepare);
        pass.images = images.into_iter().collect::<Result<_>>()?;
        if let OnOffence::End = on_offence {
            pass.leaves = Leaves::of(plan, data.narrow);
        }
        Ok(pass)
    }

    /// How much an image has left to do when its cuts are known.
    pub(super) fn work_of_image(&self) -> Work {
        if self.leaves.is_some() { Work::Light } else { Work::Heavy }
    }

    /// A block of an image.
    pub(super) fn block<'s>(
        &'s self,
        image: usize,
        pixels: Range<usize>,
        mode: Mode<'s>,
    ) -> Window<'s, 'b> {
        let volumes = self.images[image].volumes.as_ref();
        let mut window = Window::new(self.data, image..image + 1, pixels, mode.on_offence);
        (window.volumes, window.totals) = (volumes, self.totals.as_ref());
        window.notes = mode.notes;
        window
    }

    /// A whole image, from the sums of its cuts.
    pub(super) fn image<'s>(&'s self, image: usize, mode: Mode<'s>) -> Window<'s, 'b> {
        let Image { volumes, cuts, .. } = &self.images[image];
        let pixels = 0..self.data.extents.pixel;
        let mut window = Window::new(self.data, image..image + 1, pixels, mode.on_offence);
        (window.volumes, window.totals) = (volumes.as_ref(), self.totals.as_ref());
        (window.cuts, window.notes) = (Some(&cuts[..]), mode.notes);
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
        Ok(Image { live, volumes, digest: None, cuts: Vec::new() })
    }

    /// What an image leaves of every pool.
    pub(super) fn rows(&self, image: usize, mode: Mode<'_>) -> Result<Vec<Row>> {
        let window = self.image(image, mode);
        let spots = self.plan.pool_spots();
        let rows = spots.into_iter().zip(&self.pools).map(|(spot, live)| match spot.place {
            Place::Pool(_, Some(cut)) => Ok(Row::Sums(self.images[image].cuts[cut].clone())),
            _ => row(&window, spot, live).map(|(row, _)| row),
        });
        rows.collect()
    }

    /// What no image leaves of every pool: the shape of the sums, and what rides past them.
    pub(super) fn no_rows(&self) -> Result<Vec<Row>> {
        let mut window = Window::new(self.data, 0..0, 0..self.data.extents.pixel, OnOffence::End);
        window.totals = self.totals.as_ref();
        let spots = self.plan.pool_spots();
        spots.into_iter().map(|spot| row(&window, spot, &None).map(|(row, _)| row)).collect()
    }

    /// The sums of the targets of an image per class.
    pub(super) fn volumes(&self, image: usize) -> Option<&Volumes> {
        self.images[image].volumes.as_ref()
    }

    /// The weights that the fold needs and only a batch has: maps and masks without an image axis.
    pub(super) fn given(&self) -> Result<Vec<(Arc<Named>, Grid)>> {
        let mut window = Window::new(self.data, 0..0, 0..self.data.extents.pixel, OnOffence::End);
        window.totals = self.totals.as_ref();
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
            window.check_counted(named, *rank)?;
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
fn total(volumes: &[Option<Volumes>], data: &Data<'_>) -> Volumes {
    let over_images = |of: fn(&Volumes) -> &Grid| {
        let class = |class| -> Exact {
            volumes.iter().flatten().map(|image| of(image).at(class, 0, 0)).collect()
        };
        Grid::per_class((0..data.extents.class).map(|c| class(c).value()).collect())
    };
    Volumes {
        total: over_images(|volumes| &volumes.total),
        count: over_images(|volumes| &volumes.count),
    }
}

/// What was evaluated to make a row.
pub(super) enum Evaluated<'p> {
    Child(Box<evaluate::Taped<'p>>),
    Sums(Box<evaluate::Sums<'p>>),
}

pub(super) fn row<'p>(
    window: &Window<'_, '_>,
    spot: &'p Spot,
    live: &Mask,
) -> Result<(Row, Evaluated<'p>)> {
    let linear = match spot.loss.node() {
        Node::Step(_, step) => is_linear(step),
        _ => true,
    };
    if linear {
        let (cut, sums) = evaluate::part(window, spot, live)?;
        return Ok((Row::Sums(cut), Evaluated::Sums(Box::new(sums))));
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

/// The first cell that is read and cannot be, in the order of the user's axes.
pub(super) fn first_offence(plan: &Plan, data: &Data<'_>) -> Option<Error> {
    let offences = Offences::default();
    let collect = OnOffence::Collect(&offences);
    let mode = Mode { terms: Terms::Weighed, on_offence: collect, notes: None };
    if plan.whole.is_some() {
        let (images, pixels) = (0..data.extents.image, 0..data.extents.pixel);
        let window = Window::new(data, images, pixels, collect);
        let _ = evaluate::node(&window, &plan.root, &None);
    } else if let Ok(pass) = Pass::new(plan, data, mode) {
        for image in 0..data.extents.image {
            let _ = pass.rows(image, mode);
        }
    }
    offences.into_error()
}
