//! The steps as a diagram: shape in, step, shape out, divisor.

use askama::Template;

use crate::explain::{Report, StepReport, short};

/// Steps one after another, and what they begin with.
#[derive(Template)]
#[template(path = "flow.html")]
pub(super) struct Chain {
    start: Start,
    steps: Vec<Step>,
}

enum Start {
    /// Prediction and target, and their shape.
    Batch(String),
    /// The terms of a sum, or numerator and denominator.
    Terms(Vec<Chain>),
}

struct Step {
    name: String,
    /// The divisor, as it is shown.
    divides_by: Option<String>,
    /// The divisor, or both its ends, with all digits.
    exact: String,
    leaves: String,
}

impl Chain {
    pub(super) fn new(report: &Report) -> Self {
        match report.steps.len().checked_sub(1) {
            Some(last) => Self::up_to(report, last),
            None => Self { start: Start::Batch(String::new()), steps: Vec::new() },
        }
    }

    fn up_to(report: &Report, place: usize) -> Self {
        let step = &report.steps[place];
        let mut chain = match step.takes[..] {
            [] => Self { start: Start::Batch(report.tensor()), steps: Vec::new() },
            [before] => Self::up_to(report, before),
            ref terms => {
                let terms = terms.iter().map(|&term| Self::up_to(report, term)).collect();
                Self { start: Start::Terms(terms), steps: Vec::new() }
            }
        };
        chain.steps.push(Step::new(report, step));
        chain
    }
}

impl Step {
    fn new(report: &Report, step: &StepReport) -> Self {
        let ends = |(least, most): (f64, f64)| {
            if least == most {
                (short(least), least.to_string())
            } else {
                (format!("{} … {}", short(least), short(most)), format!("{least} {most}"))
            }
        };
        let (divides_by, exact) = step.divisor.map(ends).unzip();
        Self {
            name: step.step.clone(),
            divides_by,
            exact: exact.unwrap_or_default(),
            leaves: report.leaves(step),
        }
    }
}
