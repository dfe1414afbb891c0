//! Two losses side by side, the difference marked.

use std::fmt;

use super::{Agreement, Difference, Line};
use crate::explain::{Table, short};

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |line: Option<&Line>| {
            line.map_or_else(String::new, |line| {
                format!("{}{}", "  ".repeat(line.depth), line.text)
            })
        };
        let mut steps = Table::new(3, &["", "first", "second"]);
        let apart = self.parts_at();
        for place in 0..self.first.len().max(self.second.len()) {
            let (first, second) = (self.first.get(place), self.second.get(place));
            let mark = match apart {
                Some(apart) if place == apart => "part here",
                Some(apart) if place > apart && first != second => "|",
                _ => "",
            };
            steps.row(vec![mark.into(), shown(first), shown(second)]);
        }
        writeln!(f, "{steps}")?;
        writeln!(f, "{}", self.agreement)?;
        if matches!(self.agreement, Agreement::Same) {
            return Ok(());
        }
        let mut tried = Table::new(2, &["", "on", "first", "second"]);
        for situation in &self.situations {
            let value = |value: &crate::error::Result<f64>| match value {
                Ok(value) => short(*value),
                Err(_) => "error".into(),
            };
            let mark = if situation.differs() { "differ" } else { "" };
            let name = situation.name.to_owned();
            tried.row(vec![mark.into(), name, value(&situation.first), value(&situation.second)]);
        }
        write!(f, "\n{tried}")
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("They are the same on all data."),
            Self::Factor(factor) => {
                write!(f, "The first is {factor} times the second on all data of these extents.")
            }
            Self::SameOnTrial => f.write_str("They agree on all data that were tried."),
            Self::FactorOnTrial(factor) => {
                write!(
                    f,
                    "The first is {} times the second on all data that were tried.",
                    short(*factor)
                )
            }
            Self::Differ => f.write_str("They differ:"),
        }
    }
}
