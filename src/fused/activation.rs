//! Activations on a window of cells, and the way back from slopes to the prediction.

use crate::element::Activation;
use crate::kernel::Function;

use super::grid::{Grid, Shape, product};

/// A prediction after its activation.
#[derive(Clone, Debug)]
pub(super) struct Activated {
    activation: Activation,
    pub(super) p: Grid,
    /// 1 - p, with digits of its own.
    pub(super) q: Grid,
    /// ln p and ln(1 - p), with digits of their own, where they were asked for.
    pub(super) logarithms: Option<(Grid, Grid)>,
    /// The sum of the scores of each pixel, for `normalize`.
    totals: Option<Grid>,
    /// For `softmax`: the leading class of each pixel and the softmax of the others among themselves.
    others: Option<(Grid, Grid)>,
}

/// How the values of the cells depend on p, or on its two logarithms.
#[derive(Clone, Debug)]
pub(super) enum Slope {
    /// The derivative with respect to p.
    Probability(Grid),
    /// The derivatives with respect to ln p and to ln(1 - p).
    Logarithms(Grid, Grid),
}

/// A number that an activation takes.
pub(super) fn harmless(activation: Activation) -> f64 {
    if activation == Activation::LogProbability { -0.5 } else { 0.5 }
}

impl Activated {
    pub(super) fn new(activation: Activation, x: &Grid, logarithms: bool) -> Self {
        match activation {
            Activation::Probability | Activation::Identity => {
                Self::of_probability(activation, x.clone(), None, logarithms)
            }
            Activation::LogProbability => Self::of_logarithm(x, logarithms),
            Activation::Sigmoid => Self::sigmoid(x, logarithms),
            Activation::Softmax => Self::softmax(x),
            Activation::Normalize => {
                let totals = x.clone().gather(Shape { class: 1, ..x.shape });
                let mut p = x.clone();
                p.join(&totals, |x, total| *x /= total);
                Self::of_probability(activation, p, Some(totals), logarithms)
            }
        }
    }

    fn of_probability(
        activation: Activation,
        p: Grid,
        totals: Option<Grid>,
        logarithms: bool,
    ) -> Self {
        let q = p.clone().map(|p| 1.0 - p);
        let logarithms = logarithms.then(|| {
            let q = p.clone().map(|p| -p);
            (p.clone().each(Function::Ln), q.each(Function::Ln1p))
        });
        Self { activation, p, q, logarithms, totals, others: None }
    }

    /// ln p is x to the last bit.
    fn of_logarithm(x: &Grid, logarithms: bool) -> Self {
        let p = x.clone().map(f64::exp);
        let q = x.clone().map(|x| -x.exp_m1());
        let logarithms = logarithms.then(|| {
            let mut ln_q = q.clone();
            ln_q.join(&p, |q, p| *q = if p < 0.5 { (-p).ln_1p() } else { q.ln() });
            (x.clone(), ln_q)
        });
        let activation = Activation::LogProbability;
        Self { activation, p, q, logarithms, totals: None, others: None }
    }

    fn sigmoid(x: &Grid, logarithms: bool) -> Self {
        let (mut p, mut q) = (Grid::zeros(x.shape), Grid::zeros(x.shape));
        // e^-|x| first, and then all that is made of it.
        let z = x.clone().each(Function::ExpOfMinusAbs);
        for (cell, (&x, &z)) in x.cells.iter().zip(&z.cells).enumerate() {
            let large = 1.0 / (1.0 + z);
            let small = z * large;
            (p.cells[cell], q.cells[cell]) = if x < 0.0 { (small, large) } else { (large, small) };
        }
        let logarithms = logarithms.then(|| {
            let (mut ln_p, mut ln_q) = (x.clone(), x.clone());
            let rest = z.each(Function::Ln1pUnit);
            let cells = ln_p.cells.iter_mut().zip(&mut ln_q.cells).zip(&rest.cells);
            for ((ln_p, ln_q), rest) in cells {
                (*ln_p, *ln_q) = (ln_p.min(0.0) - rest, (-*ln_q).min(0.0) - rest);
            }
            (ln_p, ln_q)
        });
        Self { activation: Activation::Sigmoid, p, q, logarithms, totals: None, others: None }
    }

