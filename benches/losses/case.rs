//! A loss on given arrays, every call of which is held to the plain loops.

use std::hint::black_box;

use lossfold::Loss;
use ndarray::Array4;

use crate::arrays::{Arrays, Number};
use crate::data::Data;
use crate::engine::Engine;
use crate::workload::Expected;

/// Relative. The prediction is f32, and so are an engine's numbers per cell; sums are to be better.
const VALUE_TOLERANCE: f64 = 1e-5;
/// Relative, of the derivative along a direction in which no cell cancels another. The difference
/// itself is good to some 1e-6, and to less where a maximum or a top changes hands within its step.
const GRADIENT_TOLERANCE: f64 = 1e-4;

pub struct Case<'a, F> {
    id: String,
    engine: Engine,
    loss: &'a Loss,
    arrays: Arrays<F>,
    expected: f64,
}

fn close(found: f64, expected: f64, tolerance: f64) -> bool {
    (found - expected).abs() <= tolerance * expected.abs()
}

impl<'a, F: Number> Case<'a, F> {
    /// The gradient is checked here, once.
    pub fn new(
        id: String,
        engine: Engine,
        loss: &'a Loss,
        arrays: Arrays<F>,
        data: &Data,
        Expected { value, slope }: Expected,
    ) -> Self {
        let case = Self { id, engine, loss, arrays, expected: value };
        // What the buffer held before must not matter.
        let mut gradient = case.buffer();
        gradient.fill(F::nan());
        case.gradient_into(&mut gradient);
        let direction = case.arrays.order.lay_out(data.direction.clone());
        let found: f64 =
            gradient.iter().zip(&direction).map(|(&g, &d)| g.into() * f64::from(d)).sum();
        let id = &case.id;
        assert!(close(found, slope, GRADIENT_TOLERANCE), "{id}: slope {found}, expected {slope}");
        case
    }

    /// An array for gradients.
    pub fn buffer(&self) -> Array4<F> {
        Array4::zeros(self.arrays.prediction.raw_dim())
    }

    /// The cells of prediction and target.
    pub fn slices(&self) -> (&[F], &[F]) {
        self.arrays.slices()
    }

    pub fn elements(&self) -> usize {
        self.arrays.prediction.len()
    }

    // Views are made anew in every call, as in a training loop.

    pub fn value(&self) {
        let value = self.engine.value(self.loss, black_box(&self.arrays.batch()));
        self.check(value.expect("a good batch"));
    }

    pub fn gradient_into(&self, buffer: &mut Array4<F>) {
        let value = self.engine.gradient_into(self.loss, black_box(&self.arrays.batch()), buffer);
        self.check(value.expect("a good batch"));
    }

    pub fn gradient_fresh(&self) {
        let fresh = self.engine.gradient(self.loss, black_box(&self.arrays.batch()));
        let (value, gradient) = fresh.expect("a good batch");
        black_box(gradient);
        self.check(value);
    }

    fn check(&self, value: F) {
        let (found, expected, id) = (value.into(), self.expected, &self.id);
        assert!(close(found, expected, VALUE_TOLERANCE), "{id}: {found}, expected {expected}");
    }
}
