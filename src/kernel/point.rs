//! A cell after its activation.

use super::isa::Isa;
use super::real::Real;

/// What is known of a cell: what a formula does not use is not computed.
#[derive(Clone, Copy)]
pub(crate) struct Point<F> {
    /// The logit, where p is made of one.
    pub(crate) x: F,
    pub(crate) p: F,
    /// 1 - p, with digits of its own.
    pub(crate) q: F,
    /// -ln p.
    pub(crate) cost_p: F,
    /// -ln(1 - p).
    pub(crate) cost_q: F,
}

/// The derivatives of a value with respect to what its formulas read of a cell; none for what they do
/// not.
#[derive(Clone, Copy, Default)]
pub(crate) struct Slope<F> {
    /// With respect to p.
    pub(crate) p: Option<F>,
    /// With respect to -ln p and to -ln(1 - p).
    pub(crate) costs: Option<(F, F)>,
    /// k and t, where the derivative with respect to the logit is k (p - t).
    pub(crate) error: Option<(F, F)>,
}

impl<F: Real> Slope<F> {
    #[inline(always)]
    pub(crate) fn p(slope: F) -> Self {
        Self { p: Some(slope), costs: None, error: None }
    }

    #[inline(always)]
    pub(crate) fn costs(of_p: F, of_q: F) -> Self {
        Self { p: None, costs: Some((of_p, of_q)), error: None }
    }

    #[inline(always)]
    pub(crate) fn error(k: F, t: F) -> Self {
        Self { p: None, costs: None, error: Some((k, t)) }
    }

    #[inline(always)]
    fn both(one: Option<F>, other: Option<F>) -> Option<F> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        }
    }

    /// Both, of what there is.
    #[inline(always)]
    fn sum(one: Option<F>, other: Option<F>) -> F {
        Self::both(one, other).unwrap_or(F::ZERO)
    }
}

/// Which numbers can be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Domain {
    /// [0, 1]
    Unit,
    Finite,
    /// Seen to before.
    Checked,
}

impl Domain {
    /// What is at most [`most`](Self::most) for the numbers of the domain, and above for all others but
    /// -0: one operation finds out whether any of many numbers is outside.
    #[inline(always)]
    pub(crate) fn bits<F: Real>(self, number: F) -> F::Bits {
        if self == Self::Unit { number.bits() } else { number.abs().bits() }
    }

    #[inline(always)]
    pub(crate) fn most<F: Real>(self) -> F::Bits {
        if self == Self::Unit { F::ONE.bits() } else { F::MAX.bits() }
    }
}

/// How a number of the prediction becomes a point.
pub(crate) trait Source<F: Real>: Copy + Send + Sync {
    const PREDICTION: Domain;
    const TARGET: Domain = Domain::Unit;
    /// Whether p, 1 - p and -ln p are given.
    const COUPLED: bool = false;
    /// Whether -ln p or -ln(1 - p) may be infinite.
    const INFINITE: bool = false;
    /// Whether 1 - p has digits of its own.
    const OWN_Q: bool;

    /// The part that takes long, made for some rows at a time: a loop with a long chain of operations waits
    /// for them.
    #[inline(always)]
    fn prepare<I: Isa>(self, _: F) -> F {
        F::ZERO
    }

    /// `z` is what was prepared. `q` and `cost` are 1 - p and -ln p where the activation couples classes and
    /// `x` is p.
    fn point<I: Isa>(self, x: F, z: F, q: F, cost: F) -> Point<F>;

    /// The derivative with respect to the prediction.
    fn pull<I: Isa>(self, point: &Point<F>, slope: Slope<F>) -> F;

    /// p - t.
    #[inline(always)]
    fn error(self, point: &Point<F>, t: F) -> F {
        if Self::OWN_Q { point.p * (F::ONE - t) - t * point.q } else { point.p - t }
    }
}

/// p = 1 / (1 + e^-x).
#[derive(Clone, Copy)]
pub(crate) struct Sigmoid;

/// p = x.
#[derive(Clone, Copy)]
pub(crate) struct Probability;

/// p = x, any number.
#[derive(Clone, Copy)]
pub(crate) struct Identity;

