//! Ratios: the sums of an overlap's terms, and what the formula makes of them.

use std::collections::BTreeSet;

use crate::axis::{Axes, Axis};
use crate::error::Result;
use crate::reduction::Empty;
use crate::region::{Absent, Formula, Ratio, Region, SoftOverlap, Sums};

use super::element::sign;
use super::field::{Field, Mass, mass};
use super::grid::{Grid, Mask, Shape, product};
use super::linear::{Cut, Known, Rest, deferred, known_mass, live_groups, partition, worth_of};
use super::plan::Spot;

/// What the way back through the sums of a ratio needs.
#[derive(Clone, Debug)]
pub(super) struct Overlapped {
    p: Grid,
    t: Grid,
    mass: Mask,
    /// Where p is not held by a clip.
    inside: Mask,
}

/// The derivatives of a value with respect to the sums of the three terms: those of the ratio and of its
/// denominator, each with what came back to it. They are multiplied cell by cell, last, so that a
/// derivative of 0 stays 0 whatever came back.
#[derive(Clone)]
pub(super) struct TermSlopes(Vec<([Grid; 3], Grid)>);

/// p^e.
fn power(ratio: &Ratio, x: f64) -> f64 {
    match ratio.exponent {
        1.0 => x,
        2.0 => x * x,
        e => x.powf(e),
    }
}

/// The true-positive, false-positive and false-negative term of a cell.
fn terms(ratio: &Ratio, p: f64, t: f64) -> [f64; 3] {
    let (predicted, target) = (power(ratio, p), power(ratio, t));
    let overlap = match ratio.soft {
        SoftOverlap::Product => p * t,
        SoftOverlap::Distance => 0.5 * (predicted + target - (p - t).abs()),
    };
    [overlap, predicted - overlap, target - overlap]
}

/// The derivatives of the terms with respect to p.
fn term_slopes(ratio: &Ratio, p: f64, t: f64) -> [f64; 3] {
    let e = ratio.exponent;
    let predicted = match e {
        1.0 => 1.0,
        2.0 => 2.0 * p,
        e => e * p.powf(e - 1.0),
    };
    let overlap = match ratio.soft {
        SoftOverlap::Product => t,
        SoftOverlap::Distance => 0.5 * (predicted - sign(p - t)),
    };
    [overlap, predicted - overlap, -overlap]
}

/// The sums of the terms along pixels and images: of the three terms, of the target, and the number
/// of cells with mass.
pub(super) fn sums(
    over: Axes,
    ratio: &Ratio,
    weights: &[Mass],
    (mut p, t): (Grid, Grid),
    clip: Option<(f64, f64)>,
) -> (Cut, Overlapped) {
    let inside = clip.map(|(least, most)| {
        let inside = p.clone().map(|p| f64::from(u8::from((least..=most).contains(&p))));
        p.cells.iter_mut().for_each(|p| *p = p.max(least).min(most));
        inside
    });
    let (consumed, waiting) = partition(weights, over);
    let shape = p.shape;
    let masses = mass(consumed.iter(), shape);
    let cells = shape.without(over.without(Axis::Class));
    let mut of_cells = [0; 5].map(|_| Grid::zeros(shape));
    for cell in 0..shape.cells() {
        let m = masses.as_ref().map_or(1.0, |masses| masses.cells[cell]);
        if m == 0.0 {
            continue;
        }
        let [overlap, over, under] = terms(ratio, p.cells[cell], t.cells[cell]);
        let numbers = [m * overlap, m * over, m * under, m * t.cells[cell], 1.0];
        for (grid, number) in of_cells.iter_mut().zip(numbers) {
            grid.cells[cell] = number;
        }
    }
    let sums = of_cells.into_iter().map(|grid| grid.gather(cells)).collect();
    (Cut { sums, rest: rest(&consumed, waiting) }, Overlapped { p, t, mass: masses, inside })
}

