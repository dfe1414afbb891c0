//! Hard decisions: which class a prediction is for, and how often it is right.

use ndarray::Dimension;

use crate::batch::{Batch, Float};
use crate::fused::{Cells, scan};

/// How the classes fare over the batch.
pub(super) struct Scores {
    /// Whether there are several classes of which every pixel that counts truly has one.
    pub(super) exclusive: bool,
    pub(super) classes: Vec<Score>,
}

/// How a class fares over the batch.
pub(super) struct Score {
    pub(super) pixels: f64,
    pub(super) dice: Option<f64>,
    pub(super) iou: Option<f64>,
}

/// The counts of a class: cells, Σ t, where decision and truth agree, and where either is the class.
#[derive(Clone, Copy, Default)]
struct Counts {
    cells: f64,
    volume: f64,
    both: f64,
    either: f64,
}

/// What some pixels count for: under each way to decide, the counts of every class.
struct Tally {
    /// Whether the targets of every pixel that counts add up to 1.
    exclusive: bool,
    by_largest: Vec<Counts>,
    by_threshold: Vec<Counts>,
}

/// Where the targets of every pixel that counts add up to 1, decides for the class with the largest
/// prediction, and the truth is the class with the largest target. Otherwise (one class, or several
/// true at once) each class decides for itself, where its prediction is above `threshold`, and is the
/// truth where its target is above 1/2. Ignored and masked cells do not count.
pub(super) fn scores<F: Float, D: Dimension>(batch: &Batch<'_, F, D>, threshold: f64) -> Scores {
    let classes = batch.extents().class;
    let tallies = scan(batch, |cells| Tally::of(cells, classes, threshold));
    let exclusive = classes > 1 && tallies.iter().all(|tally| tally.exclusive);
    let mut totals = vec![Counts::default(); classes];
    for tally in &tallies {
        let counts = if exclusive { &tally.by_largest } else { &tally.by_threshold };
        totals.iter_mut().zip(counts).for_each(|(total, counts)| total.add(counts));
    }
    let ratio = |over: f64, under: f64| (under > 0.0).then_some(over / under);
    let score = |counts: Counts| Score {
        pixels: ratio(counts.volume, counts.cells).unwrap_or(0.0),
        dice: ratio(2.0 * counts.both, counts.both + counts.either),
        iou: ratio(counts.both, counts.either),
    };
    Scores { exclusive, classes: totals.into_iter().map(score).collect() }
}

impl Counts {
    fn add(&mut self, more: &Self) {
        self.cells += more.cells;
        self.volume += more.volume;
        self.both += more.both;
        self.either += more.either;
    }
}

impl Tally {
    fn of(cells: &Cells, classes: usize, threshold: f64) -> Self {
        let none = vec![Counts::default(); classes];
        let mut tally = Self { exclusive: true, by_largest: none.clone(), by_threshold: none };
        for pixel in 0..cells.pixels() {
            let target = |class| cells.target(class, pixel);
            let prediction = |class| cells.prediction(class, pixel);
            if !(0..classes).any(|class| cells.counts(class, pixel)) {
                continue;
            }
            let total: f64 = (0..classes).map(target).sum();
            tally.exclusive &= (total - 1.0).abs() < 1e-6;
            let (decided, truth) = (largest(classes, prediction), largest(classes, target));
            for class in (0..classes).filter(|&class| cells.counts(class, pixel)) {
                let count = |into: &mut Counts, decided: bool, truth: bool| {
                    into.add(&Counts {
                        cells: 1.0,
                        volume: target(class),
                        both: f64::from(u8::from(decided && truth)),
                        either: f64::from(u8::from(decided || truth)),
                    });
                };
                count(&mut tally.by_largest[class], decided == class, truth == class);
                let above = (prediction(class) > threshold, target(class) > 0.5);
                count(&mut tally.by_threshold[class], above.0, above.1);
            }
        }
        tally
    }
}

/// The class with the largest number, the first of them.
fn largest(classes: usize, number: impl Fn(usize) -> f64) -> usize {
    (1..classes).fold(0, |best, class| if number(class) > number(best) { class } else { best })
}
