//! `torch.nn`: element losses on tensors (N, C, ...), weights broadcast from the right.

use lossfold::{Activation, Axis, Bce, Layout, Loss, Over, bce, mean, sum};

use crate::case::Case;
use crate::row::Row;
use crate::weight::{Carried, Named, named};

/// The case of a row, where its loss is translated.
pub fn translate(row: &Row) -> Result<Option<Case>, String> {
    match row.text("loss")? {
        "BCELoss" => probabilities(row).map(Some),
        "BCEWithLogitsLoss" => logits(row).map(Some),
        _ => Ok(None),
    }
}

/// `BCELoss(weight=None, reduction='mean')`: w · -(t max(ln p, -100) + (1 - t) max(ln(1 - p), -100)).
fn probabilities(row: &Row) -> Result<Case, String> {
    let mut carried = Carried::default();
    let loss = bce(Bce::new(Activation::Probability).log_floor(-100.0));
    let loss = weighted(row, &["weight"], loss, &mut carried)?;
    reduced(row, loss, carried)
}

/// `BCEWithLogitsLoss(weight=None, reduction='mean', pos_weight=None)`:
/// w · -(`pos_weight` t ln p + (1 - t) ln(1 - p)), p the sigmoid of the logit.
fn logits(row: &Row) -> Result<Case, String> {
    let known = ["weight", "pos_weight"];
    let mut carried = Carried::default();
    let plain = Bce::new(Activation::Sigmoid);
    let shape = row.prediction()?.shape().to_vec();
    let positive = row.weights(&known)?.remove("pos_weight");
    let positive =
        positive.map(|weight| named(&weight, &shape, layout(shape.len())?)).transpose()?;
    let loss = match positive {
        None => bce(plain),
        Some(Named::Number(weight)) => bce(plain.positive([weight])),
        Some(Named::Class(weights)) => bce(plain.positive(weights)),
        // A weight of the positive term that varies within a class: the positive term alone is what
        // the negative one leaves of the whole.
        Some(weight) => {
            let negative = bce(plain.clone().positive([0.0]));
            carried.scale(bce(plain) - negative.clone(), weight)? + negative
        }
    };
    let loss = weighted(row, &known, loss, &mut carried)?;
    reduced(row, loss, carried)
}

/// The loss scaled by `weight`.
fn weighted(row: &Row, known: &[&str], loss: Loss, carried: &mut Carried) -> Result<Loss, String> {
    let shape = row.prediction()?.shape().to_vec();
    match row.weights(known)?.get("weight") {
        None => Ok(loss),
        Some(weight) => carried.scale(loss, named(weight, &shape, layout(shape.len())?)?),
    }
}

/// `reduction`: over every element, whatever the weights.
fn reduced(row: &Row, loss: Loss, carried: Carried) -> Result<Case, String> {
    let args = row.args(&["reduction"])?;
    let loss = match args.text("reduction")? {
        None | Some("mean") => loss.reduce(mean(Over::All)),
        Some("sum") => loss.reduce(sum(Over::All)),
        Some("none") => loss,
        Some(other) => return Err(format!("torch reduction {other} is not translated")),
    };
    let (prediction, target) = (row.prediction()?, row.target()?);
    Ok(Case { carried, ..Case::new(loss, layout(prediction.ndim())?, prediction, target)? })
}

/// Image, class, then any number of spatial axes.
pub fn layout(rank: usize) -> Result<Layout, String> {
    let mut axes = vec![Axis::Pixel; rank];
    axes.iter_mut().zip([Axis::Image, Axis::Class]).for_each(|(axis, name)| *axis = name);
    Layout::new(&axes).map_err(|error| error.to_string())
}
