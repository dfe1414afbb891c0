//! `kornia.losses`: tensors (N, C, ...), and labels (N, ...).

use lossfold::preset::Given;
use ndarray::IxDyn;

use crate::call::{Call, numbers, parsed};
use crate::case::{Case, Target};
use crate::difference;
use crate::ignore;
use crate::row::Row;
use crate::torch::layout;
use crate::weight::Carried;

/// What is ignored unless something else is named.
const DEFAULT: i64 = -100;

/// The case of a row.
pub fn translate(row: &Row) -> Result<Case, String> {
    let name = row.text("loss")?;
    let (prediction, target) = (row.prediction()?, row.target()?);
    let (layout, classes) = (layout(prediction.ndim())?, prediction.shape()[1]);
    let [focal, binary, hinge] =
        ["focal", "binary", "hinge"].map(|word| name.to_lowercase().contains(word));
    let labels = !binary && !hinge;
    if labels && target.shape()[0] != prediction.shape()[0] {
        return Err(difference::KORNIA_BATCH.into());
    }
    let target = if labels {
        target
    } else {
        let shape = IxDyn(prediction.shape());
        target.into_shape_with_order(shape).map_err(|error| format!("target: {error}"))?
    };
    let number = ignore::number(row, Some(DEFAULT))?;
    let mut call = Call::of(row, &[])?;
    for (name, weight) in row.all_weights()? {
        call = call.with(name, numbers(&weight));
    }
    let mut carried = Carried::default();
    let (call, masked) =
        if focal { ignore::named(call, row, &target, number) } else { (call, false) };
    let target = match number {
        Some(number) if masked => ignore::mask(&target, number, (layout, labels), &mut carried),
        _ => target,
    };
    let given = if labels { Given::labels(layout) } else { Given::dense(layout) };
    let loss = parsed(&call.text(&format!("kornia.losses.{name}")), &given.classes(classes))?;
    // The Lovász losses ignore nothing.
    let ignored = number.filter(|_| !masked && !name.to_lowercase().contains("lovasz"));
    let target = if labels { Target::labels(&target, ignored) } else { Target::Dense(target) };
    Case::of(loss, layout, prediction, target, carried)
}
