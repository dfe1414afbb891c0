//! Cases with one number that cannot be read.

use lossfold::{Activation, Axes, Axis, Weight};
use ndarray::ArrayD;

use super::{Case, Chain, Container, Element, Formula, Head, Link, Target};

/// What is wrong with the number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Offender {
    Prediction(f64),
    /// In the target, or a label that is no class.
    Target(f64),
}

/// A label that no case has a class for.
const NO_CLASS: i64 = 100;

impl Case {
    /// The case with the offender in place of one of its numbers, and what a message about it says;
    /// none where the batch has no number.
    pub fn offended(&self, offender: Offender, spot: usize) -> Option<(Self, String)> {
        let mut case = self.clone();
        let classes = self.extents().class;
        let says = |name: &str, index: &[usize], number: f64| {
            let expected = match name {
                _ if !number.is_finite() => "a finite number",
                "prediction" => "a probability in [0, 1]",
                _ => "a target in [0, 1]",
            };
            format!("{name}: {name}{index:?} is {number}, expected {expected}")
        };
        let words = match (offender, &mut case.target) {
            (Offender::Prediction(number), _) => {
                says("prediction", &put(&mut case.prediction, number, spot)?, number)
            }
            (Offender::Target(number), Target::Dense(container, target)) => {
                *container = Container::F64;
                says("target", &put(target, number, spot)?, number)
            }
            (Offender::Target(_), Target::Labels(_, labels, _)) => {
                let index = put(labels, NO_CLASS, spot)?;
                format!("labels: labels{index:?} is {NO_CLASS}, expected a class in 0..{classes}")
            }
        };
        Some((case, words))
    }

    /// The case made one in which every cell counts: no weight is 0, no class is dropped, no term has
    /// the coefficient 0, and every prediction is a probability.
    pub fn whole(mut self) -> Self {
        let full = |list: &mut [f64]| {
            list.iter_mut().filter(|w| **w == 0.0).for_each(|weight| *weight = 1.0);
        };
        let fill = |array: &mut ArrayD<f64>| {
            array.iter_mut().filter(|w| **w == 0.0).for_each(|weight| *weight = 1.0);
        };
        [&mut self.image, &mut self.map.2, &mut self.mask.2].into_iter().for_each(fill);
        let keeps = |link: &mut Link| match link {
            Link::Scale(Weight::Class(list) | Weight::Target(list))
            | Link::Weigh(Weight::Class(list) | Weight::Target(list)) => {
                full(list);
                true
            }
            Link::Scale(weight) | Link::Weigh(weight) => {
                matches!(weight, Weight::Image | Weight::Map | Weight::Mask)
            }
            Link::Step(step) => {
                step.by = None;
                true
            }
            Link::Map(_) => true,
            Link::Select(_) | Link::Without(_) => false,
        };
        self.chain.each(&mut |chain: &mut Chain| {
            match &mut chain.head {
                Head::Element(source) => {
                    source.activation = Activation::Probability;
                    if let Element::Bce { positive, focal, alpha, .. } = &mut source.formula {
                        (*positive, *focal, *alpha) = (None, None, None);
                    }
                }
                Head::Overlap(region) => {
                    region.activation = Activation::Probability;
                    if region.formula == Formula::LovaszHinge {
                        region.formula = Formula::Lovasz;
                    }
                    region.before.retain_mut(keeps);
                }
                Head::Sum { terms, .. } => {
                    let zeros = terms.iter_mut().filter(|(coefficient, _)| *coefficient == 0.0);
                    zeros.for_each(|(coefficient, _)| *coefficient = 1.0);
                }
                Head::Quotient { .. } => {}
            }
            chain.links.retain_mut(keeps);
        });
        // The numbers that were in the domain of another activation come into [0, 1].
        self.prediction.mapv_inplace(|x| if (0.0..=1.0).contains(&x) { x } else { 0.25 });
        match &mut self.target {
            Target::Dense(_, target) => {
                target.mapv_inplace(|t| if (0.0..=1.0).contains(&t) { t } else { 0.5 });
            }
            Target::Labels(_, labels, ignored) => {
                *ignored = None;
                labels.mapv_inplace(|label| label.clamp(0, 0));
            }
        }
        self
    }

    /// Whether the layout has cells, and a class for every label.
    pub fn has_cells(&self) -> bool {
        let extents = self.extents();
        extents.cells(Axes::ALL) > 0 && extents.of(Axis::Class) > 0
    }
}

/// Puts a number at one of the places of an array, and says which.
fn put<A>(array: &mut ArrayD<A>, number: A, spot: usize) -> Option<Vec<usize>> {
    let cells = array.len();
    let (index, place) = array.indexed_iter_mut().nth(spot.checked_rem(cells)?)?;
    *place = number;
    Some(ndarray::Dimension::slice(&index).to_vec())
}
