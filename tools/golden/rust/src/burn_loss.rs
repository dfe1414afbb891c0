//! `burn::nn::loss`, with the row's arguments and weights.

use burn::nn::loss::{BinaryCrossEntropyLossConfig, CrossEntropyLossConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::row::{Row, extents};

pub fn loss(row: &Row) -> Result<f32, String> {
    match (row.text("loss")?, row.shape()?.len()) {
        ("BinaryCrossEntropyLoss", 1) => binary_cross_entropy::<1>(row),
        ("BinaryCrossEntropyLoss", 2) => binary_cross_entropy::<2>(row),
        ("BinaryCrossEntropyLoss", 4) => binary_cross_entropy::<4>(row),
        ("CrossEntropyLoss", 2) => cross_entropy(row),
        (loss, rank) => Err(format!("{loss} of rank {rank} is not run here")),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "burn wants a float32")]
fn smoothing(row: &Row) -> Option<f32> {
    row.arg("smoothing").as_f64().map(|alpha| alpha as f32)
}

fn binary_cross_entropy<const D: usize>(row: &Row) -> Result<f32, String> {
    let device = Device::flex();
    let data = TensorData::new(row.prediction()?, row.shape()?);
    let prediction = Tensor::<D>::from_data(data, &device);
    let data = TensorData::new(row.target()?, row.shape()?);
    let target = Tensor::<D, Int>::from_data(data, &device);
    let config = BinaryCrossEntropyLossConfig::new()
        .with_logits(row.arg("logits").as_bool().unwrap_or(false))
        .with_smoothing(smoothing(row))
        .with_weights(row.weights());
    Ok(config.init(&device).forward(prediction, target).into_scalar())
}

fn cross_entropy(row: &Row) -> Result<f32, String> {
    let device = Device::flex();
    let data = TensorData::new(row.prediction()?, row.shape()?);
    let prediction = Tensor::<2>::from_data(data, &device);
    let target = row.target()?;
    let number = target.len();
    let target = Tensor::<1, Int>::from_data(TensorData::new(target, [number]), &device);
    let config = CrossEntropyLossConfig::new()
        .with_pad_tokens(extents(row.arg("pad_tokens")))
        .with_smoothing(smoothing(row))
        .with_weights(row.weights());
    Ok(config.init(&device).forward(prediction, target).into_scalar())
}
