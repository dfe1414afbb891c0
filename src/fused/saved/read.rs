//! A state from what was saved: the shapes anew, the numbers where they fit.

use std::sync::Arc;

use ndarray::{Array1, ArrayD, ArrayViewD, IxDyn, arr0};

use crate::axis::{Axes, Axis};
use crate::batch::Batch;
use crate::error::{Error, ErrorKind, Result};
use crate::layout::Layout;
use crate::loss::Loss;

use crate::fused::data::Data;
use crate::fused::exact::Exact;
use crate::fused::facts::Facts;
use crate::fused::field::Mass;
use crate::fused::fold::Rows;
use crate::fused::given::terms_of;
use crate::fused::grid::{Grid, Shape};
use crate::fused::linear::Rest;
use crate::fused::plan::{Plan, Spot};
use crate::fused::pool::Pool;
use crate::fused::seen::Seen;
use crate::fused::state::State;

use super::number::{Number, Set};
use super::{Saved, SavedPool, SavedSeen, SavedWeight, Sum};

/// The most images: counts of them add up in f64 without a gap.
const MOST_IMAGES: u64 = 1 << 53;
/// For so many pixels memory is taken even if none of their numbers are there: of 0 classes.
const FEW: usize = 1 << 20;

fn refuse<T>(why: String) -> Result<T> {
    Err(Error::new(ErrorKind::Shape, format!("state: {why}")))
}

/// Refuses a list of another length.
fn expect(what: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    refuse(format!("{what}: there are {found}, expected {expected}"))
}

impl Saved {
    pub(super) fn state(self) -> Result<State> {
        let mut state = State::new(&self.loss);
        if let Some(seen) = self.seen {
            *state.seen_mut() = Some(seen.seen(&self.loss)?);
        }
        Ok(state)
    }
}

impl SavedSeen {
    fn seen(self, loss: &Loss) -> Result<Seen> {
        let facts = self.facts()?;
        let layout = facts.layout;
        let pixels = self.pixels(layout)?;
        let plan = Plan::new(loss, facts, false)?;
        if let Some(whole) = &plan.whole {
            let why = format!("state: `{}` cannot be made of parts: {}", whole.node, whole.why);
            return Err(Error::new(ErrorKind::NotMergeable, why));
        }
        let keeps_pixels = plan.pool_spots().iter().map(|spot| spot.axes).any(has_pixels)
            || plan.given_after().iter().map(|named| named.axes).any(has_pixels);
        let keeps_pixels = keeps_pixels && layout.contains(Axis::Pixel);
        if keeps_pixels && self.count().max(FEW) < pixels {
            return refuse(format!(
                "`{loss}` keeps a value per pixel; there are {} values for {pixels} pixels",
                self.count()
            ));
        }
        // Where no number is kept per pixel, one pixel tells the shapes as well as many.
        let mut seen = blank(plan, if keeps_pixels { pixels } else { pixels.min(1) })?;
        (seen.images, seen.unread, seen.spatial) = (self.images, self.unread, self.spatial);
        seen.volumes = self.volumes.iter().map(sum).collect();
        expect("given weights", self.given.len(), seen.given.len())?;
        for ((named, grid), saved) in seen.given.iter_mut().zip(self.given) {
            if *named.text != saved.weight {
                return refuse(format!(
                    "given weights: found `{}`, expected `{}`",
                    saved.weight, named.text
                ));
            }
            expect(&format!("cells of `{}`", named.text), saved.cells.len(), grid.cells.len())?;
            grid.cells = cells(&saved.cells);
        }
        let plan = Arc::clone(&seen.plan);
        let spots = plan.pool_spots();
        expect("pools", self.pools.len(), spots.len())?;
        for ((pool, spot), saved) in seen.pools.iter_mut().zip(spots).zip(self.pools) {
            saved.fill(pool, spot, pixels, seen.images)?;
        }
        Ok(seen)
    }

