//! The trace: every intermediate field of an evaluation.

use ndarray::{Array3, Dimension};

use super::data::Data;
use super::evaluate::{Evaluated, How, evaluate};
use crate::batch::{Batch, Float};
use crate::error::Result;
use crate::field::Field;
use crate::loss::{Loss, Node};
use crate::reduction::{Aggregate, Step};

/// Every intermediate field of an evaluation, in the order of execution.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trace {
    /// The nodes, each after those that it is made of; the last is the loss.
    pub nodes: Vec<Traced>,
}

/// One node of an evaluation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Traced {
    /// The source or the step, as it prints.
    pub step: String,
    /// How many sums and quotients hold the node.
    pub depth: usize,
    /// The field after the node.
    pub field: Field,
    /// What a step or a ratio divided by, per group; none where nothing divides.
    pub divisor: Option<Array3<f64>>,
}

impl Loss {
    /// Every intermediate field of the evaluation.
    ///
    /// **Errors**: those of [`values`](Self::values).
    ///
    /// ```
    /// use lossfold::{Activation, Axis, Batch, Layout, mean, squared};
    /// use ndarray::array;
    ///
    /// let (prediction, target) = (array![[1.0, 4.0]], array![[0.0, 1.0]]);
    /// let loss = squared(Activation::Identity).reduce(mean(Axis::Class).then(mean(Axis::Image)));
    /// let trace = loss.trace(&Batch::new(Layout::NC, &prediction, &target)?)?;
    /// let steps: Vec<&str> = trace.nodes.iter().map(|node| node.step.as_str()).collect();
    /// assert_eq!(steps, ["squared(identity)", "mean(class)", "mean(image)"]);
    /// assert_eq!(trace.nodes[0].field.at(1, 0, 0), 9.0);
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn trace<F: Float, D: Dimension>(&self, batch: &Batch<'_, F, D>) -> Result<Trace> {
        let data = Data::new(batch);
        let root = evaluate(self, &data)?;
        let mut nodes = Vec::new();
        collect(&root, 0, &mut nodes);
        Ok(Trace { nodes })
    }
}

fn collect(node: &Evaluated<'_>, depth: usize, nodes: &mut Vec<Traced>) {
    let mut divisor = None;
    match &node.how {
        How::Element { .. } | How::Lovasz { .. } => {}
        How::Region { divided, .. } => divisor = Some(divided.divisor.clone()),
        How::Step { input, divisor: by, .. } => {
            if !matches!(node.loss.node(), Node::Step(_, Step { aggregate: Aggregate::Sum, .. })) {
                divisor = Some(by.clone());
            }
            collect(input, depth, nodes);
        }
        How::Scale { input, .. }
        | How::Weigh { input }
        | How::Map { input, .. }
        | How::Select { input, .. } => collect(input, depth, nodes),
        How::Sum { inputs } => {
            for (_, input) in inputs {
                collect(input, depth + 1, nodes);
            }
        }
        How::Quotient { over, under } => {
            collect(over, depth + 1, nodes);
            collect(under, depth + 1, nodes);
            divisor = Some(under.field.value.clone());
        }
    }
    nodes.push(Traced { step: node.loss.step_text(), depth, field: node.field.clone(), divisor });
}
