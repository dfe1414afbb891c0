//! `axis`: tensor axes by their numbers.

use super::argument::Argument;
use super::call::Value;
use super::refuse;
use crate::axis::Axes;
use crate::error::Result;
use crate::layout::Layout;
use crate::reduction::Over;

/// The numbers of tensor axes, counted from the end where negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places(pub Vec<i64>);

impl Places {
    /// The last axis.
    pub(super) fn last() -> Self {
        Self(vec![-1])
    }

    /// The axes of a layout that these are, or all axes without any, and the axes that are left.
    pub(super) fn of(places: Option<&Self>, layout: Layout) -> Result<(Over, Axes)> {
        let Some(Self(numbers)) = places else { return Ok((Over::All, Axes::NONE)) };
        let axes = layout.axes();
        let mut taken = vec![false; axes.len()];
        for &number in numbers {
            let from = if number < 0 { axes.len() } else { 0 };
            let place = isize::try_from(number).ok().and_then(|by| from.checked_add_signed(by));
            match place.and_then(|place| taken.get_mut(place)) {
                Some(true) => return refuse(format!("axis: {number} is given twice")),
                Some(taken) => *taken = true,
                None => return refuse(format!("axis: {layout} has no axis {number}")),
            }
        }
        if taken.iter().all(|&taken| taken) {
            return Ok((Over::All, Axes::NONE));
        }
        let named = |wanted: bool| -> Axes {
            let these = axes.iter().zip(&taken).filter(|(_, taken)| **taken == wanted);
            these.map(|(&axis, _)| axis).collect()
        };
        let (over, left) = (named(true), named(false));
        if over.meets(left) {
            return refuse(format!(
                "axis: {} takes a part of the pixel axes of {layout}; lay the axes out so that those that go \
                 together have one name",
                Self(numbers.clone()).show()
            ));
        }
        Ok((Over::Axes(over), Axes::ALL.without(over)))
    }
}

impl Argument for Places {
    fn read(value: &Value<'_>) -> Result<Self, String> {
        Vec::read(value).map(Self)
    }

    fn show(&self) -> String {
        match self.0[..] {
            [one] => one.show(),
            _ => self.0.show(),
        }
    }
}
