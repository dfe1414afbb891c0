//! What a framework ignores by a number of the target, as a mask.

use lossfold::{Axes, Axis, Layout, Loss};
use ndarray::ArrayD;
use serde_json::Value;

use crate::call::Call;
use crate::case::Target;
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

/// Labels some of which are ignored: where the loss names a mask they are its zeros, otherwise they have no mass.
///
/// A masked label is still looked up among the weights, as Python does: one below 0 counts from the last class.
pub fn labels(
    loss: &Loss,
    numbers: &ArrayD<f64>,
    ignored: impl Fn(f64) -> bool,
    (layout, classes): (Layout, usize),
    carried: &mut Carried,
) -> Target {
    const NOTHING: i64 = -1;
    if names_mask(loss) {
        let axes: Axes = layout.axes().iter().copied().collect();
        let axes = axes.without(Axis::Class);
        carried.mask = Some((axes, numbers.mapv(|label| f64::from(!ignored(label)))));
        let classes = classes as f64;
        let looked_up = numbers.mapv(|label| match label {
            label if (0.0..classes).contains(&label) => label,
            label if (-classes..0.0).contains(&label) => classes + label,
            _ => 0.0,
        });
        return Target::labels(&looked_up, None);
    }
    let marked = numbers.mapv(|label| if ignored(label) { NOTHING as f64 } else { label });
    Target::labels(&marked, Some(NOTHING))
}

/// Whether the batch must carry a mask.
pub fn names_mask(loss: &Loss) -> bool {
    loss.to_string().contains("(mask)")
}

/// The call in which a number that the target has is written down, where none is.
pub fn written(call: Call, row: &Row, name: &str, target: &ArrayD<f64>, number: i64) -> Call {
    let written = row.arguments().is_ok_and(|given| given.contains_key(name));
    if written || !target.iter().any(is(number)) { call } else { call.with(name, number) }
}
