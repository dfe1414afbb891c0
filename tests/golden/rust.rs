//! `burn_nn::loss` and `candle_nn::loss`: the class axis comes second, or there is none.

use lossfold::preset::Given;

use crate::call::{Call, numbers, parsed};
use crate::case::{Case, Target};
use crate::difference;
use crate::row::Row;
use crate::torch::layout;
use crate::weight::Carried;

/// A sigmoid in f32 rounds to 0 or 1 beyond this logit, and its logarithm is infinite.
const MOST_LOGIT: f64 = 16.6;

/// The case of a row.
pub fn translate(row: &Row) -> Result<Case, String> {
    let (prediction, target) = (row.prediction()?, row.target()?);
    let loss = row.text("loss")?;
    let (path, own) = match row.text("framework")? {
        "burn" => (format!("burn.nn.loss.{loss}"), "pad_tokens"),
        _ => (format!("candle_nn.loss.{loss}"), ""),
    };
    if path.ends_with("binary_cross_entropy_with_logit")
        && prediction.iter().any(|logit| logit.abs() > MOST_LOGIT)
    {
        return Err(difference::CANDLE_SIGMOID.into());
    }
    let mut call = Call::of(row, &[own])?;
    for (name, weight) in row.all_weights()? {
        call = call.with(name, numbers(&weight));
    }
    let layout = layout(prediction.ndim())?;
    let labels = target.ndim() < prediction.ndim();
    let given = if labels { Given::labels(layout) } else { Given::dense(layout) };
    let loss = parsed(&call.text(&path), &given)?;
    let target = if labels {
        let pads = row.argument("pad_tokens").and_then(serde_json::Value::as_array);
        let pads = pads.map_or(&[][..], Vec::as_slice);
        if pads.len() > 1 {
            return Err("several pad tokens; a batch has one ignored label".into());
        }
        Target::labels(&target, pads.first().and_then(serde_json::Value::as_i64))
    } else {
        Target::Dense(target)
    };
    Case::of(loss, layout, prediction, target, Carried::default())
}
