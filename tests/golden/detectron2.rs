//! `detectron2`: logits (N, C, ...) and labels (N, ...).

use lossfold::preset::Given;
use lossfold::{Axis, Layout};

use crate::call::{Call, numbers, parsed};
use crate::case::Case;
use crate::difference;
use crate::ignore;
use crate::row::Row;
use crate::torch::layout;
use crate::weight::Carried;

/// The case of a row.
pub fn translate(row: &Row) -> Result<Case, String> {
    let (prediction, target) = (row.prediction()?, row.target()?);
    let (layout, classes) = (layout(prediction.ndim())?, prediction.shape()[1]);
    let share = row.argument("top_k_percent_pixels").and_then(serde_json::Value::as_f64);
    if share.is_some_and(|share| share * (target.len() as f64) < 1.0) {
        return Err(difference::DETECTRON2_NO_PIXEL.into());
    }
    let number = row.argument("ignore_label").and_then(serde_json::Value::as_i64).unwrap_or(-1);
    let mut carried = Carried::default();
    let mut call = ignore::written(Call::of(row, &[])?, row, "ignore_label", &target, number);
    let mut late = Call::default();
    for (name, weight) in row.all_weights()? {
        if name == "weight" {
            call = call.with(name, numbers(&weight));
        } else {
            let axes: Vec<Axis> =
                layout.axes().iter().copied().filter(|&axis| axis != Axis::Class).collect();
            let of_labels = Layout::new(&axes).map_err(|error| error.to_string())?;
            late = late.weight(name, &weight, (target.shape(), of_labels), &mut carried)?;
        }
    }
    let name = format!("detectron2.projects.deeplab.loss.{}", row.text("loss")?);
    let call = call.text(&name) + &late.text("");
    let loss = parsed(&call, &Given::labels(layout).classes(classes))?;
    let ignored = |label: f64| label == number as f64;
    let target = ignore::labels(&loss, &target, ignored, (layout, classes), &mut carried);
    Case::of(loss, layout, prediction, target, carried)
}
