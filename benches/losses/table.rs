//! Ratios of calls that are timed in turn, so that what else the machine does meets all of them.

use std::time::Instant;

const ROUNDS: usize = 11;

/// Seconds that a sample takes at least: a short call is repeated.
const SAMPLE: f64 = 3e-3;

/// A call, and the number of elements that it works on.
pub struct Cell<'a> {
    elements: usize,
    call: Box<dyn FnMut() + 'a>,
}

impl<'a> Cell<'a> {
    pub fn new(elements: usize, call: impl FnMut() + 'a) -> Self {
        Self { elements, call: Box::new(call) }
    }

    /// Nanoseconds per element of so many calls.
    fn time(&mut self, calls: usize) -> f64 {
        let start = Instant::now();
        (0..calls).for_each(|_| (self.call)());
        1e9 * start.elapsed().as_secs_f64() / (calls * self.elements) as f64
    }
}

/// The nanoseconds per element of a cell, by round.
pub struct Times(Vec<f64>);

impl Times {
    pub fn median(&self) -> f64 {
        quartiles(self.0.clone())[1]
    }
}

fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len() - 1;
    [last / 4, last / 2, last - last / 4].map(|at| values[at])
}

/// Lines with one ratio each. What is not measured runs once, and nothing is printed.
pub struct Table {
    title: String,
    measured: bool,
    lines: Vec<String>,
}

impl Table {
    pub fn new(title: impl Into<String>, measured: bool) -> Self {
        Self { title: title.into(), measured, lines: Vec::new() }
    }

    /// Times the cells in turn.
    pub fn times<const N: usize>(&self, mut cells: [Cell<'_>; N]) -> [Times; N] {
        if !self.measured {
            return cells.map(|mut cell| Times(vec![cell.time(1)]));
        }
        let calls = cells.each_mut().map(|cell| {
            cell.time(1); // makes threads and pages
            let seconds = 1e-9 * cell.time(1) * cell.elements as f64;
            (1_u32..1000).find(|&calls| f64::from(calls) * seconds >= SAMPLE).unwrap_or(1000)
        });
        let mut times = [const { Times(Vec::new()) }; N];
        for _ in 0..ROUNDS {
            for ((cell, &calls), times) in cells.iter_mut().zip(&calls).zip(&mut times) {
                times.0.push(cell.time(calls as usize));
            }
        }
        times
    }

    /// A line with the ratio of the medians, and the quartiles of the ratio within a round.
    pub fn line(&mut self, name: &str, times: &Times, base: &Times) {
        let (ns, of_base) = (times.median(), base.median());
        let rounds = times.0.iter().zip(&base.0).map(|(time, base)| time / base).collect();
        let [low, _, high] = quartiles(rounds);
        let ratio = ns / of_base;
        self.lines
            .push(format!("{name:62} {ns:8.3} {of_base:8.3} {ratio:8.3}   {low:.3} to {high:.3}"));
    }

    pub fn print(self) {
        if self.measured {
            let units = ["ns/el.", "of base", "ratio"].map(|unit| format!("{unit:>8}")).join(" ");
            println!("\n{:62} {units}   quartiles", self.title);
            self.lines.iter().for_each(|line| println!("{line}"));
        }
    }
}
