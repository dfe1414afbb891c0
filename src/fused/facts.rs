//! What of a batch decides how a loss is evaluated on it.

use crate::axis::{Axes, Axis};
use crate::weight::Weight;

/// What of a batch decides how a loss is evaluated. Parts of one whole have the same.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Facts {
    pub(super) classes: usize,
    /// The axes of the layout.
    pub(super) layout: Axes,
    /// The axes of the map and of the mask, where the batch carries them.
    pub(super) map: Option<Axes>,
    pub(super) mask: Option<Axes>,
    pub(super) image: bool,
}

impl Facts {
    /// The axes of a weight that comes with the batch.
    pub(super) fn carried(&self, weight: &Weight) -> Axes {
        let axes = match weight {
            Weight::Image => self.image.then(|| Axis::Image.into()),
            Weight::Map => self.map,
            Weight::Mask => self.mask,
            _ => None,
        };
        axes.unwrap_or(Axes::NONE)
    }

    /// What batches with these facts look like.
    pub(super) fn describe(&self) -> String {
        let axes = |axes: &Option<Axes>| axes.map_or("none".into(), |axes| format!("per {axes}"));
        format!(
            "{} classes, the axes {}, {} image weights, a map ({}), a mask ({})",
            self.classes,
            self.layout,
            if self.image { "with" } else { "no" },
            axes(&self.map),
            axes(&self.mask)
        )
    }

    /// Whether the batch carries a weight.
    pub(super) fn carries(&self, weight: &Weight) -> bool {
        match weight {
            Weight::Image => self.image,
            Weight::Map => self.map.is_some(),
            Weight::Mask => self.mask.is_some(),
            _ => false,
        }
    }
}
