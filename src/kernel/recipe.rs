//! Which loop a loss needs: the step from what is known when a loss is read to what is known when the
//! crate is compiled.

use super::isa::Isa;
use super::point::{Coupled, Identity, Probability, Sigmoid, Source};
use super::real::Real;
use super::sweep::{self, Asked, Cells, Into, Memory, Numbers};
use super::term::{
    Absolute, Bce, Both, ClippedBce, CrossEntropy, FlooredBce, Line, Overlap, PlainBce, Squared,
    Term,
};

/// What is done to a prediction before it is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Activated {
    Probability,
    Identity,
    Sigmoid,
    /// p, 1 - p and -ln p were made from all classes of a pixel.
    Coupled,
}

/// How logarithms enter a cross-entropy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Logarithm {
    Plain,
    /// At least this.
    Floored {
        floor: f64,
        least_slope: f64,
    },
    /// Of p in [least, most], with a number inside.
    Clipped {
        least: f64,
        most: f64,
        epsilon: f64,
    },
}

/// What is summed over cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Formula {
    /// Of a logit, with the target as it is and no weight of its positive term.
    PlainBce,
    /// The target t becomes `scale` t + `shift`.
    Bce {
        scale: f64,
        shift: f64,
        logarithm: Logarithm,
    },
    CrossEntropy {
        scale: f64,
        shift: f64,
    },
    Squared,
    Absolute,
    Overlap {
        squared: bool,
    },
}

impl Formula {
    /// How many numbers of a cell are summed.
    pub(crate) fn sums(self) -> usize {
        if matches!(self, Self::Overlap { .. }) { 3 } else { 1 }
    }
}

/// One loop over cells: a formula, and perhaps an overlap with the same activation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe {
    pub(crate) activated: Activated,
    pub(crate) formula: Formula,
    /// Whether an overlap (of exponent 1) is summed along.
    pub(crate) overlap: bool,
}

/// What is done with the composed loop.
trait Visit<F: Real> {
    fn with<S: Source<F>, T: Term<F>>(self, source: S, term: T) -> bool;
}

/// The sums alone, or the derivatives; those of an element are often known before its sums, which are then
/// made along.
struct Sweep<'s, I, F: Real, const SLOPES: bool> {
    isa: I,
    cells: Cells<'s, F>,
    numbers: &'s Numbers<F>,
    memory: &'s mut Memory<F>,
    into: Into<'s, F>,
}

/// The values of an element.
struct Values<'s, I, F: Real> {
    isa: I,
    cells: Cells<'s, F>,
    weight: &'s [F],
    into: &'s mut [F],
}

impl<I: Isa, F: Real> Visit<F> for Values<'_, I, F> {
    #[inline(always)]
    fn with<S: Source<F>, T: Term<F>>(self, source: S, term: T) -> bool {
        let Self { isa, cells, weight, into } = self;
        isa.run(
            #[inline(always)]
            || sweep::values::<I, F, S, T>((source, term), cells, weight, into),
        )
    }
}

impl<I: Isa, F: Real, const SLOPES: bool> Visit<F> for Sweep<'_, I, F, SLOPES> {
    #[inline(always)]
    fn with<S: Source<F>, T: Term<F>>(self, source: S, term: T) -> bool {
        let Self { isa, cells, numbers, memory, into } = self;
        let asked = Asked { sums: !SLOPES || T::SUMS == 1, slopes: SLOPES };
        isa.run(
            #[inline(always)]
            || sweep::sweep::<I, F, S, T>((source, term), cells, numbers, memory, into, asked),
        )
    }
}

impl Recipe {
    /// How many numbers of a cell are summed.
    pub(crate) fn sums(self) -> usize {
        self.formula.sums() + if self.overlap { 3 } else { 0 }
    }

    /// Whether derivatives and sums are made in one sweep.
    pub(crate) fn sums_along(self) -> bool {
        self.sums() == 1
    }

