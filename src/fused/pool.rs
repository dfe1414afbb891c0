//! What the images leave of one step or ratio over images.

use crate::error::{Error, ErrorKind, Result};

use super::exact::Exact;
use super::field::Mass;
use super::fold::{Rows, bits};
use super::grid::Shape;
use super::linear::Rest;
use super::observe::{Kept, Row};

/// What the images left of a step or ratio over images.
#[derive(Clone, Debug)]
pub(super) enum Pool {
    Sums { shape: Shape, sums: Vec<Vec<Exact>>, rest: Rest },
    Kept { like: Kept, rows: Rows },
}

impl Pool {
    pub(super) fn new(row: &Row) -> Self {
        match row {
            Row::Sums(cut) => Self::Sums {
                shape: cut.sums[0].shape,
                sums: vec![vec![Exact::default(); cut.sums[0].cells.len()]; cut.sums.len()],
                rest: cut.rest.clone(),
            },
            Row::Kept(kept) => Self::Kept { like: kept.clone(), rows: Rows::new() },
        }
    }

    pub(super) fn add(&mut self, row: &Row) {
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

    pub(super) fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Sums { sums, .. }, Self::Sums { sums: more, .. }) => {
                for (sum, more) in sums.iter_mut().flatten().zip(more.iter().flatten()) {
                    sum.merge(more);
                }
            }
            (Self::Kept { rows, .. }, Self::Kept { rows: more, .. }) => {
                for (bits, times) in more {
                    *rows.entry(bits.clone()).or_default() += times;
                }
            }
            _ => {}
        }
        let (rest, more) = (self.rest_mut(), other.rest());
        rest.touched = rest.touched.with(more.touched);
        rest.read.extend(&more.read);
    }
}

/// The waiting weights of both parts. They have no image axis, so that parts of one whole have the
/// same; what only one of them skips is not the same.
pub(super) fn merged_waiting(one: &Pool, other: &Pool) -> Result<Vec<Mass>> {
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
