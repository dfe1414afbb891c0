//! Ratios: the sums of an overlap's terms, what the formula makes of them, and the derivatives.

use ndarray::{Array3, Zip};

use super::element::sign;
use super::step::{cells, group, read_groups, worth};
use super::sum::sum;
use crate::axis::{Axes, Axis};
use crate::error::Result;
use crate::field::{Carried, Field, mass};
use crate::reduction::Empty;
use crate::region::{Absent, Formula, Ratio, Region, SoftOverlap, Sums};

/// A field of ratios, and what each cell of the prediction did to its ratio.
pub(super) struct Divided {
    pub(super) field: Field,
    /// The derivative of a cell's ratio with respect to its p.
    pub(super) derivative: Array3<f64>,
    pub(super) divisor: Array3<f64>,
    /// The derivative of a cell's denominator with respect to its p.
    pub(super) divisor_derivative: Array3<f64>,
}

impl Divided {
    /// Takes the derivative from the cells whose p is held by a clip.
    pub(super) fn hold(&mut self, open: &Array3<f64>, held: &Array3<f64>) {
        for derivative in [&mut self.derivative, &mut self.divisor_derivative] {
            Zip::from(derivative).and(open).and(held).for_each(|derivative, open, held| {
                if open != held {
                    *derivative = 0.0;
                }
            });
        }
    }
}

/// The three terms of a cell, and their derivatives with respect to p.
fn terms(ratio: &Ratio, p: f64, t: f64) -> (Sums, Sums) {
    let e = ratio.exponent;
    let power = |x: f64| if e == 1.0 { x } else { x.powf(e) };
    let slope = if e == 1.0 { 1.0 } else { e * p.powf(e - 1.0) };
    let (overlap, overlap_slope) = match ratio.soft {
        SoftOverlap::Product => (p * t, t),
        SoftOverlap::Distance => {
            ((power(p) + power(t) - (p - t).abs()) / 2.0, (slope - sign(p - t)) / 2.0)
        }
    };
    let of = |tp, predicted, target| Sums {
        true_positive: tp,
        false_positive: predicted - tp,
        false_negative: target - tp,
    };
    (of(overlap, power(p), power(t)), of(overlap_slope, slope, 0.0))
}

/// The value of one group, and how it depends on the three sums.
struct Score {
    value: f64,
    derivative: Sums,
    divisor: f64,
    /// The derivatives of the denominator: 0 at its floor.
    divisor_derivative: Sums,
}

impl Score {
    /// Of a group without mass: the denominator is 0.
    fn nothing() -> Self {
        let none = Sums::default();
        Self { value: 0.0, derivative: none, divisor: 0.0, divisor_derivative: none }
    }
}

impl Region {
    fn score(&self, sums: Sums) -> Score {
        let ratio = &self.ratio;
        let double = match &self.formula {
            Formula::Dice => 2.0,
            // A Lovász step is no quotient: it is `lovasz`.
            Formula::Tversky | Formula::Lovasz(_) => 1.0,
            Formula::Own { formula, .. } => {
                let derivative = formula.derivative(sums);
                let value = formula.value(sums);
                let divisor_derivative = Sums::default();
                return Score { value, derivative, divisor: 1.0, divisor_derivative };
            }
        };
        let low = ratio.true_positive_floor.filter(|floor| sums.true_positive < *floor);
        let true_positive = low.unwrap_or(sums.true_positive);
        // What TP does to N and to D: nothing below its floor.
        let double_slope = if low.is_some() { 0.0 } else { double };
        let numerator = double * true_positive + ratio.smooth_numerator;
        let open = double * true_positive
            + ratio.false_positive * sums.false_positive
            + ratio.false_negative * sums.false_negative
            + ratio.smooth_denominator;
        let at_floor = ratio.floor > 0.0 && open <= ratio.floor;
        let divisor = if at_floor { ratio.floor } else { open };
        let score = numerator / divisor;
        let floored = ratio.score_floor.is_some_and(|floor| score < floor);
        let value = 1.0 - if floored { ratio.score_floor.unwrap_or(score) } else { score };
        // D moves only above its floor.
        let moves = if at_floor { 0.0 } else { 1.0 };
        // d(1 - N/D) = (N/D dD - dN) / D.
        let slope = |numerator: f64, denominator: f64| {
            let denominator = moves * denominator;
            if floored { 0.0 } else { (score * denominator - numerator) / divisor }
        };
        Score {
            value,
            derivative: Sums {
                true_positive: slope(double_slope, double_slope),
                false_positive: slope(0.0, ratio.false_positive),
                false_negative: slope(0.0, ratio.false_negative),
            },
            divisor,
            divisor_derivative: Sums {
                true_positive: moves * double_slope,
                false_positive: moves * ratio.false_positive,
                false_negative: moves * ratio.false_negative,
            },
        }
    }
}

