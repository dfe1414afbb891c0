//! Finished parts, and all of them as one.

use crate::error::{Error, ErrorKind, Result};
use crate::fused::State;

pub(crate) mod sealed {
    use crate::error::Result;

    pub trait Part {
        /// How many images it has seen, of which heads may have different numbers.
        fn images(&self) -> Result<u64>;
        fn fewest_images(&self) -> u64;
        fn value(&self) -> Result<f64>;
        /// What it is a state of, as it prints.
        fn of(&self) -> String;
        fn is_like(&self, other: &Self) -> bool;
    }
}

/// A finished part: a [`State`] of one loss or an [`OutputsState`](crate::OutputsState) of several.
///
/// ```
/// use lossfold::{Across, Part};
///
/// fn mean<P: Part>(parts: &[P]) -> lossfold::Result<f64> {
///     Across::Evenly.value(parts)
/// }
///
/// assert!(mean::<lossfold::State>(&[]).is_err());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a finished part",
    note = "parts are `State`s of one loss or `OutputsState`s of one `Outputs`"
)]
pub trait Part: sealed::Part {}

impl Part for State {}
impl sealed::Part for State {
    fn images(&self) -> Result<u64> {
        Ok(self.images())
    }

    fn fewest_images(&self) -> u64 {
        self.images()
    }

    fn value(&self) -> Result<f64> {
        self.value()
    }

    fn of(&self) -> String {
        self.loss().to_string()
    }

    fn is_like(&self, other: &Self) -> bool {
        self.loss() == other.loss()
    }
}

impl State {
    /// All parts as one: the loss of the whole, to the bit, where the rules of [`Across`](crate::Across) give means of
    /// means.
    ///
    /// **Errors**: [`ErrorKind::Empty`] if there are no parts; those of [`merge`](Self::merge), with the
    /// number of the part.
    ///
    /// ```
    /// use lossfold::{Loss, State};
    ///
    /// let loss: Loss = "overlap(sigmoid) > dice(all)".parse()?;
    /// let parts = vec![State::new(&loss); 2];
    /// assert_eq!(State::merged(&parts)?.images(), 0);
    /// assert!(State::merged([]).is_err());
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn merged<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Result<Self> {
        merged(parts, Self::merge)
    }
}

/// The first of the parts, with which the others are merged.
pub(crate) fn merged<'a, P: Part + Clone + 'a>(
    parts: impl IntoIterator<Item = &'a P>,
    merge: impl Fn(&mut P, &P) -> Result<()>,
) -> Result<P> {
    let parts: Vec<&P> = parts.into_iter().collect();
    check_alike(&parts)?;
    let (first, others) = parts.split_first().ok_or_else(no_parts)?;
    let mut whole = (*first).clone();
    for (place, part) in others.iter().enumerate() {
        merge(&mut whole, part).map_err(|error| within(place + 1, error))?;
    }
    Ok(whole)
}

pub(super) fn check_alike<P: Part>(parts: &[&P]) -> Result<()> {
    match parts.iter().position(|part| !part.is_like(parts[0])) {
        Some(place) => Err(Error::new(
            ErrorKind::NotMergeable,
            format!(
                "part {place}: is a state of `{}`, expected one of `{}` like part 0",
                parts[place].of(),
                parts[0].of()
            ),
        )),
        None => Ok(()),
    }
}

pub(super) fn no_parts() -> Error {
    Error::new(ErrorKind::Empty, "parts: there are none, expected at least one")
}

pub(crate) fn within(part: usize, error: Error) -> Error {
    error.within(format_args!("part {part}"))
}
