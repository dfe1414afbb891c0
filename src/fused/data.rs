//! A batch whose types are erased, read in rows.

use ndarray::Dimension;

use crate::axis::{Axes, Extents};
use crate::batch::{Aligned, Batch, Float, ReadRow, Target};
use crate::layout::Layout;
use crate::weight::Weight;

use super::facts::Facts;
use super::stream::AnyStream;

/// A batch, its arrays as rows of pixels per class and image.
pub(super) struct Data<'b> {
    /// The cells as the kernels read them.
    pub(super) stream: AnyStream<'b>,
    pub(super) extents: Extents,
    pub(super) layout: Layout,
    pub(super) spatial: Vec<usize>,
    pub(super) prediction: ReadRow<'b, f64>,
    pub(super) target: Truth<'b>,
    pub(super) image: Option<Given<'b>>,
    pub(super) map: Option<Given<'b>>,
    pub(super) mask: Option<Given<'b>>,
    /// Rounds to the element type of the prediction.
    pub(super) narrow: fn(f64) -> f64,
}

pub(super) enum Truth<'b> {
    Dense(ReadRow<'b, f64>),
    Labels { rows: ReadRow<'b, i128>, ignored: Option<i128> },
}

/// A weight that comes with the batch.
pub(super) struct Given<'b> {
    pub(super) axes: Axes,
    pub(super) layout: Layout,
    pub(super) rows: ReadRow<'b, f64>,
}

impl<'b> Data<'b> {
    pub(super) fn new<F: Float, D: Dimension>(batch: &Batch<'b, F, D>) -> Self {
        let given = |aligned: Option<&Aligned<'b>>| {
            aligned.map(|Aligned { axes, layout, values }| Given {
                axes: *axes,
                layout: *layout,
                rows: values.rows(*layout, |number| number),
            })
        };
        let prediction = F::erase(batch.prediction().into_dyn());
        Self {
            stream: AnyStream::new(&prediction, batch),
            extents: batch.extents(),
            layout: batch.layout(),
            spatial: batch.spatial(),
            prediction: prediction.rows(batch.layout(), |number| number),
            target: match batch.target() {
                Target::Dense(dense) => Truth::Dense(dense.rows(batch.layout(), |number| number)),
                Target::Labels(labels) => Truth::Labels {
                    rows: labels.rows(batch.label_layout()),
                    ignored: labels.ignored(),
                },
            },
            image: given(batch.image_weights()),
            map: given(batch.map()),
            mask: given(batch.mask()),
            narrow: |number| F::narrow(number).into(),
        }
    }

    pub(super) fn given(&self, weight: &Weight) -> Option<&Given<'b>> {
        match weight {
            Weight::Image => self.image.as_ref(),
            Weight::Map => self.map.as_ref(),
            Weight::Mask => self.mask.as_ref(),
            _ => None,
        }
    }

    pub(super) fn facts(&self) -> Facts {
        Facts {
            classes: self.extents.class,
            layout: self.layout.axes().iter().copied().collect(),
            map: self.map.as_ref().map(|map| map.axes),
            mask: self.mask.as_ref().map(|mask| mask.axes),
            image: self.image.is_some(),
        }
    }
}