fn rest(consumed: &[Mass], waiting: Vec<Mass>) -> Rest {
    Rest {
        factors: Vec::new(),
        waiting,
        consumed: deferred(consumed),
        by: Vec::new(),
        touched: Axes::NONE,
        depends: false,
        read: BTreeSet::new(),
    }
}

/// The sums where the means of the three terms per class are known, and no weight differs between pixels;
/// and the product of the weights that are consumed. The target is there wherever a term is that it has a
/// part in.
pub(super) fn sums_of_means(over: Axes, weights: &[Mass], terms: &[Grid; 3]) -> (Cut, Mask) {
    let (consumed, waiting) = partition(weights, over);
    let shape = terms[0].shape;
    let masses = mass(consumed.iter(), shape);
    let cells = shape.without(over.without(Axis::Class));
    let mut target = terms[0].clone();
    target.add(&terms[2]);
    let counted = Grid::filled(shape, 1.0);
    let weighed = |grid: &Grid| match &masses {
        Some(masses) => grid.clone().times(masses).gather(cells),
        None => grid.clone().gather(cells),
    };
    let mut sums: Vec<Grid> = terms.iter().chain([&target]).map(weighed).collect();
    let counted = match &masses {
        Some(masses) => masses.clone().map(|m| f64::from(u8::from(m != 0.0))),
        None => counted,
    };
    sums.push(counted.gather(cells));
    (Cut { sums, rest: rest(&consumed, waiting) }, masses)
}

impl Overlapped {
    /// The derivative with respect to p of every cell.
    pub(super) fn pull(&self, ratio: &Ratio, slopes: &TermSlopes) -> Grid {
        let shape = self.p.shape;
        let mut of_p = Grid::zeros(shape);
        for cell in 0..shape.cells() {
            let m = self.mass.as_ref().map_or(1.0, |mass| mass.cells[cell]);
            if m != 0.0 && self.inside.as_ref().is_none_or(|inside| inside.cells[cell] != 0.0) {
                let of_terms = || term_slopes(ratio, self.p.cells[cell], self.t.cells[cell]);
                of_p.cells[cell] = m * slopes.at(shape.cell(cell), of_terms);
            }
        }
        of_p
    }

    /// What the cells add to a value, where each unit of the terms adds `parts`.
    pub(super) fn parts(&self, ratio: &Ratio, parts: &TermSlopes) -> Grid {
        let shape = self.p.shape;
        let mut of_cells = Grid::zeros(shape);
        for cell in 0..shape.cells() {
            let m = self.mass.as_ref().map_or(1.0, |mass| mass.cells[cell]);
            if m == 0.0 {
                continue;
            }
            let terms = || terms(ratio, self.p.cells[cell], self.t.cells[cell]);
            of_cells.cells[cell] = m * parts.at(shape.cell(cell), terms);
        }
        of_cells
    }
}

impl TermSlopes {
    /// What came back to each of the three terms, per class.
    pub(super) fn of_terms(&self, shape: Shape) -> [Grid; 3] {
        [0, 1, 2].map(|term| {
            let mut all = Grid::zeros(shape);
            for (slopes, back) in &self.0 {
                let mut of_part = back.spread(shape);
                of_part.join(&slopes[term], |back, slope| *back = product(*back, slope));
                all.add(&of_part);
            }
            all
        })
    }

    /// What came back to a cell, whose terms, or their derivatives, are these.
    fn at(
        &self,
        (class, image, pixel): (usize, usize, usize),
        terms: impl Fn() -> [f64; 3],
    ) -> f64 {
        let of_part = |(slopes, back): &([Grid; 3], Grid)| {
            let back = back.at(class, image, pixel);
            if back == 0.0 {
                return 0.0;
            }
            let slopes = slopes.each_ref().map(|slope| slope.at(class, image, pixel));
            let of_sums = slopes.iter().zip(terms()).map(|(&a, b)| product(a, b)).sum::<f64>();
            product(back, of_sums)
        };
        self.0.iter().map(of_part).sum()
    }
}

