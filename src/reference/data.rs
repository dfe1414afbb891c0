//! The batch as f64 cells.

use ndarray::{Array3, ArrayViewMutD, Dimension};

use crate::axis::{Axes, Axis, Extents};
use crate::batch::{Aligned, Batch, Float, Target, canonical};
use crate::field::Carried;
use crate::layout::Layout;

type Shape = (usize, usize, usize);

/// The batch, indexed by class, pixel and image.
pub(super) struct Data<'b> {
    pub(super) extents: Extents,
    pub(super) prediction: Array3<f64>,
    /// Labels stand as 0 and 1 per class, a label without a class as NaN unless it is ignored.
    pub(super) target: Array3<f64>,
    /// 0 where the label is to be ignored; none without such a label.
    pub(super) kept: Option<Array3<f64>>,
    /// Rounds to the element type of the prediction.
    pub(super) narrow: fn(f64) -> f64,
    pub(super) spatial: Vec<usize>,
    pub(super) layout: Layout,
    pub(super) labels: Option<Labelled>,
    pub(super) image: Option<Aligned<'b>>,
    pub(super) map: Option<Aligned<'b>>,
    pub(super) mask: Option<Aligned<'b>>,
}

/// The labels as they were given.
pub(super) struct Labelled {
    pub(super) numbers: Array3<i128>,
    pub(super) ignored: Option<i128>,
}

impl<'b> Data<'b> {
    pub(super) fn new<F: Float, D: Dimension>(batch: &Batch<'b, F, D>) -> Self {
        let extents = batch.extents();
        let shape = extents.shape(Axes::ALL);
        let prediction = cells(shape, canonical(&batch.prediction(), batch.layout(), F::into));
        let (target, labels) = match batch.target() {
            Target::Dense(dense) => (cells(shape, dense.canonical(batch.layout())), None),
            Target::Labels(labels) => {
                let per_pixel = extents.shape([Axis::Pixel, Axis::Image].into());
                let numbers = cells(per_pixel, labels.canonical(batch.label_layout()));
                let target = Array3::from_shape_fn(shape, |(class, pixel, image)| {
                    let label = numbers[[0, pixel, image]];
                    match usize::try_from(label) {
                        Ok(label) if label < extents.class => f64::from(label == class),
                        _ if Some(label) == labels.ignored() => 0.0,
                        _ => f64::NAN,
                    }
                });
                (target, Some(Labelled { numbers, ignored: labels.ignored() }))
            }
        };
        let kept = labels.as_ref().and_then(|Labelled { numbers, ignored }| {
            ignored.map(|ignored| numbers.mapv(|label| f64::from(label != ignored)))
        });
        Self {
            extents,
            prediction,
            target,
            kept,
            narrow: |number| F::narrow(number).into(),
            spatial: batch.spatial(),
            layout: batch.layout(),
            labels,
            image: batch.image_weights().cloned(),
            map: batch.map().cloned(),
            mask: batch.mask().cloned(),
        }
    }

    /// The weight that an ignored label puts on every source.
    pub(super) fn kept(&self) -> Option<Carried> {
        self.kept.as_ref().map(|kept| Carried {
            name: "ignored label".into(),
            axes: [Axis::Pixel, Axis::Image].into(),
            value: kept.clone(),
            depends: false,
            skips: false,
        })
    }
}

pub(super) fn cells<T>(shape: Shape, values: Vec<T>) -> Array3<T> {
    Array3::from_shape_vec(shape, values).expect("a checked batch has as many values as cells")
}

/// Puts cells by class, pixel and image into an array of the layout.
pub(super) fn scatter<F: Float>(cells: &Array3<f64>, layout: Layout, into: ArrayViewMutD<'_, F>) {
    let mut into = into.permuted_axes(layout.by_class_pixel_image());
    into.iter_mut().zip(cells).for_each(|(place, &cell)| *place = F::narrow(cell));
}
