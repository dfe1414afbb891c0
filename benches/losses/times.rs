//! The times of the calls, kept beside criterion's so that the engines can be set against each other.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// As many samples as criterion takes, which are the last: before them it warms up.
pub const SAMPLES: usize = 10;

/// Seconds per call, by benchmark, in the order of the samples.
#[derive(Default)]
pub struct Times(RefCell<BTreeMap<String, Vec<f64>>>);

impl Times {
    /// Calls `call` so many times, and remembers how long it took.
    pub fn timed(&self, id: &str, iterations: u64, call: &mut dyn FnMut()) -> Duration {
        let start = Instant::now();
        (0..iterations).for_each(|_| call());
        let elapsed = start.elapsed();
        let seconds = elapsed.as_secs_f64() / iterations as f64;
        self.0.borrow_mut().entry(id.to_owned()).or_default().push(seconds);
        elapsed
    }

    /// The median of the samples, where the benchmark ran.
    pub fn median(&self, id: &str) -> Option<f64> {
        let times = self.0.borrow();
        let all = times.get(id)?;
        let mut samples = all[all.len().saturating_sub(SAMPLES)..].to_vec();
        samples.sort_unstable_by(f64::total_cmp);
        samples.get(samples.len() / 2).copied()
    }

    /// Where both engines ran: their medians and the ratio of these.
    pub fn print(&self) {
        let ids: Vec<String> = self.0.borrow().keys().cloned().collect();
        let mut title = Some(("fused ms", "reference ms", "fused / reference"));
        for id in ids.iter().filter(|id| id.contains("/fused/")) {
            let other = id.replacen("/fused/", "/reference/", 1);
            let (Some(fused), Some(reference)) = (self.median(id), self.median(&other)) else {
                continue;
            };
            if let Some((fused, reference, ratio)) = title.take() {
                println!("\n{:72} {fused:>10} {reference:>14} {ratio:>18}", "median per call");
            }
            let ratio = fused / reference;
            let (fused, reference) = (1e3 * fused, 1e3 * reference);
            println!("{id:72} {fused:10.3} {reference:14.3} {ratio:18.4}");
        }
    }
}
