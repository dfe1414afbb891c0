//! What was seen of a loss: the pools of a state, how they come of a batch, merge, and become a value.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::loss::{Loss, leaves};

use super::account::Notes;
use super::data::Data;
use super::evaluate::{Taped, node};
use super::exact::Exact;
use super::fold::{Fold, bits};
use super::grid::{Grid, Shape};
use super::live::Terms;
use super::observe::{Kept, Mode, Pass, first_offence};
use super::plan::{Named, Plan};
use super::pool::{Pool, merged_waiting};
use super::pull::{Adjoint, Back, Sink};
use super::threads;

/// What was seen, and of what kind it was.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) plan: Arc<Plan>,
    pub(super) images: u64,
    pub(super) spatial: Vec<usize>,
    pub(super) pools: Vec<Pool>,
    /// The sums of the target per class, where the loss has a weight that waits for them.
    pub(super) volumes: Vec<Exact>,
    /// Weights of the batch that are needed after the images.
    pub(super) given: Vec<(Arc<Named>, Grid)>,
    /// Whether a number that cannot be read stood where, as far as was seen, nobody reads.
    pub(super) unread: bool,
}

impl Seen {
    /// What one batch leaves, and the pass that read it.
    pub(super) fn of<'w, 'b>(
        plan: &'w Arc<Plan>,
        data: &'w Data<'b>,
    ) -> Result<(Self, Pass<'w, 'b>)> {
        Self::noted(plan, data, None)
    }

    /// The same; divisors are taken down.
    pub(super) fn noted<'w, 'b>(
        plan: &'w Arc<Plan>,
        data: &'w Data<'b>,
        notes: Option<&'w Notes>,
    ) -> Result<(Self, Pass<'w, 'b>)> {
        let weighed = Mode { terms: Terms::Weighed, notes, ..Mode::READ };
        Self::read(plan, data, Mode { notes, ..Mode::READ })
            .or_else(|_| Self::read(plan, data, weighed))
            .map_err(|error| first_offence(plan, data).unwrap_or(error))
    }

    fn read<'w, 'b>(
        plan: &'w Arc<Plan>,
        data: &'w Data<'b>,
        mode: Mode<'w>,
    ) -> Result<(Self, Pass<'w, 'b>)> {
        let pass = Pass::new(plan, data, mode)?;
        Ok((Self::of_pass(plan, &pass, mode)?, pass))
    }

    /// What a pass leaves.
    pub(super) fn of_pass(plan: &Arc<Plan>, pass: &Pass<'_, '_>, mode: Mode<'_>) -> Result<Self> {
        let data = pass.data;
        let images = data.extents.image;
        let rows = threads::map_by(pass.work_of_image(), images, |image| pass.rows(image, mode));
        let rows = rows.into_iter().collect::<Result<Vec<_>>>()?;
        let mut pools: Vec<Pool> = match rows.first() {
            Some(rows) => rows.iter().map(Pool::new).collect(),
            None => pass.no_rows()?.iter().map(Pool::new).collect(),
        };
        for rows in &rows {
            pools.iter_mut().zip(rows).for_each(|(pool, row)| pool.add(row));
        }
        let mut volumes = vec![Exact::default(); plan.facts.classes];
        for image in (0..images).filter_map(|image| pass.volumes(image)) {
            volumes.iter_mut().zip(&image.total.cells).for_each(|(sum, &t)| sum.add(t));
        }
        Ok(Self {
            plan: Arc::clone(plan),
            images: images as u64,
            spatial: data.spatial.clone(),
            pools,
            volumes,
            given: pass.given()?,
            unread: mode.terms == Terms::Weighed,
        })
    }

    /// Whether what was seen here decides what is read as two parts together do.
    fn reads_like(&self, one: &Self, other: &Self) -> bool {
        let absent = |seen: &Self, class: usize| seen.volumes[class].value() == 0.0;
        let read = |seen: &Self, pool: usize| seen.pools[pool].rest().read.clone();
        (0..self.volumes.len())
            .all(|class| absent(self, class) == (absent(one, class) && absent(other, class)))
            && (0..self.pools.len())
                .all(|pool| read(self, pool) == &read(one, pool) | &read(other, pool))
    }

    /// Refuses parts that cannot be of one whole.
    pub(super) fn check_same(&self, other: &Self) -> Result<()> {
        let refuse = |why: String| Err(Error::new(ErrorKind::Shape, format!("state: {why}")));
        let (one, two) = (&self.plan.facts, &other.plan.facts);
        if one != two {
            return refuse(format!(
                "has seen batches with {}, found one with {}",
                one.describe(),
                two.describe()
            ));
        }
        if self.keeps_pixels() && self.spatial != other.spatial {
            return refuse(format!(
                "`{}` keeps a value per pixel, so images have one shape: seen were {:?}, found {:?}",
                self.plan.loss, self.spatial, other.spatial
            ));
        }
        let same_bits = |a: &Grid, b: &Grid| {
            a.shape == b.shape
                && a.cells.iter().zip(&b.cells).all(|(a, b)| a.to_bits() == b.to_bits())
        };
        let given = self.given.iter().zip(&other.given);
        if let Some(((named, _), _)) = given.into_iter().find(|((_, a), (_, b))| !same_bits(a, b)) {
            return refuse(format!(
                "weight `{}` has no image axis, so that all parts must carry the same; found others",
                named.text
            ));
        }
        if [self, other].iter().any(|part| part.unread && !part.reads_like(self, other)) {
            return Err(Error::new(
                ErrorKind::NotMergeable,
                format!(
                    "state: `{}` does not read a number that cannot be read in one part, because of weights \
                     that are 0 there and not in the whole",
                    self.plan.loss
                ),
            ));
        }
        Ok(())
    }