    /// Adds the sums over some cells. Whether all numbers can be read.
    pub(crate) fn add<I: Isa, F: Real>(
        self,
        isa: I,
        cells: Cells<'_, F>,
        numbers: &Numbers<F>,
        memory: &mut Memory<F>,
        into: Into<'_, F>,
    ) -> bool {
        self.visit(Sweep::<I, F, false> { isa, cells, numbers, memory, into })
    }

    /// Writes the derivatives with respect to the prediction, or to ln p where classes are coupled, and
    /// where [`sums_along`](Self::sums_along) adds the sums, too.
    pub(crate) fn pull<I: Isa, F: Real>(
        self,
        isa: I,
        cells: Cells<'_, F>,
        numbers: &Numbers<F>,
        memory: &mut Memory<F>,
        into: Into<'_, F>,
    ) -> bool {
        self.visit(Sweep::<I, F, true> { isa, cells, numbers, memory, into })
    }

    /// Writes the value of every cell of an element. Whether all cells can be read.
    pub(crate) fn values<I: Isa, F: Real>(
        self,
        isa: I,
        cells: Cells<'_, F>,
        numbers: &Numbers<F>,
        into: &mut [F],
    ) -> bool {
        let formula = match self.formula {
            // What is summed of it is not all of its value.
            Formula::PlainBce => {
                Formula::Bce { scale: 1.0, shift: 0.0, logarithm: Logarithm::Plain }
            }
            formula => formula,
        };
        Self { formula, ..self }.visit(Values { isa, cells, weight: &numbers.weight, into })
    }

    fn visit<F: Real, V: Visit<F>>(self, visit: V) -> bool {
        match self.activated {
            Activated::Probability => self.term(Probability, visit),
            Activated::Sigmoid if self.formula == Formula::PlainBce => {
                if self.overlap {
                    visit.with(Sigmoid, Both(PlainBce, Overlap::<false>))
                } else {
                    visit.with(Sigmoid, PlainBce)
                }
            }
            Activated::Sigmoid => self.term(Sigmoid, visit),
            Activated::Coupled => self.term(Coupled, visit),
            Activated::Identity => match self.formula {
                Formula::Absolute => visit.with(Identity, Absolute),
                Formula::Overlap { squared: false } => visit.with(Identity, Overlap::<false>),
                Formula::Overlap { squared: true } => visit.with(Identity, Overlap::<true>),
                _ => visit.with(Identity, Squared),
            },
        }
    }

    fn term<F: Real, S: Source<F>, V: Visit<F>>(self, source: S, visit: V) -> bool {
        let line = |scale, shift| Line { scale: F::from_f64(scale), shift: F::from_f64(shift) };
        match self.formula {
            Formula::Bce { scale, shift, logarithm } => {
                let line = line(scale, shift);
                match logarithm {
                    Logarithm::Plain if self.overlap => {
                        visit.with(source, Both(Bce { line }, Overlap::<false>))
                    }
                    Logarithm::Plain => visit.with(source, Bce { line }),
                    Logarithm::Floored { floor, least_slope } => {
                        let (most, least_slope) = (F::from_f64(-floor), F::from_f64(least_slope));
                        visit.with(source, FlooredBce { line, most, least_slope })
                    }
                    Logarithm::Clipped { least, most, epsilon } => {
                        let [least, most, epsilon] = [least, most, epsilon].map(F::from_f64);
                        visit.with(source, ClippedBce { line, least, most, epsilon })
                    }
                }
            }
            Formula::CrossEntropy { scale, shift } => {
                let line = line(scale, shift);
                if self.overlap {
                    visit.with(source, Both(CrossEntropy { line }, Overlap::<false>))
                } else {
                    visit.with(source, CrossEntropy { line })
                }
            }
            Formula::Squared | Formula::PlainBce => visit.with(source, Squared),
            Formula::Absolute => visit.with(source, Absolute),
            Formula::Overlap { squared: false } => visit.with(source, Overlap::<false>),
            Formula::Overlap { squared: true } => visit.with(source, Overlap::<true>),
        }
    }
}
