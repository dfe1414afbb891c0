//! `monai.losses`: overlap losses on tensors (N, C, ...).

use lossfold::Axis::{Image, Pixel};
use lossfold::{
    Activation, Axes, Empty, Loss, Over, Overlap, Ratio, SoftOverlap, Weight, mean, overlap, sum,
};
use ndarray::{ArrayD, Axis};

use crate::case::{Before, Case, Target};
use crate::row::{Args, Row, numbers};
use crate::torch::layout;

/// The case of a row, where its loss is translated.
pub fn translate(row: &Row) -> Result<Option<Case>, String> {
    match row.text("loss")? {
        "DiceLoss" => dice(row).map(Some),
        _ => Ok(None),
    }
}

/// `DiceLoss(include_background=True, to_onehot_y=False, sigmoid=False, softmax=False,
/// other_act=None, squared_pred=False, jaccard=False, reduction='mean', smooth_nr=1e-5,
/// smooth_dr=1e-5, batch=False, weight=None, soft_label=False, ignore_index=None)`.
///
/// In this order: activation, one-hot target, background dropped, ignored pixels masked in
/// prediction and target, sums over the pixels (and over the images with `batch`), ratio, class
/// weights, reduction. A prediction of one channel is neither put through a softmax nor compared
/// with a one-hot target, keeps its background and takes no class weight.
fn dice(row: &Row) -> Result<Case, String> {
    let args = row.args(&[
        "include_background",
        "to_onehot_y",
        "sigmoid",
        "softmax",
        "other_act",
        "squared_pred",
        "jaccard",
        "reduction",
        "smooth_nr",
        "smooth_dr",
        "batch",
        "weight",
        "soft_label",
        "ignore_index",
    ])?;
    let prediction = row.prediction()?;
    if prediction.ndim() < 3 {
        return Err("a prediction without a spatial axis".into());
    }
    let classes = prediction.shape()[1];
    let (activation, before) = activation(&args, classes)?;
    let ignored = args.whole("ignore_index")?;
    let labelled = args.flag("to_onehot_y", false)? && classes > 1;
    let first = usize::from(classes > 1 && !args.flag("include_background", true)?);

    let mut source = overlap(activation);
    if first > 0 {
        source = source.select(first..classes);
    }
    if ignored.is_some() && !labelled {
        source = source.weigh(Weight::Mask);
    }
    let negative = activation == Activation::Identity && prediction.iter().any(|&p| p < 0.0);
    let loss = ratio(&args, source, negative)?;
    let loss = class_weighted(row, &args, loss, first..classes)?;
    let loss = match args.text("reduction")? {
        Some("mean") => loss.reduce(mean(Over::All)),
        None if !args.names("reduction") => loss.reduce(mean(Over::All)),
        Some("sum") => loss.reduce(sum(Over::All)),
        Some("none") => loss,
        other => return Err(format!("monai reduction {other:?} is not translated")),
    };

    let layout = layout(prediction.ndim())?;
    let target = row.target()?;
    if labelled {
        let numbers = labels(&target)?;
        let mut case = Case::new(loss, layout, prediction.clone(), prediction)?;
        case.target = Target::Labels { numbers, ignored };
        return Ok(Case { before, ..case });
    }
    let mut case = Case::new(loss, layout, prediction, target.clone())?;
    if let Some(ignored) = ignored {
        case.carried.mask = Some((Axes::from([Pixel, Image]), kept(&target, ignored)?));
    }
    Ok(Case { before, ..case })
}

fn activation(args: &Args<'_>, classes: usize) -> Result<(Activation, Before), String> {
    if args.flag("sigmoid", false)? {
        return Ok((Activation::Sigmoid, Before::Nothing));
    }
    if args.flag("softmax", false)? && classes > 1 {
        return Ok((Activation::Softmax, Before::Nothing));
    }
    let before = match args.text("other_act")? {
        None => Before::Nothing,
        Some("callable:tanh") => Before::Tanh,
        // The one function without a name in MONAI's own tests is a log-softmax over the classes.
        Some("callable:log_softmax" | "callable:<lambda>") => Before::LogSoftmax,
        Some(other) => return Err(format!("monai other_act {other} is not translated")),
    };
    Ok((Activation::Identity, before))
}

