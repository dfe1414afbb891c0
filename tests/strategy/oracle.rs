//! What a case is worth: plain nested loops over class, pixel and image.
//!
//! Every number comes with a bound on how far two correct evaluations in f64 can lie apart, the
//! slack. With ε = 2^-52, n numbers in a group and ρ the relative slack of the masses:
//!
//! - A cell: p, 1 - p and their logarithms take at most a dozen roundings and |x| ≤ 8, so 64 ε (1 + v).
//!   A term of an overlap lies in [-1, 1]: 256 ε.
//! - Σ m v: what the cells bring, Σ m slack, and n + 2 roundings of a partial sum: (n + 2) ε Σ m |v|.
//! - mean, power of p ≥ 1, logmeanexp, max, min, quantile and top move at most as far as the value that
//!   moves most, so the largest slack, and the roundings of their sums, (2n + 16) ε max |v|; of
//!   logmeanexp also those of the exponents and the logarithm, (2n + 16) ε / |t|.
//! - power of p < 1 is monotone and homogeneous: a relative change of every value by r changes it by r.
//! - A ratio: (slack N + |N / D| slack D) / D.
//! - A Lovász step is Σ `J_i` (`e_i` - `e_(i+1)`) with `J_i` in [0, 1], which moves at most as far as the
//!   error that moves most, and the roundings of the `J_i`, (2n + 16) ε max e.
//!
//! Where two correct evaluations may differ by more (a value on the brink of another choice, a slack
//! above 1e-9 of the result), the oracle is unsure, and the case is drawn again.

use super::{
    Absent, CELLS, CLASS, Case, Focus, Formula, Item, Kind, Named, PIXEL, Policy, Ratio, Set,
    Source, Squash, Start, Step, Target, Truth, both, each, either, place, some, without,
};

const EPS: f64 = f64::EPSILON;

/// What a case is worth.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// A value, how far a correct one may lie from it, and every choice on the way to it (which cells
    /// were the largest, on which side of a kink a number lay).
    Value { value: f64, slack: f64, choices: Vec<i32> },
    /// An error: nothing is left, or a group without mass that must not be.
    Empty,
    /// Two correct evaluations may differ.
    Unsure,
}

/// The value of a case.
pub fn verdict(case: &Case) -> Verdict {
    let mut run = Run { case, choices: Vec::new(), unsure: false, refused: false };
    let mut field = run.start();
    for item in &case.items {
        match item {
            Item::Weigh(named) => field.weigh(run.weight(named)),
            Item::Scale(named) => field.scale(&run.weight(named)),
            Item::Step(step) => field = run.step(&field, step),
        }
    }
    assert!(!some(field.grid.has), "a case leaves no axis");
    let Cell { value, slack, refused } = field.grid.at([0; 3]);
    if run.unsure {
        Verdict::Unsure
    } else if mass(&field.weights, [0; 3]) == 0.0 || refused {
        Verdict::Empty
    } else if run.refused || slack > 1e-9 * value.abs().max(1.0) {
        // A group that must have mass has none, but nothing reads it.
        Verdict::Unsure
    } else {
        Verdict::Value { value, slack, choices: run.choices }
    }
}

#[derive(Clone, Copy)]
struct Cell {
    value: f64,
    slack: f64,
    /// The cell must not be read.
    refused: bool,
}

impl Cell {
    fn exactly(value: f64) -> Self {
        Self { value, slack: 0.0, refused: false }
    }
}

/// Numbers per cell of some axes; the place along an axis that is not there is 0.
#[derive(Clone)]
struct Grid<T> {
    has: Set,
    cells: Vec<T>,
}

impl<T: Copy> Grid<T> {
    fn new(has: Set, cell: T) -> Self {
        Self { has, cells: vec![cell; CELLS] }
    }

    fn place(&self, cell: [usize; 3]) -> usize {
        place([0, 1, 2].map(|axis| if self.has[axis] { cell[axis] } else { 0 }))
    }

    fn at(&self, cell: [usize; 3]) -> T {
        self.cells[self.place(cell)]
    }

