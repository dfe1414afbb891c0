//! Reads losses.

use std::str::FromStr;

use super::bce::bce_options;
use super::cursor::Cursor;
use super::ratio::{RATIOS, ratio};
use super::reduction::{AGGREGATES, step};
use super::weight::weight;
use crate::element::Activation;
use crate::error::{Error, Result};
use crate::loss::{
    Loss, MOST_DEPTH, Map, Node, absolute, bce, cross_entropy, kl, predicted, squared,
};
use crate::reduction::Reduction;
use crate::region::{Overlap, overlap};

impl FromStr for Loss {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let loss = Cursor::whole_text(text, "`>` and a step, or the end of the text", |cursor| {
            sum(cursor, 0)
        })?;
        loss.check()?;
        Ok(loss)
    }
}

/// A part of a sum: a number, or a loss; and where its first step stands if no parentheses hold it.
struct Term {
    coefficient: f64,
    loss: Option<Loss>,
    bare_step: Option<usize>,
}

fn sum(cursor: &mut Cursor<'_>, depth: usize) -> Result<Loss> {
    let mut terms: Vec<(f64, Loss)> = Vec::new();
    let mut numbers: Option<f64> = None;
    let mut bare_step = None;
    loop {
        let first = terms.is_empty() && numbers.is_none();
        let negative = cursor.takes('-');
        if !negative && !first && !cursor.takes('+') {
            break;
        }
        let at = cursor.at();
        let part = term(cursor, depth)?;
        let factor = if negative { -part.coefficient } else { part.coefficient };
        bare_step = bare_step.or(part.bare_step);
        match part.loss {
            Some(loss) => {
                let (inner, constant) = loss.into_terms();
                terms.extend(inner.into_iter().map(|(inner, loss)| (factor * inner, loss)));
                if constant != 0.0 {
                    numbers = Some(numbers.unwrap_or(0.0) + factor * constant);
                }
            }
            None if numbers.is_none() || !terms.is_empty() => {
                numbers = Some(numbers.unwrap_or(0.0) + factor);
            }
            None => return Err(cursor.error_at(at, "two numbers; write their sum")),
        }
        let alone = first && !negative && !cursor.sees('+') && !cursor.sees('-');
        if let Some(at) = bare_step.filter(|_| !alone) {
            return Err(cursor.error_at(at, "in a sum, a loss with steps stands in parentheses"));
        }
    }
    if terms.is_empty() {
        return Err(cursor.expected("`*`, `+` or `-` and a loss: a number alone is none"));
    }
    Ok(Loss::from_terms(terms, numbers.unwrap_or(0.0)))
}

fn term(cursor: &mut Cursor<'_>, depth: usize) -> Result<Term> {
    let mut coefficient = 1.0;
    let multiplied = cursor.sees_number();
    if multiplied {
        coefficient = cursor.number("a number")?;
        if !cursor.takes('*') {
            return Ok(Term { coefficient, loss: None, bare_step: None });
        }
    }
    let (mut loss, mut bare_step) = operand(cursor, depth)?;
    let divided = cursor.takes('/');
    if divided {
        let (under, step) = operand(cursor, depth)?;
        loss = loss / under;
        bare_step = bare_step.or(step);
    }
    match bare_step {
        Some(at) if multiplied || divided => Err(cursor
            .error_at(at, "in a product or a quotient, a loss with steps stands in parentheses")),
        _ => Ok(Term { coefficient, loss: Some(loss), bare_step }),
    }
}

/// Reads a source or a sum in parentheses with its steps, and tells where the first step stands.
fn operand(cursor: &mut Cursor<'_>, depth: usize) -> Result<(Loss, Option<usize>)> {
    let start = cursor.at();
    let head = if cursor.takes('(') {
        if depth == MOST_DEPTH {
            return Err(cursor.error_at(start, format!("nested deeper than {MOST_DEPTH}")));
        }
        let loss = sum(cursor, depth + 1)?;
        if !cursor.takes(')') {
            return Err(cursor.expected("`>` and a step, or `)`"));
        }
        Head::Loss(loss)
    } else {
        source(cursor)?
    };
    let mut head = head;
    let mut first_step = None;
    while cursor.sees('>') {
        first_step.get_or_insert(cursor.at());
        cursor.takes('>');
        let at = cursor.at();
        head = chain(cursor, head)?;
        if let Head::Loss(loss) = &head {
            loss.check().map_err(|error| cursor.error_at(at, error))?;
        }
    }
    match head {
        Head::Loss(loss) => Ok((loss, first_step)),
        Head::Overlap(_) => Err(cursor.error_at(
            start,
            format!("an overlap alone is no loss; add a ratio ({})", RATIOS.join(", ")),
        )),
    }
}

enum Head {
    Overlap(Overlap),
    Loss(Loss),
}

