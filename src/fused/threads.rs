//! Work on as many threads as there are, or on one. Results come back in order, so that nothing
//! depends on how many there were.

/// How much there is to do for each item.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// It reads cells.
    Heavy,
    /// Less than it takes to wake a thread.
    Light,
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

    pub(in crate::fused) fn take<T: Send, R: Send>(
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

    pub(in crate::fused) fn take<T, R>(items: Vec<T>, work: impl Fn(T) -> R) -> Vec<R> {
        items.into_iter().map(work).collect()
    }
}

#[cfg(not(feature = "rayon"))]
pub(super) use one::{map, take};
#[cfg(feature = "rayon")]
pub(super) use several::{map, take};
