//! The aggregates that are no sums: what each makes of a group, and its derivatives.

use crate::axis::Axes;
use crate::error::{Error, ErrorKind, Result};
use crate::reduction::{Aggregate, Step};

use super::field::{Field, mass};
use super::grid::{Grid, Mask, Shape, pairwise, product};
use super::linear::{live_groups, partition, worth_of};
use super::plan::Spot;

/// What an aggregate did to the cells of a field.
#[derive(Clone, Debug)]
pub(super) struct Aggregated {
    /// The derivative of the result of a cell's group with respect to the cell.
    derivative: Grid,
    pub(super) divisor: Grid,
    /// What of the result is not Σ derivative · value: 0 for steps that scale with their values.
    pub(super) remainder: Grid,
    depends: Option<Depends>,
}

/// The derivatives with respect to the consumed weight that was made from the prediction.
#[derive(Clone, Debug)]
struct Depends {
    value: Grid,
    /// Of the divisor: the product of the other weights.
    others: Mask,
    shape: Shape,
}

/// One group: the cells with mass.
#[derive(Default)]
struct Group {
    cells: Vec<usize>,
    values: Vec<f64>,
    masses: Vec<f64>,
    /// The derivative of the result by value, and by mass.
    slopes: Vec<f64>,
    mass_slopes: Vec<f64>,
}

/// The field after an aggregate that is no sum or mean.
pub(super) fn take(
    spot: &Spot,
    step: &Step,
    child: &Field,
    live: &Mask,
    at: &dyn Fn((usize, usize, usize), bool) -> String,
) -> Result<(Field, Aggregated)> {
    let over = spot.over;
    let (consumed, waiting) = partition(&child.weights, over);
    let shape = child.shape;
    let masses = mass(consumed.iter(), shape);
    let groups = shape.without(over);
    let live = live_groups(live, &waiting, groups);
    let depends = consumed.iter().position(|weight| weight.depends);
    let mut value = Grid::zeros(groups);
    let mut counted = Grid::filled(groups, 1.0);
    let mut aggregated = Aggregated {
        derivative: Grid::zeros(shape),
        divisor: Grid::zeros(groups),
        remainder: Grid::zeros(groups),
        depends: depends.map(|place| {
            let others = consumed.iter().enumerate().filter(|(other, _)| *other != place);
            Depends {
                value: Grid::zeros(shape),
                others: mass(others.map(|(_, weight)| weight), shape),
                shape: consumed[place].grid.shape,
            }
        }),
    };
    let mut group = Group::default();
    for place in 0..groups.cells() {
        let cell = groups.cell(place);
        group.fill(shape.group(over, cell), child.value(), &masses);
        let divisor = pairwise(&group.masses);
        aggregated.divisor.cells[place] = divisor;
        let is_live = live.as_ref().is_none_or(|live| live.cells[place] != 0.0);
        if group.cells.is_empty() || divisor == 0.0 {
            let what = || format!("step `{step}`: a group{} has no mass", at(cell, true));
            let worth = worth_of(step.empty, is_live, what)?;
            value.cells[place] = worth.unwrap_or(0.0);
            aggregated.remainder.cells[place] = worth.unwrap_or(0.0);
            counted.cells[place] = f64::from(u8::from(worth.is_some()));
            continue;
        }
        if !is_live {
            continue;
        }
        let result = group.aggregate(step.aggregate, divisor).map_err(|(bad, why)| {
            let place = at(shape.cell(bad), false);
            Error::new(ErrorKind::Domain, format!("step `{step}`: the value at {place} is {why}"))
        })?;
        value.cells[place] = result;
        if matches!(step.aggregate, Aggregate::LogMeanExp(_)) {
            let parts: Vec<f64> =
                group.slopes.iter().zip(&group.values).map(|(d, v)| d * v).collect();
            aggregated.remainder.cells[place] = result - pairwise(&parts);
        }
        for (&cell, &slope) in group.cells.iter().zip(&group.slopes) {
            aggregated.derivative.cells[cell] = slope;
        }
        if let Some(depends) = &mut aggregated.depends {
            for (&cell, &slope) in group.cells.iter().zip(&group.mass_slopes) {
                let others = depends.others.as_ref().map_or(1.0, |others| others.cells[cell]);
                depends.value.cells[cell] = slope * others;
            }
        }
    }
    let mut field = Field::known(value, waiting);
    if step.carry {
        field.carry(spot.axes, aggregated.divisor.clone(), aggregated.depends.is_some());
    } else {
        let touched = consumed.iter().fold(Axes::NONE, |all, w| all.with(w.axes));
        if step.can_skip() && (!touched.is_empty() || counted.cells.contains(&0.0)) {
            field.skip(touched.without(over), counted);
        }
    }
    Ok((field, aggregated))
}

impl Aggregated {
    /// The derivatives with respect to the values of the child and to the weight that was made from
    /// the prediction.
    pub(super) fn pull(&self, adjoint: &Grid, carried: Option<&Grid>) -> (Grid, Option<Grid>) {
        let shape = self.derivative.shape;
        let of_values = adjoint.spread(shape).times(&self.derivative);
        let of_depends = self.depends.as_ref().map(|depends| {
            let mut slope = adjoint.spread(shape).times(&depends.value);
            if let Some(carried) = carried {
                let carried = carried.spread(shape);
                slope.add(&match &depends.others {
                    Some(others) => carried.times(others),
                    None => carried,
                });
            }
            slope.gather(depends.shape)
        });
        (of_values, of_depends)
    }
}

