//! How an order prints: what it prints is what it parses.

use std::fmt;

use super::{Aggregate, Empty, Over, Reduction, Step};
use crate::notation::{Number, call};

impl fmt::Display for Reduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps().is_empty() {
            return f.write_str("keep");
        }
        for (position, step) in self.steps().iter().enumerate() {
            if position > 0 {
                f.write_str(" > ")?;
            }
            write!(f, "{step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, number) = match self.aggregate {
            Aggregate::Sum => ("sum", None),
            Aggregate::Mean => ("mean", None),
            Aggregate::Max => ("max", None),
            Aggregate::Min => ("min", None),
            Aggregate::Power(p) => ("power", Some(("p", Number(p).to_string()))),
            Aggregate::LogMeanExp(t) => ("logmeanexp", Some(("t", Number(t).to_string()))),
            Aggregate::Quantile(q) => ("quantile", Some(("q", Number(q).to_string()))),
            Aggregate::TopFraction(fraction) => {
                ("top", Some(("fraction", Number(fraction).to_string())))
            }
            Aggregate::TopK(k) => ("top", Some(("k", k.to_string()))),
        };
        let mut options = Vec::new();
        if let Some((key, number)) = number {
            options.push(format!("{key}={number}"));
        }
        if let Some(by) = &self.by {
            let by: Vec<String> = by.iter().map(ToString::to_string).collect();
            options.push(format!("by=[{}]", by.join(", ")));
        }
        if self.carry {
            options.push("carry".into());
        }
        if self.empty != Empty::default() {
            options.push(format!("empty={}", self.empty));
        }
        call(f, name, self.over, &options)
    }
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Axes(axes) => write!(f, "{axes}"),
        }
    }
}

impl fmt::Display for Empty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Skip => "skip",
            Self::Zero => "zero",
            Self::One => "one",
            Self::Nan => "nan",
            Self::Error => "error",
        })
    }
}
