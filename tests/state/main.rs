//! What a [`State`](lossfold::State) promises, to the bit: parts are the whole, however they are split,
//! observed and merged, on however many threads, and wherever the numbers lie in memory.

#[path = "../strategy/mod.rs"]
mod strategy;

mod apart;
mod batches;
mod empty;
mod memory;
mod parts;
mod refusals;
mod size;
mod threads;
mod twins;

use lossfold::{Batch, ErrorKind, Float, Loss, Result, State};
use ndarray::{Array, ArrayView, Dimension, IxDyn};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use strategy::nested::Case;
use strategy::nested::data::case;

/// The bits of a number. Which NaN a sum of NaN is depends on the processor, so that all are one.
fn bits<F: Float>(number: F) -> u64 {
    let wide: f64 = number.into();
    if wide.is_nan() { f64::NAN.to_bits() } else { wide.to_bits() }
}

/// The bits of every number, in the order of the indices.
fn all_bits<F: Float, D: Dimension>(numbers: ArrayView<'_, F, D>) -> Vec<u64> {
    numbers.iter().map(|&number| bits(number)).collect()
}

/// The value of a state as its batches would give it.
fn narrowed<F: Float>(state: &State) -> Result<u64> {
    state.value().map(|value| bits(F::narrow(value)))
}

/// A state that has seen a batch, none if the loss cannot be made of parts.
fn observed<F: Float, D: Dimension>(loss: &Loss, batch: &Batch<'_, F, D>) -> Option<Result<State>> {
    let mut state = State::new(loss);
    match state.observe(batch) {
        Err(error) if error.kind() == ErrorKind::NotMergeable => None,
        said => Some(said.map(|()| state)),
    }
}

/// What is asked of a case, by the element type that it has.
trait Ask {
    type Answer;
    fn ask<F: Float>(self, loss: &Loss, batch: &Batch<'_, F, IxDyn>) -> Self::Answer;
}

fn ask<A: Ask>(case: &Case, question: A) -> A::Answer {
    let loss = case.loss();
    if case.single {
        case.with_batch::<f32, _>(|batch| question.ask(&loss, batch))
    } else {
        case.with_batch::<f64, _>(|batch| question.ask(&loss, batch))
    }
}

/// Some cases, always the same.
fn drawn(count: usize) -> impl Iterator<Item = Case> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(move |_| case().new_tree(&mut runner).expect("a case").current())
}

/// The bits of a value and of its gradient.
fn evaluated<F: Float, D: Dimension>(
    loss: &Loss,
    batch: &Batch<'_, F, D>,
) -> Result<(u64, Array<F, D>)> {
    let (value, gradient) = loss.value_and_gradient(batch)?;
    Ok((bits(value), gradient))
}
