//! Where a value comes from, step by step, class by class and image by image.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::Dimension;

use crate::axis::{Axis, Extents};
use crate::batch::{Batch, Float};
use crate::error::Result;
use crate::loss::{Loss, Node};
use crate::reduction::{Aggregate, Step};

use super::data::Data;
use super::grid::{Grid, pairwise};
use super::observe::{Kept, Pass, block, blocks};
use super::plan::{Plan, Spot};
use super::pull::Sink;
use super::seen::Seen;
use super::{threads, whole};

/// The smallest and the largest number by which each node divided.
#[derive(Default)]
pub(super) struct Notes(Mutex<BTreeMap<usize, (f64, f64)>>);

impl Notes {
    pub(super) fn add(&self, id: usize, divisor: &Grid) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = notes.entry(id).or_insert((f64::INFINITY, f64::NEG_INFINITY));
        for &number in &divisor.cells {
            *ends = (ends.0.min(number), ends.1.max(number));
        }
    }
}

/// Where the value of a loss comes from.
pub(crate) struct Account {
    pub(crate) value: f64,
    /// Every node, in the order of execution.
    pub(crate) nodes: Vec<Noted>,
    /// What the cells add to the value: a number per class for each image.
    pub(crate) parts: Vec<Vec<f64>>,
    /// Σ |gradient|, likewise.
    pub(crate) slopes: Vec<Vec<f64>>,
    /// What constants of sums add.
    pub(crate) constant: f64,
    /// What stems from no cell and no constant.
    pub(crate) remainder: f64,
}

/// A node, what it leaves, and by what it divides.
pub(crate) struct Noted {
    /// The source or the step, as it prints.
    pub(crate) step: String,
    /// How many sums and quotients hold it.
    pub(crate) depth: usize,
    /// The axes that it leaves and their extents.
    pub(crate) leaves: Vec<(Axis, usize)>,
    pub(crate) divisor: Option<(f64, f64)>,
    /// The nodes, by their places, whose results it takes.
    pub(crate) takes: Vec<usize>,
}

impl Account {
    /// Of a loss, or of a part of one: then the batch may carry weights for other parts.
    pub(crate) fn of<F: Float, D: Dimension>(
        loss: &Loss,
        batch: &Batch<'_, F, D>,
        part: bool,
    ) -> Result<Self> {
        let data = Data::new(batch);
        let plan = Arc::new(Plan::of_batch(loss, data.facts(), part)?);
        let notes = Notes::default();
        let mut account = if plan.whole.is_some() {
            Self::at_once(&plan, &data, &notes)?
        } else {
            Self::in_parts(&plan, &data, &notes)?
        };
        let notes = notes.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        // A step that was only added to make one image a value is none of the loss.
        let root = if plan.closed { &plan.root.parts[0] } else { &plan.root };
        list(root, 0, data.extents, &notes, &mut account.nodes);
        Ok(account)
    }

    fn at_once(plan: &Plan, data: &Data<'_>, notes: &Notes) -> Result<Self> {
        let (value, parts) = whole(plan, data, Some(true), Some(notes))?;
        let (_, slopes) = whole(plan, data, Some(false), None)?;
        let Extents { class, image, .. } = data.extents;
        let by_image = |sink: &Option<Sink>, of: fn(f64) -> f64| -> Vec<Vec<f64>> {
            let cells = sink.as_ref().and_then(|sink| sink.cells.as_ref());
            let total = |class, image| cells.map_or(0.0, |cells| row_sum(cells, class, image, of));
            (0..image).map(|image| (0..class).map(|class| total(class, image)).collect()).collect()
        };
        Ok(Self {
            value,
            nodes: Vec::new(),
            parts: by_image(&parts, |x| x),
            slopes: by_image(&slopes, f64::abs),
            constant: parts.as_ref().map_or(0.0, |sink| sink.constant),
            remainder: parts.as_ref().map_or(0.0, |sink| sink.remainder),
        })
    }