    fn softmax(x: &Grid) -> Self {
        let shape = x.shape;
        let zeros = || Grid::zeros(shape);
        let (mut p, mut q, mut ln_p, mut ln_q) = (zeros(), zeros(), zeros(), zeros());
        let per_pixel = Shape { class: 1, ..shape };
        let (mut leading, mut others) = (Grid::zeros(per_pixel), zeros());
        let size = shape.image * shape.pixel;
        for pixel in 0..if shape.class == 0 { 0 } else { size } {
            let at = |class: usize| class * size + pixel;
            let logit = |class: usize| x.cells[at(class)];
            let lead = (1..shape.class)
                .fold(0, |lead, class| if logit(class) > logit(lead) { class } else { lead });
            let rest = || (0..shape.class).filter(|&class| class != lead);
            let (first, second) =
                (logit(lead), rest().map(logit).fold(f64::NEG_INFINITY, f64::max));
            // Σ e^(x - first) over all is 1 + small, and small holds all digits of what is not leading.
            // What nobody reads may be infinite; then no class has a probability.
            let shift = if first.is_finite() { first } else { f64::NAN };
            let small: f64 = rest().map(|class| (logit(class) - shift).exp()).sum();
            let log_total = small.ln_1p();
            let among_rest: f64 = rest().map(|class| (logit(class) - second).exp()).sum();
            for class in 0..shape.class {
                let shifted = logit(class) - shift;
                let e = shifted.exp();
                p.cells[at(class)] = e / (1.0 + small);
                ln_p.cells[at(class)] = shifted - log_total;
                if class == lead {
                    q.cells[at(class)] = small / (1.0 + small);
                    ln_q.cells[at(class)] = second - first + among_rest.ln() - log_total;
                } else {
                    q.cells[at(class)] = (1.0 + small - e) / (1.0 + small);
                    ln_q.cells[at(class)] = (small - e).max(0.0).ln_1p() - log_total;
                    others.cells[at(class)] = (logit(class) - second).exp() / among_rest;
                }
            }
            leading.cells[pixel] = lead as f64;
        }
        Self {
            activation: Activation::Softmax,
            p,
            q,
            logarithms: Some((ln_p, ln_q)),
            totals: None,
            others: Some((leading, others)),
        }
    }

    /// p - t; where 1 - p has digits of its own, as p (1 - t) - t (1 - p).
    pub(super) fn error(&self, target: &Grid) -> Grid {
        let mut error = self.p.clone();
        let digits = [Activation::LogProbability, Activation::Sigmoid, Activation::Softmax];
        if digits.contains(&self.activation) {
            let mut of_q = self.q.clone();
            of_q.join(target, |q, t| *q *= t);
            error.join(target, |p, t| *p *= 1.0 - t);
            error.join(&of_q, |p, q| *p -= q);
        } else {
            error.join(target, |p, t| *p -= t);
        }
        error
    }

    /// Adds to `gradient` what `slope`, times `adjoint` per cell, means for the prediction. A slope
    /// of 0 adds nothing, whatever it is multiplied by.
    pub(super) fn pull(&self, slope: &Slope, adjoint: &Grid, gradient: &mut Grid) {
        let slope = match slope {
            Slope::Probability(p) => Slope::Probability(p.clone().times(adjoint)),
            Slope::Logarithms(a, b) => {
                Slope::Logarithms(a.clone().times(adjoint), b.clone().times(adjoint))
            }
        };
        match (self.activation, slope) {
            (Activation::Probability | Activation::Identity, slope) => {
                gradient.add(&self.of_p(slope));
            }
            (Activation::LogProbability, Slope::Probability(s)) => gradient.add(&s.times(&self.p)),
            (Activation::LogProbability, Slope::Logarithms(a, mut b)) => {
                // d ln(1 - p) / dx is -p / (1 - p).
                b = b.times(&self.p);
                b.join(&self.q, |b, q| *b = if *b == 0.0 { 0.0 } else { *b / q });
                gradient.add(&a);
                gradient.add(&b.map(|b| -b));
            }
            (Activation::Sigmoid, Slope::Probability(s)) => {
                gradient.add(&s.times(&self.p).times(&self.q));
            }
            (Activation::Sigmoid, Slope::Logarithms(a, b)) => {
                gradient.add(&a.times(&self.q));
                gradient.add(&b.times(&self.p).map(|x| -x));
            }
            (Activation::Softmax, slope) => self.pull_softmax(slope, gradient),
            (Activation::Normalize, slope) => self.pull_normalize(&self.of_p(slope), gradient),
        }
    }

    /// Whether p is made of logits.
    pub(super) fn is_of_logits(&self) -> bool {
        matches!(self.activation, Activation::Sigmoid | Activation::Softmax)
    }

