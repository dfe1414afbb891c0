//! Work on as many threads as there are, or on one. Results come back in order, so that nothing
//! depends on how many there were.

/// What is made of items, one after another if there is little to do.
pub(super) fn take_by<T: Send, R: Send>(
    work: Work,
    items: Vec<T>,
    of: impl Fn(T) -> R + Send + Sync,
) -> Vec<R> {
    match work {
        Work::Heavy => take(items, of),
        Work::Light => items.into_iter().map(of).collect(),
    }
}

/// How much there is to do for each item.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// It reads cells.
    Heavy,
    /// Less than it takes to wake a thread.
    Light,
}

impl Work {
    /// Of sums over so many cells, all items together: to wake a thread takes as long as tens of thousands.
    pub(super) fn of_cells(cells: usize) -> Self {
        if cells < 1 << 17 { Self::Light } else { Self::Heavy }
    }
}

/// The results for all items, one after another if there is little to do.
pub(super) fn map_by<T: Send>(
    work: Work,
    count: usize,
    of: impl Fn(usize) -> T + Send + Sync,
) -> Vec<T> {
    match work {
        Work::Heavy => map(count, of),
        Work::Light => (0..count).map(of).collect(),
    }
}

#[cfg(feature = "rayon")]
mod several {
    use rayon::prelude::*;

    pub(in crate::fused) fn map<T: Send>(
        count: usize,
        work: impl Fn(usize) -> T + Send + Sync,
    ) -> Vec<T> {
        match count {
            0 | 1 => (0..count).map(work).collect(),
            _ => (0..count).into_par_iter().map(work).collect(),
        }
    }

    pub(super) fn take<T: Send, R: Send>(
        items: Vec<T>,
        work: impl Fn(T) -> R + Send + Sync,
    ) -> Vec<R> {
        items.into_par_iter().map(work).collect()
    }
}

#[cfg(not(feature = "rayon"))]
mod one {
    pub(in crate::fused) fn map<T>(count: usize, work: impl Fn(usize) -> T) -> Vec<T> {
        (0..count).map(work).collect()
    }

    pub(super) fn take<T, R>(items: Vec<T>, work: impl Fn(T) -> R) -> Vec<R> {
        items.into_iter().map(work).collect()
    }
}

#[cfg(not(feature = "rayon"))]
pub(super) use one::map;
#[cfg(not(feature = "rayon"))]
use one::take;
#[cfg(feature = "rayon")]
pub(super) use several::map;
#[cfg(feature = "rayon")]
use several::take;
