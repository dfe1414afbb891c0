//! Which classes are kept.

use std::fmt;

use crate::error::{Error, ErrorKind, Result};

/// The classes that stay, named by what stays or by what goes: a loss does not know how many there are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Classes {
    Only(Vec<usize>),
    Without(Vec<usize>),
}

impl Classes {
    fn word(&self) -> &'static str {
        match self {
            Self::Only(_) => "select",
            Self::Without(_) => "without",
        }
    }

    pub(crate) fn named(&self) -> &[usize] {
        match self {
            Self::Only(list) | Self::Without(list) => list,
        }
    }

    /// Those of `left` that stay, in their order.
    pub(crate) fn kept(&self, left: &[usize]) -> Vec<usize> {
        let only = matches!(self, Self::Only(_));
        left.iter().copied().filter(|class| self.named().contains(class) == only).collect()
    }

    /// The same for the classes that are `left` of `all`. A class that is named and not there is an error, and
    /// so is it to leave none.
    pub(crate) fn of(&self, left: &[usize], all: usize) -> Result<Vec<usize>> {
        let refuse = |why: String| {
            let error = format!("order: {why}; there are {all} classes, left are {left:?}");
            Err(Error::new(ErrorKind::Order, error))
        };
        let missing = self.named().iter().filter(|class| !left.contains(class)).min();
        if let Some(class) = missing {
            return refuse(format!("{} names class {class}", self.word()));
        }
        match &self.kept(left)[..] {
            [] => refuse(format!("{self} keeps no class, expected at least one")),
            kept => Ok(kept.to_vec()),
        }
    }

    /// Refuses a list that names no class.
    pub(crate) fn check(&self) -> Result<()> {
        if !self.named().is_empty() {
            return Ok(());
        }
        let word = self.word();
        let why = format!("order: {word}() names no class, expected at least one");
        Err(Error::new(ErrorKind::Order, why))
    }
}

/// The places along an axis of `classes` of those that are kept.
pub(crate) fn places(kept: &[usize], classes: &[usize]) -> Vec<usize> {
    (0..classes.len()).filter(|&place| kept.contains(&classes[place])).collect()
}

impl fmt::Display for Classes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", self.word(), self.named())
    }
}
