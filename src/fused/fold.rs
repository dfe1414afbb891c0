//! What is left to do when the images have been seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::axis::{Axis, Extents};
use crate::error::{Error, ErrorKind, Result};
use crate::loss::places;
use crate::weight::Weight;

use super::account::Notes;
use super::evaluate::{Given, World};
use super::exact::Exact;
use super::field::{Field, Mass};
use super::given::resolved;
use super::grid::{Grid, Shape};
use super::linear::{Cut, Known};
use super::observe::Kept;
use super::offence::Rank;
use super::plan::{Named, Place, Plan, Spot};
use super::pool::Pool;
use super::weigh;
use super::window::Window;

/// The world after the images.
pub(super) struct Fold<'s> {
    plan: &'s Plan,
    pixels: usize,
    /// By number: the sums of a pool, or the field of the values that it kept.
    pools: Vec<Pooled>,
    /// The sums of the target per class.
    volumes: Option<Grid>,
    given: &'s [(Arc<Named>, Grid)],
    notes: Option<&'s Notes>,
}

enum Pooled {
    Sums(Cut),
    Kept(Field),
}

impl<'s> Fold<'s> {
    pub(super) fn new(
        plan: &'s Plan,
        pixels: usize,
        pools: &[Pool],
        volumes: &[Exact],
        given: &'s [(Arc<Named>, Grid)],
        notes: Option<&'s Notes>,
    ) -> Result<Self> {
        let volumes = plan
            .counts_images()
            .then(|| Grid::per_class(volumes.iter().map(Exact::value).collect()));
        let mut fold = Self { plan, pixels, pools: Vec::new(), volumes, given, notes };
        for (pool, spot) in pools.iter().zip(plan.pool_spots()) {
            let pooled = match pool {
                Pool::Sums { shape, sums, rest } => {
                    let values = |sum: &Vec<Exact>| sum.iter().map(Exact::value).collect();
                    let sums =
                        sums.iter().map(|sum| Grid { shape: *shape, cells: values(sum) }).collect();
                    Pooled::Sums(Cut { sums, rest: rest.clone() })
                }
                Pool::Kept { like, rows } => Pooled::Kept(fold.kept(spot, like, rows)?),
            };
            fold.pools.push(pooled);
        }
        Ok(fold)
    }

    /// The field of the values that were kept, an image for each.
    fn kept(&self, spot: &Spot, like: &Kept, rows: &Rows) -> Result<Field> {
        let child = &spot.parts[0];
        let one = Shape { image: 1, ..like.value.shape };
        let shape = Shape { image: rows.values().sum(), ..one };
        let cells = one.cells();
        let part = |place: usize| {
            let mut grid = Grid::zeros(shape);
            let all = rows.iter().flat_map(|(bits, &times)| std::iter::repeat_n(bits, times));
            for (image, bits) in all.enumerate() {
                let bits = &bits[place * cells..(place + 1) * cells];
                for (class, bits) in bits.chunks(one.pixel.max(1)).enumerate() {
                    let numbers = bits.iter().map(|&bits| f64::from_bits(bits));
                    grid.row_mut(class, image).iter_mut().zip(numbers).for_each(|(x, n)| *x = n);
                }
            }
            grid
        };
        let rest = &like.rest;
        let mut field = Field::known(part(0), Vec::new());
        let mass = |name: &str, axes, grid: Grid, depends| Mass {
            name: name.into(),
            axes,
            grid: Arc::new(grid),
            deferred: None,
            depends,
            skips: false,
        };
        // What was spread over the kept cells varies along the axes of the weights alone, and a group that is
        // skipped is one along these.
        let extents = Extents { class: shape.class, image: shape.image, pixel: shape.pixel };
        let of_axes = Shape::of(rest.touched, shape.class, extents);
        let along = |grid: Grid| grid.fold(of_axes, 1.0, |all, m| *all = m);
        if !rest.touched.is_empty() {
            field.weights.push(mass("kept", rest.touched, along(part(1)), false));
        }
        if rest.depends {
            field.weights.push(mass("carried divisor", rest.touched, along(part(2)), true));
        }
        for named in &rest.consumed {
            let grid = Known::weight(self, named, &child.classes)?;
            field.weights.push(mass(&named.text, named.axes, grid, false));
        }
        let left = if spot.over.contains(Axis::Class) { &[][..] } else { &child.classes };
        for waiting in &rest.waiting {
            field.weights.push(resolved(waiting, self, left)?);
        }
        Ok(field)
    }
}

/// The bits of what an image left, and how many images left the same: what is collected so does not
/// depend on the order in which the images came.
pub(super) type Rows = BTreeMap<Vec<u64>, usize>;

/// The bits of what an image left.
pub(super) fn bits(kept: &Kept) -> Vec<u64> {
    let grids = [Some(&kept.value), Some(&kept.mass), kept.depends.as_ref()];
    grids.into_iter().flatten().flat_map(|grid| &grid.cells).map(|cell| cell.to_bits()).collect()
}

impl Known for Fold<'_> {
    fn weight(&self, named: &Named, classes: &[usize]) -> Result<Grid> {
        let (Weight::Presence { over } | Weight::Volume { over, .. }, Some(volumes)) =
            (&named.weight, &self.volumes)
        else {
            return Err(no_batch(named));
        };
        let of_classes = volumes.classes(&named.classes);
        let shape = of_classes.shape.without(*over);
        let weights = weigh::of_volume(named, of_classes.gather(shape))?;
        let per_class = named.axes.contains(Axis::Class);
        Ok(if per_class { weights.classes(&places(classes, &named.classes)) } else { weights })
    }

    fn term(&self, _: usize) -> f64 {
        0.0
    }
}

fn no_batch(named: &Named) -> Error {
    let why = format!("weight `{}`: needs the cells of a batch", named.text);
    Error::new(ErrorKind::Weight, why)
}

impl World for Fold<'_> {
    fn shape(&self, spot: &Spot) -> Shape {
        let extents = Extents { class: self.plan.facts.classes, image: 1, pixel: self.pixels };
        Shape::of(spot.axes, spot.classes.len(), extents)
    }

    fn classes(&self) -> usize {
        self.plan.facts.classes
    }

    fn first_image(&self) -> usize {
        0
    }

    fn weight(&self, named: &Arc<Named>, _: Rank) -> Result<Mass> {
        let grid = match &named.weight {
            Weight::Class(list) => weigh::class_list(named, list, self.plan.facts.classes)?,
            Weight::Presence { .. } | Weight::Volume { .. } => {
                Known::weight(self, named, &named.classes)?
            }
            _ => {
                let given = self.given.iter().find(|(given, _)| given.at == named.at);
                given.map(|(_, grid)| grid.clone()).ok_or_else(|| no_batch(named))?
            }
        };
        Ok(weigh::mass(named, grid))
    }

    fn given(&self, spot: &Spot) -> Option<Given<'_>> {
        let Place::Pool(number, _) = spot.place else { return None };
        match self.pools.get(number)? {
            Pooled::Sums(cut) => Some(Given::Sums(number, cut)),
            Pooled::Kept(field) => Some(Given::Kept(number, field.clone())),
        }
    }

    fn known(&self) -> Option<&dyn Known> {
        Some(self)
    }

    fn window(&self) -> Option<&Window<'_, '_>> {
        None
    }

    fn note(&self, id: usize, divisor: &Grid) {
        if let Some(notes) = self.notes {
            notes.add(id, divisor);
        }
    }
}
