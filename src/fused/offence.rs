//! Cells that a loss reads and cannot: found in the pass, and the first of them named.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, ErrorKind, Result};

/// What is checked, in the order in which errors are reported: the node, and which of its arrays.
pub(super) type Rank = (usize, usize);

/// The prediction of a source, after the weights inside an overlap.
pub(super) const PREDICTION: usize = 1 << 20;
/// The target of a source.
pub(super) const TARGET: usize = PREDICTION + 1;
/// The sum of the scores of a pixel.
pub(super) const TOTAL: usize = PREDICTION + 2;

/// Cells that were found bad.
#[derive(Default)]
pub(super) struct Offences {
    /// For each array that has any: the first in the order of the user's axes.
    first: Mutex<BTreeMap<Rank, (Vec<usize>, Error)>>,
}

impl Offences {
    /// The first bad cell of the first array that has one.
    pub(super) fn into_error(self) -> Option<Error> {
        self.first
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .into_values()
            .next()
            .map(|(_, error)| error)
    }

    fn add(&self, rank: Rank, index: Vec<usize>, error: Error) {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        match first.get(&rank) {
            Some((known, _)) if *known <= index => {}
            _ => drop(first.insert(rank, (index, error))),
        }
    }
}

/// What becomes of bad cells: the pass ends at one, a search for the first collects them.
#[derive(Clone, Copy)]
pub(super) enum OnOffence<'o> {
    End,
    Collect(&'o Offences),
}

impl OnOffence<'_> {
    /// Takes the bad cells of an array, each with its index in the user's axes.
    pub(super) fn take(
        self,
        rank: Rank,
        kind: ErrorKind,
        bad: impl Iterator<Item = (Vec<usize>, String)>,
    ) -> Result<()> {
        let Some((index, message)) = bad.min_by(|(one, _), (other, _)| one.cmp(other)) else {
            return Ok(());
        };
        let error = Error::new(kind, message);
        match self {
            Self::End => Err(error),
            Self::Collect(offences) => {
                offences.add(rank, index, error);
                Ok(())
            }
        }
    }
}