fn dot(a: Sums, b: Sums) -> f64 {
    a.true_positive * b.true_positive
        + a.false_positive * b.false_positive
        + a.false_negative * b.false_negative
}

/// The field of zeros that is left of `like` after a step over `axes`.
pub(super) fn left(like: &Field, axes: Axes, weights: Vec<Carried>) -> Field {
    let left = like.axes.without(axes);
    let keeps_class = left.contains(Axis::Class);
    let (_, pixels, images) = like.extents.shape(left);
    let shape = (if keeps_class { like.classes.len() } else { 1 }, pixels, images);
    Field {
        axes: left,
        extents: like.extents,
        classes: if keeps_class { like.classes.clone() } else { Vec::new() },
        value: Array3::zeros(shape),
        weights,
    }
}

/// The rule for a group whose target has this sum, where one decides what the group is worth.
pub(super) fn policy(ratio: &Ratio, target: f64, empty: bool) -> Option<Empty> {
    match ratio.absent {
        Absent::Skip if target == 0.0 => Some(Empty::Skip),
        Absent::Zero if target == 0.0 => Some(Empty::Zero),
        _ if empty => Some(ratio.empty),
        _ => None,
    }
}

/// Divides over `axes` the sums of the terms of p and t. A group that is not live leaves its mass, but
/// no value. `like` is a field of the shape of the terms, with their weights.
pub(super) fn divide(
    region: &Region,
    axes: Axes,
    like: &Field,
    (p, t): (&Array3<f64>, &Array3<f64>),
    live: &Array3<bool>,
) -> Result<Divided> {
    let (consumed, waiting): (Vec<Carried>, Vec<Carried>) =
        like.weights.iter().cloned().partition(|weight| weight.axes.meets(axes));
    let masses = mass(&consumed, like.value.dim());
    let field = left(like, axes, waiting);
    let shape = field.value.dim();
    let mut divided = Divided {
        field,
        derivative: Array3::zeros(like.value.dim()),
        divisor: Array3::zeros(shape),
        divisor_derivative: Array3::zeros(like.value.dim()),
    };
    let live = read_groups(live, &divided.field);
    let mut counted = Array3::from_elem(shape, 1.0);
    for place in cells(shape) {
        let read: Vec<_> =
            group(place, axes, like.value.dim()).filter(|&cell| masses[cell] != 0.0).collect();
        let of: Vec<(Sums, Sums)> =
            read.iter().map(|&cell| terms(&region.ratio, p[cell], t[cell])).collect();
        let total = |term: fn(Sums) -> f64| {
            sum(read.iter().zip(&of).map(|(&cell, (value, _))| masses[cell] * term(*value)))
        };
        let sums = Sums {
            true_positive: total(|s| s.true_positive),
            false_positive: total(|s| s.false_positive),
            false_negative: total(|s| s.false_negative),
        };
        let own = matches!(region.formula, Formula::Own { .. });
        // A formula of the user's own is asked only about groups that are read and have mass.
        let score = match own {
            true if read.is_empty() => Score::nothing(),
            true if !live[place] => Score { divisor: 1.0, ..Score::nothing() },
            _ => region.score(sums),
        };
        // What nobody reads may be no number; it has no mass then.
        divided.divisor[place] =
            if score.divisor.is_nan() && !live[place] { 0.0 } else { score.divisor };
        let target = sum(read.iter().map(|&cell| masses[cell] * t[cell]));
        let policy = policy(&region.ratio, target, score.divisor == 0.0);
        if policy != Some(Empty::Skip) {
            for (&cell, (_, slope)) in read.iter().zip(&of) {
                divided.divisor_derivative[cell] =
                    masses[cell] * dot(score.divisor_derivative, *slope);
            }
        }
        if let Some(policy) = policy {
            let worth = worth(policy, live[place], || {
                let at = divided.field.at_place(place);
                format!("ratio `{region}`: the denominator of a group{at} is 0")
            })?;
            divided.field.value[place] = worth.unwrap_or(0.0);
            counted[place] = f64::from(worth.is_some());
            continue;
        }
        if !live[place] {
            continue;
        }
        divided.field.value[place] = score.value;
        for (&cell, (_, slope)) in read.iter().zip(&of) {
            divided.derivative[cell] = masses[cell] * dot(score.derivative, *slope);
        }
    }
    if region.ratio.carry {
        // A group that is skipped has no mass to carry.
        divided.field.carry(&(&divided.divisor * &counted), true);
    } else if region.ratio.can_skip() {
        divided.field.skip(divided.field.axes, &counted);
    }
    Ok(divided)
}
