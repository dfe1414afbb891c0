//! What a pass over the arrays costs at least: plain loops that read them and do next to nothing else, on
//! the threads that the engine has.

use std::hint::black_box;

use rayon::prelude::*;

use crate::arrays::Number;

/// Sums that are carried side by side: enough for no load to wait for an addition.
const LANES: usize = 32;

/// Cells per piece of work. From this to half the array it is all the same, save for labels, which are
/// read a little faster in small pieces.
const CHUNK: usize = 2048;

/// The sum of all cells of two pieces of the same length, side by side.
fn sum<F: Number>(a: &[F], b: &[F]) -> f64 {
    let mut sums = [F::zero(); LANES];
    let ((a, last_a), (b, last_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            *sum = *sum + (a + b);
        }
    }
    let last = last_a.iter().zip(last_b).map(|(&a, &b)| a + b);
    sums.into_iter().chain(last).map(Into::into).sum()
}

/// Reads two arrays: the sum of all cells.
fn read_2<F: Number>(a: &[F], b: &[F]) -> f64 {
    let pieces = a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK));
    pieces.map(|(a, b)| sum(a, b)).sum()
}

/// Reads two arrays and writes a third: the sums of two cells.
fn read_2_write_1<F: Number>(a: &[F], b: &[F], sums: &mut [F]) {
    let pieces = a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK));
    sums.par_chunks_mut(CHUNK).zip(pieces).for_each(|(sums, (a, b))| {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            *sum = a + b;
        }
    });
}

/// Reads a prediction and its labels, of which there are fewer: the sum of all.
fn read_labels(prediction: &[f32], labels: &[u8]) -> f64 {
    let classes = prediction.len() / labels.len();
    // An even number, so that a piece has two halves.
    let pixels = (CHUNK / classes).next_multiple_of(2);
    let pieces = prediction.par_chunks(pixels * classes).zip(labels.par_chunks(pixels));
    pieces
        .map(|(prediction, labels)| {
            let (half, other) = prediction.split_at(prediction.len() / 2);
            let labels: u32 = labels.iter().map(|&label| u32::from(label)).sum();
            sum(half, other) + f64::from(labels)
        })
        .sum()
}

/// A call whose result is held to a plain sum.
fn checked<'a>(
    call: impl Fn() -> f64 + 'a,
    cells: impl Iterator<Item = f64>,
) -> Box<dyn FnMut() + 'a> {
    let expected: f64 = cells.sum();
    Box::new(move || {
        let found = call();
        assert!((found - expected).abs() <= 1e-5 * expected.abs(), "{found}, expected {expected}");
    })
}

/// The call that reads two arrays.
pub fn reads_2<'a, F: Number>(a: &'a [F], b: &'a [F]) -> impl FnMut() + 'a {
    checked(|| read_2(a, b), a.iter().chain(b).map(|&x| x.into()))
}

/// The call that reads a prediction and its labels.
pub fn reads_labels<'a>(prediction: &'a [f32], labels: &'a [u8]) -> impl FnMut() + 'a {
    let cells = prediction.iter().map(|&x| f64::from(x));
    checked(|| read_labels(prediction, labels), cells.chain(labels.iter().map(|&x| f64::from(x))))
}

/// The call that reads two arrays and writes one, which is held to theirs once.
pub fn reads_2_writes_1<'a, F: Number>(a: &'a [F], b: &'a [F]) -> impl FnMut() + 'a {
    let mut sums = vec![F::nan(); a.len()];
    read_2_write_1(a, b, &mut sums);
    assert!(sums.iter().zip(a.iter().zip(b)).all(|(&sum, (&a, &b))| sum == a + b));
    move || read_2_write_1(a, b, black_box(&mut sums))
}
