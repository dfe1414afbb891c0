//! The same loss, looking at some cells only.

use crate::loss::{Loss, Node};
use crate::region::Overlap;
use crate::weight::Weight;

impl Loss {
    /// The loss with `weigh` of these weights after every source: the same order, in which only the
    /// cells that they leave count.
    pub(super) fn focused(&self, weights: &[Weight]) -> Self {
        let weighed = |loss: Self| weights.iter().cloned().fold(loss, Self::weigh);
        let below = |child: &Self| child.focused(weights);
        match self.node() {
            Node::Element(_) => weighed(self.clone()),
            Node::Region { overlap, region } => {
                let first = weights
                    .iter()
                    .cloned()
                    .fold(Overlap { steps: Vec::new(), ..overlap.clone() }, Overlap::weigh);
                let steps = first.steps.into_iter().chain(overlap.steps.iter().cloned()).collect();
                Self::new(Node::Region {
                    overlap: Overlap { steps, ..overlap.clone() },
                    region: region.clone(),
                })
            }
            Node::Step(child, step) => Self::new(Node::Step(below(child), step.clone())),
            Node::Scale(child, weight) => below(child).scale(weight.clone()),
            Node::Weigh(child, weight) => below(child).weigh(weight.clone()),
            Node::Map(child, map) => below(child).map(*map),
            Node::Select(child, classes) => Self::new(Node::Select(below(child), classes.clone())),
            Node::Sum { terms, constant } => {
                let terms = terms.iter().map(|(factor, term)| (*factor, below(term))).collect();
                Self::new(Node::Sum { terms, constant: *constant })
            }
            Node::Quotient(over, under) => below(over) / below(under),
            Node::TooLarge => self.clone(),
        }
    }

    /// The sources of the loss, in the order of its text.
    pub(super) fn sources(&self) -> Vec<&Self> {
        match self.node() {
            Node::Element(_) | Node::Region { .. } => vec![self],
            node => node.children().flat_map(Self::sources).collect(),
        }
    }
}