/// The value of one group, and how it depends on the three sums.
struct Score {
    value: f64,
    slopes: [f64; 3],
    /// The part of the value per unit of each sum.
    parts: [f64; 3],
    divisor: f64,
    divisor_slopes: [f64; 3],
}

impl Score {
    /// Of a group that a formula is not asked about.
    fn unasked(divisor: f64) -> Self {
        let none = [0.0; 3];
        Self { value: 0.0, slopes: none, parts: none, divisor, divisor_slopes: none }
    }
}

fn score(region: &Region, sums: [f64; 3]) -> Score {
    let ratio = &region.ratio;
    let [true_positive, false_positive, false_negative] = sums;
    let k = match &region.formula {
        Formula::Dice => 2.0,
        // A Lovász step is no quotient: it is `lovasz`.
        Formula::Tversky | Formula::Lovasz(_) => 1.0,
        Formula::Own { formula, .. } => {
            let sums = Sums { true_positive, false_positive, false_negative };
            let slopes = formula.derivative(sums);
            let slopes = [slopes.true_positive, slopes.false_positive, slopes.false_negative];
            let value = formula.value(sums);
            return Score { value, slopes, parts: slopes, divisor: 1.0, divisor_slopes: [0.0; 3] };
        }
    };
    let of_divisor = [k, ratio.false_positive, ratio.false_negative];
    let low = ratio.true_positive_floor.filter(|&floor| true_positive < floor);
    let true_positive = low.unwrap_or(true_positive);
    let sums = [true_positive, false_positive, false_negative];
    let numerator = k * true_positive + ratio.smooth_numerator;
    let open =
        of_divisor.iter().zip(sums).map(|(w, sum)| w * sum).sum::<f64>() + ratio.smooth_denominator;
    let at_floor = ratio.floor > 0.0 && open <= ratio.floor;
    let divisor = if at_floor { ratio.floor } else { open };
    let quotient = numerator / divisor;
    let floored = ratio.score_floor.filter(|&floor| quotient < floor);
    // Below its floor TP moves neither N nor D.
    let k = if low.is_some() { 0.0 } else { k };
    let [_, of_wrong, of_missed] = of_divisor;
    let divisor_slopes = if at_floor { [0.0; 3] } else { [k, of_wrong, of_missed] };
    // d(1 - N/D) = (N/D dD - dN) / D.
    let slope = |place: usize| match floored {
        Some(_) => 0.0,
        None => (quotient * divisor_slopes[place] - if place == 0 { k } else { 0.0 }) / divisor,
    };
    Score {
        value: 1.0 - floored.unwrap_or(quotient),
        slopes: [slope(0), slope(1), slope(2)],
        parts: [0.0, ratio.false_positive / divisor, ratio.false_negative / divisor],
        divisor,
        divisor_slopes,
    }
}

/// A ratio after its sums, and what the way back needs.
#[derive(Clone, Debug)]
pub(super) struct Divided {
    pub(super) divisor: Grid,
    /// What of the value stems from no cell: smoothing, floors and policies.
    pub(super) remainder: Grid,
    slopes: [Grid; 3],
    parts: [Grid; 3],
    divisor_slopes: [Grid; 3],
    consumed: Mask,
    cells: Shape,
}

/// What decides the worth of a group whose target has this sum, if not its own sums.
pub(super) fn policy(ratio: &Ratio, target: f64, empty: bool) -> Option<Empty> {
    match ratio.absent {
        Absent::Skip if target == 0.0 => Some(Empty::Skip),
        Absent::Zero if target == 0.0 => Some(Empty::Zero),
        _ if empty => Some(ratio.empty),
        _ => None,
    }
}

