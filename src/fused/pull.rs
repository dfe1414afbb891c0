//! Backward: what every cell of the prediction does to the value, or adds to it.

use super::evaluate::{How, Sums, Taped};
use super::grid::{Grid, Mask, Shape, both, product};
use super::linear::SumSlopes;
use super::ratio::TermSlopes;
use crate::axis::Axis;
use crate::loss::Node;

/// What comes back to a node: the derivatives with respect to its values, part by part, and to the
/// weight that was made from the prediction, where its field has one.
#[derive(Clone)]
pub(super) struct Adjoint {
    pub(super) values: Vec<Grid>,
    pub(super) of_weight: Option<Grid>,
}

/// What comes back to sums that were given.
#[derive(Clone)]
pub(super) enum Back {
    Step(SumSlopes),
    Ratio(TermSlopes),
    Kept(Adjoint),
}

/// What is collected on the way back.
pub(super) struct Sink {
    /// Whether parts of the value are asked for, and not its gradient.
    pub(super) parts: bool,
    /// By class, image and pixel of the window: the gradient, or what each cell adds to the value. None
    /// where nothing came back to a cell.
    pub(super) cells: Option<Grid>,
    shape: Shape,
    /// What came back to each number of the leaves, per class; by the number of the node.
    pub(super) leaves: Vec<(usize, Vec<Grid>)>,
    /// By the number of the cut or pool.
    pub(super) given: Vec<Option<Back>>,
    /// What constants of sums add.
    pub(super) constant: f64,
    /// What stems from no cell: smoothing, floors, policies, and maps that do not scale.
    pub(super) remainder: f64,
}

impl Sink {
    pub(super) fn new(parts: bool, shape: Shape, given: usize) -> Self {
        let given = (0..given).map(|_| None).collect();
        Self { parts, cells: None, shape, leaves: Vec::new(), given, constant: 0.0, remainder: 0.0 }
    }

    pub(super) fn cells_mut(&mut self) -> &mut Grid {
        self.cells.get_or_insert_with(|| Grid::zeros(self.shape))
    }
}

impl Adjoint {
    pub(super) fn of(value: Grid) -> Self {
        Self { values: vec![value], of_weight: None }
    }

    /// With respect to the values of a field of another shape, by what `change` makes of each.
    fn through(&self, change: impl Fn(&Grid) -> Grid) -> Vec<Grid> {
        self.values.iter().map(change).collect()
    }
}

