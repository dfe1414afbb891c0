//! What a loss looks like before it is evaluated: the classes of its field, and the weights that its terms
//! share.

use super::{Loss, Node};
use crate::axis::{Axes, Axis};
use crate::error::{Error, ErrorKind, Result};
use crate::region::{Before, Overlap};
use crate::weight::Weight;

impl Loss {
    /// The axes and the classes of the field of a loss on a batch of `classes` classes, where `carried` tells
    /// the axes of the weights that come with it.
    pub(crate) fn outline(
        &self,
        carried: &dyn Fn(&Weight) -> Axes,
        classes: usize,
    ) -> Result<(Axes, Vec<usize>)> {
        let axes = self.axes(carried);
        if !axes.contains(Axis::Class) {
            return Ok((axes, Vec::new()));
        }
        let all = || (0..classes).collect();
        let kept = match self.node() {
            Node::Element(_) | Node::TooLarge => all(),
            Node::Region { overlap, .. } => overlap.classes(classes)?,
            Node::Select(child, kept) => kept.of(&child.outline(carried, classes)?.1, classes)?,
            node => {
                // A weight with a class axis widens a field that lacks one to all classes.
                let mut found: Option<Vec<usize>> = None;
                for child in node.children() {
                    let (axes, classes) = child.outline(carried, classes)?;
                    if !axes.contains(Axis::Class) {
                        continue;
                    }
                    if found.as_ref().is_some_and(|found| *found != classes) {
                        return Err(Error::new(
                            ErrorKind::Order,
                            format!("order: the terms of `{self}` have different classes"),
                        ));
                    }
                    found = Some(classes);
                }
                found.unwrap_or_else(all)
            }
        };
        Ok((axes, kept))
    }
}

impl Overlap {
    fn classes(&self, all: usize) -> Result<Vec<usize>> {
        let mut classes: Vec<usize> = (0..all).collect();
        for step in &self.steps {
            if let Before::Select(kept) = step {
                classes = kept.of(&classes, all)?;
            }
        }
        Ok(classes)
    }
}

/// The error of a loss that is no single number.
pub(crate) fn leaves(loss: &Loss, left: Axes) -> Error {
    Error::new(
        ErrorKind::Order,
        format!("value: `{loss}` leaves {left}, expected a loss that leaves no axis"),
    )
}

/// A weight on its way to the step that consumes it.
pub(crate) trait Rides: Clone + PartialEq {
    fn tag(&self) -> Tag<'_>;
}

/// What is known of a weight beside its numbers.
pub(crate) struct Tag<'w> {
    pub(crate) name: &'w str,
    pub(crate) axes: Axes,
    /// Whether it is made from the prediction.
    pub(crate) depends: bool,
    /// Whether it is what skipped groups leave.
    pub(crate) skips: bool,
}

/// The weights of a sum. Every term carries them, unless it lacks one of their axes: what is
/// broadcast along an axis takes on the weights of that axis. What one term skips, the sum skips.
pub(crate) fn common_weights<'w, W: Rides + 'w>(
    what: &str,
    loss: &Loss,
    terms: impl Iterator<Item = (Axes, &'w [W])> + Clone,
) -> Result<Vec<W>> {
    let mut common: Vec<W> = Vec::new();
    for (_, weights) in terms.clone() {
        let mut unmatched = common.clone();
        for weight in weights {
            match unmatched.iter().position(|known| known == weight) {
                Some(place) => drop(unmatched.remove(place)),
                None => common.push(weight.clone()),
            }
        }
    }
    for (axes, weights) in terms {
        let mut own = weights.to_vec();
        for weight in &common {
            if let Some(place) = own.iter().position(|known| known == weight) {
                own.remove(place);
                continue;
            }
            let Tag { name, axes: own_axes, skips, .. } = weight.tag();
            if !skips && axes.contains_all(own_axes) {
                return Err(Error::new(
                    ErrorKind::Weight,
                    format!(
                        "{what}: the terms of `{loss}` carry different weights (`{name}` is not on all of \
                         them); weigh the {what} instead"
                    ),
                ));
            }
        }
    }
    if common.iter().filter(|weight| weight.tag().depends).count() > 1 {
        return Err(Error::new(
            ErrorKind::Weight,
            format!(
                "{what}: the terms of `{loss}` carry different denominators that are made from the \
                 prediction; at most one can weigh the {what}"
            ),
        ));
    }
    Ok(common)
}
