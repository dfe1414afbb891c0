//! `optax.losses`: tensors (N, ..., C), and labels (N, ...).

use lossfold::preset::Given;
use lossfold::{Axes, Axis, Layout};
use ndarray::{ArrayD, Axis as Dim};

use crate::call::{Call, numbers, parsed};
use crate::case::{Case, Target};
use crate::difference;
use crate::row::Row;
use crate::weight::{Carried, broadcast};

/// A logit that takes its class from a softmax.
const GONE: f64 = -1e30;

/// The case of a row.
pub fn translate(row: &Row) -> Result<Case, String> {
    let name = row.text("loss")?;
    let (mut prediction, mut target) = (row.prediction()?, row.target()?);
    let labels = name == "softmax_cross_entropy_with_integer_labels";
    if name.ends_with("dice_loss") {
        with_class(name, &mut prediction, &mut target);
    }
    let layout = layout(prediction.ndim())?;
    let mut carried = Carried::default();
    let mut weights = row.all_weights()?;
    let own: &[&str] = if weights.contains_key("where") { &["where"] } else { &[] };
    let mut call = Call::of(row, own)?;
    if let Some(mask) = weights.remove("where") {
        let mask = full(&mask, &prediction)?;
        if labels {
            expect_labels(&mask, &target)?;
        } else {
            target.zip_mut_with(&mask, |t, &kept| *t *= kept);
        }
        prediction.zip_mut_with(&mask, |x, &kept| *x = if kept == 0.0 { GONE } else { *x });
        let class = Dim(mask.ndim() - 1);
        let pixels: Axes =
            layout.axes().iter().copied().filter(|&axis| axis != Axis::Class).collect();
        carried.mask =
            Some((pixels, mask.fold_axis(class, 0.0, |&any, &kept| f64::max(any, kept))));
        call = call.with("where", "mask");
    }
    for (name, weight) in weights {
        call = call.with(name, numbers(&weight));
    }
    let classes = prediction.shape().last().copied().unwrap_or(1);
    let given = if labels { Given::labels(layout) } else { Given::dense(layout) };
    let loss = parsed(&call.text(&format!("optax.losses.{name}")), &given.classes(classes))?;
    let target = if labels { Target::labels(&target, None) } else { Target::Dense(target) };
    Case::of(loss, layout, prediction, target, carried)
}

/// Image, any number of spatial axes, class; class alone where there is one axis.
fn layout(rank: usize) -> Result<Layout, String> {
    let mut axes = vec![Axis::Pixel; rank];
    axes.iter_mut().zip([Axis::Image]).for_each(|(axis, name)| *axis = name);
    axes.iter_mut().rev().zip([Axis::Class]).for_each(|(axis, name)| *axis = name);
    Layout::new(&axes).map_err(|error| error.to_string())
}

/// Gives a Dice loss the class axis that it adds itself.
fn with_class(name: &str, prediction: &mut ArrayD<f64>, target: &mut ArrayD<f64>) {
    let add = |tensor: &mut ArrayD<f64>| {
        let place = Dim(tensor.ndim());
        *tensor = tensor.clone().insert_axis(place);
    };
    let same = prediction.ndim() == target.ndim();
    if name == "binary_dice_loss" && same && prediction.shape().last() != Some(&1) {
        add(prediction);
        add(target);
    } else if prediction.ndim() + 1 == target.ndim() {
        add(prediction);
    } else if target.ndim() + 1 == prediction.ndim() {
        add(target);
    }
}

/// What `where` keeps, per pixel and class.
fn full(mask: &ArrayD<f64>, prediction: &ArrayD<f64>) -> Result<ArrayD<f64>, String> {
    let place = Dim(mask.ndim());
    if mask.ndim() < prediction.ndim() {
        return broadcast(&mask.clone().insert_axis(place), prediction.shape());
    }
    broadcast(mask, prediction.shape())
}

/// Refuses labels whose class is taken from the softmax of a pixel that counts.
fn expect_labels(mask: &ArrayD<f64>, labels: &ArrayD<f64>) -> Result<(), String> {
    let lanes = mask.lanes(Dim(mask.ndim() - 1));
    let gone = lanes.into_iter().zip(labels).any(|(kept, &label)| {
        let of_label = kept.iter().enumerate().find(|(class, _)| *class as f64 == label);
        kept.iter().any(|&kept| kept != 0.0) && of_label.is_some_and(|(_, &kept)| kept == 0.0)
    });
    if gone {
        return Err(difference::OPTAX_LABEL.into());
    }
    Ok(())
}