impl<F: Real> Source<F> for Sigmoid {
    const PREDICTION: Domain = Domain::Finite;
    const OWN_Q: bool = true;

    /// e^-|x|, so that neither p nor 1 - p overflows, and both keep their digits.
    #[inline(always)]
    fn prepare<I: Isa>(self, x: F) -> F {
        x.exp_of_minus_abs::<I>()
    }

    #[inline(always)]
    fn point<I: Isa>(self, x: F, z: F, _: F, _: F) -> Point<F> {
        let large = z.one_over_one_plus::<I>();
        let small = z * large;
        let positive = x >= F::ZERO;
        let rest = z.ln_1p_unit::<I>();
        Point {
            x,
            p: F::select(positive, large, small),
            q: F::select(positive, small, large),
            cost_p: (-x).max(F::ZERO) + rest,
            cost_q: x.max(F::ZERO) + rest,
        }
    }

    #[inline(always)]
    fn pull<I: Isa>(self, point: &Point<F>, slope: Slope<F>) -> F {
        let Point { p, q, .. } = *point;
        let of_p = slope.p.map(
            #[inline(always)]
            |of_p| of_p * (p * q),
        );
        let of_costs = slope.costs.map(
            #[inline(always)]
            |(of_p, of_q)| of_q * p - of_p * q,
        );
        let of_error = slope.error.map(
            #[inline(always)]
            |(k, t)| k * (-t).fma::<I>(q, p * (F::ONE - t)),
        );
        Slope::sum(of_p, Slope::both(of_costs, of_error))
    }
}

/// a / b, where 0 over anything is 0.
#[inline(always)]
fn over<F: Real>(a: F, b: F) -> F {
    F::select(a == F::ZERO, F::ZERO, a / b)
}

impl<F: Real> Source<F> for Probability {
    const PREDICTION: Domain = Domain::Unit;
    const INFINITE: bool = true;
    const OWN_Q: bool = false;

    #[inline(always)]
    fn point<I: Isa>(self, x: F, _: F, _: F, _: F) -> Point<F> {
        Point { x, p: x, q: F::ONE - x, cost_p: -x.ln::<I>(), cost_q: -(-x).ln_1p::<I>() }
    }

    #[inline(always)]
    fn pull<I: Isa>(self, point: &Point<F>, slope: Slope<F>) -> F {
        let of_costs = slope.costs.map(
            #[inline(always)]
            |(of_p, of_q)| over(of_q, point.q) - over(of_p, point.p),
        );
        Slope::sum(slope.p, of_costs)
    }
}

impl<F: Real> Source<F> for Identity {
    const PREDICTION: Domain = Domain::Finite;
    const TARGET: Domain = Domain::Finite;
    const OWN_Q: bool = false;

    #[inline(always)]
    fn point<I: Isa>(self, x: F, _: F, _: F, _: F) -> Point<F> {
        Point { x, p: x, q: F::ONE - x, cost_p: F::ZERO, cost_q: F::ZERO }
    }

    #[inline(always)]
    fn pull<I: Isa>(self, _: &Point<F>, slope: Slope<F>) -> F {
        Slope::sum(slope.p, None)
    }
}

/// p is given, with 1 - p and -ln p: a softmax made them from all classes of the pixel. The way back
/// ends at ln p.
#[derive(Clone, Copy)]
pub(crate) struct Coupled;

impl<F: Real> Source<F> for Coupled {
    const PREDICTION: Domain = Domain::Checked;
    const COUPLED: bool = true;
    const OWN_Q: bool = true;

    #[inline(always)]
    fn point<I: Isa>(self, x: F, _: F, q: F, cost: F) -> Point<F> {
        Point { x, p: x, q, cost_p: cost, cost_q: F::ZERO }
    }

    #[inline(always)]
    fn pull<I: Isa>(self, point: &Point<F>, slope: Slope<F>) -> F {
        let of_p = slope.p.map(
            #[inline(always)]
            |of_p| of_p * point.p,
        );
        let of_cost = slope.costs.map(
            #[inline(always)]
            |(of_cost, _)| -of_cost,
        );
        Slope::sum(of_p, of_cost)
    }
}
