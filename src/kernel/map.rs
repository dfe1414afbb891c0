//! Elementary functions of many numbers at once.

use super::isa::{Instructions, Isa, Job};
use super::real::Real;

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    /// e^-|x|
    ExpOfMinusAbs,
    /// ln x
    Ln,
    /// ln(1 + x)
    Ln1p,
    /// ln(1 + x) for x in [0, 1]
    Ln1pUnit,
}

struct Each<'m>(Function, &'m mut [f64]);

impl Job for Each<'_> {
    type Output = ();

    fn run<I: Isa>(self, isa: I) {
        let Self(function, numbers) = self;
        match function {
            Function::ExpOfMinusAbs => isa.run(
                #[inline(always)]
                || numbers.iter_mut().for_each(|x| *x = x.exp_of_minus_abs::<I>()),
            ),
            Function::Ln => isa.run(
                #[inline(always)]
                || numbers.iter_mut().for_each(|x| *x = Real::ln::<I>(*x)),
            ),
            Function::Ln1p => isa.run(
                #[inline(always)]
                || numbers.iter_mut().for_each(|x| *x = Real::ln_1p::<I>(*x)),
            ),
            Function::Ln1pUnit => isa.run(
                #[inline(always)]
                || numbers.iter_mut().for_each(|x| *x = x.ln_1p_unit::<I>()),
            ),
        }
    }
}

/// Replaces every number by the function of it.
pub(crate) fn map(function: Function, numbers: &mut [f64]) {
    Instructions::chosen().run(Each(function, numbers));
}
