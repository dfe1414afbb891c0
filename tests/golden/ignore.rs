//! What a framework ignores by a number of the target, as a mask.

use lossfold::{Axes, Axis, Layout};
use ndarray::ArrayD;
use serde_json::Value;

use crate::call::Call;
use crate::row::Row;
use crate::weight::Carried;

/// The number that a row ignores: its argument, or else the framework's default.
pub fn number(row: &Row, default: Option<i64>) -> Result<Option<i64>, String> {
    match row.arguments()?.get("ignore_index") {
        None => Ok(default),
        Some(Value::Null) => Ok(None),
        Some(number) => number.as_i64().map(Some).ok_or_else(|| "ignore_index is no number".into()),
    }
}

fn is(number: i64) -> impl Fn(&f64) -> bool {
    move |&target| target == number as f64
}

/// The call in which a default that the target has is written down; whether the loss then has a mask.
pub fn named(call: Call, row: &Row, target: &ArrayD<f64>, number: Option<i64>) -> (Call, bool) {
    match number {
        Some(_) if row.argument("ignore_index").is_some() => (call, true),
        Some(number) if target.iter().any(is(number)) => (call.with("ignore_index", number), true),
        _ => (call, false),
    }
}

/// Carries the mask of a target whose axes are those of the layout, or without the class axis those of labels; what
/// is ignored becomes 0.
pub fn mask(
    target: &ArrayD<f64>,
    number: i64,
    (layout, labels): (Layout, bool),
    carried: &mut Carried,
) -> ArrayD<f64> {
    let axes: Axes = layout.axes().iter().copied().collect();
    let axes = if labels { axes.without(Axis::Class) } else { axes };
    let ignored = is(number);
    carried.mask = Some((axes, target.mapv(|t| f64::from(!ignored(&t)))));
    target.mapv(|t| if ignored(&t) { 0.0 } else { t })
}
