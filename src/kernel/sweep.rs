//! The loops over cells. Each is short, over slices of one length, so that it becomes vector instructions
//! on every machine; what one loop leaves for the next stays in the first cache.
//!
//! Sixteen sums of every class run side by side, one for each pixel modulo 16: so a sum per class costs
//! nothing, and its tree does not depend on how the cells lie.

use super::isa::Isa;
use super::point::{Domain, Source};
use super::real::Real;
use super::term::{MOST_SUMS, Term};

/// How many sums of a class run side by side.
pub(crate) const LANES: usize = 16;
/// After how many rows the sums, which are in the element type, move on to f64.
const ROWS: usize = 16;
/// How many cells a loop takes at most.
pub(crate) const PART: usize = 256;

/// The cells of a tile: the prediction, or what a coupled activation made of it.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'t, F> {
    pub(crate) x: &'t [F],
    /// 1 - p and -ln p, where the activation couples classes; otherwise `x` again.
    pub(crate) q: &'t [F],
    pub(crate) cost: &'t [F],
    pub(crate) t: &'t [F],
}

/// What cells stand for, repeated as their classes are: the weight of the positive term, and what came back
/// to the sums.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers<F> {
    pub(crate) weight: Vec<F>,
    pub(crate) slopes: [Vec<F>; MOST_SUMS],
}

/// Writes the first of the numbers of every cell. Whether all cells can be read.
#[inline(always)]
pub(crate) fn values<I: Isa, F: Real, S: Source<F>, T: Term<F>>(
    (source, term): (S, T),
    cells: Cells<'_, F>,
    weight: &[F],
    into: &mut [F],
) -> bool {
    let Cells { x, t, .. } = cells;
    let (q, cost) = if S::COUPLED { (cells.q, cells.cost) } else { (x, x) };
    let count = x.len();
    let (q, cost, t, weight) = (&q[..count], &cost[..count], &t[..count], &weight[..count]);
    let into = &mut into[..count];
    for (z, &x) in into.iter_mut().zip(x) {
        *z = source.prepare::<I>(x);
    }
    for at in 0..count {
        let point = source.point::<I>(x[at], into[at], q[at], cost[at]);
        into[at] = term.sums::<I, S>(source, &point, t[at], weight[at])[0];
    }
    let none = F::Bits::default();
    let of_x =
        if S::PREDICTION == Domain::Checked { none } else { largest(S::PREDICTION, x, none) };
    of_x <= S::PREDICTION.most::<F>() && largest(S::TARGET, t, none) <= S::TARGET.most::<F>()
}

/// What is asked of a sweep.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) sums: bool,
    pub(crate) slopes: bool,
}

/// Where the results of a sweep go.
pub(crate) struct Into<'s, F> {
    /// A row of lanes for each sum: those of cells one row apart are added up.
    pub(crate) lanes: [&'s mut [f64]; MOST_SUMS],
    /// The derivatives of Σ slopes · sums with respect to every number of the prediction.
    pub(crate) slopes: &'s mut [F],
}

/// What some rows add up to, in the element type, and what the loops over a part leave for each other.
pub(crate) struct Memory<F> {
    sums: [Vec<F>; MOST_SUMS],
    /// Π (1 + z) - 1.
    product: Vec<F>,
    part: Part<F>,
}

impl<F: Real> Memory<F> {
    /// For rows of so many lanes.
    pub(crate) fn new(row: usize) -> Self {
        let zeros = || vec![F::ZERO; row];
        let sums = [zeros(), zeros(), zeros(), zeros()];
        let part = [F::ZERO; PART];
        Self { sums, product: zeros(), part: Part { z: part, terms: [part; MOST_SUMS] } }
    }
}

/// What the loops over one part leave for each other.
struct Part<F> {
    z: [F; PART],
    terms: [[F; PART]; MOST_SUMS],
}

/// The largest bits of predictions and of targets.
struct Ends<F: Real> {
    x: F::Bits,
    t: F::Bits,
}

/// How many cells a loop takes where a row has `row`: whole rows where these are short, so that the loops are
/// not, and pieces of a row where it is long.
pub(crate) fn part(row: usize) -> usize {
    if row <= PART { PART / row * row } else { PART }
}

#[inline(always)]
fn largest<F: Real>(domain: Domain, numbers: &[F], before: F::Bits) -> F::Bits {
    let mut largest = before;
    for &number in numbers {
        largest = largest.max(domain.bits(number));
    }
    largest
}

/// Folds the numbers that are one row apart into one row.
#[inline(always)]
fn fold_rows<F: Real>(numbers: &[F], into: &mut [F], with: impl Fn(F, F) -> F) {
    if let Ok(into) = <&mut [F; LANES]>::try_from(&mut *into) {
        let (rows, rest) = numbers.as_chunks::<LANES>();
        // In registers, which a row of another length is too long for.
        let mut folded = *into;
        for row in rows {
            for lane in 0..LANES {
                folded[lane] = with(folded[lane], row[lane]);
            }
        }
        *into = folded;
        for (folded, &number) in into.iter_mut().zip(rest) {
            *folded = with(*folded, number);
        }
        return;
    }
    for row in numbers.chunks(into.len()) {
        for (folded, &number) in into.iter_mut().zip(row) {
            *folded = with(*folded, number);
        }
    }
}

#[inline(always)]
fn add_rows<F: Real>(terms: &[F], into: &mut [F]) {
    fold_rows(
        terms,
        into,
        #[inline(always)]
        |sum, term| sum + term,
    );
}

