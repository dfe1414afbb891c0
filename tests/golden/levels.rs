//! Deep supervision of nnU-Net: the logits averaged over blocks of 2^i pixels a side, every 2^i-th label.

use lossfold::preset::{Given, nnunet};
use lossfold::{Batch, Float, Labels, Layout, Outputs};
use ndarray::{ArrayD, Axis, Dimension, Slice};
use serde_json::Value;

use crate::call::{Call, parsed, python};
use crate::row::{Row, numbers};
use crate::torch::layout;

pub struct Levels {
    outputs: Outputs,
    layout: Layout,
    prediction: ArrayD<f64>,
    labels: ArrayD<i64>,
}

/// The case of a row that has levels.
pub fn translate(row: &Row) -> Result<Levels, String> {
    let (mut dice, mut outer) = (Call::default(), Call::default());
    let mut weights = Vec::new();
    for (name, value) in row.arguments()? {
        match name.as_str() {
            "levels" => {}
            "weights" => weights = numbers(value).ok_or("weights that are no numbers")?,
            "weight_ce" | "weight_dice" => outer = outer.with(name, python(value)),
            _ => dice = dice.with(name, python(value)),
        }
    }
    let call = outer.with("soft_dice_kwargs", dice.text("dict")).with("ce_kwargs", "{}");
    let prediction = row.prediction()?;
    let layout = layout(prediction.ndim())?;
    let given = Given::labels(layout).classes(prediction.shape()[1]);
    let loss = parsed(&call.text("DC_and_CE_loss"), &given)?;
    let outputs = nnunet::deep_supervision(&loss, weights);
    #[expect(clippy::cast_possible_truncation, reason = "labels are whole numbers")]
    let labels = row.target()?.index_axis(Axis(1), 0).mapv(|label| label as i64);
    Ok(Levels { outputs: outputs.map_err(|why| why.to_string())?, layout, prediction, labels })
}

/// Whether a row has levels.
pub fn has_levels(row: &Row) -> bool {
    row.argument("levels").is_some_and(Value::is_string)
}

impl Levels {
    /// The value and the gradient with respect to the logits of the finest level.
    pub fn evaluate<F: Float>(&self) -> lossfold::Result<(Vec<f64>, Vec<f64>)> {
        let mut gradient = ArrayD::zeros(self.prediction.raw_dim());
        let mut total = 0.0;
        for head in self.outputs.heads() {
            let level = head.name().rsplit(' ').next().and_then(|level| level.parse().ok());
            let block = 1_usize << level.unwrap_or(0_u32);
            let prediction = averaged(&self.prediction, block).mapv(F::narrow);
            let mut labels = self.labels.clone();
            for axis in 1..labels.ndim() {
                let every = Slice::new(0, None, isize::try_from(block).unwrap_or(1));
                labels = labels.slice_axis(Axis(axis), every).to_owned();
            }
            let batch = Batch::new(self.layout, &prediction, Labels::new(&labels))?;
            let (value, of_level) = self.outputs.contribution_and_gradient(head.name(), &batch)?;
            total += value;
            let share = share(&self.prediction, block);
            for (index, cell) in gradient.indexed_iter_mut() {
                let index = coarse(index.slice(), block);
                *cell += share * of_level.get(&index[..]).map_or(0.0, |&g| g.into());
            }
        }
        Ok((vec![total], gradient.into_iter().collect()))
    }
}

/// Where the cell of a fine tensor is in a coarse one.
fn coarse(index: &[usize], block: usize) -> Vec<usize> {
    let pixels = index[2..].iter().map(|place| place / block);
    index[..2].iter().copied().chain(pixels).collect()
}

/// One over the number of cells of a block.
fn share(tensor: &ArrayD<f64>, block: usize) -> f64 {
    (2..tensor.ndim()).map(|_| 1.0 / block as f64).product()
}

fn averaged(tensor: &ArrayD<f64>, block: usize) -> ArrayD<f64> {
    let shape: Vec<usize> = (0..tensor.ndim())
        .map(|axis| tensor.shape()[axis] / if axis < 2 { 1 } else { block })
        .collect();
    let (mut means, share) = (ArrayD::zeros(shape), share(tensor, block));
    for (index, value) in tensor.indexed_iter() {
        // A block that is not whole is left out.
        if let Some(mean) = means.get_mut(&coarse(index.slice(), block)[..]) {
            *mean += share * value;
        }
    }
    means
}