    fn set(&mut self, cell: [usize; 3], to: T) {
        let place = self.place(cell);
        self.cells[place] = to;
    }
}

type Weight = Grid<f64>;

/// The mass that some weights make of a cell.
fn mass<'w>(weights: impl IntoIterator<Item = &'w Weight>, cell: [usize; 3]) -> f64 {
    weights.into_iter().map(|weight| weight.at(cell)).product()
}

struct Field {
    grid: Grid<Cell>,
    weights: Vec<Weight>,
    /// ρ: the relative slack of the masses. Only the denominators of a ratio are not exact.
    rough: f64,
}

impl Field {
    fn weigh(&mut self, weight: Weight) {
        self.widen(weight.has);
        self.weights.push(weight);
    }

    fn scale(&mut self, weight: &Weight) {
        self.widen(weight.has);
        each(super::MOST, |at| {
            let (w, cell) = (weight.at(at), self.grid.at(at));
            // Where the field lacks an axis, its one place along it is written once.
            if self.grid.place(at) != place(at) {
                return;
            }
            let scaled = Cell {
                value: w * cell.value,
                slack: w * cell.slack + EPS * (w * cell.value).abs(),
                ..cell
            };
            self.grid.set(at, if w == 0.0 { Cell::exactly(0.0) } else { scaled });
        });
    }

    /// Repeats the values along the axes of a weight.
    fn widen(&mut self, has: Set) {
        let mut wide = Grid::new(either(self.grid.has, has), Cell::exactly(0.0));
        each(super::MOST, |at| wide.set(at, self.grid.at(at)));
        self.grid = wide;
    }
}

struct Run<'c> {
    case: &'c Case,
    choices: Vec<i32>,
    unsure: bool,
    refused: bool,
}

/// The cells with mass of a group, and what divides.
struct Group {
    cells: Vec<(f64, Cell)>,
    divisor: f64,
    rough: f64,
}

