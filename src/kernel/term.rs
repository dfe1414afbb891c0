//! What is summed over cells: one number of an element loss, or three of an overlap.

use super::isa::Isa;
use super::point::{Point, Slope, Source};
use super::real::Real;

/// What is summed over cells, and what the way back multiplies.
pub(crate) trait Term<F: Real>: Copy + Send + Sync {
    /// How many numbers of a cell are summed.
    const SUMS: usize;
    /// Whether the first sum lacks Σ ln(1 + z): then 1 + z is multiplied along, less 1, so that neither
    /// confident predictions nor many cells lose digits, and one logarithm is taken of the product.
    const PRODUCT: bool = false;

    /// The numbers of a cell. `weight` is that of the positive term of its class.
    fn sums<I: Isa, S: Source<F>>(
        self,
        source: S,
        point: &Point<F>,
        t: F,
        weight: F,
    ) -> [F; MOST_SUMS];

    /// The derivative of Σ `slopes` · sums with respect to what the term read.
    fn slope<I: Isa, S: Source<F>>(
        self,
        source: S,
        point: &Point<F>,
        t: F,
        weight: F,
        slopes: [F; MOST_SUMS],
    ) -> Slope<F>;
}

/// The numbers that a term may have for a cell.
pub(crate) const MOST_SUMS: usize = 4;

#[inline(always)]
fn one<F: Real>(sum: F) -> [F; MOST_SUMS] {
    [sum, F::ZERO, F::ZERO, F::ZERO]
}

/// The target after smoothing: t becomes `scale` t + `shift`.
#[derive(Clone, Copy)]
pub(crate) struct Line<F> {
    pub(crate) scale: F,
    pub(crate) shift: F,
}

impl<F: Real> Line<F> {
    #[inline(always)]
    fn of(self, t: F) -> F {
        self.scale * t + self.shift
    }
}

/// -(t ln p + (1 - t) ln(1 - p)) of a logit x, which is |x| times what is wrong of the target, and
/// ln(1 + e^-|x|).
#[derive(Clone, Copy)]
pub(crate) struct PlainBce;

impl<F: Real> Term<F> for PlainBce {
    const SUMS: usize = 1;
    const PRODUCT: bool = true;

    #[inline(always)]
    fn sums<I: Isa, S: Source<F>>(self, _: S, point: &Point<F>, t: F, _: F) -> [F; MOST_SUMS] {
        let x = point.x;
        one(if I::FMA {
            (-x).fma::<I>(t, x.max(F::ZERO))
        } else {
            x.abs() * F::select(x > F::ZERO, F::ONE - t, t)
        })
    }

    #[inline(always)]
    fn slope<I: Isa, S: Source<F>>(
        self,
        _: S,
        _: &Point<F>,
        t: F,
        _: F,
        [k, ..]: [F; MOST_SUMS],
    ) -> Slope<F> {
        Slope::error(k, t)
    }
}

/// a · cost, where 0 times anything is 0.
#[inline(always)]
fn times<F: Real>(factor: F, cost: F) -> F {
    F::select(factor == F::ZERO, F::ZERO, factor * cost)
}

/// -(w t ln p + (1 - t) ln(1 - p)).
#[derive(Clone, Copy)]
pub(crate) struct Bce<F> {
    pub(crate) line: Line<F>,
}

#[inline(always)]
fn factors<F: Real>(line: Line<F>, t: F, weight: F) -> (F, F) {
    let t = line.of(t);
    (weight * t, F::ONE - t)
}

impl<F: Real> Term<F> for Bce<F> {
    const SUMS: usize = 1;

    #[inline(always)]
    fn sums<I: Isa, S: Source<F>>(self, _: S, point: &Point<F>, t: F, weight: F) -> [F; MOST_SUMS] {
        let (a, b) = factors(self.line, t, weight);
        let value = if S::INFINITE {
            times(a, point.cost_p) + times(b, point.cost_q)
        } else {
            a * point.cost_p + b * point.cost_q
        };
        one(value)
    }

    #[inline(always)]
    fn slope<I: Isa, S: Source<F>>(
        self,
        _: S,
        _: &Point<F>,
        t: F,
        weight: F,
        [k, ..]: [F; MOST_SUMS],
    ) -> Slope<F> {
        let (a, b) = factors(self.line, t, weight);
        Slope::costs(k * a, k * b)
    }
}

