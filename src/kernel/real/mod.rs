//! Elementary functions of f32 and f64 that a loop over a slice turns into vector instructions.
//!
//! They have no branches, no tables and no calls, and a choice is a selection between two values. All is
//! `#[inline(always)]`, so that [`Isa::run`] compiles it for its instruction set. The bits depend on
//! [`Isa::FMA`] and on nothing else.
//!
//! Errors are in ulp, units in the last place of the correctly rounded result; below the least normal
//! number that is the least subnormal one. For f32 they are the greatest over all arguments, for f64 the
//! greatest over the samples of the longest test; the first number is with a fused multiply-add, the second without.
//!
//! A function is one long chain of operations. A loop in which one feeds another waits for them, and takes
//! a quarter longer than two loops over a few hundred cells with a buffer between.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::isa::Isa;

mod formats;

#[cfg(test)]
mod measure;
#[cfg(test)]
mod tests;

/// f32 or f64.
pub(crate) trait Real:
    Copy
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// The bits as an integer: those of a number in [0, 1] are at most those of 1, and those of any other,
    /// of NaN and of -0 are above.
    type Bits: Copy + Ord + Send + Sync + Default;

    const ZERO: Self;
    const HALF: Self;
    const ONE: Self;
    const MAX: Self;
    const INFINITY: Self;
    const NAN: Self;
    const MIN_POSITIVE: Self;

    const LOG2_E: Self;
    /// ln 2 in two parts, of which the first has few bits.
    const LN_2_HIGH: Self;
    const LN_2_LOW: Self;
    /// Below it e^x is 0.
    const LEAST_EXP: Self;
    /// What rounds to a whole number n when it is added, and leaves the biased exponent of 2^(n + 64) in
    /// the lowest bits.
    const ROUND_AND_SCALE_UP: Self;
    const TWO_64: Self;
    /// How far a subnormal number is moved up to be normal, and that power of 2.
    const SUBNORMAL_BITS: Self;
    const TWO_SUBNORMAL_BITS: Self;

    /// The polynomials, from the highest coefficient to the lowest.
    const EXP: &'static [Self];
    /// Times 2^-64.
    const EXP_DOWN: &'static [Self];
    const UNIT: &'static [Self];
    const LN: &'static [Self];
    /// Near 1 / (1 + x), from the highest coefficient to the lowest, and how many of Newton's steps follow.
    const INVERSE: [Self; 3];
    const NEWTON: usize;
    /// How many of the coefficients are summed in two chains: more is faster where a chain is long, and
    /// loses accuracy where the sums of the even and of the odd powers cancel.
    const EXP_CHAINED: usize;
    const UNIT_CHAINED: usize;
    const LN_CHAINED: usize;

    /// The nearest number of this format.
    fn from_f64(value: f64) -> Self;

    fn to_f64(self) -> f64;

    fn abs(self) -> Self;

    fn bits(self) -> Self::Bits;

    /// self * b + c, rounded once where that is one instruction and twice where it is not.
    fn fma<I: Isa>(self, b: Self, c: Self) -> Self;

    /// The lowest bits as a sign and an exponent.
    fn shifted_into_exponent(self) -> Self;

    /// (f, e, 2^-e) for a normal number f * 2^e with 2/3 <= f < 4/3. 2^-127 becomes 0 in f32, 2^-1023 in
    /// f64, and a lesser one -infinity.
    fn split(self) -> (Self, Self, Self);

    /// `yes` or `no`, both of which have been computed.
    #[inline(always)]
    fn select(condition: bool, yes: Self, no: Self) -> Self {
        if condition { yes } else { no }
    }

    /// The greater one; `other` where one of the two is NaN.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if self > other { self } else { other }
    }

    /// The lesser one; `other` where one of the two is NaN.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        if self < other { self } else { other }
    }

    /// 1 / (1 + self) for 0 <= self <= 1: a parabola, and Newton's steps, each of which doubles the digits;
    /// a division of vectors takes as long as ten multiplications.
    #[inline(always)]
    fn one_over_one_plus<I: Isa>(self) -> Self {
        // Each step takes the product from 1, which has lost too much where it was rounded.
        if !I::FMA {
            return Self::ONE / (Self::ONE + self);
        }
        let [a, b, c] = Self::INVERSE;
        let mut inverse = self.fma::<I>(a, b).fma::<I>(self, c);
        let negative = -(Self::ONE + self);
        for _ in 0..Self::NEWTON {
            let wrong = negative.fma::<I>(inverse, Self::ONE);
            inverse = wrong.fma::<I>(inverse, inverse);
        }
        inverse
    }

    /// The polynomial with these coefficients, of which the first is that of the highest power.
    ///
    /// The even and the odd powers of the first `chained` are two chains, so that an operation need not
    /// wait for the last one.
    #[inline(always)]
    fn polynomial<I: Isa>(self, coefficients: &'static [Self], chained: usize) -> Self {
        let (mut sum, mut rest) = (coefficients[0], &coefficients[1..]);
        if chained > 1 {
            let square = self * self;
            let mut other = coefficients[1];
            for &coefficient in &coefficients[2..chained] {
                (sum, other) = (other, sum.fma::<I>(square, coefficient));
            }
            sum = sum.fma::<I>(self, other);
            rest = &coefficients[chained..];
        }
        for &coefficient in rest {
            sum = sum.fma::<I>(self, coefficient);
        }
        sum
    }

    /// e^self for self <= 0. Errors: f32 0.90 and 1.17 ulp, f64 0.84 and 1.08.
    #[inline(always)]
    fn exp_of_negative<I: Isa>(self) -> Self {
        exp_between::<I, Self>(Self::LEAST_EXP.max(self))
    }

    /// e^-|self|, with the bits of [`exp_of_negative`](Self::exp_of_negative) and two operations less.
    #[inline(always)]
    fn exp_of_minus_abs<I: Isa>(self) -> Self {
        // The compiler sees a minimum here, and none once the sign has been changed.
        let argument = -(-Self::LEAST_EXP).min(self.abs());
        exp_between::<I, Self>(argument)
    }

    /// ln self, which is -infinity for a zero of either sign and NaN below. Errors: f32 0.89 and 0.96 ulp,
    /// f64 0.85 and 0.94.
    #[inline(always)]
    fn ln<I: Isa>(self) -> Self {
        let subnormal = self < Self::MIN_POSITIVE;
        let normal = Self::select(subnormal, self * Self::TWO_SUBNORMAL_BITS, self);
        let moved = Self::select(subnormal, Self::SUBNORMAL_BITS, Self::ZERO);
        let (fraction, exponent, _) = normal.split();
        let value = ln_of_parts::<I, Self>(fraction - Self::ONE, exponent - moved);
        with_limits_of_ln(value, self)
    }

    /// ln(1 + self) for 0 <= self <= 1. Errors: f32 1.17 and 1.56 ulp, f64 1.05 and 1.46.
    #[inline(always)]
    fn ln_1p_unit<I: Isa>(self) -> Self {
        let rest = self.polynomial::<I>(Self::UNIT, Self::UNIT_CHAINED);
        (self * self).fma::<I>(rest, self)
    }

    /// ln(1 + self), which is -infinity at -1 and NaN below; a zero of either sign gives 0. Errors: f32
    /// 1.60 and 1.71 ulp, f64 1.54 and 1.37.
    #[inline(always)]
    fn ln_1p<I: Isa>(self) -> Self {
        let sum = self + Self::ONE;
        // What the sum has lost: exact, since the greater part is known.
        let (great, small) = (self.max(Self::ONE), self.min(Self::ONE));
        let lost = small - (sum - great);
        let (fraction, exponent, inverse) = sum.split();
        // A sum whose inverse is no normal number has lost nothing that counts.
        let lost = lost * inverse.max(Self::ZERO);
        let value = ln_of_parts::<I, Self>((fraction - Self::ONE) + lost, exponent);
        with_limits_of_ln(value, sum)
    }
}