#[inline(always)]
fn multiply_rows<I: Isa, F: Real>(z: &[F], into: &mut [F]) {
    fold_rows(
        z,
        into,
        #[inline(always)]
        |product, z| product.fma::<I>(z, product + z),
    );
}

#[inline(always)]
fn move_on<F: Real>(sums: &mut [F], into: &mut [f64]) {
    for (into, sum) in into.iter_mut().zip(sums) {
        *into += sum.to_f64();
        *sum = F::ZERO;
    }
}

impl<F: Real> Memory<F> {
    /// Adds up the numbers of some pixels, a group of rows at the most.
    #[inline(always)]
    pub(crate) fn add(&mut self, numbers: &[F], lanes: &mut [f64]) {
        let [sums, ..] = &mut self.sums;
        add_rows(numbers, sums);
        move_on(sums, lanes);
    }

    /// Moves the sums on to f64.
    #[inline(always)]
    fn empty_into<I: Isa, T: Term<F>>(&mut self, lanes: &mut [&mut [f64]; MOST_SUMS]) {
        for (sums, lanes) in self.sums.iter_mut().zip(&mut *lanes).take(T::SUMS) {
            move_on(sums, lanes);
        }
        if T::PRODUCT {
            for (into, product) in lanes[0].iter_mut().zip(&mut self.product) {
                *into += product.ln_1p::<I>().to_f64();
                *product = F::ZERO;
            }
        }
    }
}

/// Visits some cells, in rows of as many lanes as the memory has; `numbers` has those of a part. Whether all
/// cells can be read.
#[inline(always)]
pub(crate) fn sweep<I: Isa, F: Real, S: Source<F>, T: Term<F>>(
    of: (S, T),
    cells: Cells<'_, F>,
    numbers: &Numbers<F>,
    memory: &mut Memory<F>,
    mut into: Into<'_, F>,
    asked: Asked,
) -> bool {
    let row = memory.product.len();
    let part = part(row);
    let mut ends = Ends { x: F::Bits::default(), t: F::Bits::default() };
    let mut start = 0;
    while start < cells.x.len() {
        let group = cells.x.len().min(start + ROWS * row);
        while start < group {
            // A part ends with its row, and with its group.
            let within = if row <= PART { 0 } else { start % row };
            let end = group.min(start + part.min(row.max(part) - within));
            let slopes = if asked.slopes { &mut into.slopes[start..end] } else { &mut [] };
            let of_part = (within, start, end);
            visit::<I, F, S, T>(of, &cells, of_part, numbers, memory, &mut ends, slopes, asked);
            start = end;
        }
        if asked.sums {
            memory.empty_into::<I, T>(&mut into.lanes);
        }
    }
    ends.x <= S::PREDICTION.most::<F>() && ends.t <= S::TARGET.most::<F>()
}

/// Visits the cells of one part.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "what a loop reads and writes")]
fn visit<I: Isa, F: Real, S: Source<F>, T: Term<F>>(
    (source, term): (S, T),
    cells: &Cells<'_, F>,
    (within, start, end): (usize, usize, usize),
    numbers: &Numbers<F>,
    memory: &mut Memory<F>,
    ends: &mut Ends<F>,
    slopes: &mut [F],
    asked: Asked,
) {
    let count = end - start;
    let (x, t) = (&cells.x[start..end], &cells.t[start..end]);
    let coupled = if S::COUPLED { (cells.q, cells.cost) } else { (cells.x, cells.x) };
    let (q, cost) = (&coupled.0[start..end], &coupled.1[start..end]);
    let weight = &numbers.weight[within..within + count];
    let Memory { sums, product, part } = memory;
    let z = &mut part.z[..count];
    for (z, &x) in z.iter_mut().zip(x) {
        *z = source.prepare::<I>(x);
    }
    let z = &*z;
    if asked.slopes {
        let of = |number: usize| {
            // What no slope is multiplied by is not there.
            if number < T::SUMS { &numbers.slopes[number][within..within + count] } else { weight }
        };
        let (one, two, three, four) = (of(0), of(1), of(2), of(3));
        let slopes = &mut slopes[..count];
        for at in 0..count {
            let point = source.point::<I>(x[at], z[at], q[at], cost[at]);
            let back = [one[at], two[at], three[at], four[at]];
            let slope = term.slope::<I, S>(source, &point, t[at], weight[at], back);
            slopes[at] = source.pull::<I>(&point, slope);
        }
    }
    if !asked.sums {
        return;
    }
    let [one, two, three, four] = &mut part.terms;
    let (one, two) = (&mut one[..count], &mut two[..count]);
    let (three, four) = (&mut three[..count], &mut four[..count]);
    for at in 0..count {
        let point = source.point::<I>(x[at], z[at], q[at], cost[at]);
        let terms = term.sums::<I, S>(source, &point, t[at], weight[at]);
        one[at] = terms[0];
        if T::SUMS > 1 {
            (two[at], three[at]) = (terms[1], terms[2]);
        }
        if T::SUMS > 3 {
            four[at] = terms[3];
        }
    }
    let rows = within..product.len().min(within + count);
    for (sums, terms) in sums.iter_mut().zip(&part.terms).take(T::SUMS) {
        add_rows(&terms[..count], &mut sums[rows.clone()]);
    }
    if T::PRODUCT {
        multiply_rows::<I, F>(z, &mut product[rows]);
    }
    if S::PREDICTION != Domain::Checked {
        ends.x = largest(S::PREDICTION, x, ends.x);
    }
    ends.t = largest(S::TARGET, t, ends.t);
}
