//! Every aggregate on tensors. Which cells are the largest is decided without a slope; what is made of their
//! values has one.

use burn::tensor::Tensor;

use super::field::Mass;
use super::grid::{Cells, Grid, Where, but, choose, fill, root, spread, total};
use super::step::Divisor;
use crate::axis::Axes;
use crate::reduction::Aggregate;

/// The cells of a field in groups over some axes.
pub(super) struct Group<'a> {
    pub(super) grid: &'a Grid,
    pub(super) value: Cells,
    /// The shape of the field, of which the value has all, or 1.
    pub(super) shape: [usize; 3],
    pub(super) mass: Option<&'a Mass>,
    pub(super) over: Axes,
    pub(super) dims: &'a [usize],
    /// Nowhere 0.
    pub(super) divisor: Divisor,
}

impl Group<'_> {
    pub(super) fn aggregate(&self, aggregate: Aggregate) -> Cells {
        match aggregate {
            Aggregate::Sum => self.total(self.whole()),
            Aggregate::Mean => self.divisor.divide(self.total(self.whole())),
            Aggregate::Max => self.largest(self.whole()),
            Aggregate::Min => self.largest(self.whole().neg()).neg(),
            Aggregate::Power(p) => self.power(p),
            Aggregate::LogMeanExp(t) => self.log_mean_exp(t),
            Aggregate::Quantile(q) => {
                let value = self.quantile(q);
                self.at_value(self.whole(), value)
            }
            Aggregate::TopFraction(_) | Aggregate::TopK(_) => self.top(aggregate),
        }
    }

    fn whole(&self) -> Cells {
        spread(self.value.clone(), self.shape)
    }

    /// The cells without mass.
    fn none(&self) -> Option<Where> {
        let none = self.mass.and_then(Mass::none);
        none.map(|none| spread(none, self.shape))
    }

    /// The cells with another number where there is no mass.
    fn but(&self, cells: Cells, number: f64) -> Cells {
        but(cells, self.none(), number)
    }

    /// Σ m v.
    fn total(&self, cells: Cells) -> Cells {
        let weighed = match self.mass {
            Some(mass) => mass.times(cells),
            None => cells,
        };
        total(weighed, self.dims)
    }

    /// How many cells are counted, where all count 1.
    fn count(&self, counted: Where) -> Cells {
        total(counted.float().cast(self.grid.dtype), self.dims)
    }

    /// The largest value with mass.
    fn largest(&self, cells: Cells) -> Cells {
        let shut = self.but(cells.clone().inner(), f64::NEG_INFINITY);
        let value = self.dims.iter().fold(shut, |largest, &dim| largest.max_dim(dim));
        self.at_value(cells, value)
    }

    /// A value that some cells have; these share the derivative equally.
    fn at_value(&self, cells: Cells, value: Cells) -> Cells {
        let has = cells.clone().inner().equal(spread(value, self.shape));
        let has = match self.none() {
            Some(none) => has.bool_and(none.bool_not()),
            None => has,
        };
        let ties = self.count(has.clone());
        let cells = fill(cells, has.bool_not(), 0.0);
        total(cells, self.dims) / ties
    }

    /// (Σ m v^p / Σ m)^(1/p), relative to the value that leads, so that no power overflows.
    fn power(&self, p: f64) -> Cells {
        let v = self.whole();
        let leading = if p > 0.0 {
            let v = self.but(v.clone().inner(), 0.0);
            self.dims.iter().fold(v, |largest, &dim| largest.max_dim(dim))
        } else {
            let v = self.but(v.clone().inner(), f64::INFINITY);
            self.dims.iter().fold(v, |least, &dim| least.min_dim(dim))
        };
        let nothing = leading.clone().equal_scalar(0.0);
        let leading = fill(leading, nothing.clone(), 1.0);
        let relative = self.but(v, 1.0) / leading.clone();
        // A power below 0 of a 0 is infinite, and so is its slope.
        let relative = fill(relative, nothing.clone(), 1.0);
        let mean = self.divisor.divide(self.total(root(relative, p)));
        let mean = fill(mean, nothing.clone(), 1.0);
        fill(mean.powf_scalar(1.0 / p) * leading, nothing, 0.0)
    }

    /// ln(Σ m e^(t v) / Σ m) / t, relative to the largest exponent.
    fn log_mean_exp(&self, t: f64) -> Cells {
        let exponents = self.whole().mul_scalar(t);
        let shut = self.but(exponents.clone().inner(), f64::NEG_INFINITY);
        let largest = self.dims.iter().fold(shut, |largest, &dim| largest.max_dim(dim));
        let nobody = largest.clone().equal_scalar(f64::NEG_INFINITY);
        let largest = fill(largest, nobody.clone(), 0.0);
        let apart = self.but(exponents - spread(largest.clone(), self.shape), f64::NEG_INFINITY);
        let mean = self.divisor.divide(self.total(apart.exp()));
        (largest + fill(mean, nobody, 1.0).log()).mul_scalar(t.recip())
    }

    /// The cells of each group as a row, the last first to be sorted where there is no mass.
    fn sorted(&self, last: f64, descending: bool) -> (Tensor<2>, Option<Tensor<2>>) {
        let cells = self.but(self.whole().inner(), last);
        let rows = self.grid.rows(cells, self.over);
        let (sorted, places) = if descending {
            rows.sort_descending_with_indices(1)
        } else {
            rows.sort_with_indices(1)
        };
        let masses = self.mass.map(|mass| {
            let mass = spread(mass.value.clone().inner(), self.shape);
            self.grid.rows(mass, self.over).gather(1, places)
        });
        (sorted, masses)
    }

    /// A number of each row as one of each group.
    fn of_groups(&self, rows: Tensor<2>) -> Cells {
        let mut shape = self.shape;
        self.dims.iter().for_each(|&dim| shape[dim] = 1);
        self.grid.of_rows(rows, self.over, shape)
    }

    /// The smallest value that holds, with those below it, a share q of the mass.
    fn quantile(&self, q: f64) -> Cells {
        let (sorted, masses) = self.sorted(f64::INFINITY, false);
        let [groups, n] = sorted.dims();
        let Some(masses) = masses else {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            let wanted = if q == 1.0 { n } else { (q * n as f64).ceil() as usize };
            return self.of_groups(sorted.narrow(1, wanted.clamp(1, n) - 1, 1));
        };
        let counts = masses.clone().not_equal_scalar(0.0);
        let last = counts.float().cast(self.grid.dtype).sum_dim(1);
        let place = if q == 1.0 {
            last
        } else {
            let held = masses.cumsum(1);
            let wanted = held.clone().narrow(1, n - 1, 1).mul_scalar(q);
            let short = held.lower(wanted.expand([groups, n])).float().cast(self.grid.dtype);
            // What rounding keeps short everywhere is the last that counts.
            short.sum_dim(1).add_scalar(1.0).min_pair(last)
        };
        self.of_groups(at(sorted, place))
    }

    /// The mean by mass of the k largest values; those that tie for the last places share them.
    fn top(&self, aggregate: Aggregate) -> Cells {
        let (sorted, masses) = self.sorted(f64::NEG_INFINITY, true);
        let [_, n] = sorted.dims();
        let (k, last) = match masses {
            None => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a count"
                )]
                let k = match aggregate {
                    Aggregate::TopFraction(fraction) => {
                        ((fraction * n as f64).floor() as usize).max(1)
                    }
                    Aggregate::TopK(k) => k.min(n),
                    _ => n,
                };
                (self.grid.full(k as f64), self.of_groups(sorted.narrow(1, k - 1, 1)))
            }
            Some(masses) => {
                let counted = masses.not_equal_scalar(0.0).float().cast(self.grid.dtype).sum_dim(1);
                let k = match aggregate {
                    Aggregate::TopFraction(fraction) => {
                        counted.mul_scalar(fraction).floor().clamp_min(1.0)
                    }
                    Aggregate::TopK(k) => counted.clamp_max(k as f64).clamp_min(1.0),
                    _ => counted,
                };
                (self.of_groups(k.clone()), self.of_groups(at(sorted, k)))
            }
        };
        let cells = self.whole();
        let held = self.but(cells.clone().inner(), f64::NEG_INFINITY);
        let last = spread(last, self.shape);
        let (above, ties) = (held.clone().greater(last.clone()), held.equal(last));
        let ties = match self.none() {
            Some(none) => ties.bool_and(none.bool_not()),
            None => ties,
        };
        let counted = self.count(ties.clone());
        let free = counted.clone().equal_scalar(0.0);
        let shared = (k - self.count(above.clone())) / fill(counted, free, 1.0);
        let one = spread(self.grid.full(1.0), self.shape);
        let shares = fill(spread(shared, self.shape), ties.clone().bool_not(), 0.0);
        let places = choose(above.clone(), one, shares);
        let weights = match self.mass {
            Some(mass) => places * mass.value.clone(),
            None => places,
        };
        let held = total(weights.clone(), self.dims);
        let nothing = held.clone().equal_scalar(0.0);
        let cells = fill(cells, above.bool_or(ties).bool_not(), 0.0);
        total(weights * cells, self.dims) / fill(held, nothing, 1.0)
    }
}

/// The entry of each row at a place that counts from 1.
fn at(rows: Tensor<2>, place: Tensor<2>) -> Tensor<2> {
    rows.gather(1, place.sub_scalar(1.0).clamp_min(0.0).int())
}
