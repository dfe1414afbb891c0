//! What is left of the images that were seen: small, mergeable, and all that a value needs.

use std::sync::Arc;

use ndarray::{Array, ArrayRef, Dimension};

use crate::batch::{Batch, Float};
use crate::error::{Error, ErrorKind, Result};
use crate::loss::Loss;

use super::account::Notes;
use super::data::Data;
use super::evaluate::{Taped, node};
use super::exact::Exact;
use super::facts::Facts;
use super::fold::{Fold, Rows, bits};
use super::grid::{Grid, Shape};
use super::linear::Rest;
use super::live::Terms;
use super::observe::{Kept, Mode, Pass, Row, first_offence};
use super::plan::{Named, Plan, leaves};
use super::pull::{Adjoint, Back, Sink, asks_for_nan};
use super::{threads, write};

/// What the images that were observed leave of a loss: micro-batches, an epoch, a rank.
///
/// Observing two parts and merging is observing the whole, to the bit, however the images are split
/// and in whatever order the parts are merged: what is summed over images is summed exactly and rounded
/// once. So the gradient of accumulated micro-batches, the value of an epoch and the batch Dice of many
/// machines are those of the whole, where a mean of the parts' means is not.
///
/// A state is small: for every step or ratio over images that is a sum, a mean or a ratio it holds the
/// sums per class, however many images it has seen. For other steps over images (`max`, `top`,
/// `quantile`, ..) it keeps one value per image and class, see [`keeps_images`](Self::keeps_images).
///
/// ```
/// use lossfold::Axis::{Class, Image, Pixel};
/// use lossfold::{Activation, Batch, Layout, Ratio, State, mean, overlap};
/// use ndarray::array;
///
/// let batch_dice = overlap(Activation::Probability).dice([Pixel, Image]).reduce(mean(Class));
/// let prediction = array![[[0.5], [1.0]], [[0.0], [0.0]], [[1.0], [0.5]]];
/// let target = array![[[1_u8], [1]], [[0], [0]], [[1], [0]]];
/// let batch = Batch::new("NLC".parse()?, &prediction, &target)?;
///
/// let mut state = State::new(&batch_dice);
/// state.observe(&batch.images(0..2)?)?; // a micro-batch of two images, one of them empty
/// let mut other = State::new(&batch_dice);
/// other.observe(&batch.images(2..3)?)?;
/// state.merge(&other)?;
///
/// assert_eq!(state.value()?, batch_dice.value(&batch)?);
/// let (_, gradient) = batch_dice.value_and_gradient(&batch)?;
/// let of_last = state.gradient(&batch.images(2..3)?)?; // of the merged loss
/// assert_eq!(of_last, gradient.slice(ndarray::s![2..3, .., ..]));
/// # Ok::<(), lossfold::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct State {
    loss: Loss,
    /// A part of a loss may lack weights that the batch carries for other parts.
    part: bool,
    seen: Option<Seen>,
}

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

/// What the images left of a step or ratio over images.
#[derive(Clone, Debug)]
pub(super) enum Pool {
    Sums { shape: Shape, sums: Vec<Vec<Exact>>, rest: Rest },
    Kept { like: Kept, rows: Rows },
}

impl Pool {
    fn new(row: &Row) -> Self {
        match row {
            Row::Sums(cut) => Self::Sums {
                shape: cut.sums[0].shape,
                sums: vec![vec![Exact::default(); cut.sums[0].cells.len()]; cut.sums.len()],
                rest: cut.rest.clone(),
            },
            Row::Kept(kept) => Self::Kept { like: kept.clone(), rows: Rows::new() },
        }
    }

