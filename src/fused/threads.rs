//! Work on as many threads as there are, or on one. Results come back in order, so that nothing
//! depends on how many there were.

#[cfg(feature = "rayon")]
mod several {
    use rayon::prelude::*;

    pub(in crate::fused) fn map<T: Send>(
        count: usize,
        work: impl Fn(usize) -> T + Send + Sync,
    ) -> Vec<T> {
        (0..count).into_par_iter().map(work).collect()
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
