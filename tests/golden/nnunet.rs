//! `nnunetv2.training.loss`: tensors (N, C, ...), and labels (N, 1, ...).

use lossfold::Axis::{Image, Pixel};
use lossfold::Layout;
use lossfold::preset::Given;
use ndarray::{ArrayD, Axis};
use serde_json::Value;

use crate::call::{Call, numbers, parsed, python};
use crate::case::{Case, Target, one_hot};
use crate::difference;
use crate::row::Row;
use crate::torch::layout;
use crate::weight::Carried;

/// The class axis of a tensor.
const CLASS: Axis = Axis(1);

/// The arguments that rows name flat, by the dict of a compound loss in which they stand.
const DICE: [&str; 5] = ["batch_dice", "do_bg", "smooth", "ddp", "clip_tp"];
const ENTROPY: [&str; 5] = ["weight", "k", "label_smoothing", "reduction", "pos_weight"];

/// The case of a row.
pub fn translate(row: &Row) -> Result<Case, String> {
    let (prediction, target) = (row.prediction()?, row.target()?);
    let (shape, layout) = (prediction.shape().to_vec(), layout(prediction.ndim())?);
    differences(row, &shape)?;
    let mut carried = Carried::default();
    let (target, mask) = split(row, &shape, target)?;
    carried.mask = mask.map(|mask| ([Pixel, Image].into(), mask));
    let labels = matches!(target, Target::Labels { .. });
    let given = if labels { Given::labels(layout) } else { Given::dense(layout) };
    let call = call(row, (&shape, layout), &mut carried)?;
    let loss = parsed(&call, &given.classes(shape[1]))?;
    Case::of(loss, layout, prediction, target, carried)
}

/// What is not copied: the NaN of a mean over nothing.
fn differences(row: &Row, shape: &[usize]) -> Result<(), String> {
    let name = row.text("loss")?;
    let argument = |name: &str| {
        let of = |dict: &str| row.argument(dict).and_then(|dict| dict.get(name));
        row.argument(name).or_else(|| of("soft_dice_kwargs")).or_else(|| of("ce_kwargs"))
    };
    let percent = argument("k").and_then(Value::as_f64).unwrap_or(10.0);
    let pixels: usize = shape[2..].iter().product();
    let worst = (shape[0] * pixels) as f64 * percent / 100.0;
    if ["TopKLoss", "DC_and_topk_loss"].contains(&name) && worst < 1.0 {
        return Err(difference::NNUNET_NO_PIXEL.into());
    }
    Ok(())
}

/// The call of a row, its flat arguments in the dicts where nnU-Net has them.
pub fn call(row: &Row, about: (&[usize], Layout), carried: &mut Carried) -> Result<String, String> {
    let name = row.text("loss")?;
    let compound = name.starts_with("DC_and_");
    let (mut outer, mut dice, mut entropy) = (Call::default(), Call::default(), Call::default());
    let mut forward = "";
    for (argument, value) in row.arguments()? {
        let place = match argument.as_str() {
            "softmax" | "sigmoid" if value.as_bool() != Some(true) || compound => continue,
            "softmax" => {
                outer = outer.with("apply_nonlin", "softmax_helper_dim1");
                continue;
            }
            "sigmoid" => {
                outer = outer.with("apply_nonlin", "torch.sigmoid");
                continue;
            }
            argument if compound && DICE.contains(&argument) => &mut dice,
            argument if compound && ENTROPY.contains(&argument) => &mut entropy,
            _ => &mut outer,
        };
        *place = std::mem::take(place).with(argument, python(value));
    }
    for (argument, weight) in row.all_weights()? {
        if ["mask", "loss_mask"].contains(&argument) {
            forward = "(x, y, loss_mask=mask)";
        } else {
            let place = if compound { &mut entropy } else { &mut outer };
            let taken = std::mem::take(place);
            *place = if name == "DC_and_BCE_loss" {
                taken.weight(argument, &weight, about, carried)?
            } else {
                taken.with(argument, numbers(&weight))
            };
        }
    }
    if compound {
        let of_entropy = if name == "DC_and_BCE_loss" { "bce_kwargs" } else { "ce_kwargs" };
        for (name, arguments) in [("soft_dice_kwargs", dice), (of_entropy, entropy)] {
            if row.argument(name).is_none() {
                outer = outer.with(name, arguments.text("dict"));
            }
        }
    }
    Ok(outer.text(name) + forward)
}

/// The target, and the pixels that count.
fn split(
    row: &Row,
    shape: &[usize],
    target: ArrayD<f64>,
) -> Result<(Target, Option<ArrayD<f64>>), String> {
    let name = row.text("loss")?;
    let whole = |name: &str| row.argument(name).and_then(Value::as_i64);
    let ignored = whole("ignore_label").or_else(|| whole("ignore_index"));
    let weights = row.all_weights()?;
    let mask = weights.get("mask").or_else(|| weights.get("loss_mask"));
    let mask = mask.map(|mask| mask.index_axis(CLASS, 0).mapv(|kept| f64::from(kept != 0.0)));
    if name == "DC_and_BCE_loss" {
        if row.argument("use_ignore_label").and_then(Value::as_bool) != Some(true) {
            return Ok((Target::Dense(target), mask));
        }
        // What is to be ignored is the last channel.
        let regions = target.slice_axis(CLASS, (..shape[1]).into()).to_owned();
        let kept = target.index_axis(CLASS, shape[1]).mapv(|ignored| f64::from(ignored != 1.0));
        return Ok((Target::Dense(regions), Some(kept)));
    }
    if target.shape() == shape {
        return Ok((Target::Dense(target), mask));
    }
    let labels =
        if target.ndim() == shape.len() { target.index_axis(CLASS, 0).to_owned() } else { target };
    match ignored {
        // The worst pixels are taken of all, also of those that are ignored.
        Some(ignored) if ["DC_and_topk_loss", "TopKLoss"].contains(&name) => {
            let kept = labels.mapv(|label| f64::from(label != ignored as f64));
            Ok((Target::Dense(one_hot(&labels, shape[1])), Some(kept)))
        }
        ignored => Ok((Target::labels(&labels, ignored), mask)),
    }
}
