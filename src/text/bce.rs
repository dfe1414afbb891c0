//! Reads the options of binary cross-entropy.

use super::cursor::Cursor;
use crate::element::{Activation, Bce, Focal, Smoothing, Truth};
use crate::error::Result;

const OPTIONS: [&str; 9] = [
    "clip",
    "epsilon",
    "log_floor",
    "positive",
    "smoothing",
    "focal",
    "truth",
    "threshold",
    "alpha",
];

/// Reads `; options)` behind the activation of the source that starts at `at`.
pub(super) fn bce_options(
    cursor: &mut Cursor<'_>,
    at: usize,
    activation: Activation,
) -> Result<Bce> {
    type Convention = fn(f64) -> Smoothing;
    const SMOOTHING: [(&str, Convention); 3] =
        [("half", Smoothing::Half), ("classes", Smoothing::Classes), ("flip", Smoothing::Flip)];
    let mut options = Bce::new(activation);
    let (mut gamma, mut truth, mut threshold) = (None, None, None);
    cursor.options(&OPTIONS, |cursor, key| {
        match key {
            "clip" => options.clip = Some(cursor.equals_number()?),
            "epsilon" => options.epsilon = Some(cursor.equals_number()?),
            "log_floor" => options.log_floor = Some(cursor.equals_number()?),
            "positive" => {
                cursor.expect('=')?;
                options.positive = Some(cursor.list(|cursor| cursor.number("a number"))?);
            }
            "smoothing" => {
                cursor.expect('=')?;
                let convention = cursor.one_of("a convention", &SMOOTHING)?;
                cursor.expect('(')?;
                options.smoothing = Some(convention(cursor.number("a number")?));
                cursor.expect(')')?;
            }
            "focal" => gamma = Some(cursor.equals_number()?),
            "truth" => {
                cursor.expect('=')?;
                let words = Truth::ALL.map(|truth| (truth.word(), truth));
                truth = Some(cursor.one_of("a convention", &words)?);
            }
            "threshold" => threshold = Some(cursor.equals_number()?),
            _ => options.alpha = Some(cursor.equals_number()?),
        }
        Ok(())
    })?;
    options.focal = match (gamma, truth, threshold) {
        (Some(gamma), truth, threshold) => {
            Some(Focal { gamma, truth: truth.unwrap_or(Truth::Mixed), threshold })
        }
        (None, None, None) => None,
        (None, Some(_), _) => return Err(cursor.error_at(at, "`truth` needs `focal=2`")),
        (None, None, Some(_)) => return Err(cursor.error_at(at, "`threshold` needs `focal=2`")),
    };
    Ok(options)
}