/// -w t ln p.
#[derive(Clone, Copy)]
pub(crate) struct CrossEntropy<F> {
    pub(crate) line: Line<F>,
}

impl<F: Real> Term<F> for CrossEntropy<F> {
    const SUMS: usize = 1;

    #[inline(always)]
    fn sums<I: Isa, S: Source<F>>(self, _: S, point: &Point<F>, t: F, weight: F) -> [F; MOST_SUMS] {
        one(times(weight * self.line.of(t), point.cost_p))
    }

    #[inline(always)]
    fn slope<I: Isa, S: Source<F>>(
        self,
        _: S,
        _: &Point<F>,
        t: F,
        weight: F,
        [k, ..]: [F; MOST_SUMS],
    ) -> Slope<F> {
        Slope::costs(k * (weight * self.line.of(t)), F::ZERO)
    }
}

/// -(w t ln p + (1 - t) ln(1 - p)) with both logarithms at least `-most`, and the slope that `PyTorch` gives
/// it.
#[derive(Clone, Copy)]
pub(crate) struct FlooredBce<F> {
    pub(crate) line: Line<F>,
    pub(crate) most: F,
    /// The least denominator of the slope.
    pub(crate) least_slope: F,
}

impl<F: Real> Term<F> for FlooredBce<F> {
    const SUMS: usize = 1;

    #[inline(always)]
    fn sums<I: Isa, S: Source<F>>(self, _: S, point: &Point<F>, t: F, weight: F) -> [F; MOST_SUMS] {
        let (a, b) = factors(self.line, t, weight);
        let value = a * point.cost_p.min(self.most) + b * point.cost_q.min(self.most);
        one(value)
    }

    #[inline(always)]
    fn slope<I: Isa, S: Source<F>>(
        self,
        _: S,
        point: &Point<F>,
        t: F,
        weight: F,
        [k, ..]: [F; MOST_SUMS],
    ) -> Slope<F> {
        let (a, b) = factors(self.line, t, weight);
        let under = (point.p * point.q).max(self.least_slope);
        Slope::p(k * ((b * point.p - a * point.q) / under))
    }
}

/// -(w t ln p + (1 - t) ln(1 - p)) with p clipped to [least, most], and `epsilon` inside both logarithms.
#[derive(Clone, Copy)]
pub(crate) struct ClippedBce<F> {
    pub(crate) line: Line<F>,
    pub(crate) least: F,
    pub(crate) most: F,
    pub(crate) epsilon: F,
}

/// p and 1 - p after the clip.
#[inline(always)]
fn clipped<F: Real>(point: &Point<F>, least: F, most: F) -> (F, F, bool) {
    let p = point.p.max(least).min(most);
    let inside = p == point.p;
    (p, F::select(inside, point.q, F::ONE - p), inside)
}

/// -ln(a + eps), where b = 1 - a: whichever of the two is small has the digits.
#[inline(always)]
fn cost<I: Isa, F: Real>(a: F, b: F, epsilon: F) -> F {
    let near_one = (epsilon - b).ln_1p::<I>();
    -F::select(a < F::HALF, (a + epsilon).ln::<I>(), near_one)
}

impl<F: Real> Term<F> for ClippedBce<F> {
    const SUMS: usize = 1;

    #[inline(always)]
    fn sums<I: Isa, S: Source<F>>(self, _: S, point: &Point<F>, t: F, weight: F) -> [F; MOST_SUMS] {
        let (a, b) = factors(self.line, t, weight);
        let (p, q, _) = clipped(point, self.least, self.most);
        let of_p = cost::<I, F>(p, q, self.epsilon);
        let of_q = if S::OWN_Q {
            cost::<I, F>(q, p, self.epsilon)
        } else {
            // p has the digits of 1 - p, whichever of the two is small.
            -(self.epsilon - p).ln_1p::<I>()
        };
        one(times(a, of_p) + times(b, of_q))
    }

    #[inline(always)]
    fn slope<I: Isa, S: Source<F>>(
        self,
        _: S,
        point: &Point<F>,
        t: F,
        weight: F,
        [k, ..]: [F; MOST_SUMS],
    ) -> Slope<F> {
        let (a, b) = factors(self.line, t, weight);
        let (p, q, inside) = clipped(point, self.least, self.most);
        let over = |factor: F, under: F| {
            F::select(factor == F::ZERO, F::ZERO, factor / (under + self.epsilon))
        };
        Slope::p(F::select(inside, k * (over(b, q) - over(a, p)), F::ZERO))
    }
}

