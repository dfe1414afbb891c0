//! Memory for the numbers of a window, used again by the next: a pass over any number of blocks takes
//! what one block needs.

use std::cell::RefCell;

/// How many buffers a thread keeps, and of which sizes: small ones are cheap to make, and large ones are
/// not those of a block.
const MOST: usize = 64;
const SIZES: std::ops::RangeInclusive<usize> = 1 << 7..=1 << 16;

thread_local! {
    static FREE: RefCell<Vec<Vec<f64>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer with room for `count` numbers.
pub(super) fn take(count: usize) -> Vec<f64> {
    let fits = |free: &RefCell<Vec<Vec<f64>>>| {
        let mut free = free.borrow_mut();
        // Nothing small is to hold something large.
        let fits = |buffer: &Vec<f64>| (count..=4 * count).contains(&buffer.capacity());
        let place = free.iter().rposition(fits)?;
        Some(free.swap_remove(place))
    };
    // While a thread ends its buffers may be gone.
    let found = FREE.try_with(fits).ok().flatten();
    found.unwrap_or_else(|| Vec::with_capacity(count))
}

/// Gives a buffer back.
pub(super) fn give(mut buffer: Vec<f64>) {
    if SIZES.contains(&buffer.capacity()) {
        buffer.clear();
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.len() < MOST {
                free.push(buffer);
            }
        });
    }
}