/// 1 - (2 TP + nr) / (2 TP + FP + FN + dr), or with `jaccard` 1 - (2 TP + nr) / (2 (TP + FP + FN) + dr).
fn ratio(args: &Args<'_>, source: Overlap, negative: bool) -> Result<Loss, String> {
    let over =
        if args.flag("batch", false)? { Axes::from([Pixel, Image]) } else { Axes::from(Pixel) };
    let (nr, dr) = (args.number("smooth_nr", 1e-5)?, args.number("smooth_dr", 1e-5)?);
    let jaccard = args.flag("jaccard", false)?;
    let squared = args.flag("squared_pred", false)?;
    let soft = args.flag("soft_label", false)? && !squared;
    if soft && negative {
        // MONAI takes |p| here.
        return Err("monai soft_label on predictions below 0 is not translated".into());
    }
    // Smoothing of 0 leaves 0/0 for a class that is neither there nor predicted.
    let ratio = Ratio::over(over)
        .exponent(if squared { 2.0 } else { 1.0 })
        .soft(if soft { SoftOverlap::Distance } else { SoftOverlap::Product })
        .empty(Empty::Nan);
    Ok(if jaccard {
        source.jaccard(ratio.smooth_numerator(nr / 2.0).smooth_denominator(dr / 2.0))
    } else {
        source.dice(ratio.smooth_numerator(nr).smooth_denominator(dr))
    })
}

/// `weight`: a number for all classes, or a list for the classes that are kept.
fn class_weighted(
    row: &Row,
    args: &Args<'_>,
    loss: Loss,
    kept: std::ops::Range<usize>,
) -> Result<Loss, String> {
    let carried = row.weights(&["weight"])?.remove("weight");
    let given = match (carried, args.get("weight")) {
        (Some(weight), _) => Some((weight.ndim(), weight.into_iter().collect::<Vec<_>>())),
        (None, Some(weight)) => {
            let list = numbers(weight).ok_or("the argument weight is no list of numbers")?;
            Some((usize::from(weight.is_array()), list))
        }
        (None, None) => None,
    };
    match given {
        Some((0, weight)) if kept.len() > 1 => Ok(weight[0] * loss),
        Some((1, weights)) if weights.len() == kept.len() && kept.len() > 1 => {
            // The library numbers the classes through: what is dropped has an entry too.
            let dropped = vec![0.0; kept.start];
            Ok(loss.scale(Weight::class(dropped.into_iter().chain(weights))))
        }
        Some(_) if kept.len() > 1 => Err("a weight that is no number and no list per class".into()),
        _ => Ok(loss),
    }
}

/// Labels (N, 1, ...) without their class axis.
fn labels(target: &ArrayD<f64>) -> Result<ArrayD<i64>, String> {
    if target.shape().get(1) != Some(&1) {
        return Err(format!("labels of shape {:?}", target.shape()));
    }
    #[expect(clippy::cast_possible_truncation, reason = "labels are whole numbers")]
    Ok(target.index_axis(Axis(1), 0).mapv(|label| label as i64))
}

/// 1 for the pixels that `ignore_index` leaves: of labels those with another label, of a one-hot
/// target those of the other classes, or, where no class has this number, those with a class.
fn kept(target: &ArrayD<f64>, ignored: i64) -> Result<ArrayD<f64>, String> {
    let class = usize::try_from(ignored).ok().filter(|&class| class < target.shape()[1]);
    let mask = match class {
        _ if target.shape()[1] == 1 => {
            target.index_axis(Axis(1), 0).mapv(|label| f64::from(label != ignored as f64))
        }
        Some(class) => target.index_axis(Axis(1), class).mapv(|t| 1.0 - t),
        None => target.sum_axis(Axis(1)).mapv(|total| f64::from(total > 0.0)),
    };
    if mask.iter().any(|&kept| kept != 0.0 && kept != 1.0) {
        return Err("ignore_index masks a soft target in part".into());
    }
    Ok(mask)
}