/// e^x for `LEAST_EXP` <= x <= 0, as 2^n e^r with |r| <= ln(2) / 2: 2^(n + 64), which is no subnormal
/// number, times what the coefficients lack, 2^-64.
#[inline(always)]
fn exp_between<I: Isa, R: Real>(x: R) -> R {
    let shifted = x.fma::<I>(R::LOG2_E, R::ROUND_AND_SCALE_UP);
    let n = shifted - R::ROUND_AND_SCALE_UP;
    let r = n.fma::<I>(-R::LN_2_HIGH, x);
    let r = n.fma::<I>(-R::LN_2_LOW, r);
    r.polynomial::<I>(R::EXP_DOWN, R::EXP_CHAINED) * shifted.shifted_into_exponent()
}

/// ln(2^exponent (1 + f)) for |f| <= 1/3, the small parts first.
#[inline(always)]
fn ln_of_parts<I: Isa, R: Real>(f: R, exponent: R) -> R {
    let low = exponent * R::LN_2_LOW;
    let rest = f.polynomial::<I>(R::LN, R::LN_CHAINED);
    let low = (f * f).fma::<I>(rest, low);
    exponent.fma::<I>(R::LN_2_HIGH, f + low)
}

/// The value of ln x where 0 < x < infinity, and what stands at the ends.
#[inline(always)]
fn with_limits_of_ln<R: Real>(value: R, x: R) -> R {
    let value = R::select(x < R::INFINITY, value, x);
    let at_most_0 = R::select(x < R::ZERO, R::NAN, -R::INFINITY);
    R::select(x <= R::ZERO, at_most_0, value)
}
