//! What is seen while a net is trained: a bar, and how far each class is. Nothing in a pipe.

use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Write;

use crate::data::TISSUES;
use crate::orders::Order;
use crate::train::Outcome;

/// How many cells a score of 1 fills.
const CELLS: u32 = 30;

/// A bar with a table below it.
pub struct Live<'a> {
    bar: ProgressBar,
    /// What the first order came to from the same seed.
    first: Option<&'a Outcome>,
    table: String,
}

impl<'a> Live<'a> {
    /// For one run.
    pub fn new(steps: usize, order: &Order, seed: u64, first: Option<&'a Outcome>) -> Self {
        let bar = ProgressBar::new(steps as u64);
        if let Ok(style) = ProgressStyle::with_template(
            "{prefix}\n{wide_bar} {pos} of {len} steps, {eta} left\n{msg}",
        ) {
            bar.set_style(style);
        }
        bar.set_prefix(format!("{}, seed {seed}\n{}", order.name, order.loss));
        Self { bar, first, table: String::new() }
    }

    /// After a step; some steps have an outcome on the held-out slices.
    pub fn show(&mut self, step: usize, loss: f32, outcome: Option<&Outcome>) {
        if let Some(outcome) = outcome {
            self.table = self.of(step, outcome);
        }
        self.bar.set_message(format!("loss {loss:.4}{}", self.table));
        self.bar.set_position(step as u64);
    }

    /// Takes all of it away.
    pub fn clear(self) {
        self.bar.finish_and_clear();
    }

    fn of(&self, step: usize, outcome: &Outcome) -> String {
        let beside = if self.first.is_some() { "first order" } else { "" };
        let mut table = format!("\n\n{:<14}{:>6}  {beside}", format!("step {step}"), "IoU");
        for (class, (tissue, iou)) in TISSUES.iter().zip(outcome.iou).enumerate() {
            let _ = write!(table, "\n{tissue:<14}{iou:>6.3}  ");
            if let Some(first) = self.first {
                let _ = write!(table, "{:>11.3}  ", first.iou[class]);
            }
            let cells = (1..=CELLS).filter(|&cell| f64::from(cell) <= f64::from(CELLS) * iou);
            table.extend(cells.map(|_| '█'));
        }
        table
    }
}
