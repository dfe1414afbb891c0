//! `candle_nn::loss`, which has neither arguments nor weights.

use candle_core::{DType, Device, Tensor};
use candle_nn::loss::{binary_cross_entropy_with_logit, cross_entropy};

use crate::row::Row;

pub fn loss(row: &Row) -> Result<f32, String> {
    let name = row.text("loss")?;
    let prediction = Tensor::from_vec(row.prediction()?, row.shape()?, &Device::Cpu);
    let target = row.target()?;
    let loss = prediction.and_then(|prediction| match name {
        "binary_cross_entropy_with_logit" => {
            let target = Tensor::from_vec(target, prediction.shape(), &Device::Cpu)?;
            binary_cross_entropy_with_logit(&prediction, &target.to_dtype(DType::F32)?)
        }
        "cross_entropy" => {
            let number = target.len();
            let target = Tensor::from_vec(target, number, &Device::Cpu)?;
            cross_entropy(&prediction, &target)
        }
        loss => candle_core::bail!("{loss} is not run here"),
    });
    loss.and_then(|loss| loss.to_scalar()).map_err(|error| error.to_string())
}
