//! The largest or the least number of every pixel over the classes. Cells lie class by class.

use super::real::Real;

/// Which of the numbers of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extreme {
    Largest,
    Least,
}

impl Extreme {
    /// Fills in the extreme of every pixel.
    #[inline(always)]
    pub(crate) fn fill<F: Real>(self, values: &[F], extremes: &mut [F]) {
        let size = extremes.len();
        extremes.copy_from_slice(&values[..size]);
        for row in values[size..].chunks_exact(size.max(1)) {
            for (extreme, &value) in extremes.iter_mut().zip(row) {
                *extreme = match self {
                    Self::Largest => value.max(*extreme),
                    Self::Least => value.min(*extreme),
                };
            }
        }
    }
}

/// Multiplies the slopes by what each cell has in the extreme of its pixel: those that tie share it.
#[inline(always)]
pub(crate) fn share<F: Real>(values: &[F], extremes: &[F], ties: &mut [F], slopes: &mut [F]) {
    let size = extremes.len().max(1);
    ties.fill(F::ZERO);
    for row in values.chunks_exact(size) {
        for ((ties, &extreme), &value) in ties.iter_mut().zip(extremes).zip(row) {
            *ties = *ties + F::select(value == extreme, F::ONE, F::ZERO);
        }
    }
    for ties in &mut *ties {
        *ties = F::ONE / *ties;
    }
    for (row, slopes) in values.chunks_exact(size).zip(slopes.chunks_exact_mut(size)) {
        let cells = ties.iter().zip(extremes).zip(row.iter().zip(slopes));
        for ((&ties, &extreme), (&value, slope)) in cells {
            *slope = F::select(value == extreme, *slope * ties, F::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_tie_share_the_slope() {
        // Two pixels of three classes.
        let values = [1.0, 5.0, 3.0, 5.0, 2.0, 4.0];
        let mut extremes = [0.0; 2];
        let mut ties = [0.0; 2];
        for (extreme, expected, shares) in [
            (Extreme::Largest, [3.0, 5.0], [0.0, 0.5, 1.0, 0.5, 0.0, 0.0]),
            (Extreme::Least, [1.0, 4.0], [1.0, 0.0, 0.0, 0.0, 0.0, 1.0]),
        ] {
            extreme.fill(&values, &mut extremes);
            assert_eq!(extremes, expected);
            let mut slopes = [1.0; 6];
            share(&values, &extremes, &mut ties, &mut slopes);
            assert_eq!(slopes, shares);
        }
    }
}
