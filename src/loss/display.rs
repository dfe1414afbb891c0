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
            Node::Sum { terms, constant } => sum(f, terms, *constant),
            Node::Quotient(over, under) => write!(f, "{} / {}", operand(over), operand(under)),
            Node::TooLarge => f.write_str("(too large)"),
        }
    }
}

impl Loss {
    /// What the outermost step of a chain prints as; the whole text where there is no chain.
    pub(crate) fn step_text(&self) -> String {
        match &*self.node {
            Node::Step(_, step) => step.to_string(),
            Node::Scale(_, weight) => format!("scale({weight})"),
            Node::Weigh(_, weight) => format!("weigh({weight})"),
            Node::Map(_, Map::NegativeLog) => "map(-ln(x))".into(),
            Node::Map(_, Map::Power(g)) => format!("map(x^{})", Number(*g)),
            Node::Select(_, classes) => classes.to_string(),
            _ => self.to_string(),
        }
    }
}

/// A loss as it stands in a sum or a quotient: in parentheses, unless it is a source alone.
fn operand(loss: &Loss) -> String {
    if matches!(*loss.node, Node::Element(_)) { loss.to_string() } else { format!("({loss})") }
}

fn sum(f: &mut fmt::Formatter<'_>, terms: &[(f64, Loss)], constant: f64) -> fmt::Result {
    // `1 - (..)` reads better than `-1 * (..) + 1`.
    let leads = constant != 0.0 && terms.first().is_none_or(|(first, _)| *first < 0.0);
    let mut first = true;
    if leads || terms.is_empty() {
        write!(f, "{}", Number(constant))?;
        first = false;
    }
    for (coefficient, loss) in terms {
        let sign = match (first, *coefficient < 0.0) {
            (true, _) => "",
            (false, true) => " - ",
            (false, false) => " + ",
        };
        let factor = if first { *coefficient } else { coefficient.abs() };
        f.write_str(sign)?;
        if factor == 1.0 {
            f.write_str(&operand(loss))?;
        } else {
            write!(f, "{} * {}", Number(factor), operand(loss))?;
        }
        first = false;
    }
    if !leads && constant != 0.0 {
        let sign = if constant < 0.0 { '-' } else { '+' };
        write!(f, " {sign} {}", Number(constant.abs()))?;
    }
    Ok(())
}

impl fmt::Debug for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loss({self})")
    }
}
