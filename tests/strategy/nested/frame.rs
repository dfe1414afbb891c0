//! What an expression has to know of its batch: its extents, and the axes of its weights.

use lossfold::{Axes, Axis, Extents, Weight};

/// What of a batch an expression has to fit to.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub extents: Extents,
    pub map: Axes,
    pub mask: Axes,
    /// Whether the labels have one that is ignored, which is a weight on every source.
    pub ignores: bool,
}

impl Frame {
    pub fn axes(&self, weight: &Weight) -> Axes {
        match weight {
            Weight::Class(_) => Axis::Class.into(),
            Weight::Target(_) => [Axis::Pixel, Axis::Image].into(),
            Weight::Image => Axis::Image.into(),
            Weight::Map => self.map,
            Weight::Mask => self.mask,
            Weight::Presence { over } | Weight::Volume { over, .. } => Axes::ALL.without(*over),
            _ => Axes::ALL,
        }
    }

    /// The weight with as many numbers as there are classes.
    pub fn weight(&self, weight: Weight) -> Weight {
        let cut = |list: Vec<f64>| list[..self.extents.class].to_vec();
        match weight {
            Weight::Class(list) => Weight::Class(cut(list)),
            Weight::Target(list) => Weight::Target(cut(list)),
            weight => weight,
        }
    }

    pub fn all_classes(&self) -> Vec<usize> {
        (0..self.extents.class).collect()
    }
}