impl Run<'_> {
    fn size(&self, has: Set) -> [usize; 3] {
        [0, 1, 2].map(|axis| if has[axis] { self.case.extents[axis] } else { 1 })
    }

    /// Visits the cells of a field with the axes `has` that a step over `over` makes one of.
    fn group(&self, (has, over): (Set, Set), to: [usize; 3], mut visit: impl FnMut([usize; 3])) {
        let size = self.size(has);
        each([0, 1, 2].map(|axis| if over[axis] { size[axis] } else { 1 }), |from| {
            visit([0, 1, 2].map(|axis| if over[axis] { from[axis] } else { to[axis] }));
        });
    }

    fn target(&self, [class, pixel, image]: [usize; 3]) -> f64 {
        match &self.case.target {
            Target::Dense(_, cells) => cells[place([class, pixel, image])],
            Target::Labels(labels, _) => {
                f64::from(u8::from(usize::from(labels[place([0, pixel, image])]) == class))
            }
        }
    }

    fn ignored(&self, [_, pixel, image]: [usize; 3]) -> bool {
        match &self.case.target {
            Target::Dense(..) => false,
            Target::Labels(labels, ignored) => *ignored == Some(labels[place([0, pixel, image])]),
        }
    }

    fn weight(&self, named: &Named) -> Weight {
        let mut weight = Grid::new(self.case.axes(named), 0.0);
        each(self.size(weight.has), |at| {
            let number = match named {
                Named::Class(list) => list[at[CLASS]],
                Named::Target(_) if self.ignored(at) => 0.0,
                Named::Target(list) => {
                    let mut truth = 0;
                    for class in 0..self.case.extents[CLASS] {
                        let target = |class| self.target([class, at[PIXEL], at[2]]);
                        truth = if target(class) > target(truth) { class } else { truth };
                    }
                    list[truth]
                }
                Named::Image => self.case.image[at[2]],
                Named::Map => self.case.map.1[place(at)],
                Named::Mask => f64::from(u8::from(self.case.mask.1[place(at)])),
            };
            weight.set(at, number);
        });
        weight
    }

    /// p and 1 - p.
    fn predicted(&self, at: [usize; 3]) -> (f64, f64) {
        let x = self.case.prediction[place(at)];
        match self.case.squash() {
            Squash::Identity | Squash::Probability => (x, 1.0 - x),
            Squash::LogProbability => (x.exp(), -x.exp_m1()),
            Squash::Sigmoid => (1.0 / (1.0 + (-x).exp()), 1.0 / (1.0 + x.exp())),
            Squash::Softmax => {
                let (mut all, mut others) = (0.0, 0.0);
                for class in 0..self.case.extents[CLASS] {
                    let e = self.case.prediction[place([class, at[PIXEL], at[2]])].exp();
                    all += e;
                    others += if class == at[CLASS] { 0.0 } else { e };
                }
                (x.exp() / all, others / all)
            }
        }
    }

    fn start(&mut self) -> Field {
        let mut kept = Grid::new([false, true, true], 1.0);
        each(self.size(kept.has), |at| kept.set(at, f64::from(u8::from(!self.ignored(at)))));
        let ignores = matches!(self.case.target, Target::Labels(_, Some(_)));
        let weights = if ignores { vec![kept] } else { Vec::new() };
        match &self.case.start {
            Start::Element(source) => self.elements(*source, weights),
            Start::Overlap(_, before, ratio) => {
                let named = before.iter().map(|named| self.weight(named));
                let weights = weights.into_iter().chain(named).collect();
                self.ratio(ratio, weights)
            }
        }
    }

    fn elements(&mut self, source: Source, weights: Vec<Weight>) -> Field {
        let mut grid = Grid::new([true; 3], Cell::exactly(0.0));
        each(self.case.extents, |at| {
            let ((p, q), t) = (self.predicted(at), self.target(at));
            let value = match source {
                Source::Bce(_) => {
                    let positive = if t == 0.0 { 0.0 } else { t * p.ln() };
                    let negative = if t == 1.0 { 0.0 } else { (1.0 - t) * q.ln() };
                    -(positive + negative)
                }
                Source::Focal(_, focus) => {
                    let x = self.case.prediction[place(at)];
                    self.focal(focus, (x, p, q), t)
                }
                Source::Kl(_) if t == 0.0 => 0.0,
                Source::Kl(_) => t * (t / p).ln(),
                Source::Squared(_) => (p - t) * (p - t),
                Source::Absolute(_) => {
                    self.choices.push(side(p - t));
                    (p - t).abs()
                }
                Source::Predicted(_) => p,
            };
            grid.set(at, Cell { value, slack: 64.0 * EPS * (1.0 + value.abs()), refused: false });
        });
        Field { grid, weights, rough: 0.0 }
    }

    /// The two terms of a cross-entropy, each with its balance and its focal factor.
    fn focal(&mut self, focus: Focus, (x, p, q): (f64, f64, f64), t: f64) -> f64 {
        let u = 1.0 - t;
        let mut factor = |truth: f64, lack: f64| {
            let bound = focus.threshold.unwrap_or(1.0);
            if focus.threshold.is_some() {
                // The factor may jump there.
                self.unsure |= (truth - bound).abs() <= 64.0 * EPS;
                self.choices.push(side(truth - bound));
                if truth < bound {
                    return 1.0;
                }
            }
            (lack / bound).powf(focus.gamma)
        };
        let whole = match focus.truth {
            Truth::Mixed => Some((t * p + u * q, t * q + u * p)),
            Truth::Terms => None,
            Truth::Loss => {
                let log = t * p.ln() + u * q.ln();
                Some((log.exp(), -log.exp_m1()))
            }
            Truth::Logit => {
                let e = ((t - u) * x).exp();
                Some((e / (1.0 + e), 1.0 / (1.0 + e)))
            }
        };
        let (of_positive, of_negative) = match whole {
            Some((truth, lack)) => {
                let factor = factor(truth, lack);
                (factor, factor)
            }
            None => (factor(p, q), factor(q, p)),
        };
        let (a, b) = match (focus.alpha, focus.truth) {
            (None, _) => (1.0, 1.0),
            (Some(alpha), Truth::Terms) => (alpha, 1.0 - alpha),
            (Some(alpha), _) => (alpha * t + (1.0 - alpha) * u, alpha * t + (1.0 - alpha) * u),
        };
        let term = |weight: f64, of: f64| if weight == 0.0 { 0.0 } else { -weight * of.ln() };
        a * of_positive * term(t, p) + b * of_negative * term(u, q)
    }

    fn step(&mut self, field: &Field, step: &Step) -> Field {
        let has = field.grid.has;
        let left = without(has, step.over);
        let meets = |weight: &&Weight| some(both(weight.has, step.over));
        let consumed: Vec<&Weight> = field.weights.iter().filter(meets).collect();
        let by: Vec<Weight> = step.by.iter().map(|named| self.weight(named)).collect();
        let mut grid = Grid::new(left, Cell::exactly(0.0));
        let mut divisors = Grid::new(left, 1.0);
        let mut counts = Grid::new(left, 1.0);
        each(self.size(left), |to| {
            let mut group = Group { cells: Vec::new(), divisor: 0.0, rough: field.rough };
            self.group((has, step.over), to, |from| {
                let m = mass(consumed.iter().copied(), from);
                group.divisor += if by.is_empty() { m } else { mass(&by, from) };
                if m != 0.0 {
                    group.cells.push((m, field.grid.at(from)));
                }
            });
            divisors.set(to, group.divisor);
            if step.kind != Kind::Sum && group.divisor == 0.0 {
                counts.set(to, f64::from(u8::from(step.policy != Policy::Skip)));
                grid.set(to, self.empty(step.policy));
            } else {
                grid.set(to, self.aggregate(step.kind, &group));
            }
        });
        let mut weights: Vec<Weight> =
            field.weights.iter().filter(|weight| !meets(weight)).cloned().collect();
        if step.carry {
            weights.push(divisors);
        } else {
            // The axes of the weights that made the divisor.
            let divided_by = if by.is_empty() { consumed } else { by.iter().collect() };
            let on = divided_by.iter().map(|weight| weight.has).fold([false; 3], either);
            let can_skip = step.policy == Policy::Skip && step.kind != Kind::Sum;
            weights.extend(self.skipped(&counts, both(on, left), can_skip && some(on)));
        }
        Field { grid, weights, rough: field.rough }
    }

    /// The 0/1 weight that groups without mass leave behind on some axes: always where weights were
    /// consumed, and else if there are such groups.
    fn skipped(&self, counts: &Weight, on: Set, always: bool) -> Option<Weight> {
        let mut weight = Grid::new(on, 1.0);
        let mut some = always;
        each(self.size(counts.has), |at| {
            some |= counts.at(at) == 0.0;
            weight.set(at, counts.at(at));
        });
        some.then_some(weight)
    }

    /// What a group is worth whose divisor is 0.
    fn empty(&mut self, policy: Policy) -> Cell {
        match policy {
            Policy::Skip | Policy::Zero => Cell::exactly(0.0),
            Policy::One => Cell::exactly(1.0),
            Policy::Nan => Cell::exactly(f64::NAN),
            Policy::Error => {
                self.refused = true;
                Cell { refused: true, ..Cell::exactly(0.0) }
            }
        }
    }

    fn aggregate(&mut self, kind: Kind, group: &Group) -> Cell {
        let Group { ref cells, divisor, rough } = *group;
        if cells.iter().any(|(_, cell)| cell.refused) {
            return Cell { refused: true, ..Cell::exactly(0.0) };
        }
        if cells.iter().any(|(_, cell)| cell.value.is_nan()) {
            return Cell::exactly(f64::NAN);
        }
        let n = cells.len() as f64;
        let total = |of: &dyn Fn(Cell) -> f64| sum(cells.iter().map(|(m, cell)| m * of(*cell)));
        let most =
            |of: &dyn Fn(Cell) -> f64| cells.iter().map(|(_, cell)| of(*cell)).fold(0.0, f64::max);
        let (moved, largest) = (most(&|cell| cell.slack), most(&|cell| cell.value.abs()));
        let rounding = (2.0 * n + 16.0) * EPS + 2.0 * rough;
        let with = |value: f64, slack: f64| Cell { value, slack, refused: false };
        let averaged = |value: f64| with(value, moved + rounding * largest);
        match kind {
            Kind::Sum | Kind::Mean => {
                let divisor = if kind == Kind::Sum { 1.0 } else { divisor };
                let (sum, magnitude): (f64, f64) =
                    (total(&|cell| cell.value), total(&|cell| cell.value.abs()));
                let slack: f64 = total(&|cell| cell.slack);
                with(sum / divisor, (slack + rounding * magnitude) / divisor)
            }
            Kind::Max => {
                let values = cells.iter().map(|(_, cell)| cell.value);
                averaged(self.chosen(values.fold(f64::NEG_INFINITY, f64::max), group))
            }
            Kind::Min => {
                let values = cells.iter().map(|(_, cell)| cell.value);
                averaged(self.chosen(values.fold(f64::INFINITY, f64::min), group))
            }
            Kind::Quantile(q) => {
                self.unsure |= rough > 0.0;
                let held = |value: f64| {
                    let below = cells.iter().filter(|(_, cell)| cell.value <= value);
                    sum(below.map(|(m, _)| *m))
                };
                let values = cells.iter().map(|(_, cell)| cell.value);
                let enough = values.filter(|&value| held(value) >= q * divisor);
                averaged(self.chosen(enough.fold(f64::INFINITY, f64::min), group))
            }
            Kind::TopEighths(eighths) => {
                averaged(self.top((eighths * cells.len() / 8).max(1), group))
            }
            Kind::TopK(k) => averaged(self.top(k, group)),
            Kind::Power(p) => {
                // Below 0, or so near to it that a rounding may lead there, no power is taken.
                self.unsure |= cells.iter().any(|(_, cell)| cell.value < 0.0);
                // -0 is 0, of which no power is -infinity.
                let powers = cells.iter().map(|(m, cell)| m * (cell.value + 0.0).powf(p));
                let value = (sum(powers) / divisor).powf(1.0 / p);
                let relative =
                    most(&|cell| if cell.slack == 0.0 { 0.0 } else { cell.slack / cell.value });
                // A value that may be 0 has no relative slack.
                self.unsure |= !relative.is_finite();
                let relative = 2.0 * relative + rounding * (1.0 / p).abs().max(1.0);
                with(value, if p < 1.0 { relative * value } else { moved + rounding * largest })
            }
            Kind::LogMeanExp(t) => {
                let exponents = || cells.iter().map(|(m, cell)| (m, t * cell.value));
                let top = exponents().map(|(_, e)| e).fold(f64::NEG_INFINITY, f64::max);
                let sum = sum(exponents().map(|(m, e)| m * (e - top).exp()));
                let value = (top + (sum / divisor).ln()) / t;
                with(value, moved + rounding * (largest + 1.0 / t.abs()))
            }
        }
    }

    /// The value, which some cells of the group have.
    fn chosen(&mut self, value: f64, group: &Group) -> f64 {
        self.choices.extend(group.cells.iter().map(|(_, cell)| side(cell.value - value)));
        value
    }

    /// The mean by mass of the k largest values; those that tie for the last places share them.
    fn top(&mut self, k: usize, group: &Group) -> f64 {
        let mut ranked = group.cells.clone();
        ranked.sort_by(|(_, one), (_, other)| other.value.total_cmp(&one.value));
        let k = k.min(ranked.len());
        let last = ranked[k - 1].1;
        let brink = |cell: &Cell| (cell.value - last.value).abs() <= cell.slack + last.slack;
        let tied: Vec<f64> =
            ranked.iter().filter(|(_, cell)| brink(cell)).map(|(m, _)| *m).collect();
        let undecided = ranked.get(k).is_some_and(|(_, next)| brink(next));
        let alike = group.rough == 0.0 && tied.iter().all(|m| *m == tied[0]);
        self.unsure |= undecided && !alike;
        self.chosen(last.value, group);
        let (mut sum, mut divisor) = (0.0, 0.0);
        for (m, cell) in &ranked[..k] {
            sum += m * cell.value;
            divisor += m;
        }
        sum / divisor
    }

    fn ratio(&mut self, ratio: &Ratio, weights: Vec<Weight>) -> Field {
        let left = without([true; 3], ratio.over);
        let (consumed, mut waiting): (Vec<Weight>, Vec<Weight>) =
            weights.into_iter().partition(|weight| some(both(weight.has, ratio.over)));
        let mut grid = Grid::new(left, Cell::exactly(0.0));
        let mut divisors = Grid::new(left, 1.0);
        let mut counts = Grid::new(left, 1.0);
        let mut rough = 0.0_f64;
        each(self.size(left), |to| {
            let mut sums = Sums::default();
            let (mut sides, mut errors) = (Vec::new(), Vec::new());
            self.group(([true; 3], ratio.over), to, |from| {
                let m = mass(&consumed, from);
                if m != 0.0 {
                    let (mut p, t) = (self.predicted(from).0, self.target(from));
                    if let Some(clip) = ratio.clip {
                        sides.extend([side(p - clip), side(p - (1.0 - clip))]);
                        p = p.clamp(clip, 1.0 - clip);
                    }
                    sides.push(if ratio.distance { side(p - t) } else { 0 });
                    sums.add(m, p, t, ratio);
                    errors.push((m, t, self.error(from)));
                }
            });
            self.choices.append(&mut sides);
            let scored = match ratio.formula {
                Formula::Lovasz => self.lovasz(&errors),
                _ => self.score(ratio, &sums),
            };
            let absent = ratio.absent != Absent::Keep && sums.target == 0.0;
            let policy = match ratio.absent {
                Absent::Skip if absent => Some(Policy::Skip),
                Absent::Zero if absent => Some(Policy::Zero),
                _ if scored.divisor == 0.0 => Some(ratio.policy),
                _ => None,
            };
            let skipped = policy == Some(Policy::Skip);
            counts.set(to, f64::from(u8::from(!skipped)));
            divisors.set(to, if skipped { 0.0 } else { scored.divisor });
            rough = rough.max(if scored.divisor == 0.0 { 0.0 } else { scored.rough });
            grid.set(to, policy.map_or(scored.cell, |policy| self.empty(policy)));
        });
        if ratio.carry {
            waiting.push(divisors);
        } else {
            let can_skip = ratio.absent == Absent::Skip || ratio.policy == Policy::Skip;
            waiting.extend(self.skipped(&counts, left, can_skip));
            rough = 0.0;
        }
        Field { grid, weights: waiting, rough }
    }

    /// What a Lovász step sorts, and on which side of its kink a cell lies.
    fn error(&self, at: [usize; 3]) -> (Cell, i32) {
        let ((p, q), t) = (self.predicted(at), self.target(at));
        let (error, kink) = match self.case.squash() {
            Squash::Identity => {
                let margin = 1.0 - (2.0 * t - 1.0) * p;
                (margin.max(0.0), margin)
            }
            // p - t, where q has the digits of 1 - p.
            _ => ((p * (1.0 - t) - q * t).abs(), p - t),
        };
        let slack = 64.0 * EPS * (1.0 + error);
        (Cell { value: error, slack, refused: false }, side(kink))
    }

    /// Σ `e_i` (`J_i` - `J_(i-1)`) over cells with mass, target and error, the largest error first.
    fn lovasz(&mut self, cells: &[(f64, f64, (Cell, i32))]) -> Scored {
        let mut order: Vec<usize> = (0..cells.len()).collect();
        let error = |place: usize| cells[place].2.0.value;
        order.sort_by(|&one, &other| error(other).total_cmp(&error(one)));
        for pair in order.windows(2) {
            // Which cell is next, and whether it ties.
            self.choices.push(i32::try_from(pair[1]).expect("few cells"));
            self.choices.push(side(error(pair[0]) - error(pair[1])));
        }
        self.choices.extend(order.first().map(|&place| i32::try_from(place).expect("few cells")));
        self.choices.extend(cells.iter().map(|(_, _, (_, kink))| *kink));
        let positives = sum(cells.iter().map(|(m, t, _)| m * t));
        // The Jaccard loss of what is predicted where the worst `count` cells are wrong.
        let jaccard = |count: usize| {
            let worst = || order[..count].iter().map(|&place| (cells[place].0, cells[place].1));
            let missed = sum(worst().map(|(m, t)| m * t));
            let union = positives + sum(worst().map(|(m, t)| m * (1.0 - t)));
            if count == 0 { 0.0 } else { 1.0 - (positives - missed) / union }
        };
        let terms = (0..order.len()).map(|i| error(order[i]) * (jaccard(i + 1) - jaccard(i)));
        let value = sum(terms);
        let most =
            |of: fn(&Cell) -> f64| cells.iter().map(|(.., (e, _))| of(e)).fold(0.0, f64::max);
        let rounding = (2.0 * cells.len() as f64 + 16.0) * EPS;
        let slack = most(|cell| cell.slack) + rounding * most(|cell| cell.value);
        let divisor = f64::from(u8::from(!cells.is_empty()));
        Scored { cell: Cell { value, slack, refused: false }, divisor, rough: 0.0 }
    }

    /// 1 - max(N / D, score floor), with D = max(k TP + a FP + b FN + sd, floor), the floor if there is one, and
    /// TP kept above its own, if that is there.
    fn score(&mut self, ratio: &Ratio, sums: &Sums) -> Scored {
        let k = if ratio.formula == Formula::Dice { 2.0 } else { 1.0 };
        let [a, b] = if ratio.formula == Formula::Tversky { ratio.wrong } else { [1.0, 1.0] };
        let least = ratio.true_positive_floor.unwrap_or(f64::NEG_INFINITY);
        self.choices.push(side(sums.overlap - least));
        let overlap = sums.overlap.max(least);
        let numerator = k * overlap + ratio.smooth_numerator;
        let wrong = a * (sums.predicted - sums.overlap) + b * (sums.true_power - sums.overlap);
        let open = k * overlap + wrong + ratio.smooth_denominator;
        let brink = (256.0 + sums.cells) * EPS * sums.mass;
        let (above, below) = (k * brink, (k + 2.0 * a + 2.0 * b) * brink);
        self.choices.push(side(open - ratio.floor));
        // A denominator of 0 is a matter of policy.
        self.unsure |= ratio.floor == 0.0 && open != 0.0 && open.abs() <= below;
        self.unsure |= ratio.floor == 0.0 && open == 0.0 && sums.predicted != 0.0;
        // A floor counts only where it is named.
        let divisor = if ratio.floor > 0.0 { open.max(ratio.floor) } else { open };
        let score = numerator / divisor;
        let slack = (above + score.abs() * below) / divisor.abs() + 4.0 * EPS * (1.0 + score.abs());
        let floor = ratio.score_floor.unwrap_or(f64::NEG_INFINITY);
        self.choices.push(side(score - floor));
        let cell = Cell { value: 1.0 - score.max(floor), slack, refused: false };
        Scored { cell, divisor, rough: below / divisor.abs() }
    }
}

struct Scored {
    cell: Cell,
    divisor: f64,
    rough: f64,
}

/// The sums of a ratio over one group, and how many cells of what mass are in them.
#[derive(Default)]
struct Sums {
    overlap: f64,
    predicted: f64,
    true_power: f64,
    target: f64,
    cells: f64,
    mass: f64,
}

impl Sums {
    fn add(&mut self, m: f64, p: f64, t: f64, ratio: &Ratio) {
        let power = |x: f64| if ratio.squared { x * x } else { x };
        let distance = (power(p) + power(t) - (p - t).abs()) / 2.0;
        self.overlap += m * if ratio.distance { distance } else { p * t };
        self.predicted += m * power(p);
        self.true_power += m * power(t);
        self.target += m * t;
        self.cells += 1.0;
        self.mass += m;
    }
}

/// -1, 0 or 1: on which side of 0 a number lies.
fn side(x: f64) -> i32 {
    i32::from(x > 0.0) - i32::from(x < 0.0)
}

/// A running sum from 0 (the sum of no `f64` is -0 otherwise).
fn sum(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(0.0, |sum, number| sum + number)
}