impl Group {
    /// Collects those of the cells that have mass.
    fn fill(&mut self, cells: impl Iterator<Item = usize>, values: &Grid, masses: &Mask) {
        self.cells.clear();
        self.values.clear();
        self.masses.clear();
        for cell in cells {
            let mass = masses.as_ref().map_or(1.0, |masses| masses.cells[cell]);
            if mass != 0.0 {
                self.cells.push(cell);
                self.values.push(values.cells[cell]);
                self.masses.push(mass);
            }
        }
    }

    /// The result; or which cell has a value that the aggregate cannot take.
    fn aggregate(&mut self, aggregate: Aggregate, divisor: f64) -> Result<f64, (usize, String)> {
        let count = self.values.len();
        self.slopes.clear();
        self.slopes.resize(count, 0.0);
        self.mass_slopes.clear();
        self.mass_slopes.resize(count, 0.0);
        if let Some(&nan) = self.values.iter().find(|value| value.is_nan()) {
            // Only a group that was worth NaN before can hold one; it stays one.
            return Ok(nan);
        }
        Ok(match aggregate {
            Aggregate::Max => {
                self.at_value(self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
            }
            Aggregate::Min => {
                self.at_value(self.values.iter().copied().fold(f64::INFINITY, f64::min))
            }
            Aggregate::Power(p) => self.power(p, divisor)?,
            Aggregate::LogMeanExp(t) => self.log_mean_exp(t, divisor),
            Aggregate::Quantile(q) => {
                let value = self.quantile(q, divisor);
                self.at_value(value)
            }
            Aggregate::TopFraction(fraction) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a fraction in (0, 1] of a count is a count"
                )]
                let k = (fraction * count as f64).floor() as usize;
                self.top(k.max(1))
            }
            Aggregate::TopK(k) => self.top(k.min(count)),
            // Sums and means are `linear`.
            Aggregate::Sum | Aggregate::Mean => 0.0,
        })
    }

    /// A value that some cells have; these share the derivative equally.
    fn at_value(&mut self, value: f64) -> f64 {
        let ties = self.values.iter().filter(|&&v| v == value).count();
        let share = 1.0 / ties as f64;
        for (slope, &v) in self.slopes.iter_mut().zip(&self.values) {
            *slope = if v == value { share } else { 0.0 };
        }
        value
    }

    /// (Σ m v^p / Σ m)^(1/p), relative to the value that leads, the largest (for p below 0 the
    /// smallest), so that no power overflows.
    fn power(&mut self, p: f64, divisor: f64) -> Result<f64, (usize, String)> {
        if let Some(place) = self.values.iter().position(|&v| v < 0.0) {
            return Err((
                self.cells[place],
                format!("{}, expected at least 0", self.values[place]),
            ));
        }
        let lead = if p > 0.0 {
            self.values.iter().copied().fold(0.0, f64::max)
        } else {
            self.values.iter().copied().fold(f64::INFINITY, f64::min)
        };
        if lead == 0.0 {
            return Ok(0.0);
        }
        let powers: Vec<f64> =
            self.values.iter().zip(&self.masses).map(|(v, m)| m * (v / lead).powf(p)).collect();
        let value = lead * (pairwise(&powers) / divisor).powf(1.0 / p);
        if value == 0.0 {
            return Ok(0.0);
        }
        for place in 0..self.values.len() {
            let (v, m) = (self.values[place], self.masses[place]);
            self.slopes[place] = m / divisor * (v / value).powf(p - 1.0);
            self.mass_slopes[place] = value * ((v / value).powf(p) - 1.0) / (p * divisor);
        }
        Ok(value)
    }

    /// ln(Σ m e^(t v) / Σ m) / t, relative to the largest exponent.
    fn log_mean_exp(&mut self, t: f64, divisor: f64) -> f64 {
        let lead = self.values.iter().map(|v| t * v).fold(f64::NEG_INFINITY, f64::max);
        for place in 0..self.values.len() {
            self.slopes[place] = self.masses[place] * (t * self.values[place] - lead).exp();
        }
        let total = pairwise(&self.slopes);
        let value = (lead + (total / divisor).ln()) / t;
        for place in 0..self.values.len() {
            self.slopes[place] /= total;
            self.mass_slopes[place] =
                ((t * (self.values[place] - value)).exp() - 1.0) / (t * divisor);
        }
        value
    }

    /// The smallest value that holds, with those below it, a share q of the mass.
    fn quantile(&self, q: f64, divisor: f64) -> f64 {
        let mut order: Vec<usize> = (0..self.values.len()).collect();
        order.sort_by(|&a, &b| self.values[a].total_cmp(&self.values[b]));
        let wanted = if q == 1.0 { f64::INFINITY } else { q * divisor };
        let mut held = 0.0;
        for &place in &order {
            held += self.masses[place];
            if held >= wanted {
                return self.values[place];
            }
        }
        order.last().map_or(0.0, |&place| self.values[place])
    }

    /// The mean by mass of the k largest values; cells that tie for the last places share them.
    fn top(&mut self, k: usize) -> f64 {
        let mut values = self.values.clone();
        let (_, &mut last, _) = values.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
        let above = self.values.iter().filter(|&&v| v > last).count();
        let ties = self.values.iter().filter(|&&v| v == last).count();
        let shared = (k - above) as f64 / ties as f64;
        let share = |v: f64| match v {
            v if v > last => 1.0,
            v if v == last => shared,
            _ => 0.0,
        };
        for place in 0..self.values.len() {
            self.slopes[place] = share(self.values[place]) * self.masses[place];
        }
        let divisor = pairwise(&self.slopes);
        let weighted: Vec<f64> =
            self.slopes.iter().zip(&self.values).map(|(&m, &v)| product(m, v)).collect();
        let value = pairwise(&weighted) / divisor;
        for place in 0..self.values.len() {
            self.slopes[place] /= divisor;
            self.mass_slopes[place] =
                share(self.values[place]) * (self.values[place] - value) / divisor;
        }
        value
    }
}
