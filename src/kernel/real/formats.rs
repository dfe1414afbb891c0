//! What differs between f32 and f64: bits, and polynomials of their own degree.
//!
//! The polynomials are from `fpminimax` of Sollya: each has coefficients of its own format and the least
//! relative error. Those of e^x begin with 1 + x exactly, those of ln(1 + x) with x, so that small
//! arguments lose nothing; for `LN` the next coefficient is exactly -1/2.
#![allow(clippy::unreadable_literal, reason = "the digits of a coefficient are not read in groups")]

use super::{Isa, Real};

const ONE_32: u32 = 1_f32.to_bits();
const TWO_THIRDS_32: u32 = (2_f32 / 3.0).to_bits();
const ONE_64: u64 = 1_f64.to_bits();
const TWO_THIRDS_64: u64 = (2_f64 / 3.0).to_bits();
const FRACTION_64: u64 = (1 << 52) - 1;

const fn down_32<const N: usize>(coefficients: &[f32]) -> [f32; N] {
    let mut down = [0.0; N];
    let mut at = 0;
    while at < N {
        down[at] = coefficients[at] / f32::TWO_64;
        at += 1;
    }
    down
}

const fn down_64<const N: usize>(coefficients: &[f64]) -> [f64; N] {
    let mut down = [0.0; N];
    let mut at = 0;
    while at < N {
        down[at] = coefficients[at] / f64::TWO_64;
        at += 1;
    }
    down
}

impl Real for f32 {
    type Bits = u32;

    const ZERO: Self = 0.0;
    const HALF: Self = 0.5;
    const MAX: Self = Self::MAX;
    const ONE: Self = 1.0;
    const INFINITY: Self = Self::INFINITY;
    const NAN: Self = Self::NAN;
    const MIN_POSITIVE: Self = Self::MIN_POSITIVE;

    const LOG2_E: Self = std::f32::consts::LOG2_E;
    // 15 bits, so that a product with an exponent is exact, and the 24 after them.
    const LN_2_HIGH: Self = 0.69314575;
    const LN_2_LOW: Self = 1.4286068e-6;
    // e^-104 < 2^-150, which is rounded to 0.
    const LEAST_EXP: Self = -104.0;
    // 2^23 + 2^22 has a last place of 1; what is added to it is the exponent of 2^64.
    const ROUND_AND_SCALE_UP: Self = 12582912.0 + (127.0 + 64.0);
    const TWO_64: Self = 18446744073709551616.0;
    const SUBNORMAL_BITS: Self = 23.0;
    const TWO_SUBNORMAL_BITS: Self = 8388608.0;

    /// e^x, degree 6, |x| <= ln(2) / 2: relative error 2^-28.2.
    const EXP: &'static [Self] =
        &[0.0013823552, 0.008368824, 0.041668236, 0.1666652, 0.49999994, 1.0, 1.0];
    const EXP_DOWN: &'static [Self] = &down_32::<{ Self::EXP.len() }>(Self::EXP);
    /// (ln(1 + x) - x) / x^2, degree 8, 0 <= x <= 1: relative error of ln(1 + x) 2^-27.5.
    const UNIT: &'static [Self] = &[
        -0.0033124348,
        0.020176446,
        -0.057609394,
        0.10674694,
        -0.15351717,
        0.19694024,
        -0.24958293,
        0.3333048,
        -0.4999993,
    ];
    /// (ln(1 + x) - x) / x^2, degree 8, |x| <= 1/3: relative error of ln(1 + x) 2^-27.7.
    const LN: &'static [Self] = &[
        -0.12893032,
        0.13986897,
        -0.121839724,
        0.14005306,
        -0.16680506,
        0.20010446,
        -0.24999797,
        0.33333215,
        -0.5,
    ];
    /// 1 / (1 + x), degree 2, 0 <= x <= 1: relative error 1/99, equal at its four extremes.
    const INVERSE: [Self; 3] = [32.0 / 99.0, -80.0 / 99.0, 98.0 / 99.0];
    const NEWTON: usize = 2;
    const EXP_CHAINED: usize = 0;
    const UNIT_CHAINED: usize = 0;
    const LN_CHAINED: usize = 0;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "the nearest f32 is meant")]
        let nearest = value as Self;
        nearest
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn abs(self) -> Self {
        self.abs()
    }

    #[inline(always)]
    fn bits(self) -> Self::Bits {
        self.to_bits()
    }

    #[inline(always)]
    fn fma<I: Isa>(self, b: Self, c: Self) -> Self {
        if I::FMA { self.mul_add(b, c) } else { self * b + c }
    }

    #[inline(always)]
    fn shifted_into_exponent(self) -> Self {
        Self::from_bits(self.to_bits() << 23)
    }

    #[inline(always)]
    fn split(self) -> (Self, Self, Self) {
        let exponent = self.to_bits().wrapping_sub(TWO_THIRDS_32).cast_signed() >> 23;
        let high = exponent.cast_unsigned() << 23;
        let fraction = Self::from_bits(self.to_bits().wrapping_sub(high));
        (fraction, exponent as Self, Self::from_bits(ONE_32.wrapping_sub(high)))
    }
}

