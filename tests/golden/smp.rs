//! `segmentation_models_pytorch.losses`: tensors (N, C, ...), or (N, ...) where there is one class; labels (N, ...).

use lossfold::preset::Given;
use lossfold::{Axis, Layout};
use ndarray::{ArrayD, ArrayViewD, IxDyn};
use serde_json::Value;

use crate::call::{Call, numbers, parsed};
use crate::case::{Case, Target};
use crate::difference;
use crate::ignore;
use crate::row::Row;
use crate::weight::Carried;

/// What torch ignores unless it is told otherwise.
const DEFAULT: i64 = -100;

/// The case of a row.
pub fn translate(row: &Row) -> Result<Case, String> {
    let name = row.text("loss")?;
    let (prediction, target) = (row.prediction()?, row.target()?);
    let layout: Layout = row.text("layout")?.parse().map_err(|error| format!("{error}"))?;
    let soft = name.starts_with("Soft");
    let mode = row.argument("mode").and_then(Value::as_str);
    let labels = mode == Some("multiclass") || name == "SoftCrossEntropyLoss";
    let classes = layout.axes().iter().position(|&axis| axis == Axis::Class);
    let classes = classes.and_then(|place| prediction.shape().get(place)).copied().unwrap_or(1);

    let shape =
        if labels { without_class(&prediction, layout) } else { prediction.shape().to_vec() };
    let target =
        target.into_shape_with_order(IxDyn(&shape)).map_err(|error| format!("target: {error}"))?;
    let number = ignore::number(row, soft.then_some(DEFAULT))?;
    let mut carried = Carried::default();
    let mut call = Call::of(row, &[])?;
    for (name, weight) in row.all_weights()? {
        call = if name == "class_weights" {
            call.with(name, numbers(&weight))
        } else {
            call.weight(name, &weight, (prediction.shape(), layout), &mut carried)?
        };
    }
    let ignored = match number {
        // Labels that are ignored have no mass, unless what is ignored counts.
        Some(_) if labels && !soft => number,
        _ => None,
    };
    differences(row, &target, number, (labels, classes))?;
    let (call, masked) = match number {
        Some(_) if soft => ignore::named(call, row, &target, number),
        _ => (call, number.is_some() && !labels),
    };
    let target = match number {
        Some(number) if masked => ignore::mask(&target, number, (layout, labels), &mut carried),
        _ => target,
    };
    let given = if labels { Given::labels(layout) } else { Given::dense(layout) };
    let call = call.text(&format!("segmentation_models_pytorch.losses.{name}"));
    let loss = parsed(&call, &given.classes(classes))?;
    let target = if labels { Target::labels(&target, ignored) } else { Target::Dense(target) };
    Case::of(loss, layout, prediction, target, carried)
}

fn without_class(prediction: &ArrayD<f64>, layout: Layout) -> Vec<usize> {
    let axes = prediction.shape().iter().zip(layout.axes());
    axes.filter(|(_, axis)| **axis != Axis::Class).map(|(&extent, _)| extent).collect()
}

/// What is not copied.
fn differences(
    row: &Row,
    target: &ArrayD<f64>,
    number: Option<i64>,
    (labels, classes): (bool, usize),
) -> Result<(), String> {
    let flag = |name: &str| row.argument(name).and_then(Value::as_bool) == Some(true);
    let ignored = |t: f64| number.is_some_and(|number| t == number as f64);
    let nothing = |part: ArrayViewD<'_, f64>| part.iter().all(|&t| ignored(t));
    match row.text("loss")? {
        "LovaszLoss" if labels => {
            let empty = if flag("per_image") {
                target.outer_iter().any(nothing)
            } else {
                nothing(target.view())
            };
            if empty {
                return Err(difference::SMP_NO_PIXEL.into());
            }
        }
        "FocalLoss" if flag("normalized") && nothing(target.view()) => {
            return Err(difference::SMP_NO_FACTOR.into());
        }
        "TverskyLoss" if row.argument("gamma").and_then(Value::as_f64).is_some_and(|g| g < 1.0) => {
            let absent = |&t: &f64| t == 0.0 || ignored(t);
            // Of one class a softmax is the target itself.
            if (labels && classes == 1) || (!labels && target.iter().all(absent)) {
                return Err(difference::SMP_ROOT.into());
            }
        }
        _ => {}
    }
    Ok(())
}