    pub(super) fn keeps_pixels(&self) -> bool {
        self.pools.iter().any(|pool| match pool {
            Pool::Sums { shape, .. } => shape.pixel > 1,
            Pool::Kept { like, .. } => like.value.shape.pixel > 1,
        }) || self.given.iter().any(|(_, grid)| grid.shape.pixel > 1)
    }

    pub(super) fn merge(&mut self, other: &Self) -> Result<()> {
        self.check_same(other)?;
        // Without an image nothing is known of what rides past the step over images.
        if self.images == 0 || other.images == 0 {
            if self.images == 0 {
                self.clone_from(other);
            }
            return Ok(());
        }
        for (pool, more) in self.pools.iter().zip(&other.pools) {
            merged_waiting(pool, more)?;
        }
        for (pool, more) in self.pools.iter_mut().zip(&other.pools) {
            let waiting = merged_waiting(pool, more)?;
            pool.merge(more);
            pool.rest_mut().waiting = waiting;
        }
        self.volumes.iter_mut().zip(&other.volumes).for_each(|(sum, more)| sum.merge(more));
        self.images += other.images;
        self.unread |= other.unread;
        Ok(())
    }

    /// The fold, evaluated.
    fn fold<R>(
        &self,
        notes: Option<&Notes>,
        look: impl FnOnce(&Taped<'_>) -> Result<R>,
    ) -> Result<R> {
        if self.plan.closed && self.images != 1 {
            return Err(leaves(&self.plan.loss, crate::axis::Axis::Image.into()));
        }
        let pixels = self.spatial.iter().product();
        let fold = Fold::new(&self.plan, pixels, &self.pools, &self.volumes, &self.given, notes)?;
        look(&node(&fold, &self.plan.root, &None)?)
    }

    pub(super) fn value(&self) -> Result<f64> {
        self.fold(None, |root| scalar(root, &self.plan.loss))
    }

    /// The value, and what comes back to the pools; the parts of the value, where these are asked for.
    pub(super) fn value_and_backs(
        &self,
        parts: bool,
        notes: Option<&Notes>,
    ) -> Result<(f64, Sink)> {
        self.fold(notes, |root| {
            let value = scalar(root, &self.plan.loss)?;
            let shape = root.field.shape;
            let mut sink = Sink::new(parts, shape, self.plan.pools);
            root.pull(Adjoint::of(Grid::filled(shape, 1.0)), &mut sink);
            Ok((value, sink))
        })
    }

    /// What comes back to the values that an image left, where they were kept.
    pub(super) fn matched(
        &self,
        backs: &[Option<Back>],
        pool: usize,
        kept: &Kept,
    ) -> Option<Adjoint> {
        let Some(Back::Kept(adjoint)) = &backs[pool] else { return None };
        let Pool::Kept { rows, .. } = &self.pools[pool] else { return None };
        let key = bits(kept);
        let image = rows.range(..key.clone()).map(|(_, times)| times).sum();
        rows.get(&key)?;
        let of_image = |grid: &Grid| {
            let mut one = Grid::zeros(Shape { image: 1, ..grid.shape });
            for class in 0..one.shape.class {
                one.row_mut(class, 0).copy_from_slice(grid.row(class, image));
            }
            one
        };
        Some(Adjoint {
            values: adjoint.values.iter().map(of_image).collect(),
            of_weight: adjoint.of_weight.as_ref().map(of_image),
        })
    }
}

/// The one value of a loss.
pub(super) fn scalar(root: &Taped<'_>, loss: &Loss) -> Result<f64> {
    let value = root.field.value().cells.first().copied();
    let mass = root.field.mass();
    let skipped = mass.is_some_and(|mass| mass.cells.contains(&0.0));
    let Some(value) = value.filter(|_| !skipped) else {
        return Err(Error::new(
            ErrorKind::Empty,
            format!(
                "value: `{loss}` has nothing left to count: every cell is masked, ignored or skipped; \
                 name empty=zero, one or nan where that may be"
            ),
        ));
    };
    if value.is_nan() && !loss.asks_for_nan() {
        return Err(Error::new(
            ErrorKind::Domain,
            format!("value: `{loss}` is not a number, though no step asks for empty=nan"),
        ));
    }
    Ok(value)
}