    /// The kind of batches. The number of classes is that of numbers that were saved.
    fn facts(&self) -> Result<Facts> {
        expect("sums of targets, one per class", self.volumes.len(), self.classes)?;
        let layout = self.layout.0;
        if self.classes != 1 && !layout.contains(Axis::Class) {
            return refuse(format!("there are {} classes without a class axis", self.classes));
        }
        if self.images > MOST_IMAGES {
            return refuse(format!("{} images were seen, expected at most 2^53", self.images));
        }
        if self.spatial.is_empty() == layout.contains(Axis::Pixel) {
            return refuse(format!(
                "the images have the extents {:?}, the axes are `{layout}`",
                self.spatial
            ));
        }
        let axes = |set: &Option<Set>| set.as_ref().map(|set| set.0);
        Ok(Facts {
            classes: self.classes,
            layout,
            map: axes(&self.map),
            mask: axes(&self.mask),
            image: self.image_weights,
        })
    }

    fn pixels(&self, layout: Axes) -> Result<usize> {
        let product = |all: usize, &extent: &usize| all.checked_mul(extent);
        match self.spatial.iter().try_fold(1, product) {
            Some(pixels) => Ok(pixels),
            None => refuse(format!("extents {:?} along `{layout}` are too large", self.spatial)),
        }
    }

    /// How many numbers were saved of what can be kept per pixel.
    fn count(&self) -> usize {
        let given = self.given.iter().map(|given| given.cells.len());
        let pools = self.pools.iter().map(|pool| match pool {
            SavedPool::Sums { sums, .. } => sums.iter().map(Vec::len).sum(),
            SavedPool::Kept { .. } => 0,
        });
        given.chain(pools).sum()
    }
}

fn has_pixels(axes: Axes) -> bool {
    axes.contains(Axis::Pixel)
}

/// What a batch of 0 images leaves. Its arrays repeat one number, without memory for more.
fn blank(plan: Plan, pixels: usize) -> Result<Seen> {
    let facts = plan.facts.clone();
    let layout = Layout::new(&facts.layout.iter().collect::<Vec<_>>())?;
    let number = arr0(1.0).into_dyn();
    let shape = |axes: Axes| -> Vec<usize> {
        let extent = |axis: &Axis| match axis {
            Axis::Class => facts.classes,
            Axis::Pixel => pixels,
            Axis::Image => 0,
        };
        layout.axes().iter().filter(|&&axis| axes.contains(axis)).map(extent).collect()
    };
    let cells = |axes| repeated(&number, &shape(axes));
    let all = cells(Axes::ALL)?;
    let mut batch = Batch::new(layout, all.clone(), all)?;
    let images = Array1::from_elem(batch.extents().image, 1.0);
    if facts.image {
        batch = batch.with_image_weights(&images)?;
    }
    if let Some(axes) = facts.map {
        batch = batch.with_map(axes, cells(axes)?)?;
    }
    if let Some(axes) = facts.mask {
        batch = batch.with_mask(axes, cells(axes)?)?;
    }
    let mut data = Data::new(&batch);
    // A layout without an image axis has one image, which must not be read either.
    data.extents.image = 0;
    let plan = Arc::new(plan);
    let (seen, _) = Seen::of(&plan, &data)?;
    Ok(seen)
}

/// One number in every place.
fn repeated<'n>(number: &'n ArrayD<f64>, shape: &[usize]) -> Result<ArrayViewD<'n, f64>> {
    number.broadcast(IxDyn(shape)).ok_or_else(|| {
        let why = format!("state: an array of the extents {shape:?} is too large");
        Error::new(ErrorKind::Shape, why)
    })
}

fn cells(saved: &[Number]) -> Vec<f64> {
    saved.iter().map(|number| number.0).collect()
}

fn sum(saved: &Sum) -> Exact {
    saved.iter().map(|number| number.0).collect()
}