/// The field of ratios of these sums, per group. `classes` are those of the sums.
pub(super) fn divide(
    spot: &Spot,
    region: &Region,
    classes: &[usize],
    cut: &Cut,
    known: Option<&dyn Known>,
    live: &Mask,
    at: &dyn Fn((usize, usize, usize)) -> String,
) -> Result<(Field, Divided)> {
    let Cut { sums, rest } = cut;
    let cells = sums[0].shape;
    let groups = if spot.over.contains(Axis::Class) { Shape { class: 1, ..cells } } else { cells };
    let consumed = known_mass(&rest.consumed, known, classes, cells)?;
    let weighed = |grid: &Grid| match &consumed {
        Some(mass) => grid.clone().times(mass).gather(groups),
        None => grid.clone().gather(groups),
    };
    let [tp, fp, fnn, target, reads] = [0, 1, 2, 3, 4].map(|place| weighed(&sums[place]));
    let live = live_groups(live, &rest.waiting, groups);
    let zeros = || Grid::zeros(groups);
    let three = || [0; 3].map(|_| zeros());
    let mut divided = Divided {
        divisor: zeros(),
        remainder: zeros(),
        slopes: three(),
        parts: three(),
        divisor_slopes: three(),
        consumed,
        cells,
    };
    let mut value = zeros();
    let mut counted = Grid::filled(groups, 1.0);
    for group in 0..groups.cells() {
        let sums = [&tp, &fp, &fnn].map(|grid| grid.cells[group]);
        let is_live = live.as_ref().is_none_or(|live| live.cells[group] != 0.0);
        let own = matches!(region.formula, Formula::Own { .. });
        // A formula of the user's own is asked only about groups that are read and have mass.
        let score = match own {
            true if reads.cells[group] == 0.0 => Score::unasked(0.0),
            true if !is_live => Score::unasked(1.0),
            _ => score(region, sums),
        };
        divided.divisor.cells[group] =
            if score.divisor.is_nan() && !is_live { 0.0 } else { score.divisor };
        let policy = policy(&region.ratio, target.cells[group], score.divisor == 0.0);
        if policy != Some(Empty::Skip) {
            for (grid, slope) in divided.divisor_slopes.iter_mut().zip(score.divisor_slopes) {
                grid.cells[group] = slope;
            }
        }
        if let Some(policy) = policy {
            let worth = worth_of(policy, is_live, || {
                let at = at(groups.cell(group));
                format!("ratio `{region}`: the denominator of a group{at} is 0")
            })?;
            value.cells[group] = worth.unwrap_or(0.0);
            divided.remainder.cells[group] = worth.unwrap_or(0.0);
            counted.cells[group] = f64::from(u8::from(worth.is_some()));
        } else if is_live {
            value.cells[group] = score.value;
            let from_cells = score.parts.iter().zip(sums).map(|(a, b)| a * b).sum::<f64>();
            divided.remainder.cells[group] = score.value - from_cells;
            for place in 0..3 {
                divided.slopes[place].cells[group] = score.slopes[place];
                divided.parts[place].cells[group] = score.parts[place];
            }
        }
    }
    let mut field = Field::known(value, rest.waiting.clone());
    if region.ratio.carry {
        // A group that is skipped has no mass to carry.
        field.carry(spot.axes, divided.divisor.clone().times(&counted), true);
    } else if region.ratio.can_skip() {
        field.skip(spot.axes, counted);
    }
    Ok((field, divided))
}

impl Divided {
    /// The derivatives with respect to the sums.
    pub(super) fn pull(&self, adjoint: &Grid, carried: Option<&Grid>) -> TermSlopes {
        let mut back = vec![(self.slopes.clone(), self.of_cells(adjoint))];
        back.extend(carried.map(|carried| (self.divisor_slopes.clone(), self.of_cells(carried))));
        TermSlopes(back)
    }

    /// What each unit of the sums adds to the value.
    pub(super) fn parts(&self, adjoint: &Grid) -> TermSlopes {
        TermSlopes(vec![(self.parts.clone(), self.of_cells(adjoint))])
    }

    fn of_cells(&self, slope: &Grid) -> Grid {
        let slope = slope.spread(self.cells);
        match &self.consumed {
            Some(mass) => slope.times(mass),
            None => slope,
        }
    }
}
