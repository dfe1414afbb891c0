//! Reads weights.

use super::cursor::Cursor;
use super::reduction::over;
use crate::axis::Axes;
use crate::error::Result;
use crate::reduction::Over;
use crate::weight::{AbsentVolume, Weight};

/// Reads one weight.
pub(super) fn weight(cursor: &mut Cursor<'_>) -> Result<Weight> {
    const NAMES: [(&str, Kind); 10] = [
        ("class", Kind::Class),
        ("target", Kind::Target),
        ("image", Kind::Plain(Weight::Image)),
        ("map", Kind::Plain(Weight::Map)),
        ("mask", Kind::Plain(Weight::Mask)),
        ("positives", Kind::Plain(Weight::Positives)),
        ("negatives", Kind::Plain(Weight::Negatives)),
        ("presence", Kind::Presence),
        ("volume", Kind::Volume),
        ("balance", Kind::Balance),
    ];
    let at = cursor.at();
    let name = cursor.peek_word();
    let Some((_, kind)) = NAMES.into_iter().find(|(known, _)| Some(*known) == name) else {
        let names = NAMES.map(|(name, _)| name).join(", ");
        return Err(cursor.expected(format!("a weight ({names})")));
    };
    cursor.word("a weight")?;
    let weight = match kind {
        Kind::Plain(weight) => weight,
        Kind::Class => Weight::Class(numbers(cursor)?),
        Kind::Target => Weight::Target(numbers(cursor)?),
        Kind::Presence => counted(cursor, Weight::presence(), &[])?,
        Kind::Balance => counted(cursor, Weight::balance(), &[])?,
        Kind::Volume => {
            let mut counted = counted(cursor, Weight::volume(1.0), &["absent", "epsilon"])?;
            if let Weight::Volume { power, .. } = &mut counted {
                *power = cursor.equals_number()?;
            }
            counted
        }
    };
    weight.check().map_err(|error| cursor.error_at(at, error))?;
    Ok(weight)
}

enum Kind {
    Plain(Weight),
    Class,
    Target,
    Presence,
    Volume,
    Balance,
}

fn numbers(cursor: &mut Cursor<'_>) -> Result<Vec<f64>> {
    cursor.expect('=')?;
    cursor.list(|cursor| cursor.number("a number"))
}

/// Reads `(over; options)` where it stands.
fn counted(cursor: &mut Cursor<'_>, weight: Weight, known: &[&str]) -> Result<Weight> {
    const ABSENT: [(&str, AbsentVolume); 3] = [
        ("error", AbsentVolume::Error),
        ("zero", AbsentVolume::Zero),
        ("largest", AbsentVolume::Largest),
    ];
    if !cursor.takes('(') {
        return Ok(weight);
    }
    let mut weight = match over(cursor)? {
        Over::All => weight.over(Axes::ALL),
        Over::Axes(axes) => weight.over(axes),
    };
    cursor.options(known, |cursor, key| {
        cursor.expect('=')?;
        weight = match key {
            "epsilon" => weight.clone().epsilon(cursor.number("a number")?),
            _ => weight.clone().absent(cursor.one_of("a rule", &ABSENT)?),
        };
        Ok(())
    })?;
    Ok(weight)
}
