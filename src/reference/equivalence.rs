//! Whether two orders are the same, and if not, on which field they differ.

use std::fmt;

use crate::axis::{Axes, Extents};
use crate::error::Result;
use crate::field::Field;
use crate::reduction::{Aggregate, Reduction, Step};

/// On what two orders are compared: the extents of a batch and the axes of the weights that ride on
/// its fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    extents: Extents,
    weights: Vec<Axes>,
}

/// How two orders relate.
#[derive(Clone, Debug, PartialEq)]
pub enum Equivalence {
    /// The same value for every field.
    Same,
    /// The first is this factor, other than 1, times the second for every field.
    Factor(Factor),
    /// A field on which they differ, and by no factor that the laws give.
    Different(Box<Witness>),
}

/// An exact positive rational number, in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Factor {
    /// What stands above the line.
    pub numerator: u128,
    /// What stands below the line.
    pub denominator: u128,
}

/// A field on which two orders differ, and what each makes of it: a field of other values, masses or
/// axes, or an error.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Witness {
    /// The field.
    pub field: Field,
    /// What the first order makes of it.
    pub first: Result<Field>,
    /// What the second order makes of it.
    pub second: Result<Field>,
}

impl Setting {
    /// A setting without weights.
    pub fn new(extents: Extents) -> Self {
        Self { extents, weights: Vec::new() }
    }

    /// One more weight, which has all of these axes: a mask per pixel and image is one weight.
    #[must_use]
    pub fn weight(mut self, axes: impl Into<Axes>) -> Self {
        self.weights.push(axes.into());
        self
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.denominator {
            1 => write!(f, "{}", self.numerator),
            denominator => write!(f, "{}/{denominator}", self.numerator),
        }
    }
}

/// How many fields are tried for a witness. Values and masses are drawn from a continuum, so two
/// orders that differ at all, differ on almost every one.
const TRIALS: u64 = 48;

impl Reduction {
    /// Whether two orders are the same, the same up to a factor, or different.
    ///
    /// Orders with the same normal form are the same by the laws, for any weights; the factor is
    /// exact. Others are evaluated on fields of the setting's extents, which are allocated, with weights,
    /// some of them 0: a difference is a witness. Two orders without a witness among 48 fields are
    /// the same on these extents (`max(class)` and `mean(class)` of one class, for example).
    ///
    /// **Errors**: those of [`check`](Self::check) of either order, and [`ErrorKind::Weight`] if a
    /// mean names a divisor that only a batch has.
    ///
    /// [`ErrorKind::Weight`]: crate::ErrorKind::Weight
    ///
    /// ```
    /// use lossfold::Axis::{Class, Image, Pixel};
    /// use lossfold::{Equivalence, Extents, Over, Setting, mean, sum};
    ///
    /// let extents = Extents { class: 5, pixel: 100, image: 4 };
    /// let plain = Setting::new(extents);
    /// let keras = mean(Class).then(mean(Pixel)).then(mean(Image));
    /// assert_eq!(keras.equivalent(&mean(Over::All), &plain)?, Equivalence::Same);
    ///
    /// let summed = sum([Class, Pixel]).then(mean(Image));
    /// let Equivalence::Factor(factor) = summed.equivalent(&keras, &plain)? else { panic!() };
    /// assert_eq!(factor.to_string(), "500");
    ///
    /// let masked = Setting::new(extents).weight([Pixel, Image]);
    /// assert!(matches!(keras.equivalent(&mean(Over::All), &masked)?, Equivalence::Different(_)));
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn equivalent(&self, other: &Self, setting: &Setting) -> Result<Equivalence> {
        if self.simplest(&setting.weights, None)? == other.simplest(&setting.weights, None)? {
            return Ok(Equivalence::Same);
        }
        let (first, of_first) = self.simplest(&setting.weights, Some(setting.extents))?;
        let (second, of_second) = other.simplest(&setting.weights, Some(setting.extents))?;
        if of_first == of_second {
            return Ok(lowest_terms(first, second));
        }
        let takes_any = |step: &Step| !matches!(step.aggregate, Aggregate::Power(_));
        let signed = self.steps().iter().chain(other.steps()).all(takes_any);
        for trial in 0..TRIALS {
            let field = trial_field(setting, trial, signed);
            let (first, second) = (self.apply(&field), other.apply(&field));
            let same = match (&first, &second) {
                (Ok(first), Ok(second)) => alike(first, second),
                (first, second) => first.is_err() && second.is_err(),
            };
            if !same {
                return Ok(Equivalence::Different(Box::new(Witness { field, first, second })));
            }
        }
        Ok(Equivalence::Same)
    }
}

fn lowest_terms(first: u128, second: u128) -> Equivalence {
    let (mut a, mut b) = (first, second);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let factor = Factor { numerator: first / a, denominator: second / a };
    if factor.numerator == factor.denominator {
        Equivalence::Same
    } else {
        Equivalence::Factor(factor)
    }
}

/// Whether two results are per the same axes and alike in every cell: both without mass, or with the
/// same value and, where a later step may use it, the same mass.
fn alike(first: &Field, second: &Field) -> bool {
    let close = |a: f64, b: f64| {
        (a - b).abs() <= 1e-9 * a.abs().max(b.abs()) || a == b || a.is_nan() && b.is_nan()
    };
    let counts = !first.axes.is_empty();
    let cells =
        first.value.iter().zip(&second.value).zip(first.mass().into_iter().zip(second.mass()));
    first.axes == second.axes
        && cells.into_iter().all(|((&a, &b), (m, n))| {
            (m == 0.0) == (n == 0.0) && (m == 0.0 || close(a, b) && (!counts || close(m, n)))
        })
}

/// A field of values, above 0 unless they may be `signed`. After the first trial, each weight is 0 on some slabs: for about a
/// third of the places along some of its axes (all of them: single cells; none: everywhere).
fn trial_field(setting: &Setting, trial: u64, signed: bool) -> Field {
    let random = |salt: u64, place: [usize; 3]| {
        let parts = [trial, salt].into_iter().chain(place.map(|place| place as u64));
        let mixed = parts.fold(0x9e37_79b9_7f4a_7c15_u64, |state, part| {
            // SplitMix64 (Steele, Lea and Flood 2014).
            let state = (state ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
            let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            state ^ (state >> 31)
        });
        ((mixed >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    };
    // Policies make 0 and 1 of nothing: values lie above both, between them and on both sides.
    let (least, width) = match trial % 3 {
        0 => (0.0, 8.0),
        1 => (0.0, 1.0),
        _ if signed => (-4.0, 8.0),
        _ => (1.0, 2.0),
    };
    let field = Field::from_fn(setting.extents, |c, p, i| least + width * random(0, [c, p, i]));
    setting.weights.iter().zip(1_u64..).fold(field, |field, (&axes, salt)| {
        // Which axes the slabs of this weight have is drawn anew in every trial.
        let has = [0, 1, 2].map(|axis| random(200 + salt, [axis, 0, 0]) < 0.5);
        let along =
            |place: [usize; 3]| [0, 1, 2].map(|axis| if has[axis] { place[axis] } else { 0 });
        field.weighed(axes, |c, p, i| {
            let place = [c, p, i];
            let on_slab = trial > 0 && random(100 + salt, along(place)) < 0.35;
            let weight = if trial % 4 == 3 { 1.0 } else { random(salt, place) };
            if on_slab { 0.0 } else { weight }
        })
    })
}
