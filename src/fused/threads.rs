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

    pub(in crate::fused) fn each<T: Send>(items: Vec<T>, work: impl Fn(T) + Send + Sync) {
        items.into_par_iter().for_each(work);
    }
}

#[cfg(not(feature = "rayon"))]
mod one {
    pub(in crate::fused) fn map<T>(count: usize, work: impl Fn(usize) -> T) -> Vec<T> {
        (0..count).map(work).collect()
    }

    pub(in crate::fused) fn each<T>(items: Vec<T>, work: impl Fn(T)) {
        items.into_iter().for_each(work);
    }
}

#[cfg(not(feature = "rayon"))]
pub(super) use one::{each, map};
#[cfg(feature = "rayon")]
pub(super) use several::{each, map};
