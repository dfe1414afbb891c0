//! Reads the options of binary cross-entropy.

use super::cursor::Cursor;
use crate::element::{Activation, Bce, Smoothing};
use crate::error::Result;

/// Reads `; options)` behind the activation.
pub(super) fn bce_options(cursor: &mut Cursor<'_>, activation: Activation) -> Result<Bce> {
    type Convention = fn(f64) -> Smoothing;
    const SMOOTHING: [(&str, Convention); 3] =
        [("half", Smoothing::Half), ("classes", Smoothing::Classes), ("flip", Smoothing::Flip)];
    let mut options = Bce::new(activation);
    let known = ["clip", "epsilon", "log_floor", "positive", "smoothing"];
    cursor.options(&known, |cursor, key| {
        match key {
            "clip" => options.clip = Some(cursor.equals_number()?),
            "epsilon" => options.epsilon = Some(cursor.equals_number()?),
            "log_floor" => options.log_floor = Some(cursor.equals_number()?),
            "positive" => {
                cursor.expect('=')?;
                options.positive = Some(cursor.list(|cursor| cursor.number("a number"))?);
            }
            _ => {
                cursor.expect('=')?;
                let convention = cursor.one_of("a convention", &SMOOTHING)?;
                cursor.expect('(')?;
                options.smoothing = Some(convention(cursor.number("a number")?));
                cursor.expect(')')?;
            }
        }
        Ok(())
    })?;
    Ok(options)
}
