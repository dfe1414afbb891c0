//! How a loss prints: what it prints is what it parses.

use std::fmt;

use super::{Loss, Map, Node};
use crate::notation::Number;

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.node {
            Node::Element(element) => write!(f, "{element}"),
            Node::Region { overlap, region } => write!(f, "{overlap} > {region}"),
            Node::Step(child, _)
            | Node::Scale(child, _)
            | Node::Weigh(child, _)
            | Node::Map(child, _)
            | Node::Select(child, _) => {
                if matches!(*child.node, Node::Sum { .. } | Node::Quotient(..)) {
                    write!(f, "({child}) > {}", self.step_text())
                } else {
                    write!(f, "{child} > {}", self.step_text())
                }
            }
            Node::Sum { terms, constant } => f.write_str(&sum(terms, *constant, operand)),
            Node::Quotient(over, under) => write!(f, "{} / {}", operand(over), operand(under)),
            Node::TooLarge => f.write_str("(too large)"),
        }
    }
}

impl Loss {
    /// What the outermost step prints as, with `…` for each term of a sum and quotient; a source as a whole.
    pub(crate) fn step_text(&self) -> String {
        match &*self.node {
            Node::Step(_, step) => step.to_string(),
            Node::Scale(_, weight) => format!("scale({weight})"),
            Node::Weigh(_, weight) => format!("weigh({weight})"),
            Node::Map(_, Map::NegativeLog) => "map(-ln(x))".into(),
            Node::Map(_, Map::Power(g)) => format!("map(x^{})", Number(*g)),
            Node::Select(_, classes) => classes.to_string(),
            Node::Sum { terms, constant } => sum(terms, *constant, |_| "…".into()),
            Node::Quotient(..) => "… / …".into(),
            _ => self.to_string(),
        }
    }
}

/// A loss as it stands in a sum or a quotient: in parentheses, unless it is a source alone.
fn operand(loss: &Loss) -> String {
    if matches!(*loss.node, Node::Element(_)) { loss.to_string() } else { format!("({loss})") }
}

fn sum(terms: &[(f64, Loss)], constant: f64, operand: impl Fn(&Loss) -> String) -> String {
    let mut text = String::new();
    // `1 - (..)` reads better than `-1 * (..) + 1`.
    let leads = constant != 0.0 && terms.first().is_none_or(|(first, _)| *first < 0.0);
    let mut first = true;
    if leads || terms.is_empty() {
        text += &Number(constant).to_string();
        first = false;
    }
    for (coefficient, loss) in terms {
        let sign = match (first, *coefficient < 0.0) {
            (true, _) => "",
            (false, true) => " - ",
            (false, false) => " + ",
        };
        let factor = if first { *coefficient } else { coefficient.abs() };
        text += sign;
        if factor != 1.0 {
            text.extend([Number(factor).to_string().as_str(), " * "]);
        }
        text += &operand(loss);
        first = false;
    }
    if !leads && constant != 0.0 {
        let sign = if constant < 0.0 { " - " } else { " + " };
        text.extend([sign, &Number(constant.abs()).to_string()]);
    }
    text
}

impl fmt::Debug for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loss({self})")
    }
}
