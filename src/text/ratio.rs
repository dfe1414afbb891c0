//! Reads ratio steps.

use super::cursor::Cursor;
use super::reduction::{EMPTY, over};
use crate::error::Result;
use crate::region::{Absent, Ratio, SoftOverlap};

/// The names of the ratios.
pub(super) const RATIOS: [&str; 5] = ["dice", "jaccard", "tversky", "lovasz", "lovasz_hinge"];

/// Reads `(over; options)` of a ratio.
pub(super) fn ratio(cursor: &mut Cursor<'_>, name: &str) -> Result<Ratio> {
    const SOFT: [(&str, SoftOverlap); 2] =
        [("product", SoftOverlap::Product), ("distance", SoftOverlap::Distance)];
    const ABSENT: [(&str, Absent); 3] =
        [("keep", Absent::Keep), ("skip", Absent::Skip), ("zero", Absent::Zero)];
    const KEYS: [&str; 13] = [
        "smooth",
        "smooth_numerator",
        "smooth_denominator",
        "floor",
        "tp_floor",
        "score_floor",
        "exponent",
        "soft",
        "absent",
        "carry",
        "empty",
        "fp",
        "fn",
    ];
    let known = match name {
        "lovasz" | "lovasz_hinge" => &["absent", "empty"][..],
        // Jaccard with weights of its own is called Tversky.
        "jaccard" => &KEYS[..11],
        _ => &KEYS[..],
    };
    cursor.expect('(')?;
    let at = cursor.at();
    let mut ratio = Ratio::over(over(cursor)?);
    let (mut both, mut one) = (false, false);
    cursor.options(known, |cursor, key| {
        match key {
            "carry" => {
                ratio.carry = true;
                return Ok(());
            }
            "soft" => {
                cursor.expect('=')?;
                ratio.soft = cursor.one_of("a soft overlap", &SOFT)?;
                return Ok(());
            }
            "absent" => {
                cursor.expect('=')?;
                ratio.absent = cursor.one_of("a rule", &ABSENT)?;
                return Ok(());
            }
            "empty" => {
                cursor.expect('=')?;
                ratio.empty = cursor.one_of("a policy", &EMPTY)?;
                return Ok(());
            }
            _ => {}
        }
        let number = cursor.equals_number()?;
        both |= key == "smooth";
        one |= matches!(key, "smooth_numerator" | "smooth_denominator");
        if both && one {
            return Err(cursor.error_at(
                at,
                "`smooth` already names both smooth_numerator and smooth_denominator",
            ));
        }
        match key {
            "smooth" => {
                ratio.smooth_numerator = number;
                ratio.smooth_denominator = number;
            }
            "smooth_numerator" => ratio.smooth_numerator = number,
            "smooth_denominator" => ratio.smooth_denominator = number,
            "floor" => ratio.floor = number,
            "tp_floor" => ratio.true_positive_floor = Some(number),
            "score_floor" => ratio.score_floor = Some(number),
            "exponent" => ratio.exponent = number,
            "fp" => ratio.false_positive = number,
            _ => ratio.false_negative = number,
        }
        Ok(())
    })?;
    Ok(ratio)
}