impl SavedPool {
    fn fill(self, pool: &mut Pool, spot: &Spot, pixels: usize, images: u64) -> Result<()> {
        let what = |list: &str| format!("{list} of `{}`", spot.loss);
        let (touched, waiting) = match (pool, self) {
            (
                Pool::Sums { shape, sums, rest },
                Self::Sums { touched, read, waiting, sums: saved },
            ) => {
                let terms = terms_of(spot);
                expect(&what("terms"), read.len(), terms.len())?;
                let read = terms.iter().zip(read).filter(|(_, read)| *read);
                rest.read = read.map(|(term, _)| term.id).collect();
                expect(&what("lists of sums"), saved.len(), sums.len())?;
                for (sums, saved) in sums.iter_mut().zip(&saved) {
                    expect(&what("sums"), saved.len(), shape.cells())?;
                    *sums = saved.iter().map(sum).collect();
                }
                (touched, (rest, waiting))
            }
            (Pool::Kept { like, rows }, Self::Kept { touched, waiting, rows: saved }) => {
                let grids = 2 + usize::from(like.depends.is_some());
                let one = Shape { image: 1, ..like.value.shape };
                if images != saved.len() as u64 {
                    let found = saved.len();
                    return refuse(format!(
                        "{}: there are {found} of {images} images",
                        what("rows")
                    ));
                }
                for row in &saved {
                    expect(&what("numbers in a row"), row.len(), grids * one.cells())?;
                }
                *rows = Rows::new();
                for row in saved {
                    let bits = row.iter().map(|number| number.0.to_bits()).collect();
                    *rows.entry(bits).or_default() += 1;
                }
                (touched, (&mut like.rest, waiting))
            }
            _ => return refuse(format!("{}: sums are no kept values", what("a pool"))),
        };
        let (rest, waiting) = waiting;
        let below = spot.parts.first().map_or(Axes::ALL, |child| child.axes);
        if !below.contains_all(touched.0) {
            return refuse(format!("{}: are over `{}`", what("weights"), touched.0));
        }
        rest.touched = touched.0;
        wait(rest, waiting, spot, pixels)
    }
}

/// The weights that wait: those of the template, whose numbers are read, and what was skipped.
fn wait(rest: &mut Rest, saved: Vec<SavedWeight>, spot: &Spot, pixels: usize) -> Result<()> {
    let mut known = std::mem::take(&mut rest.waiting).into_iter().filter(|mass| !mass.skips);
    for weight in saved {
        let shape = Shape { class: weight.class, image: 1, pixel: weight.pixel };
        let like = if weight.skips { None } else { known.next() };
        let bad = |why: &str| {
            refuse(format!("weight `{}` that waits at `{}`: {why}", weight.name, spot.loss))
        };
        let axes = weight.axes.0;
        if !spot.axes.contains_all(axes) || axes.contains(Axis::Image) {
            return bad("has axes that are gone");
        }
        // Along its axes a weight has all cells, or one that stands for all.
        let fits = |axis, found, all| found == 1 || axes.contains(axis) && found == all;
        let fits = fits(Axis::Class, shape.class, spot.classes.len())
            && fits(Axis::Pixel, shape.pixel, pixels);
        if !fits || shape.class.checked_mul(shape.pixel) != Some(weight.cells.len()) {
            return bad("has another number of cells than its axes");
        }
        let deferred = like.as_ref().and_then(|mass| mass.deferred.clone());
        let is_known = match &like {
            Some(mass) => {
                (&*mass.name, mass.axes, mass.depends, deferred.is_some())
                    == (&*weight.name, axes, weight.depends, weight.deferred)
            }
            None => weight.skips && !weight.depends && !weight.deferred,
        };
        if !is_known {
            return bad("the loss has none such there");
        }
        rest.waiting.push(Mass {
            name: weight.name.into(),
            axes,
            grid: Arc::new(Grid { shape, cells: cells(&weight.cells) }),
            deferred,
            depends: weight.depends,
            skips: weight.skips,
        });
    }
    match known.next() {
        None => Ok(()),
        Some(mass) => {
            refuse(format!("weight `{}` that waits at `{}` is lacking", mass.name, spot.loss))
        }
    }
}