impl Taped<'_> {
    /// Passes on the adjoint of the node. A node that scales with its argument passes its part on to
    /// its cells, f(x) = Σ x ∂f/∂x (Euler); a ratio passes on (a fp + b fn) / D, a quotient its
    /// numerator.
    pub(super) fn pull(&self, adjoint: Adjoint, sink: &mut Sink) {
        match &self.how {
            How::Element { activated, slope } => {
                if sink.parts {
                    sink.cells_mut().add(&adjoint.values[0].clone().times(self.field.value()));
                } else {
                    activated.pull(slope, &adjoint.values[0], sink.cells_mut());
                }
            }
            How::Leaf(read) => self.pull_leaf(read, &adjoint.values[0], sink),
            How::Sum { inputs } => self.pull_sum(inputs, adjoint, sink),
            How::Step { sums, cut, finished } => {
                if sink.parts {
                    let worth = adjoint.values[0].clone().times(&finished.worth);
                    sink.remainder += worth.cells.iter().sum::<f64>();
                }
                // What cells add is counted with the masses as they are.
                let carried = adjoint.of_weight.as_ref().filter(|_| !sink.parts);
                let (mut slopes, terms) = finished.pull(cut, &self.field, &adjoint.values, carried);
                if sink.parts {
                    slopes.divisor = None;
                }
                match sums {
                    Sums::Given(number, inputs) => {
                        sink.given[*number] = Some(Back::Step(slopes));
                        pull_terms(inputs, &terms, sink);
                    }
                    sums => sums.pull_part(self.spot, &Back::Step(slopes), adjoint.of_weight, sink),
                }
            }
            How::Ratio { sums, divided } => {
                let slopes = if sink.parts {
                    let remainder = adjoint.values[0].clone().times(&divided.remainder);
                    sink.remainder += remainder.cells.iter().sum::<f64>();
                    divided.parts(&adjoint.values[0])
                } else {
                    divided.pull(&adjoint.values[0], adjoint.of_weight.as_ref())
                };
                match sums {
                    Sums::Given(number, _) => sink.given[*number] = Some(Back::Ratio(slopes)),
                    sums => sums.pull_part(self.spot, &Back::Ratio(slopes), None, sink),
                }
            }
            How::Lovasz(sorted) => sorted.pull(&adjoint.values[0], sink),
            How::Aggregate { input, aggregated } => {
                if sink.parts {
                    let rest = adjoint.values[0].clone().times(&aggregated.remainder);
                    sink.remainder += rest.cells.iter().sum::<f64>();
                }
                let carried = adjoint.of_weight.as_ref();
                let (values, consumed) = aggregated.pull(&adjoint.values[0], carried);
                let of_weight = if sink.parts { None } else { consumed.or(adjoint.of_weight) };
                input.pull(Adjoint { values: vec![values], of_weight }, sink);
            }
            How::Scale { input, weight } => {
                let shape = input.field.shape;
                let below = |adjoint: &Grid| match weight {
                    Some(weight) => adjoint.clone().times(weight).gather(shape),
                    None => adjoint.clone().gather(shape),
                };
                // A deferred weight stands before the values that it multiplies; the first is 0.
                let skipped = usize::from(weight.is_none());
                let values = adjoint.values[skipped..].iter().map(below).collect();
                input.pull(Adjoint { values, of_weight: adjoint.of_weight }, sink);
            }
            How::Weigh { input } => {
                let shape = input.field.shape;
                let values = adjoint.through(|adjoint| adjoint.clone().gather(shape));
                input.pull(Adjoint { values, of_weight: adjoint.of_weight }, sink);
            }
            How::Map { input, derivative } => {
                let below = adjoint.values[0].clone().times(derivative);
                if sink.parts {
                    let mapped = adjoint.values[0].clone().times(self.field.value());
                    let passed_on = below.clone().times(input.field.value());
                    sink.remainder +=
                        mapped.cells.iter().sum::<f64>() - passed_on.cells.iter().sum::<f64>();
                }
                input.pull(Adjoint { values: vec![below], of_weight: adjoint.of_weight }, sink);
            }
            How::Select { input, places } => {
                let all = input.field.shape.class;
                let values = adjoint.through(|adjoint| adjoint.among(places, all));
                let of_weight = adjoint.of_weight.map(|of_weight| {
                    let has_classes = |w: &super::field::Mass| w.axes.contains(Axis::Class);
                    if input.field.dependent().is_some_and(has_classes) {
                        of_weight.among(places, all)
                    } else {
                        of_weight
                    }
                });
                input.pull(Adjoint { values, of_weight }, sink);
            }
            How::Quotient { over, under } => self.pull_quotient(over, under, adjoint, sink),
            How::Kept(number) => sink.given[*number] = Some(Back::Kept(adjoint)),
            // What comes back to a term comes back through the sums that have it as a factor.
            How::Term => {}
        }
    }

    fn pull_leaf(&self, read: &Mask, adjoint: &Grid, sink: &mut Sink) {
        let adjoint = both(Some(adjoint.clone()), read.as_ref(), adjoint.shape);
        let Some(adjoint) = adjoint else { return };
        if sink.parts {
            sink.cells_mut().add(&adjoint.times(self.field.value()));
        } else {
            sink.leaves.push((self.spot.id, vec![adjoint]));
        }
    }

    fn pull_sum(&self, inputs: &[Taped<'_>], mut adjoint: Adjoint, sink: &mut Sink) {
        let Node::Sum { terms, constant } = self.spot.loss.node() else { return };
        if sink.parts && *constant != 0.0 {
            let all: f64 = adjoint.values[0].cells.iter().sum();
            sink.constant += product(*constant, all);
        }
        for (input, (coefficient, _)) in inputs.iter().zip(terms) {
            let values = input.field.values.iter().map(|value| {
                let place =
                    self.field.values.iter().position(|known| known.factors == value.factors);
                let adjoint = adjoint.values[place.unwrap_or(0)].clone();
                adjoint.map(|adjoint| product(*coefficient, adjoint)).gather(input.field.shape)
            });
            let values = values.collect();
            // Terms that carry the weight carry the same; the first of them answers for it.
            let of_weight = input.field.dependent().and_then(|_| adjoint.of_weight.take());
            input.pull(Adjoint { values, of_weight }, sink);
        }
    }

    fn pull_quotient(
        &self,
        over: &Taped<'_>,
        under: &Taped<'_>,
        adjoint: Adjoint,
        sink: &mut Sink,
    ) {
        let Adjoint { values, of_weight } = adjoint;
        let mut below = values[0].clone();
        let divide =
            |adjoint: &mut f64, d| *adjoint = if *adjoint == 0.0 { 0.0 } else { *adjoint / d };
        below.join(under.field.value(), divide);
        let (of_over, of_under) = match over.field.dependent() {
            Some(_) => (of_weight, None),
            None => (None, of_weight),
        };
        if !sink.parts {
            let by_under = below.clone().times(self.field.value()).map(|x| -x);
            let values = vec![by_under.gather(under.field.shape)];
            under.pull(Adjoint { values, of_weight: of_under }, sink);
        }
        let values = vec![below.gather(over.field.shape)];
        over.pull(Adjoint { values, of_weight: of_over }, sink);
    }
}

