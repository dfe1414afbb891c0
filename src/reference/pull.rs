//! Backward: what every cell of the prediction does to the value.

use ndarray::{Array3, Axis as Dim, Zip};

use super::activation::Slope;
use super::evaluate::{Evaluated, How};
use crate::axis::{Axes, Axis};
use crate::field::{spread, weighted};

/// Where the cells of a value come from: every source's cells, and what stems from no cell.
pub(crate) struct Contribution {
    /// Per class, pixel and image.
    pub(crate) cells: Array3<f64>,
    /// Constants of sums.
    pub(crate) constant: f64,
    /// What smoothing, floors, policies and maps that do not scale with their argument add.
    pub(crate) remainder: f64,
}

impl Evaluated<'_> {
    /// The gradient of Σ adjoint · value with respect to the prediction.
    pub(super) fn gradient(&self, adjoint: &Array3<f64>) -> Array3<f64> {
        let mut gradient = Array3::zeros(self.field.extents.shape(Axes::ALL));
        self.pull(adjoint, None, &mut Sink::Gradient(&mut gradient));
        gradient
    }

    /// The parts of a scalar value. They add up to it: value = Σ cells + constant + remainder.
    ///
    /// A node that scales with its argument passes its part on to its cells, f(x) = Σ x ∂f/∂x
    /// (Euler). A ratio passes on (a fp + b fn) / D; a quotient passes on its numerator.
    pub(super) fn contribution(&self) -> Contribution {
        let mut contribution = Contribution {
            cells: Array3::zeros(self.field.extents.shape(Axes::ALL)),
            constant: 0.0,
            remainder: 0.0,
        };
        let adjoint = Array3::from_elem(self.field.value.dim(), 1.0);
        self.pull(&adjoint, None, &mut Sink::Contribution(&mut contribution));
        contribution
    }

    /// Passes on the adjoint of the node's values, and that of the weight that is made from the
    /// prediction, where the node's field has one.
    fn pull(&self, adjoint: &Array3<f64>, of_weight: Option<&Array3<f64>>, sink: &mut Sink<'_>) {
        match &self.how {
            How::Element { activated, slope } => match sink {
                Sink::Gradient(gradient) => activated.pull(slope, adjoint, gradient),
                Sink::Contribution(parts) => parts.cells += &product(adjoint, &self.field.value),
            },
            How::Region { activated, classes, divided } => {
                let shape = divided.derivative.dim();
                let along =
                    |adjoint, derivative| product(&spread(adjoint, shape).to_owned(), derivative);
                match sink {
                    Sink::Gradient(gradient) => {
                        let mut slope = along(adjoint, &divided.derivative);
                        if let Some(of_weight) = of_weight {
                            slope += &along(of_weight, &divided.divisor_derivative);
                        }
                        let slope = all_classes(&slope, classes, gradient.dim());
                        let slope = slope.mapv(|p| Slope { p, ..Slope::default() });
                        let ones = Array3::from_elem(gradient.dim(), 1.0);
                        activated.pull(&slope, &ones, gradient);
                    }
                    Sink::Contribution(parts) => {
                        let cells = along(adjoint, &divided.part);
                        parts.cells += &all_classes(&cells, classes, parts.cells.dim());
                        parts.remainder += product(adjoint, &divided.remainder).sum();
                    }
                }
            }
            How::Step { input, derivative, remainder, weight, .. } => {
                if let Sink::Contribution(parts) = sink {
                    parts.remainder += product(adjoint, remainder).sum();
                }
                let along = |adjoint, derivative: &Array3<f64>| {
                    product(&spread(adjoint, derivative.dim()).to_owned(), derivative)
                };
                let below = along(adjoint, derivative);
                // What cells contribute is counted with the masses as they are.
                let moves = weight.as_ref().filter(|_| matches!(sink, Sink::Gradient(_)));
                let consumed = moves.map(|slope| {
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
                let below = product(adjoint, derivative);
                if let Sink::Contribution(parts) = sink {
                    let mapped = product(adjoint, &self.field.value).sum();
                    parts.remainder += mapped - product(&below, &input.field.value).sum();
                }
                input.pull(&below, of_weight, sink);
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
            How::Sum { inputs, constant } => {
                if let Sink::Contribution(parts) = sink {
                    parts.constant += weighted(*constant, adjoint.sum());
                }
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
                if let Sink::Gradient(_) = sink {
                    let by_denominator = product(&below, &self.field.value).mapv(|x| -x);
                    under.pull(&gather(by_denominator, under.field.value.dim()), of_under, sink);
                }
                let of_over = of_weight.filter(|_| over.field.dependent().is_some());
                over.pull(&gather(below, over.field.value.dim()), of_over, sink);
            }
        }
    }
}

/// What is collected on the way back.
enum Sink<'a> {
    Gradient(&'a mut Array3<f64>),
    Contribution(&'a mut Contribution),
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
