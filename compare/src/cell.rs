//! What is called and timed: one loss, in one mode and layout, by one engine.

use std::time::{Duration, Instant};

use ndarray::Array4;

use crate::data::Layout;
use crate::workload::{Expected, Workload};

/// Whether the gradient is computed, too.
#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    Value,
    Gradient,
}

impl Mode {
    pub const ALL: [Self; 2] = [Self::Value, Self::Gradient];

    pub fn name(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Gradient => "gradient",
        }
    }
}

/// What a call leaves. The gradient is read after the clock has stopped.
pub struct Called<'a> {
    pub value: f32,
    pub gradient: Option<Box<dyn FnOnce() -> Vec<f32> + 'a>>,
}

impl Called<'_> {
    pub fn value(value: f32) -> Self {
        Self { value, gradient: None }
    }
}

/// A call that can be repeated.
pub trait Call {
    fn call(&mut self) -> Called<'_>;
}

impl<F: FnMut() -> Called<'static>> Call for F {
    fn call(&mut self) -> Called<'_> {
        self()
    }
}

/// The largest relative deviations of a value and of a derivative from plain loops in f64.
#[derive(Clone, Copy)]
pub struct Tolerance {
    pub value: f64,
    pub slope: f64,
}

impl Tolerance {
    /// The cells are f32, the sums f64. The expected slope is a difference, good to some 1e-6.
    pub const WIDE_SUMS: Self = Self { value: 1e-5, slope: 1e-4 };
    /// Sums in f32, of which some go through millions of cells one after another.
    pub const NARROW_SUMS: Self = Self { value: 1e-3, slope: 1e-3 };
}

/// How long a call is repeated before it is timed: threads wake, and clocks rise.
const WARM_UP: Duration = Duration::from_millis(20);

pub struct Cell {
    pub workload: &'static Workload,
    pub mode: Mode,
    pub layout: Layout,
    pub engine: &'static str,
    pub version: &'static str,
    pub tolerance: Tolerance,
    pub call: Box<dyn Call>,
}

impl Cell {
    /// Milliseconds of one call after some that are not timed, or what is wrong with its result.
    pub fn timed(&mut self, expected: Expected, direction: &Array4<f32>) -> Result<f64, String> {
        let start = Instant::now();
        while start.elapsed() < WARM_UP {
            self.call.call();
        }
        let start = Instant::now();
        let called = self.call.call();
        let elapsed = start.elapsed();
        let value = f64::from(called.value);
        let slope = called.gradient.map(|gradient| {
            let gradient = gradient();
            assert_eq!(gradient.len(), direction.len());
            let products = gradient.iter().zip(direction);
            products.map(|(&g, &d)| f64::from(g) * f64::from(d)).sum::<f64>()
        });
        close("value", value, expected.value, self.tolerance.value)?;
        if let Some(slope) = slope {
            close("slope", slope, expected.slope, self.tolerance.slope)?;
        }
        Ok(elapsed.as_secs_f64() * 1e3)
    }

    pub fn id(&self) -> String {
        let (workload, mode, layout) = (self.workload.name, self.mode.name(), self.layout.name());
        format!("{workload} {mode} {layout} {}", self.engine)
    }
}

fn close(what: &str, found: f64, expected: f64, tolerance: f64) -> Result<(), String> {
    if (found - expected).abs() <= tolerance * expected.abs() {
        return Ok(());
    }
    Err(format!("{what} {found}, expected {expected} within {tolerance:e}, relative"))
}
