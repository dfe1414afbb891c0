//! `paddleseg.models.losses`: tensors (N, C, ...), and labels (N, ...) or a target of the prediction's rank.

use lossfold::preset::Given;
use lossfold::{Axes, Axis, Layout};
use ndarray::{ArrayD, Axis as Place, IxDyn};
use serde_json::Value;

use crate::call::{Call, numbers, parsed};
use crate::case::{Case, Target, one_hot};
use crate::difference;
use crate::ignore;
use crate::row::Row;
use crate::torch::layout;
use crate::weight::Carried;

/// What is ignored unless something else is named.
const DEFAULT: i64 = 255;

/// The case of a row.
pub fn translate(row: &Row) -> Result<Case, String> {
    let (prediction, target) = (row.prediction()?, row.target()?);
    let (layout, classes) = (layout(prediction.ndim())?, prediction.shape()[1]);
    match row.text("loss")? {
        "BCELoss" => binary(row, layout, prediction, target),
        "LovaszHingeLoss" | "L1Loss" | "MSELoss" => elements(row, layout, prediction, target),
        _ => of_labels(row, (layout, classes), prediction, target),
    }
}

fn of_labels(
    row: &Row,
    (layout, classes): (Layout, usize),
    prediction: ArrayD<f64>,
    mut target: ArrayD<f64>,
) -> Result<Case, String> {
    if target.ndim() == prediction.ndim() {
        target.index_axis_inplace(Place(1), 0);
    }
    let name = row.text("loss")?;
    let number = ignore::number(row, Some(DEFAULT))?.map(|number| number as f64);
    let ignored = |label: f64| Some(label) == number;
    if name == "LovaszSoftmaxLoss" && target.iter().all(|&label| ignored(label)) {
        return Err(difference::PADDLESEG_NO_PIXEL.into());
    }
    let gamma = row.argument("gamma").and_then(Value::as_f64).unwrap_or(2.0);
    if name == "MultiClassFocalLoss" && classes == 1 && gamma < 1.0 {
        return Err(difference::PADDLESEG_ROOT.into());
    }
    let mut carried = Carried::default();
    let mut call = ignore::written(Call::of(row, &[])?, row, "ignore_index", &target, DEFAULT);
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
    // The one loss that its package does not export.
    let module = if name == "MultiClassFocalLoss" { "focal_loss." } else { "" };
    let call = call.text(&format!("paddleseg.{module}{name}")) + &late.text("");
    let loss = parsed(&call, &Given::labels(layout).classes(classes))?;
    let target = ignore::labels(&loss, &target, ignored, (layout, classes), &mut carried);
    Case::of(loss, layout, prediction, target, carried)
}

/// What is ignored is class 0 and a 0 of the mask; labels become dense.
fn binary(
    row: &Row,
    layout: Layout,
    prediction: ArrayD<f64>,
    mut target: ArrayD<f64>,
) -> Result<Case, String> {
    if target.ndim() < prediction.ndim() {
        target.insert_axis_inplace(Place(1));
    }
    let number = ignore::number(row, Some(DEFAULT))?.map(|number| number as f64);
    let ignored = |t: f64| Some(t) == number;
    let marks = target.mapv(|t| f64::from(!ignored(t)));
    let mut carried = Carried::default();
    let mut call = ignore::written(Call::of(row, &[])?, row, "ignore_index", &target, DEFAULT);
    for (name, weight) in row.all_weights()? {
        call = call.weight(name, &weight, (prediction.shape(), layout), &mut carried)?;
    }
    let dynamic = |name: &str| row.argument(name).and_then(Value::as_str) == Some("dynamic");
    let hard = target.iter().all(|&t| ignored(t) || t == 0.0 || t == 1.0);
    let as_labels = target.shape()[1] != prediction.shape()[1];
    if as_labels && prediction.ndim() != 4 {
        return Err(difference::PADDLESEG_PLANE.into());
    }
    if !as_labels && !hard && (dynamic("weight") || dynamic("pos_weight")) {
        return Err(difference::PADDLESEG_DYNAMIC.into());
    }
    let loss = parsed(&call.text("paddleseg.BCELoss"), &Given::dense(layout))?;
    let mut target = target.mapv(|t| if ignored(t) { 0.0 } else { t });
    let axes: Axes = layout.axes().iter().copied().collect();
    if as_labels {
        target = one_hot(&target.index_axis_move(Place(1), 0), prediction.shape()[1]);
    }
    if ignore::names_mask(&loss) {
        carried.mask = Some(if as_labels {
            (axes.without(Axis::Class), marks.index_axis_move(Place(1), 0))
        } else {
            (axes, marks)
        });
    }
    Case::of(loss, layout, prediction, Target::Dense(target), carried)
}

fn elements(
    row: &Row,
    layout: Layout,
    prediction: ArrayD<f64>,
    target: ArrayD<f64>,
) -> Result<Case, String> {
    let name = row.text("loss")?;
    let number = ignore::number(row, Some(DEFAULT))?.unwrap_or(DEFAULT);
    let call = ignore::written(Call::of(row, &[])?, row, "ignore_index", &target, DEFAULT);
    let given = Given::dense(layout).classes(prediction.shape()[1]);
    let loss = parsed(&call.text(&format!("paddleseg.{name}")), &given)?;
    let target = target.into_shape_with_order(IxDyn(prediction.shape()));
    let mut target = target.map_err(|error| format!("target: {error}"))?;
    let mut carried = Carried::default();
    if ignore::names_mask(&loss) {
        target = ignore::mask(&target, number, (layout, false), &mut carried);
    }
    Case::of(loss, layout, prediction, Target::Dense(target), carried)
}
