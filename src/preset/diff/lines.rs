//! A loss as its steps, one on each line.

use crate::loss::{Loss, Node};
use crate::notation::Number;

/// A step of a loss, or the beginning of a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How many sums and quotients hold it.
    pub depth: usize,
    /// The step in the text language.
    pub text: String,
}

/// The steps of a loss in the order of execution. The terms of a sum stand deeper, each under its coefficient.
pub(super) fn of(loss: &Loss) -> Vec<Line> {
    let mut lines = Vec::new();
    collect(loss, 0, &mut lines);
    lines
}

fn collect(loss: &Loss, depth: usize, lines: &mut Vec<Line>) {
    let line = |depth, text| Line { depth, text };
    match loss.node() {
        Node::Element(_) | Node::TooLarge => lines.push(line(depth, loss.to_string())),
        Node::Region { overlap, region } => {
            let before = overlap.to_string();
            lines.extend(before.split(" > ").map(|step| line(depth, step.to_owned())));
            lines.push(line(depth, region.to_string()));
        }
        Node::Step(child, _)
        | Node::Scale(child, _)
        | Node::Weigh(child, _)
        | Node::Map(child, _)
        | Node::Select(child, _) => {
            collect(child, depth, lines);
            lines.push(line(depth, loss.step_text()));
        }
        Node::Sum { terms, constant } => {
            for (coefficient, term) in terms {
                lines.push(line(depth, format!("{:+} *", Number(*coefficient))));
                collect(term, depth + 1, lines);
            }
            if *constant != 0.0 {
                lines.push(line(depth, format!("{:+}", Number(*constant))));
            }
        }
        Node::Quotient(over, under) => {
            collect(over, depth + 1, lines);
            lines.push(line(depth, "/".into()));
            collect(under, depth + 1, lines);
        }
    }
}
