//! Sums that are exact, so that they do not depend on the order of their terms.

/// The exact sum of f64 numbers, as a short list of numbers none of which overlaps another
/// (Shewchuk 1997), rounded once when it is read.
///
/// It is exact while every partial sum is finite; beyond, it is infinite or not a number, as a sum in
/// f64 would be.
#[derive(Clone, Debug, Default)]
pub(super) struct Exact {
    /// By growing magnitude, no two with bits at the same places.
    parts: Vec<f64>,
    /// What infinities and numbers that are none add up to.
    beyond: f64,
}

/// How many limbs of 32 bits hold any sum of 2^32 numbers of f64.
const LIMBS: usize = 68;
/// A limb for each 32 bits, and what lies beyond the finite.
pub(super) const FLAT: usize = LIMBS + 1;

/// The sum of two numbers, rounded, and what rounding lost (Knuth's two-sum).
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

impl Exact {
    pub(super) fn add(&mut self, number: f64) {
        if !number.is_finite() {
            self.beyond += number;
            return;
        }
        let mut rest = number;
        let mut kept = 0;
        for place in 0..self.parts.len() {
            let (sum, lost) = two_sum(self.parts[place], rest);
            if !sum.is_finite() {
                self.beyond += sum;
                return;
            }
            if lost != 0.0 {
                self.parts[kept] = lost;
                kept += 1;
            }
            rest = sum;
        }
        self.parts.truncate(kept);
        if rest != 0.0 {
            self.parts.push(rest);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.beyond += other.beyond;
        other.parts.iter().for_each(|&part| self.add(part));
    }

    /// The sum, rounded to nearest, ties to even.
    pub(super) fn value(&self) -> f64 {
        if self.beyond != 0.0 {
            return self.beyond;
        }
        let mut parts = self.parts.iter().rev();
        let Some(&first) = parts.next() else { return 0.0 };
        let mut total = first;
        for &part in parts.by_ref() {
            let (sum, lost) = two_sum(total, part);
            total = sum;
            if lost != 0.0 {
                // Halfway between two numbers, what comes below decides.
                let below = parts.next().copied().unwrap_or(0.0);
                if lost.signum() == below.signum() && below != 0.0 {
                    let (up, back) = two_sum(total, 2.0 * lost);
                    if back == 0.0 {
                        total = up;
                    }
                }
                break;
            }
        }
        total
    }

    /// The sum in limbs of 32 bits, each a whole number, and what lies beyond the finite. Lists of
    /// up to 2^20 sums add up entry by entry without rounding.
    pub(super) fn flat(&self) -> [f64; FLAT] {
        let mut limbs = [0_i64; LIMBS];
        for &part in &self.parts {
            let bits = part.abs().to_bits();
            let exponent = usize::try_from(bits >> 52).unwrap_or(0);
            let fraction = bits & ((1 << 52) - 1);
            // The place of the lowest bit above 2^-1074.
            let (mantissa, shift) =
                if exponent == 0 { (fraction, 0) } else { (fraction | 1 << 52, exponent - 1) };
            let mut wide = u128::from(mantissa) << (shift % 32);
            let mut limb = shift / 32;
            while wide != 0 {
                let low = i64::from(u32::try_from(wide & 0xffff_ffff).unwrap_or(0));
                limbs[limb] += if part < 0.0 { -low } else { low };
                wide >>= 32;
                limb += 1;
            }
        }
        let mut flat = [0.0; FLAT];
        for (into, limb) in flat.iter_mut().zip(limbs) {
            *into = limb as f64;
        }
        flat[LIMBS] = self.beyond;
        flat
    }

    /// The sum of which [`flat`](Self::flat) made these limbs, or an entry-wise sum of such.
    pub(super) fn from_flat(flat: &[f64]) -> Self {
        let mut exact = Self::default();
        for (place, &limb) in flat.iter().take(LIMBS).enumerate() {
            // 2^(32 place - 1074) in two factors, since the smallest is no normal number.
            let power = 32 * i32::try_from(place).unwrap_or(0) - 1074;
            let half = power / 2;
            exact.add(limb * 2.0_f64.powi(half) * 2.0_f64.powi(power - half));
        }
        exact.beyond += flat.get(LIMBS).copied().unwrap_or(0.0);
        exact
    }

    /// By growing magnitude, and what lies beyond the finite.
    #[cfg(feature = "serde")]
    pub(super) fn parts(&self) -> (&[f64], f64) {
        (&self.parts, self.beyond)
    }
}

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.value().to_bits() == other.value().to_bits()
    }
}

impl FromIterator<f64> for Exact {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        let mut exact = Self::default();
        numbers.into_iter().for_each(|number| exact.add(number));
        exact
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_lost_between_magnitudes() {
        let sum: Exact = [1e300, 1.0, -1e300, 1e-300, -1.0].into_iter().collect();
        assert_eq!(sum.value(), 1e-300);
        let half: Exact = [1.0, 2.0_f64.powi(-53), 2.0_f64.powi(-200)].into_iter().collect();
        assert_eq!(half.value(), 1.0 + f64::EPSILON); // a plain sum stays at 1
        let even: Exact = [1.0, 2.0_f64.powi(-53)].into_iter().collect();
        assert_eq!(even.value(), 1.0);
    }

    #[test]
    fn what_lies_beyond_stays() {
        assert!([f64::INFINITY, 1.0].into_iter().collect::<Exact>().value().is_infinite());
        assert!([f64::INFINITY, f64::NEG_INFINITY].into_iter().collect::<Exact>().value().is_nan());
    }

    fn number() -> impl Strategy<Value = f64> {
        (any::<u64>(), -1074..1000_i32).prop_map(|(bits, exponent)| {
            let fraction = f64::from_bits(bits >> 12 | 0x3ff << 52);
            let half = exponent / 2;
            let size = fraction * 2.0_f64.powi(half) * 2.0_f64.powi(exponent - half);
            if bits & 1 == 0 { size } else { -size }
        })
    }

    proptest! {
        #[test]
        fn order_and_split_do_not_matter(
            numbers in prop::collection::vec(number(), 0..40),
            at in 0.0..1.0_f64,
        ) {
            let whole: Exact = numbers.iter().copied().collect();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let cut = (at * numbers.len() as f64) as usize;
            let mut merged: Exact = numbers[cut..].iter().rev().copied().collect();
            merged.merge(&numbers[..cut].iter().copied().collect());
            prop_assert_eq!(whole.value().to_bits(), merged.value().to_bits());
        }

        #[test]
        fn limbs_add_up_like_sums(
            one in prop::collection::vec(number(), 0..20),
            other in prop::collection::vec(number(), 0..20),
        ) {
            let (a, b): (Exact, Exact) =
                (one.iter().copied().collect(), other.iter().copied().collect());
            let added: Vec<f64> = a.flat().iter().zip(b.flat()).map(|(a, b)| a + b).collect();
            let mut merged = a;
            merged.merge(&b);
            prop_assert_eq!(merged.value().to_bits(), Exact::from_flat(&added).value().to_bits());
        }

        #[test]
        fn the_smallest_number_is_not_lost(numbers in prop::collection::vec(number(), 1..20)) {
            let mut sum: Exact = numbers.iter().copied().collect();
            sum.add(f64::from_bits(1));
            for number in numbers {
                sum.add(-number);
            }
            prop_assert_eq!(sum.value(), f64::from_bits(1));
        }
    }
}
