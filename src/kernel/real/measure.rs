//! How far a value is from the exact one, in units in the last place.

use dashu_float::FBig;

use super::super::isa::{Isa, Job};
use super::Real;

/// A number of some 120 bits.
type Wide = FBig;

fn wide(x: f64) -> Wide {
    Wide::try_from(x).expect("a finite number").with_precision(120).value()
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    ExpOfNegative,
    ExpOfMinusAbs,
    Ln,
    Ln1pUnit,
    Ln1p,
    OneOverOnePlus,
}

pub(super) const FUNCTIONS: [Function; 6] = [
    Function::ExpOfNegative,
    Function::ExpOfMinusAbs,
    Function::Ln,
    Function::Ln1pUnit,
    Function::Ln1p,
    Function::OneOverOnePlus,
];

impl Function {
    #[inline(always)]
    pub(super) fn of<I: Isa, R: Real>(self, x: R) -> R {
        match self {
            Self::ExpOfNegative => x.exp_of_negative::<I>(),
            Self::ExpOfMinusAbs => x.exp_of_minus_abs::<I>(),
            Self::Ln => x.ln::<I>(),
            Self::Ln1pUnit => x.ln_1p_unit::<I>(),
            Self::Ln1p => x.ln_1p::<I>(),
            Self::OneOverOnePlus => x.one_over_one_plus::<I>(),
        }
    }

    /// Whether the function is defined for this argument; NaN is one.
    pub(super) fn takes(self, x: f64) -> bool {
        match self {
            Self::ExpOfMinusAbs | Self::Ln | Self::Ln1p => true,
            Self::ExpOfNegative => x.is_nan() || x <= 0.0,
            Self::Ln1pUnit | Self::OneOverOnePlus => x.is_nan() || (0.0..=1.0).contains(&x),
        }
    }

    /// What the standard library gives, which is exact as far as f32 is concerned.
    pub(super) fn in_f64(self, x: f64) -> f64 {
        match self {
            Self::ExpOfNegative => x.exp(),
            Self::ExpOfMinusAbs => (-x.abs()).exp(),
            Self::Ln => x.ln(),
            Self::Ln1pUnit | Self::Ln1p => x.ln_1p(),
            Self::OneOverOnePlus => 1.0 / (1.0 + x),
        }
    }

    /// The value to 120 bits; None where it is no finite number.
    fn wide(self, x: f64) -> Option<Wide> {
        match self {
            _ if !x.is_finite() => None,
            Self::ExpOfNegative => Some(wide(x).exp()),
            Self::ExpOfMinusAbs => Some(wide(-x.abs()).exp()),
            Self::Ln => (x > 0.0).then(|| wide(x).ln()),
            Self::Ln1pUnit | Self::Ln1p => (x > -1.0).then(|| wide(x).ln_1p()),
            Self::OneOverOnePlus => Some(wide(1.0) / (wide(1.0) + wide(x))),
        }
    }

    pub(super) fn exact(self, x: f64) -> Exact {
        let nearest = self.in_f64(x);
        Exact { nearest, wide: self.wide(x).filter(|_| nearest.is_finite()) }
    }
}

/// What a function of f64 is.
pub(super) struct Exact {
    /// By the standard library; what is not finite is as it is here.
    pub(super) nearest: f64,
    wide: Option<Wide>,
}

impl Exact {
    /// How many ulp of f64 `found` is off; infinite for a NaN, an infinity or a finite number in the
    /// wrong place.
    pub(super) fn error(&self, found: f64) -> f64 {
        let Some(exact) = self.wide.as_ref().filter(|_| found.is_finite()) else {
            return if same(found, self.nearest) { 0.0 } else { f64::INFINITY };
        };
        // The last place is 2^(e - 52) for a number of exponent e, at the least 2^-1074.
        let last = exponent(exact.to_f64().value()).max(-1022) - 52;
        ((wide(found) - exact) >> last).to_f64().value().abs()
    }
}

/// How many ulp of f32 `found` is off the exact value, of which `exact` has 53 bits.
pub(super) fn error_in_f32(found: f32, exact: f64) -> f64 {
    let nearest = f32::from_f64(exact);
    if !(nearest.is_finite() && found.is_finite()) {
        return if same(found.into(), nearest.into()) { 0.0 } else { f64::INFINITY };
    }
    // The last place is 2^(e - 23) for a number of exponent e, at the least 2^-149.
    let power = f64::from_bits(f64::from(nearest).to_bits() & (0x7ff << 52));
    let last = power.max(f32::MIN_POSITIVE.into()) * f64::from(f32::EPSILON);
    (f64::from(found) - exact).abs() / last
}

fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

/// The exponent of a normal number; that of a lesser one is -1023.
fn exponent(x: f64) -> isize {
    isize::try_from((x.to_bits() >> 52) & 0x7ff).expect("11 bits") - 1023
}

/// The function of every argument, by the instructions of the set.
pub(super) struct Values<'a, R> {
    pub(super) function: Function,
    pub(super) of: &'a [R],
}

impl<R: Real> Job for Values<'_, R> {
    type Output = Vec<R>;

    fn run<I: Isa>(self, isa: I) -> Vec<R> {
        match self.function {
            Function::ExpOfNegative => map(isa, self.of, R::exp_of_negative::<I>),
            Function::ExpOfMinusAbs => map(isa, self.of, R::exp_of_minus_abs::<I>),
            Function::Ln => map(isa, self.of, R::ln::<I>),
            Function::Ln1pUnit => map(isa, self.of, R::ln_1p_unit::<I>),
            Function::Ln1p => map(isa, self.of, R::ln_1p::<I>),
            Function::OneOverOnePlus => map(isa, self.of, R::one_over_one_plus::<I>),
        }
    }
}

fn map<I: Isa, R: Real>(isa: I, of: &[R], function: impl Fn(R) -> R) -> Vec<R> {
    let mut values = of.to_vec();
    isa.run(
        #[inline(always)]
        || {
            for value in &mut values {
                *value = function(*value);
            }
        },
    );
    values
}

/// The function of every argument, one after the other and not compiled for the set: there a fused
/// multiply-add is a call.
pub(super) struct OneByOne<'a, R>(pub(super) Values<'a, R>);

impl<R: Real> Job for OneByOne<'_, R> {
    type Output = Vec<R>;

    fn run<I: Isa>(self, _: I) -> Vec<R> {
        let Values { function, of } = self.0;
        of.iter().map(|&x| std::hint::black_box(function.of::<I, R>(x))).collect()
    }
}