    fn add(&mut self, row: &Row) {
        match (self, row) {
            (Self::Sums { sums, rest, .. }, Row::Sums(cut)) => {
                for (sums, grid) in sums.iter_mut().zip(&cut.sums) {
                    sums.iter_mut().zip(&grid.cells).for_each(|(sum, &cell)| sum.add(cell));
                }
                rest.touched = rest.touched.with(cut.rest.touched);
                rest.read.extend(&cut.rest.read);
            }
            (Self::Kept { like, rows }, Row::Kept(kept)) => {
                like.rest.touched = like.rest.touched.with(kept.rest.touched);
                *rows.entry(bits(kept)).or_default() += 1;
            }
            _ => {}
        }
    }

    pub(super) fn rest(&self) -> &Rest {
        match self {
            Self::Sums { rest, .. } => rest,
            Self::Kept { like, .. } => &like.rest,
        }
    }

    pub(super) fn rest_mut(&mut self) -> &mut Rest {
        match self {
            Self::Sums { rest, .. } => rest,
            Self::Kept { like, .. } => &mut like.rest,
        }
    }

    fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Sums { sums, .. }, Self::Sums { sums: more, .. }) => {
                for (sum, more) in sums.iter_mut().flatten().zip(more.iter().flatten()) {
                    sum.merge(more);
                }
            }
            (Self::Kept { rows, .. }, Self::Kept { rows: more, .. }) => {
                more.iter()
                    .for_each(|(bits, times)| *rows.entry(bits.clone()).or_default() += times);
            }
            _ => {}
        }
        let (rest, more) = (self.rest_mut(), other.rest());
        rest.touched = rest.touched.with(more.touched);
        rest.read.extend(&more.read);
    }
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
        let images = data.extents.image;
        let rows = threads::map(images, |image| pass.rows(image, mode));
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
        let seen = Self {
            plan: Arc::clone(plan),
            images: images as u64,
            spatial: data.spatial.clone(),
            pools,
            volumes,
            given: pass.given()?,
            unread: mode.terms == Terms::Weighed,
        };
        Ok((seen, pass))
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
    fn check_same(&self, other: &Self) -> Result<()> {
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

    fn merge(&mut self, other: &Self) -> Result<()> {
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

/// The waiting weights of both parts. They have no image axis, so that parts of one whole have the
/// same; what only one of them skips is not the same.
fn merged_waiting(one: &Pool, other: &Pool) -> Result<Vec<super::field::Mass>> {
    let (one, other) = (&one.rest().waiting, &other.rest().waiting);
    if one == other {
        return Ok(one.clone());
    }
    let differs = one.iter().find(|w| !other.contains(w)).or_else(|| other.first());
    let name = differs.map_or("", |weight| &*weight.name);
    Err(Error::new(
        ErrorKind::NotMergeable,
        format!(
            "state: `{name}` rides past the step over images without an image axis of its own and is not \
             the same in both parts"
        ),
    ))
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
    if value.is_nan() && !asks_for_nan(loss) {
        return Err(Error::new(
            ErrorKind::Domain,
            format!("value: `{loss}` is not a number, though no step asks for empty=nan"),
        ));
    }
    Ok(value)
}

impl State {
    /// A state of a loss that has seen nothing.
    pub fn new(loss: &Loss) -> Self {
        Self { loss: loss.clone(), part: false, seen: None }
    }

    /// The same, of a part of a loss: batches may carry weights for its other parts.
    pub(crate) fn of_part(loss: &Loss) -> Self {
        Self { loss: loss.clone(), part: true, seen: None }
    }

    /// The loss.
    pub fn loss(&self) -> &Loss {
        &self.loss
    }

    /// How many images were observed.
    pub fn images(&self) -> u64 {
        self.seen.as_ref().map_or(0, |seen| seen.images)
    }

    /// Whether a value per image is kept, so that the state grows with the images that it sees: the
    /// loss has a step over images that is no sum, mean or ratio.
    pub fn keeps_images(&self) -> bool {
        let kept = |seen: &Seen| seen.pools.iter().any(|pool| matches!(pool, Pool::Kept { .. }));
        self.seen.as_ref().is_some_and(kept)
    }

    /// Reads a batch, once. Batches may have different numbers of images, and of pixels.
    ///
    /// **Errors**: those of [`Loss::value`] that a batch causes; [`ErrorKind::NotMergeable`] if the
    /// loss must read all cells at once, with the step and the reason; [`ErrorKind::Shape`] if the batch
    /// cannot be of one whole with those before. After an error the state is as it was.
    pub fn observe<F: Float, D: Dimension>(&mut self, batch: &Batch<'_, F, D>) -> Result<()> {
        let data = Data::new(batch);
        let plan = self.plan(&data)?;
        let (seen, _) = Seen::of(&plan, &data)?;
        self.add(seen)
    }

    fn add(&mut self, seen: Seen) -> Result<()> {
        match &mut self.seen {
            Some(known) => known.merge(&seen),
            None => {
                self.seen = Some(seen);
                Ok(())
            }
        }
    }

    /// The plan for a batch.
    fn plan(&self, data: &Data<'_>) -> Result<Arc<Plan>> {
        let facts: Facts = data.facts();
        let plan = match &self.seen {
            Some(seen) if seen.plan.facts == facts => Arc::clone(&seen.plan),
            _ => Arc::new(Plan::new(&self.loss, facts, self.part)?),
        };
        match &plan.whole {
            None => Ok(plan),
            Some(whole) => Err(Error::new(
                ErrorKind::NotMergeable,
                format!("state: `{}` cannot be made of parts: {}", whole.node, whole.why),
            )),
        }
    }

    /// Adds what another state has seen.
    ///
    /// **Errors**: [`ErrorKind::NotMergeable`] if it is a state of another loss, or a weight that has no
    /// image axis differs; [`ErrorKind::Shape`] if what it has seen cannot be of one whole with what
    /// this has seen. After an error the state is as it was.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.loss != other.loss {
            return Err(Error::new(
                ErrorKind::NotMergeable,
                format!("state: is of `{}`, found one of `{}`", self.loss, other.loss),
            ));
        }
        match &other.seen {
            Some(seen) => self.add(seen.clone()),
            None => Ok(()),
        }
    }

    pub(super) fn seen(&self) -> Result<&Seen> {
        self.seen.as_ref().ok_or_else(|| {
            let why = format!("state: of `{}` has observed nothing", self.loss);
            Error::new(ErrorKind::Empty, why)
        })
    }

    pub(super) fn seen_mut(&mut self) -> &mut Option<Seen> {
        &mut self.seen
    }

    /// The value of the loss over all images that were seen.
    ///
    /// **Errors**: those of [`Loss::value`], and [`ErrorKind::Empty`] if nothing was observed.
    pub fn value(&self) -> Result<f64> {
        self.seen()?.value()
    }

    /// The gradient of [`value`](Self::value) with respect to the prediction of a batch, which is one of
    /// those that were observed.
    ///
    /// **Errors**: those of [`value`](Self::value) and [`observe`](Self::observe).
    pub fn gradient<F: Float, D: Dimension>(&self, batch: &Batch<'_, F, D>) -> Result<Array<F, D>> {
        let mut gradient = Array::from_elem(batch.prediction().raw_dim(), F::zero());
        self.gradient_into(batch, &mut gradient)?;
        Ok(gradient)
    }

    /// The same, written over `gradient`, which has the shape of the prediction.
    ///
    /// **Errors**: those of [`gradient`](Self::gradient), and [`ErrorKind::Shape`] for a buffer of
    /// another shape. After an error the buffer is as it was.
    pub fn gradient_into<F: Float, D: Dimension>(
        &self,
        batch: &Batch<'_, F, D>,
        gradient: &mut ArrayRef<F, D>,
    ) -> Result<()> {
        write::check_shape(batch, gradient)?;
        let data = Data::new(batch);
        let plan = self.plan(&data)?;
        let (of_batch, pass) = Seen::of(&plan, &data)?;
        let seen = self.seen()?;
        seen.check_same(&of_batch)?;
        let (_, sink) = seen.value_and_backs(false, None)?;
        write::gradient(seen, &pass, &sink, batch, gradient)
    }
}