fn source(cursor: &mut Cursor<'_>) -> Result<Head> {
    const SOURCES: [&str; 7] =
        ["bce", "cross_entropy", "kl", "squared", "absolute", "predicted", "overlap"];
    let at = cursor.at();
    let expected = format!("a source ({})", SOURCES.join(", "));
    let name = cursor.word(format!("{expected} or `(`"))?;
    if !SOURCES.contains(&name) {
        let hint = if AGGREGATES.contains(&name) || RATIOS.contains(&name) {
            "; a step comes after a source and `>`"
        } else {
            "; formulas of your own are built in code"
        };
        return Err(cursor.error_at(at, format!("expected {expected}, found `{name}`{hint}")));
    }
    cursor.expect('(')?;
    let words = Activation::ALL.map(|activation| (activation.word(), activation));
    let activation = cursor.one_of("what the prediction is", &words)?;
    let loss = match name {
        "bce" => bce(bce_options(cursor, at, activation)?),
        "cross_entropy" => cross_entropy(bce_options(cursor, at, activation)?),
        "overlap" => {
            let mut terms = overlap(activation);
            cursor.options(&["clip"], |cursor, _| {
                terms.clip = Some(cursor.equals_number()?);
                Ok(())
            })?;
            terms.check().map_err(|error| cursor.error_at(at, error))?;
            return Ok(Head::Overlap(terms));
        }
        _ => {
            cursor.options(&[], |_, _| Ok(()))?;
            match name {
                "kl" => kl(activation),
                "squared" => squared(activation),
                "absolute" => absolute(activation),
                _ => predicted(activation),
            }
        }
    };
    loss.check().map_err(|error| cursor.error_at(at, error))?;
    Ok(Head::Loss(loss))
}

/// Reads one step and puts it behind `head`.
fn chain(cursor: &mut Cursor<'_>, head: Head) -> Result<Head> {
    let at = cursor.at();
    let name = cursor.word("a step")?;
    let aggregate = AGGREGATES.contains(&name);
    match (name, head) {
        ("weigh", head) => {
            cursor.expect('(')?;
            let weight = weight(cursor)?;
            cursor.expect(')')?;
            Ok(match head {
                Head::Overlap(overlap) => Head::Overlap(overlap.weigh(weight)),
                Head::Loss(loss) => Head::Loss(loss.weigh(weight)),
            })
        }
        ("select" | "without", head) => {
            cursor.expect('(')?;
            let classes = cursor.list(|cursor| cursor.whole("a class number"))?;
            cursor.expect(')')?;
            Ok(match (head, name) {
                (Head::Overlap(overlap), "select") => Head::Overlap(overlap.select(classes)),
                (Head::Overlap(overlap), _) => Head::Overlap(overlap.without(classes)),
                (Head::Loss(loss), "select") => Head::Loss(loss.select(classes)),
                (Head::Loss(loss), _) => Head::Loss(loss.without(classes)),
            })
        }
        ("scale", Head::Loss(loss)) => {
            cursor.expect('(')?;
            let weight = weight(cursor)?;
            cursor.expect(')')?;
            Ok(Head::Loss(loss.scale(weight)))
        }
        ("map", Head::Loss(loss)) => Ok(Head::Loss(loss.map(map(cursor)?))),
        (_, Head::Loss(loss)) if aggregate => {
            let step = step(cursor, at, name)?;
            Ok(Head::Loss(loss.reduce(Reduction::Step(step))))
        }
        (_, Head::Overlap(overlap)) if RATIOS.contains(&name) => {
            let ratio = ratio(cursor, name)?;
            Ok(Head::Loss(match name {
                "dice" => overlap.dice(ratio),
                "jaccard" => overlap.jaccard(ratio),
                "lovasz" => overlap.lovasz(ratio),
                "lovasz_hinge" => overlap.lovasz_hinge(ratio),
                _ => overlap.tversky(ratio),
            }))
        }
        (_, Head::Overlap(_)) if aggregate || name == "scale" || name == "map" => Err(cursor
            .error_at(
                at,
                format!("`{name}` needs values; a ratio ({}) comes first", RATIOS.join(", ")),
            )),
        (_, Head::Loss(loss)) if RATIOS.contains(&name) => {
            let why = if matches!(loss.node(), Node::Region { .. }) {
                "one ratio is enough"
            } else {
                "a ratio stands on an overlap"
            };
            Err(cursor.error_at(at, format!("`{name}` cannot stand here: {why}")))
        }
        _ => Err(cursor.error_at(
            at,
            format!(
                "expected a step ({}, scale, weigh, map, select, without, {}), found `{name}`",
                AGGREGATES.join(", "),
                RATIOS.join(", ")
            ),
        )),
    }
}

fn map(cursor: &mut Cursor<'_>) -> Result<Map> {
    let expected =
        "`-ln(x)`, or `x^` and a number; minus, plus and times are arithmetic on the loss";
    cursor.expect('(')?;
    let map = if cursor.takes('-') {
        for part in ["ln", "(", "x", ")"] {
            if !cursor.takes_text(part) {
                return Err(cursor.expected(expected));
            }
        }
        Map::NegativeLog
    } else if cursor.takes_text("x") && cursor.takes('^') {
        Map::Power(cursor.number("a number")?)
    } else {
        return Err(cursor.expected(expected));
    };
    cursor.expect(')')?;
    Ok(map)
}