    /// The derivatives with respect to ln p and to ln(1 - p): a slope with respect to p is p times as much.
    pub(super) fn of_logarithms(&self, slope: Slope) -> (Grid, Grid) {
        match slope {
            Slope::Probability(s) => {
                let none = Grid::zeros(s.shape);
                (s.times(&self.p), none)
            }
            Slope::Logarithms(a, b) => (a, b),
        }
    }

    /// The derivative with respect to p.
    pub(super) fn of_p(&self, slope: Slope) -> Grid {
        match slope {
            Slope::Probability(s) => s,
            Slope::Logarithms(mut a, mut b) => {
                a.join(&self.p, |a, p| *a = if *a == 0.0 { 0.0 } else { *a / p });
                b.join(&self.q, |b, q| *b = if *b == 0.0 { 0.0 } else { *b / q });
                b.cells.iter_mut().zip(&a.cells).for_each(|(b, a)| *b = a - *b);
                b
            }
        }
    }

    /// `dp_c / dx_k` is (1 - p) / total for k = c, and -p / total for another k, with p of c.
    fn pull_normalize(&self, slope: &Grid, gradient: &mut Grid) {
        let Some(totals) = &self.totals else { return };
        let shape = self.p.shape;
        let size = shape.image * shape.pixel;
        let mut others = Others::new(shape.class);
        for pixel in 0..size {
            let at = |class: usize| class * size + pixel;
            let shares = (0..shape.class).map(|c| product(slope.cells[at(c)], self.p.cells[at(c)]));
            others.fill(shares);
            for class in 0..shape.class {
                let own = product(slope.cells[at(class)], self.q.cells[at(class)]);
                let change = own - others.of(class);
                // A pixel that nothing reads may have scores that sum to 0.
                if change != 0.0 {
                    gradient.cells[at(class)] += change / totals.cells[pixel];
                }
            }
        }
    }

    fn pull_softmax(&self, slope: Slope, gradient: &mut Grid) {
        let Some((leading, rest_alone)) = &self.others else { return };
        let shape = self.p.shape;
        let size = shape.image * shape.pixel;
        let (a, b) = self.of_logarithms(slope);
        let (mut other_a, mut other_ratios) = (Others::new(shape.class), Others::new(shape.class));
        for pixel in 0..size {
            let at = |class: usize| class * size + pixel;
            // Where nothing comes back nothing is read, not even p.
            if (0..shape.class).all(|class| a.cells[at(class)] == 0.0 && b.cells[at(class)] == 0.0)
            {
                continue;
            }
            let lead = (0..shape.class).find(|&class| class as f64 == leading.cells[pixel]);
            let lead = lead.unwrap_or(0);
            // d ln q_c / dx_k = p_c p_k / q_c for k other than c, and -p_c for c itself. Where c leads,
            // p_k / q_c is the softmax of the others among themselves.
            let with_p = |class: usize| product(b.cells[at(class)], self.p.cells[at(class)]);
            let ratio = |class: usize| {
                let b = with_p(class);
                if class == lead || b == 0.0 { 0.0 } else { b / self.q.cells[at(class)] }
            };
            other_a.fill((0..shape.class).map(|class| a.cells[at(class)]));
            other_ratios.fill((0..shape.class).map(ratio));
            for class in 0..shape.class {
                let cell = at(class);
                let (p, q) = (self.p.cells[cell], self.q.cells[cell]);
                let from_lead =
                    if class == lead { 0.0 } else { product(with_p(lead), rest_alone.cells[cell]) };
                gradient.cells[cell] +=
                    product(a.cells[cell], q) - product(p, other_a.of(class)) - with_p(class)
                        + product(p, other_ratios.of(class))
                        + from_lead;
            }
        }
    }
}

/// The sum of all numbers but one, for each: nothing is taken from a total, so nothing cancels.
struct Others {
    before: Vec<f64>,
    after: Vec<f64>,
}

impl Others {
    fn new(count: usize) -> Self {
        Self { before: vec![0.0; count], after: vec![0.0; count] }
    }

    fn fill(&mut self, numbers: impl DoubleEndedIterator<Item = f64> + Clone) {
        let sums = |into: &mut [f64],
                    numbers: &mut dyn Iterator<Item = f64>,
                    order: &mut dyn Iterator<Item = usize>| {
            let mut total = 0.0;
            for (place, number) in order.zip(numbers) {
                into[place] = total;
                total += number;
            }
        };
        let count = self.before.len();
        sums(&mut self.before, &mut numbers.clone(), &mut (0..count));
        sums(&mut self.after, &mut numbers.rev(), &mut (0..count).rev());
    }

    fn of(&self, place: usize) -> f64 {
        self.before[place] + self.after[place]
    }
}
