//! `monai.losses`: tensors (N, C, ...), and labels (N, 1, ...).

use lossfold::Axes;
use lossfold::Axis::{Image, Pixel};
use lossfold::preset::Given;
use ndarray::{ArrayD, Axis};
use serde_json::Value;

use crate::call::{Call, numbers, parsed};
use crate::case::{Before, Case, Target, one_hot};
use crate::difference;
use crate::row::Row;
use crate::torch::layout;
use crate::weight::Carried;

/// The class axis of a tensor.
const CLASS: Axis = Axis(1);

/// The case of a row.
pub fn translate(row: &Row) -> Result<Case, String> {
    let name = row.text("loss")?;
    let (mut prediction, target) = (row.prediction()?, row.target()?);
    let classes = prediction.shape()[1];
    let flag = |name: &str| row.argument(name).and_then(Value::as_bool);
    let background = flag("include_background").unwrap_or(true) || classes == 1;
    let labelled = name == "GeneralizedWassersteinDiceLoss"
        || flag("to_onehot_y").unwrap_or(false) && classes > 1;
    // The softmax is over the classes that are left, so what is dropped is no part of the batch.
    let dropped = flag("use_softmax").unwrap_or(false) && !background;
    let (ignored, mut before) =
        (row.argument("ignore_index").and_then(Value::as_i64), before(row)?);
    differences(row, (&prediction, &target), (labelled, background))?;

    let mut own = vec!["other_act"];
    if dropped {
        own.extend(["include_background", "to_onehot_y"]);
        // A number has no meaning there, and MONAI ignores it.
        own.extend(row.argument("alpha").filter(|alpha| alpha.is_number()).map(|_| "alpha"));
    }
    let mut call = Call::of(row, &own)?;
    let (mut carried, mut forward) = (Carried::default(), "");
    for (name, weight) in row.all_weights()? {
        if name == "mask" {
            carried.mask = Some(per_pixel(&weight, prediction.shape())?);
            forward = "(input, target, mask=mask)";
        } else {
            call = call.with(name, numbers(&weight));
        }
    }
    if let Some(ignored) = ignored.filter(|_| !labelled || dropped) {
        carried.mask = Some(([Pixel, Image].into(), kept(&target, ignored)?));
    }
    let layout = layout(prediction.ndim())?;
    let labels = labelled && !dropped;
    let target = if labels {
        Target::labels(&without_class(&target)?, ignored)
    } else if dropped {
        let dense = if labelled { one_hot(&without_class(&target)?, classes) } else { target };
        Target::Dense(dense.slice_axis(CLASS, (1..).into()).to_owned())
    } else {
        Target::Dense(target)
    };
    if dropped {
        before = Before::WithoutBackground;
    }
    let given = if labels { Given::labels(layout) } else { Given::dense(layout) };
    let given = given.classes(classes - usize::from(dropped));
    let call = call.text(&path(name)) + forward;
    let loss = parsed(&call, &given)?;
    if let (Before::Nothing, false) = (before, labels) {
        return Case::of(loss, layout, prediction, target, carried);
    }
    prediction = prediction.as_standard_layout().into_owned();
    Ok(Case { loss, layout, prediction, before, target, carried })
}

fn path(name: &str) -> String {
    match name {
        "AsymmetricFocalLoss" | "AsymmetricFocalTverskyLoss" => {
            format!("monai.losses.unified_focal_loss.{name}")
        }
        name => format!("monai.losses.{name}"),
    }
}

/// The functions that rows pass as `other_act`.
fn before(row: &Row) -> Result<Before, String> {
    match row.argument("other_act").map(|act| act.as_str().unwrap_or_default()) {
        None => Ok(Before::Nothing),
        Some("callable:tanh") => Ok(Before::Tanh),
        // The one function without a name in MONAI's own tests is a log-softmax over the classes.
        Some("callable:log_softmax" | "callable:<lambda>") => Ok(Before::LogSoftmax),
        Some(other) => Err(format!("monai other_act {other} is not translated")),
    }
}

/// What is not copied.
fn differences(
    row: &Row,
    (prediction, target): (&ArrayD<f64>, &ArrayD<f64>),
    (labelled, background): (bool, bool),
) -> Result<(), String> {
    let flag = |name: &str| row.argument(name).and_then(Value::as_bool).unwrap_or(false);
    let name = row.text("loss")?;
    let summed = row.argument("reduction").and_then(Value::as_str) == Some("sum");
    let over_pixels = if name == "FocalLoss" { summed } else { !flag("batch") };
    if prediction.ndim() < 3 && over_pixels {
        return Err(difference::MONAI_NO_SPACE.into());
    }
    let one = prediction.shape()[1] - usize::from(!background) == 1;
    let gamma = row.argument("gamma").and_then(Value::as_f64).unwrap_or(2.0);
    if flag("use_softmax") && one && gamma < 1.0 {
        return Err(difference::MONAI_SOFTMAX.into());
    }
    let activated = flag("sigmoid") || flag("softmax") && prediction.shape()[1] > 1;
    let signed = !activated && prediction.iter().any(|&p| p < 0.0);
    if flag("soft_label") && !flag("squared_pred") && signed {
        return Err(difference::MONAI_SOFT_LABEL.into());
    }
    let soft = !labelled && target.iter().any(|&t| t != 0.0 && t != 1.0);
    if row.argument("alpha").is_some_and(Value::is_array) && !flag("use_softmax") && soft {
        return Err(difference::MONAI_ALPHA.into());
    }
    Ok(())
}

/// A mask (N, 1, ...) or (1, 1, ...) by the pixels of all images.
fn per_pixel(mask: &ArrayD<f64>, shape: &[usize]) -> Result<(Axes, ArrayD<f64>), String> {
    if mask.iter().any(|&kept| kept != 0.0 && kept != 1.0) {
        return Err(difference::MONAI_MASK.into());
    }
    let mut full = shape.to_vec();
    full[1] = 1;
    let full = mask.broadcast(full).ok_or_else(|| format!("a mask of {:?}", mask.shape()))?;
    Ok(([Pixel, Image].into(), full.index_axis(CLASS, 0).to_owned()))
}

/// Labels (N, 1, ...) without their class axis, or labels (N, ...).
fn without_class(target: &ArrayD<f64>) -> Result<ArrayD<f64>, String> {
    match target.shape().get(1) {
        Some(1) => Ok(target.index_axis(CLASS, 0).to_owned()),
        _ => Err(format!("labels of shape {:?}", target.shape())),
    }
}

/// 1 for the pixels that `ignore_index` leaves: of labels those with another label, of a one-hot
/// target those of the other classes, or, where no class has this number, those with a class.
fn kept(target: &ArrayD<f64>, ignored: i64) -> Result<ArrayD<f64>, String> {
    let class = usize::try_from(ignored).ok().filter(|&class| class < target.shape()[1]);
    let mask = match class {
        _ if target.shape()[1] == 1 => {
            target.index_axis(CLASS, 0).mapv(|label| f64::from(label != ignored as f64))
        }
        Some(class) => target.index_axis(CLASS, class).mapv(|t| 1.0 - t),
        None => target.sum_axis(CLASS).mapv(|total| f64::from(total > 0.0)),
    };
    if mask.iter().any(|&kept| kept != 0.0 && kept != 1.0) {
        return Err(difference::MONAI_SOFT_IGNORED.into());
    }
    Ok(mask)
}