impl Real for f64 {
    type Bits = u64;

    const ZERO: Self = 0.0;
    const HALF: Self = 0.5;
    const MAX: Self = Self::MAX;
    const ONE: Self = 1.0;
    const INFINITY: Self = Self::INFINITY;
    const NAN: Self = Self::NAN;
    const MIN_POSITIVE: Self = Self::MIN_POSITIVE;

    const LOG2_E: Self = std::f64::consts::LOG2_E;
    // 42 bits, so that a product with an exponent is exact, and the 53 after them.
    const LN_2_HIGH: Self = 0.6931471805598903;
    const LN_2_LOW: Self = 5.497923018708371e-14;
    // e^-745.2 < 2^-1075, which is rounded to 0.
    const LEAST_EXP: Self = -745.2;
    // 2^52 + 2^51 has a last place of 1; what is added to it is the exponent of 2^64.
    const ROUND_AND_SCALE_UP: Self = 6755399441055744.0 + (1023.0 + 64.0);
    const TWO_64: Self = 18446744073709551616.0;
    const SUBNORMAL_BITS: Self = 52.0;
    const TWO_SUBNORMAL_BITS: Self = 4503599627370496.0;

    /// e^x, degree 11, |x| <= ln(2) / 2: relative error 2^-57.9.
    const EXP: &'static [Self] = &[
        2.5004460761147986e-08,
        2.7630437185839397e-07,
        2.7557572347287076e-06,
        2.480149249979292e-05,
        0.00019841269522438056,
        0.0013888888944301263,
        0.008333333333487054,
        0.041666666666527075,
        0.16666666666666424,
        0.5000000000000011,
        1.0,
        1.0,
    ];
    const EXP_DOWN: &'static [Self] = &down_64::<{ Self::EXP.len() }>(Self::EXP);
    /// (ln(1 + x) - x) / x^2, degree 19, 0 <= x <= 1: relative error of ln(1 + x) 2^-56.6.
    const UNIT: &'static [Self] = &[
        2.5333483812405872e-05,
        -0.00029179752861330894,
        0.0015959134918009097,
        -0.005543612164221331,
        0.013839600074606584,
        -0.026745440022157643,
        0.04230173811857518,
        -0.05750338180835242,
        0.07035631651666545,
        -0.08081257539689148,
        0.09013172271692933,
        -0.09981020810164072,
        0.11107507434707127,
        -0.12499479879625609,
        0.1428565893383811,
        -0.16666662502085672,
        0.19999999791559805,
        -0.24999999993686325,
        0.3333333333323526,
        -0.4999999999999946,
    ];
    /// (ln(1 + x) - x) / x^2, degree 19, |x| <= 1/3: relative error of ln(1 + x) 2^-56.6.
    const LN: &'static [Self] = &[
        0.084495614043541,
        -0.08624279411334534,
        0.04203949893412784,
        -0.04573786425159638,
        0.06044839821435907,
        -0.06390852335437266,
        0.06651590149063322,
        -0.07130796747759834,
        0.07693189846233624,
        -0.08333971922430412,
        0.09090876544894132,
        -0.09999979302855137,
        0.11111111841997205,
        -0.125000003888613,
        0.14285714276504027,
        -0.16666666662931853,
        0.2000000000005499,
        -0.25000000000013334,
        0.3333333333333323,
        -0.5,
    ];
    /// 1 / (1 + x), degree 2, 0 <= x <= 1: relative error 1/99, equal at its four extremes.
    const INVERSE: [Self; 3] = [32.0 / 99.0, -80.0 / 99.0, 98.0 / 99.0];
    const NEWTON: usize = 4;
    const EXP_CHAINED: usize = 0;
    const UNIT_CHAINED: usize = 10;
    const LN_CHAINED: usize = 20;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }

    #[inline(always)]
    fn abs(self) -> Self {
        self.abs()
    }

    #[inline(always)]
    fn bits(self) -> Self::Bits {
        self.to_bits()
    }

    #[inline(always)]
    fn fma<I: Isa>(self, b: Self, c: Self) -> Self {
        if I::FMA { self.mul_add(b, c) } else { self * b + c }
    }

    #[inline(always)]
    fn shifted_into_exponent(self) -> Self {
        Self::from_bits(self.to_bits() << 52)
    }

    // Without an arithmetic shift and a conversion of 64 bits, which AVX2 does not have.
    #[inline(always)]
    fn split(self) -> (Self, Self, Self) {
        let biased = self.to_bits().wrapping_sub(TWO_THIRDS_64).wrapping_add(ONE_64);
        let fraction = Self::from_bits((biased & FRACTION_64) + TWO_THIRDS_64);
        let two_52 = 4503599627370496.0_f64;
        let exponent = Self::from_bits((biased >> 52) | two_52.to_bits()) - (two_52 + 1023.0);
        let inverse = (2 * ONE_64).wrapping_sub(biased & !FRACTION_64);
        (fraction, exponent, Self::from_bits(inverse))
    }
}
