//! Reads steps and reductions.

use std::str::FromStr;

use super::cursor::Cursor;
use super::weight::weight;
use crate::axis::{Axes, Axis};
use crate::error::{Error, Result};
use crate::reduction::{Aggregate, Empty, Over, Reduction, Step};

/// The names of the aggregates.
pub(super) const AGGREGATES: [&str; 8] =
    ["sum", "mean", "max", "min", "power", "logmeanexp", "quantile", "top"];

pub(super) const EMPTY: [(&str, Empty); 5] = [
    ("skip", Empty::Skip),
    ("zero", Empty::Zero),
    ("one", Empty::One),
    ("nan", Empty::Nan),
    ("error", Empty::Error),
];

impl FromStr for Reduction {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Cursor::whole_text(text, "`>` and a step, or the end of the text", |cursor| {
            if cursor.peek_word() == Some("keep") {
                cursor.word("keep")?;
                if cursor.sees('>') {
                    return Err(
                        cursor.error_at(cursor.at(), "`keep` keeps every value and stands alone")
                    );
                }
                return Ok(Self::Keep);
            }
            let mut steps = Vec::new();
            loop {
                let at = cursor.at();
                let expected = format!("a step ({})", AGGREGATES.join(", "));
                let name = cursor.word(&expected)?;
                if !AGGREGATES.contains(&name) {
                    return Err(cursor.error_at(at, format!("expected {expected}, found `{name}`")));
                }
                steps.push(step(cursor, at, name)?);
                let so_far: Self = steps.iter().cloned().collect();
                so_far.check().map_err(|error| cursor.error_at(at, error))?;
                if !cursor.takes('>') {
                    return Ok(so_far);
                }
            }
        })
    }
}

/// Reads `(over; options)` of an aggregate whose name stood at `at`.
pub(super) fn step(cursor: &mut Cursor<'_>, at: usize, name: &str) -> Result<Step> {
    cursor.expect('(')?;
    let mut step = Step::new(Aggregate::Sum, over(cursor)?);
    let (known, needed): (&[&str], &str) = match name {
        "mean" => (&["by", "carry", "empty"], ""),
        "power" => (&["p", "carry", "empty"], "p=2"),
        "logmeanexp" => (&["t", "carry", "empty"], "t=1"),
        "quantile" => (&["q", "empty"], "q=0.9"),
        "top" => (&["fraction", "k", "empty"], "fraction=0.1` or `k=10"),
        "max" | "min" => (&["empty"], ""),
        _ => (&[], ""),
    };
    let mut named = match name {
        "mean" => Some(Aggregate::Mean),
        "max" => Some(Aggregate::Max),
        "min" => Some(Aggregate::Min),
        "sum" => Some(Aggregate::Sum),
        _ => None,
    };
    cursor.options(known, |cursor, key| {
        let aggregate = match key {
            "carry" => {
                step.carry = true;
                return Ok(());
            }
            "empty" => {
                cursor.expect('=')?;
                step.empty = cursor.one_of("a policy", &EMPTY)?;
                return Ok(());
            }
            "by" => {
                cursor.expect('=')?;
                step.by = Some(cursor.list(weight)?);
                return Ok(());
            }
            "p" => Aggregate::Power(cursor.equals_number()?),
            "t" => Aggregate::LogMeanExp(cursor.equals_number()?),
            "q" => Aggregate::Quantile(cursor.equals_number()?),
            "fraction" => Aggregate::TopFraction(cursor.equals_number()?),
            _ => {
                cursor.expect('=')?;
                Aggregate::TopK(cursor.whole("a whole number")?)
            }
        };
        if named.replace(aggregate).is_some() {
            return Err(cursor.error_at(at, "`top` takes either a fraction or a k"));
        }
        Ok(())
    })?;
    step.aggregate =
        named.ok_or_else(|| cursor.error_at(at, format!("`{name}` needs `{needed}`")))?;
    step.check().map_err(|error| cursor.error_at(at, error))?;
    Ok(step)
}

/// Reads `all`, or axes.
pub(super) fn over(cursor: &mut Cursor<'_>) -> Result<Over> {
    if cursor.peek_word() == Some("all") {
        cursor.word("all")?;
        return Ok(Over::All);
    }
    axes(cursor).map(Over::Axes)
}

fn axes(cursor: &mut Cursor<'_>) -> Result<Axes> {
    const WORDS: [(&str, Axis); 3] =
        [("class", Axis::Class), ("pixel", Axis::Pixel), ("image", Axis::Image)];
    let mut axes = Axes::NONE;
    loop {
        let at = cursor.at();
        let axis = cursor.one_of("an axis", &WORDS).map_err(|error| {
            if axes.is_empty() {
                cursor.expected("an axis (class, pixel, image) or all")
            } else {
                error
            }
        })?;
        if axes.contains(axis) {
            return Err(cursor.error_at(at, format!("`{axis}` is named twice")));
        }
        axes = axes.with(axis);
        if !cursor.takes(',') {
            return Ok(axes);
        }
    }
}