/// (p - t)².
#[derive(Clone, Copy)]
pub(crate) struct Squared;

impl<F: Real> Term<F> for Squared {
    const SUMS: usize = 1;

    #[inline(always)]
    fn sums<I: Isa, S: Source<F>>(self, source: S, point: &Point<F>, t: F, _: F) -> [F; MOST_SUMS] {
        let error = source.error(point, t);
        one(error * error)
    }

    #[inline(always)]
    fn slope<I: Isa, S: Source<F>>(
        self,
        source: S,
        point: &Point<F>,
        t: F,
        _: F,
        [k, ..]: [F; MOST_SUMS],
    ) -> Slope<F> {
        let error = source.error(point, t);
        Slope::p(k * (error + error))
    }
}

/// |p - t|.
#[derive(Clone, Copy)]
pub(crate) struct Absolute;

impl<F: Real> Term<F> for Absolute {
    const SUMS: usize = 1;

    #[inline(always)]
    fn sums<I: Isa, S: Source<F>>(self, source: S, point: &Point<F>, t: F, _: F) -> [F; MOST_SUMS] {
        one(source.error(point, t).abs())
    }

    #[inline(always)]
    fn slope<I: Isa, S: Source<F>>(
        self,
        source: S,
        point: &Point<F>,
        t: F,
        _: F,
        [k, ..]: [F; MOST_SUMS],
    ) -> Slope<F> {
        let error = source.error(point, t);
        let sign = F::select(error > F::ZERO, k, -k);
        Slope::p(F::select(error == F::ZERO, F::ZERO, sign))
    }
}

/// p t, p^e - p t, t^e - p t, where e is 2 if `SQUARED`, else 1.
#[derive(Clone, Copy)]
pub(crate) struct Overlap<const SQUARED: bool>;

impl<F: Real, const SQUARED: bool> Term<F> for Overlap<SQUARED> {
    const SUMS: usize = 3;

    #[inline(always)]
    fn sums<I: Isa, S: Source<F>>(self, source: S, point: &Point<F>, t: F, _: F) -> [F; MOST_SUMS] {
        let p = point.p;
        if SQUARED {
            let error = source.error(point, t);
            [p * t, p * error, -(t * error), F::ZERO]
        } else {
            [p * t, p * (F::ONE - t), t * point.q, F::ZERO]
        }
    }

    #[inline(always)]
    fn slope<I: Isa, S: Source<F>>(
        self,
        _: S,
        point: &Point<F>,
        t: F,
        _: F,
        [tp, fp, under, _]: [F; MOST_SUMS],
    ) -> Slope<F> {
        let p = point.p;
        let of_false = if SQUARED { p + p - t } else { F::ONE - t };
        Slope::p((tp - under) * t + fp * of_false)
    }
}

/// Two terms in one loop.
#[derive(Clone, Copy)]
pub(crate) struct Both<A, B>(pub(crate) A, pub(crate) B);

impl<F: Real, A: Term<F>, B: Term<F>> Term<F> for Both<A, B> {
    const SUMS: usize = A::SUMS + B::SUMS;
    const PRODUCT: bool = A::PRODUCT;

    #[inline(always)]
    fn sums<I: Isa, S: Source<F>>(
        self,
        source: S,
        point: &Point<F>,
        t: F,
        weight: F,
    ) -> [F; MOST_SUMS] {
        let mut sums = self.0.sums::<I, S>(source, point, t, weight);
        let more = self.1.sums::<I, S>(source, point, t, weight);
        let mut place = A::SUMS;
        while place < Self::SUMS {
            sums[place] = more[place - A::SUMS];
            place += 1;
        }
        sums
    }

    #[inline(always)]
    fn slope<I: Isa, S: Source<F>>(
        self,
        source: S,
        point: &Point<F>,
        t: F,
        weight: F,
        slopes: [F; MOST_SUMS],
    ) -> Slope<F> {
        let mut others = [F::ZERO; MOST_SUMS];
        let mut place = A::SUMS;
        while place < Self::SUMS {
            others[place - A::SUMS] = slopes[place];
            place += 1;
        }
        let one = self.0.slope::<I, S>(source, point, t, weight, slopes);
        let other = self.1.slope::<I, S>(source, point, t, weight, others);
        Slope {
            p: one.p.or(other.p),
            costs: one.costs.or(other.costs),
            error: one.error.or(other.error),
        }
    }
}
