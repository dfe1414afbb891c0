//! The number of threads changes nothing.

use lossfold::{Batch, Float, Loss, Result, State};
use ndarray::{Dimension, IxDyn};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::apart::apart;
use super::batches::{Arrays, FIVE_CHUNKS, TWO_CHUNKS, losses};
use super::{Ask, all_bits, ask, bits, drawn, evaluated, observed};

fn pools() -> Vec<(usize, ThreadPool)> {
    let pool = |threads| ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    [1, 2, 3, 7].into_iter().map(|threads| (threads, pool(threads))).collect()
}

/// The bits of all that a batch gives: value, gradient, and the same of a state.
type Said = (u64, Vec<u64>, Option<(u64, Vec<u64>)>);

fn said<F: Float, D: Dimension>(loss: &Loss, batch: &Batch<'_, F, D>) -> Result<Said> {
    let of_state =
        |state: State| Ok((bits(state.value()?), all_bits(state.gradient(batch)?.view())));
    let (value, gradient) = evaluated(loss, batch)?;
    let of_state = observed(loss, batch).map(|state| state.and_then(of_state)).transpose()?;
    Ok((value, all_bits(gradient.view()), of_state))
}

#[test]
fn images_of_many_blocks_have_the_same_bits_on_any_number_of_threads() {
    let pools = pools();
    for shape in [TWO_CHUNKS, FIVE_CHUNKS] {
        let arrays = Arrays::new(shape);
        for loss in losses() {
            let on = |pool: &ThreadPool| {
                pool.install(|| said(&loss, &arrays.batch(&loss))).expect("a value")
            };
            let expected = on(&pools[0].1);
            assert!(expected.1.iter().any(|&slope| slope != 0), "{loss}");
            for (threads, pool) in &pools[1..] {
                // No assert_eq: it would print every bit of the gradients.
                assert!(on(pool) == expected, "{loss} of {shape:?} on {threads} threads");
            }
        }
    }
}

struct OnThreads<'p>(&'p [(usize, ThreadPool)]);

impl Ask for OnThreads<'_> {
    type Answer = ();

    fn ask<F: Float>(self, loss: &Loss, batch: &Batch<'_, F, IxDyn>) {
        let expected = said(loss, batch);
        for (threads, pool) in self.0 {
            assert_eq!(pool.install(|| said(loss, batch)), expected, "{loss} on {threads} threads");
        }
    }
}

#[test]
fn random_losses_have_the_same_bits_on_any_number_of_threads() {
    let pools = pools();
    for case in drawn(300) {
        ask(&case, OnThreads(&pools));
        ask(&apart(&case), OnThreads(&pools));
    }
}
