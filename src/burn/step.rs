//! A step on a field: which weights it consumes, what it makes of each group, what it leaves.

use super::aggregate::Group;
use super::field::{Carried, Field, Mass, split};
use super::grid::{Cells, Grid, Where, fill, total};
use crate::axis::{Axes, Axis};
use crate::reduction::{Aggregate, Empty, Step};

/// What divides, per group.
#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "one per step, which holds tensors anyway")]
pub(super) enum Divisor {
    /// The same number for each.
    Count(f64),
    Cells(Cells),
}

impl Divisor {
    /// Σ m over the dimensions of cells of a shape, all of which have one where there is no mass.
    fn of(mass: Option<&Mass>, dims: &[usize], shape: [usize; 3]) -> Self {
        let count = |dims: &mut dyn Iterator<Item = usize>| {
            dims.map(|dim| shape[dim] as f64).product::<f64>()
        };
        match mass {
            None => Self::Count(count(&mut dims.iter().copied())),
            Some(Mass { value, .. }) => {
                let own = value.dims();
                let repeated = count(&mut dims.iter().copied().filter(|&dim| own[dim] == 1));
                Self::Cells(total(value.clone(), dims).mul_scalar(repeated))
            }
        }
    }

    /// The groups whose divisor is 0.
    fn nothing(&self) -> Option<Where> {
        match self {
            Self::Count(_) => None,
            Self::Cells(cells) => Some(cells.clone().equal_scalar(0.0)),
        }
    }

    /// The divisor, 1 where it is 0.
    fn safe(&self) -> Self {
        match (self, self.nothing()) {
            (Self::Cells(cells), Some(nothing)) => Self::Cells(fill(cells.clone(), nothing, 1.0)),
            (known, _) => known.clone(),
        }
    }

    pub(super) fn divide(&self, cells: Cells) -> Cells {
        match self {
            Self::Count(count) => cells.mul_scalar(count.recip()),
            Self::Cells(divisor) => cells / divisor.clone(),
        }
    }

    pub(super) fn cells(&self, grid: &Grid) -> Cells {
        match self {
            Self::Count(count) => grid.full(*count),
            Self::Cells(cells) => cells.clone(),
        }
    }
}

/// Takes a step over `over`, whose divisor is by the weights `by` where these are named.
pub(super) fn take(
    grid: &Grid,
    field: Field,
    step: &Step,
    over: Axes,
    by: Option<Vec<Carried>>,
) -> Field {
    let (consumed, mut waiting) = split(field.weights, over);
    let dims = grid.dims(over);
    let shape = grid.shape(field.axes, field.classes.len());
    let divided_by = by.as_ref().unwrap_or(&consumed);
    let divisor = Divisor::of(Mass::of(divided_by).as_ref(), &dims, shape);
    let mass = Mass::of(&consumed);
    let (mass, divides) = match step.aggregate {
        Aggregate::Sum | Aggregate::Mean => (mass, divisor.clone()),
        _ => {
            let mass = mass.map(Mass::of_the_counted);
            let divides = Divisor::of(mass.as_ref(), &dims, shape);
            (mass, divides)
        }
    };
    let group = Group {
        grid,
        value: field.value,
        shape,
        mass: mass.as_ref(),
        over,
        dims: &dims,
        divisor: divides.safe(),
    };
    let mut value = group.aggregate(step.aggregate);
    let left = field.axes.without(over);
    let nothing = divisor.nothing().filter(|_| step.aggregate != Aggregate::Sum);
    if let Some(nothing) = &nothing {
        value = fill(value, nothing.clone(), worth(step.empty));
    }
    if step.carry {
        let depends = by.is_none() && consumed.iter().any(|weight| weight.depends);
        let divisor = divisor.cells(grid);
        waiting.push(carried(
            format!("{over} of {:?} by {}", field.classes, keys(divided_by)),
            left,
            divisor,
            depends,
        ));
    } else if step.can_skip()
        && let Some(nothing) = nothing
    {
        let touched = divided_by.iter().fold(Axes::NONE, |all, weight| all.with(weight.axes));
        waiting.push(skipped(grid, keys(divided_by), touched.without(over), nothing));
    }
    let classes = if left.contains(Axis::Class) { field.classes } else { Vec::new() };
    Field { axes: left, classes, value, weights: waiting }
}

fn keys(weights: &[Carried]) -> String {
    let keys: Vec<&str> = weights.iter().map(|weight| weight.key.as_str()).collect();
    if keys.is_empty() { "count".into() } else { keys.join(" × ") }
}

/// A divisor that is left behind, on all axes that remain.
pub(super) fn carried(of: String, axes: Axes, value: Cells, depends: bool) -> Carried {
    Carried {
        key: format!("carried divisor over {of}"),
        axes,
        value,
        masks: true,
        depends,
        skips: false,
    }
}

/// What is left where groups are skipped: 0 for these and 1 for the others.
pub(super) fn skipped(grid: &Grid, of: String, axes: Axes, nothing: Where) -> Carried {
    let value = nothing.bool_not().float().cast(grid.dtype);
    Carried {
        key: format!("groups without {of}"),
        axes,
        value,
        masks: true,
        depends: false,
        skips: true,
    }
}

/// What a group without mass is worth; NaN where that is an error, which no tensor can report.
pub(super) fn worth(empty: Empty) -> f64 {
    match empty {
        Empty::Skip | Empty::Zero => 0.0,
        Empty::One => 1.0,
        Empty::Nan | Empty::Error => f64::NAN,
    }
}