/// Passes what came back to the factors of sums on to the nodes that they are.
fn pull_terms(terms: &[Taped<'_>], slopes: &[(usize, f64)], sink: &mut Sink) {
    for term in terms {
        let slope = slopes.iter().filter(|(id, _)| *id == term.spot.id).map(|(_, s)| s).sum();
        term.pull(Adjoint::of(Grid::filled(term.field.shape, slope)), sink);
    }
}

impl Sums<'_> {
    /// Passes on what came back to sums that were made in a window, by the node that they are of.
    /// `waiting` is for a weight that was made from the prediction and is not consumed here.
    pub(super) fn pull_part(
        &self,
        spot: &super::plan::Spot,
        back: &Back,
        waiting: Option<Grid>,
        sink: &mut Sink,
    ) {
        match (self, back) {
            (Sums::Step { input, summed }, Back::Step(slopes)) => {
                let (values, consumed) = summed.pull(&input.field, slopes);
                let of_weight = if sink.parts { None } else { consumed.or(waiting) };
                input.pull(Adjoint { values, of_weight }, sink);
            }
            (Sums::Ratio { activated, classes, overlapped }, Back::Ratio(slopes)) => {
                let Node::Region { region, .. } = spot.loss.node() else { return };
                let all = activated.p.shape;
                if sink.parts {
                    let parts = overlapped.parts(&region.ratio, slopes);
                    sink.cells_mut().add(&parts.among(classes, all.class));
                } else {
                    let of_p = overlapped.pull(&region.ratio, slopes).among(classes, all.class);
                    let slope = super::activation::Slope::Probability(of_p);
                    activated.pull(&slope, &Grid::filled(all, 1.0), sink.cells_mut());
                }
            }
            (Sums::Leaf { classes, terms, mass }, Back::Ratio(slopes)) => {
                let all = sink.shape.class;
                let of_terms = slopes.of_terms(terms[0].shape).map(|slopes| match mass {
                    Some(mass) => slopes.times(mass),
                    None => slopes,
                });
                if sink.parts {
                    for (slopes, term) in of_terms.into_iter().zip(terms) {
                        sink.cells_mut().add(&slopes.times(term).among(classes, all));
                    }
                } else {
                    let slopes = of_terms.iter().map(|slopes| slopes.among(classes, all));
                    sink.leaves.push((spot.id, slopes.collect()));
                }
            }
            _ => {}
        }
    }
}
