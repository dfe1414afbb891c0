//! Backward: what every cell of the prediction does to the value.

use ndarray::{Array3, Axis as Dim, Zip};

use super::activation::{Activated, Slope};
use super::evaluate::{Evaluated, How};
use crate::axis::{Axes, Axis};
use crate::field::{spread, weighted};

impl Evaluated<'_> {
    /// The gradient of Σ adjoint · value with respect to the prediction.
    pub(super) fn gradient(&self, adjoint: &Array3<f64>) -> Array3<f64> {
        let mut gradient = Array3::zeros(self.field.extents.shape(Axes::ALL));
        self.pull(adjoint, None, &mut gradient);
        gradient
    }

    /// Passes on the adjoint of the node's values, and that of the weight that is made from the
    /// prediction, where the node's field has one.
    fn pull(&self, adjoint: &Array3<f64>, of_weight: Option<&Array3<f64>>, sink: &mut Array3<f64>) {
        match &self.how {
            How::Element { activated, slope } => activated.pull(slope, adjoint, sink),
            How::Region { activated, classes, divided } => {
                let shape = divided.derivative.dim();
                let along =
                    |adjoint, derivative| product(&spread(adjoint, shape).to_owned(), derivative);
                let mut slope = along(adjoint, &divided.derivative);
                if let Some(of_weight) = of_weight {
                    slope += &along(of_weight, &divided.divisor_derivative);
                }
                pull_overlap(activated, classes, &slope, sink);
            }
            How::Lovasz { activated, classes, derivative } => {
                let adjoint = spread(adjoint, derivative.dim()).to_owned();
                pull_overlap(activated, classes, &product(&adjoint, derivative), sink);
            }
            How::Step { input, derivative, weight, .. } => {
                let along = |adjoint, derivative: &Array3<f64>| {
                    product(&spread(adjoint, derivative.dim()).to_owned(), derivative)
                };
                let below = along(adjoint, derivative);
                let consumed = weight.as_ref().map(|slope| {
                    let mut of_consumed = along(adjoint, &slope.value);
                    if let Some(of_carried) = of_weight {
                        of_consumed += &along(of_carried, &slope.divisor);
                    }
                    gather(of_consumed, slope.shape)
                });
                input.pull(&below, consumed.as_ref().or(of_weight), sink);
            }
            How::Scale { input, weight } => {
                let below = gather(product(adjoint, weight), input.field.value.dim());
                input.pull(&below, of_weight, sink);
            }
            How::Weigh { input } => {
                input.pull(&gather(adjoint.clone(), input.field.value.dim()), of_weight, sink);
            }
            How::Map { input, derivative } => {
                input.pull(&product(adjoint, derivative), of_weight, sink);
            }
            How::Select { input, places } => {
                let below = all_classes(adjoint, places, input.field.value.dim());
                let dependent =
                    input.field.dependent().filter(|weight| weight.axes.contains(Axis::Class));
                let of_all = of_weight.zip(dependent);
                let of_all =
                    of_all.map(|(rows, weight)| all_classes(rows, places, weight.value.dim()));
                input.pull(&below, of_all.as_ref().or(of_weight), sink);
            }
            How::Sum { inputs } => {
                // Terms that carry the weight carry the same; the first of them answers for it.
                let mut of_weight = of_weight;
                for (coefficient, input) in inputs {
                    let below = adjoint.mapv(|adjoint| weighted(*coefficient, adjoint));
                    let below = gather(below, input.field.value.dim());
                    let own = input.field.dependent().and_then(|_| of_weight.take());
                    input.pull(&below, own, sink);
                }
            }
            How::Quotient { over, under } => {
                let denominator = spread(&under.field.value, adjoint.dim());
                let mut below = adjoint.clone();
                Zip::from(&mut below).and(denominator).for_each(|adjoint, &d| {
                    *adjoint = if *adjoint == 0.0 { 0.0 } else { *adjoint / d };
                });
                let of_under = of_weight.filter(|_| over.field.dependent().is_none());
                let by_denominator = product(&below, &self.field.value).mapv(|x| -x);
                under.pull(&gather(by_denominator, under.field.value.dim()), of_under, sink);
                let of_over = of_weight.filter(|_| over.field.dependent().is_some());
                over.pull(&gather(below, over.field.value.dim()), of_over, sink);
            }
        }
    }
}

/// Passes on what came back to p of the classes that an overlap kept.
fn pull_overlap(
    activated: &Activated,
    classes: &[usize],
    slope: &Array3<f64>,
    sink: &mut Array3<f64>,
) {
    let slope = all_classes(slope, classes, sink.dim());
    let slope = slope.mapv(|p| Slope { p, ..Slope::default() });
    activated.pull(&slope, &Array3::ones(sink.dim()), sink);
}

/// The product of two fields of one shape, where 0 times anything is 0.
fn product(a: &Array3<f64>, b: &Array3<f64>) -> Array3<f64> {
    Zip::from(a).and(b).map_collect(|&a, &b| weighted(a, b))
}

/// Sums along the axes in which `shape` has extent 1: what was broadcast comes back as a sum.
fn gather(mut adjoint: Array3<f64>, shape: (usize, usize, usize)) -> Array3<f64> {
    for (axis, extent) in [shape.0, shape.1, shape.2].into_iter().enumerate() {
        if extent == 1 && adjoint.shape()[axis] != 1 {
            adjoint = adjoint.sum_axis(Dim(axis)).insert_axis(Dim(axis));
        }
    }
    adjoint
}

/// Puts the rows of some classes at their places among all, and 0 elsewhere.
fn all_classes(rows: &Array3<f64>, places: &[usize], shape: (usize, usize, usize)) -> Array3<f64> {
    let mut all = Array3::zeros(shape);
    for (row, &place) in rows.outer_iter().zip(places) {
        all.index_axis_mut(Dim(0), place).assign(&row);
    }
    all
}