    fn in_parts(plan: &Arc<Plan>, data: &Data<'_>, notes: &Notes) -> Result<Self> {
        let (seen, pass) = Seen::noted(plan, data, Some(notes))?;
        let mut tables = Vec::new();
        let mut value = 0.0;
        let (mut constant, mut remainder) = (Vec::new(), Vec::new());
        for parts in [true, false] {
            let (total, sink) = seen.value_and_backs(parts, parts.then_some(notes))?;
            value = total;
            let matched = |pool: usize, kept: &Kept| seen.matched(&sink.given, pool, kept);
            let of = if parts { |x| x } else { f64::abs };
            let image = |image: usize| -> Result<(Vec<f64>, f64, f64)> {
                let of_image = pass.pull_image(image, &sink.given, &matched, parts)?;
                if let Some(of_digest) = digested(&pass, image, &of_image)? {
                    return Ok(of_digest);
                }
                let pixels = data.extents.pixel;
                let mut sums = vec![Vec::new(); data.extents.class];
                let (mut constants, mut remainders) =
                    (vec![of_image.constant], vec![of_image.remainder]);
                for number in 0..blocks(pixels) {
                    let range = block(number, pixels);
                    let of_block = pass.pull_block(image, range.clone(), &of_image)?;
                    for (class, sums) in sums.iter_mut().enumerate() {
                        let direct = of_image.cells.as_ref().map(|grid| grid.row(class, 0));
                        let row = of_block.cells.as_ref().map(|grid| grid.row(class, 0));
                        let cell = |(at, pixel): (usize, usize)| {
                            row.map_or(0.0, |row| row[at]) + direct.map_or(0.0, |row| row[pixel])
                        };
                        sums.push(range.clone().enumerate().map(cell).map(of).sum());
                    }
                    constants.push(of_block.constant);
                    remainders.push(of_block.remainder);
                }
                let sums = sums.iter().map(|sums| pairwise(sums)).collect();
                Ok((sums, pairwise(&constants), pairwise(&remainders)))
            };
            let images = threads::map(data.extents.image, image);
            let images = images.into_iter().collect::<Result<Vec<_>>>()?;
            if parts {
                constant = images.iter().map(|(_, constant, _)| *constant).collect();
                remainder = images.iter().map(|(_, _, remainder)| *remainder).collect();
                constant.push(sink.constant);
                remainder.push(sink.remainder);
            }
            tables.push(images.into_iter().map(|(sums, ..)| sums).collect::<Vec<_>>());
        }
        let slopes = tables.pop().unwrap_or_default();
        let parts = tables.pop().unwrap_or_default();
        let (constant, remainder) = (pairwise(&constant), pairwise(&remainder));
        Ok(Self { value, nodes: Vec::new(), parts, slopes, constant, remainder })
    }
}

/// What the cells of an image add to the value or, where no parts are asked for, the sums of the sizes of
/// its gradient, per class; then what constants add, and what stems from no cell. None where the sums of the
/// leaves do not tell.
fn digested(
    pass: &Pass<'_, '_>,
    image: usize,
    of_image: &Sink,
) -> Result<Option<(Vec<f64>, f64, f64)>> {
    // Which class an extreme over the classes stems from is not in its sum.
    let extremes = pass
        .leaves
        .iter()
        .flat_map(|leaves| &leaves.recipes)
        .any(|recipe| recipe.extreme.is_some());
    if of_image.cells.is_some() || extremes && of_image.parts {
        return Ok(None);
    }
    if !of_image.parts {
        let slopes = pass.pull_leaves(image, of_image)?;
        let sums = slopes.and_then(|slopes| pass.slope_sums(image, &slopes));
        return Ok(sums.map(|sums| (sums, 0.0, 0.0)));
    }
    // One pixel stands for the mean of all.
    let pixels = pass.data.extents.pixel as f64;
    let of_pixel = |sink: Sink| {
        let classes = 0..pass.data.extents.class;
        let of_class = |class| sink.cells.as_ref().map_or(0.0, |cells| cells.at(class, 0, 0));
        let sums = classes.map(|class| pixels * of_class(class)).collect();
        let constant = of_image.constant + pixels * sink.constant;
        (sums, constant, of_image.remainder + pixels * sink.remainder)
    };
    Ok(pass.pull_digest(image, of_image)?.map(of_pixel))
}

fn row_sum(cells: &Grid, class: usize, image: usize, of: fn(f64) -> f64) -> f64 {
    let row: Vec<f64> = cells.row(class, image).iter().map(|&cell| of(cell)).collect();
    pairwise(&row)
}

/// Lists the nodes below a spot and the spot itself, and says at which place it stands.
fn list(
    spot: &Spot,
    depth: usize,
    extents: Extents,
    notes: &BTreeMap<usize, (f64, f64)>,
    nodes: &mut Vec<Noted>,
) -> usize {
    let node = spot.loss.node();
    let deeper = usize::from(matches!(node, Node::Sum { .. } | Node::Quotient(..)));
    let below = spot.parts.iter();
    let takes = below.map(|part| list(part, depth + deeper, extents, notes, nodes)).collect();
    let sums = matches!(node, Node::Step(_, Step { aggregate: Aggregate::Sum, .. }));
    let extent = |axis| match axis {
        Axis::Class => spot.classes.len(),
        axis => extents.of(axis),
    };
    nodes.push(Noted {
        step: spot.loss.step_text(),
        depth,
        leaves: spot.axes.iter().map(|axis| (axis, extent(axis))).collect(),
        divisor: notes.get(&spot.id).copied().filter(|_| !sums),
        takes,
    });
    nodes.len() - 1
}
