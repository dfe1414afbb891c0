//! The orders that the default run compares.

use std::error::Error;

use burn::tensor::{Device, Tensor};
use lossfold::{ErrorKind, Layout, Loss, preset};

use crate::data::CLASSES;

/// A loss and the name under which people know it.
pub struct Order {
    pub name: String,
    pub loss: Loss,
}

/// The first is what the others are measured by.
const ORDERS: &[(&str, &str)] = &[
    ("Keras default", "bce(sigmoid) > mean(class) > mean(pixel) > mean(image)"),
    ("per class first", "bce(sigmoid) > mean(pixel, image) > mean(class)"),
    (
        "positives and negatives apart",
        "0.5 * (bce(sigmoid) > weigh(positives) > mean(pixel, image) > mean(class)) \
         + 0.5 * (bce(sigmoid) > weigh(negatives) > mean(pixel, image) > mean(class))",
    ),
    (
        "per true class first",
        "bce(sigmoid) > mean(class) > weigh(positives) > mean(pixel, image) > mean(class)",
    ),
    ("worst class of each pixel", "bce(sigmoid) > max(class) > mean(pixel, image)"),
    (
        "hardest tenth of the pixels",
        "bce(sigmoid) > mean(class) > top(pixel; fraction=0.1) > mean(image)",
    ),
    // Some batches have no ventricles.
    (
        "inverse-volume weights",
        "bce(sigmoid) > weigh(volume(pixel, image; absent=zero)=-1) > mean(all)",
    ),
    (
        "BCE + Dice per class over the batch",
        "(bce(sigmoid) > mean(all)) + (overlap(sigmoid) > dice(pixel, image; smooth=1) > mean(class))",
    ),
    (
        "BCE + Dice per class and image",
        "(bce(sigmoid) > mean(all)) + (overlap(sigmoid) > dice(pixel; smooth=1) > mean(class, image))",
    ),
    (
        "BCE + Dice over everything",
        "(bce(sigmoid) > mean(all)) + (overlap(sigmoid) > dice(all; smooth=1))",
    ),
    (
        "Dice per class over the batch",
        "overlap(sigmoid) > dice(pixel, image; smooth=1) > mean(class)",
    ),
];

/// All of them.
pub fn named() -> Result<Vec<Order>, Box<dyn Error>> {
    ORDERS
        .iter()
        .map(|(name, text)| Ok(Order { name: (*name).into(), loss: text.parse()? }))
        .collect()
}

/// What somebody wrote in the language of losses.
pub fn written(text: &str) -> Result<Order, Box<dyn Error>> {
    let loss: Loss = text.parse().map_err(|error| format!("--loss: {error}"))?;
    Ok(Order { name: loss.to_string(), loss: trainable(loss)? })
}

/// What a framework's call computes.
pub fn called(call: &str) -> Result<Order, Box<dyn Error>> {
    let loss = preset::parse(call).map_err(|error| format!("--preset: {error}"))?;
    Ok(Order { name: call.into(), loss: trainable(loss)? })
}

/// Refuses before the training what the first step would refuse.
fn trainable(loss: Loss) -> Result<Loss, String> {
    if loss.to_string().contains("probability") {
        return Err(format!(
            "expected a loss of logits, which is what the network puts out (`sigmoid`, `softmax`, \
             `from_logits=True`), found one of probabilities: {loss}"
        ));
    }
    let cell = Tensor::<4>::ones([1, CLASSES, 1, 1], &Device::default());
    match loss.forward(cell.clone(), cell, Layout::NCHW) {
        // All else depends on the numbers.
        Err(error) if matches!(error.kind(), ErrorKind::Order | ErrorKind::Weight) => {
            Err(format!("{loss}: {error}"))
        }
        _ => Ok(loss),
    }
}
