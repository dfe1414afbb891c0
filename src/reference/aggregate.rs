//! Every aggregate, literally: the cells of a group in, a value and its derivatives out.

use super::sum::sum;
use crate::error::Result;
use crate::field::weighted;
use crate::reduction::{Aggregate, Step};

/// The cells with mass of one group.
pub(super) struct Group {
    pub(super) values: Vec<f64>,
    pub(super) masses: Vec<f64>,
}

type Aggregated = (f64, Vec<f64>);

impl Group {
    /// The value and its derivatives; or which cell has a value that the aggregate cannot take.
    pub(super) fn aggregate(
        &self,
        step: &Step,
        divisor: f64,
    ) -> Result<Aggregated, (usize, String)> {
        if let Some(cell) = self.values.iter().position(|value| value.is_nan()) {
            // Only a group that was worth NaN before can hold one; it stays one.
            return Ok((self.values[cell], vec![0.0; self.values.len()]));
        }
        Ok(match step.aggregate {
            Aggregate::Sum => (self.total(), self.masses.clone()),
            Aggregate::Mean => {
                (self.total() / divisor, self.masses.iter().map(|m| m / divisor).collect())
            }
            Aggregate::Max => {
                self.at_value(self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
            }
            Aggregate::Min => {
                self.at_value(self.values.iter().copied().fold(f64::INFINITY, f64::min))
            }
            Aggregate::Power(p) => self.power(p, divisor)?,
            Aggregate::LogMeanExp(t) => self.log_mean_exp(t, divisor),
            Aggregate::Quantile(q) => self.at_value(self.quantile(q, divisor)),
            Aggregate::TopFraction(_) | Aggregate::TopK(_) => {
                self.top(self.top_count(step.aggregate))
            }
        })
    }

    /// The derivatives of the value with respect to the masses, where nothing else names the divisor.
    pub(super) fn mass_slopes(&self, aggregate: Aggregate, value: f64, divisor: f64) -> Vec<f64> {
        let of_value = |slope: &dyn Fn(f64) -> f64| self.values.iter().map(|&v| slope(v)).collect();
        match aggregate {
            Aggregate::Sum => self.values.clone(),
            Aggregate::Mean => of_value(&|v| (v - value) / divisor),
            Aggregate::Power(_) if value == 0.0 => of_value(&|_| 0.0),
            Aggregate::Power(p) => {
                of_value(&|v| value * ((v / value).powf(p) - 1.0) / (p * divisor))
            }
            Aggregate::LogMeanExp(t) => {
                of_value(&|v| ((t * (v - value)).exp() - 1.0) / (t * divisor))
            }
            Aggregate::Max | Aggregate::Min | Aggregate::Quantile(_) => of_value(&|_| 0.0),
            Aggregate::TopFraction(_) | Aggregate::TopK(_) => {
                let (places, total) = self.places(self.top_count(aggregate));
                let slope = |(places, v): (f64, &f64)| places * (v - value) / total;
                places.into_iter().zip(&self.values).map(slope).collect()
            }
        }
    }

    /// Σ m v.
    fn total(&self) -> f64 {
        sum(self.masses.iter().zip(&self.values).map(|(m, v)| m * v))
    }

    /// A value that some cells have; these share the derivative equally.
    fn at_value(&self, value: f64) -> Aggregated {
        let ties = self.values.iter().filter(|&&v| v == value).count() as f64;
        let share = |&v: &f64| if v == value { 1.0 / ties } else { 0.0 };
        (value, self.values.iter().map(share).collect())
    }

    /// (Σ m v^p / Σ m)^(1/p), computed relative to the value that leads, the largest (for
    /// p below 0 the smallest), so that no power overflows.
    fn power(&self, p: f64, divisor: f64) -> Result<Aggregated, (usize, String)> {
        if let Some(cell) = self.values.iter().position(|&v| v < 0.0) {
            return Err((cell, format!("{}, expected at least 0", self.values[cell])));
        }
        let ends = if p > 0.0 {
            (0.0, f64::max as fn(f64, f64) -> f64)
        } else {
            (f64::INFINITY, f64::min as _)
        };
        let leading = self.values.iter().copied().fold(ends.0, ends.1);
        if leading == 0.0 {
            return Ok((0.0, vec![0.0; self.values.len()]));
        }
        let powers = self.masses.iter().zip(&self.values).map(|(m, v)| m * (v / leading).powf(p));
        let value = leading * (sum(powers) / divisor).powf(1.0 / p);
        if value == 0.0 {
            return Ok((0.0, vec![0.0; self.values.len()]));
        }
        let slope = |(m, v): (&f64, &f64)| m / divisor * (v / value).powf(p - 1.0);
        Ok((value, self.masses.iter().zip(&self.values).map(slope).collect()))
    }

    /// ln(Σ m e^(t v) / Σ m) / t, computed relative to the largest exponent.
    fn log_mean_exp(&self, t: f64, divisor: f64) -> Aggregated {
        let largest = self.values.iter().map(|v| t * v).fold(f64::NEG_INFINITY, f64::max);
        let parts: Vec<f64> = self
            .masses
            .iter()
            .zip(&self.values)
            .map(|(m, v)| m * (t * v - largest).exp())
            .collect();
        let total = sum(parts.iter().copied());
        let value = (largest + (total / divisor).ln()) / t;
        (value, parts.iter().map(|part| part / total).collect())
    }

    /// The smallest value that holds, with those below it, a share q of the mass.
    fn quantile(&self, q: f64, divisor: f64) -> f64 {
        let mut order: Vec<usize> = (0..self.values.len()).collect();
        order.sort_by(|&a, &b| self.values[a].total_cmp(&self.values[b]));
        let wanted = if q == 1.0 { f64::INFINITY } else { q * divisor };
        let mut held = 0.0;
        let last = order[order.len() - 1];
        let found = order.into_iter().find(|&cell| {
            held += self.masses[cell];
            held >= wanted
        });
        self.values[found.unwrap_or(last)]
    }

    /// How many cells are at the top.
    fn top_count(&self, aggregate: Aggregate) -> usize {
        match aggregate {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a fraction in (0, 1] of a count is a count"
            )]
            Aggregate::TopFraction(fraction) => {
                ((fraction * self.values.len() as f64).floor() as usize).max(1)
            }
            Aggregate::TopK(k) => k.min(self.values.len()),
            _ => self.values.len(),
        }
    }

    /// The share of a place that each cell has among the k largest, and the mass in these places.
    /// Cells that tie for the last places share them.
    fn places(&self, k: usize) -> (Vec<f64>, f64) {
        let mut descending = self.values.clone();
        descending.sort_by(|a, b| b.total_cmp(a));
        let last = descending[k - 1];
        let above = self.values.iter().filter(|&&v| v > last).count();
        let ties = self.values.iter().filter(|&&v| v == last).count();
        let shared = (k - above) as f64 / ties as f64;
        let place = |&v: &f64| {
            if v > last {
                1.0
            } else if v == last {
                shared
            } else {
                0.0
            }
        };
        let places: Vec<f64> = self.values.iter().map(place).collect();
        let total = sum(places.iter().zip(&self.masses).map(|(place, m)| place * m));
        (places, total)
    }

    /// The mean by mass of the k largest values.
    fn top(&self, k: usize) -> Aggregated {
        let (places, divisor) = self.places(k);
        let counted: Vec<f64> =
            places.iter().zip(&self.masses).map(|(place, m)| place * m).collect();
        let total = sum(counted.iter().zip(&self.values).map(|(&m, &v)| weighted(m, v)));
        (total / divisor, counted.iter().map(|m| m / divisor).collect())
    }
}
