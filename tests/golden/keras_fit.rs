//! What Keras makes of the losses of batches: an epoch, two outputs, replicas. These values have no gradient.

use lossfold::{Across, Float, State};
use ndarray::{ArrayD, Axis};
use serde_json::Value;

use crate::case::Case;
use crate::keras::{Called, Keras};
use crate::row::Row;

/// The size of a batch that a row does not name, in the scripts that made the rows.
const BATCH: usize = 2;

/// The number of replicas.
const REPLICAS: usize = 2;

/// Parts, each of which is the loss of some images, and what is made of them.
pub struct Training {
    parts: Vec<Case>,
    across: Across,
    factor: f64,
    more: Option<Box<Self>>,
}

/// Whether a row is about training.
pub fn trains(row: &Row) -> bool {
    row.text("loss").is_ok_and(|loss| loss.starts_with("fit_") || loss.starts_with("custom_loop"))
}

/// The training of a row.
pub fn translate(row: &Row) -> Result<Training, String> {
    if row.has("error") {
        return Err("the framework raised an error".into());
    }
    let (loss, of) = match row.text("loss")?.split_once(':') {
        Some((loss, of)) => (loss, of),
        None => (row.text("loss")?, "BinaryCrossentropy"),
    };
    let epoch = |of: &'static str| Epoch::of(row, of);
    match loss {
        "fit_epoch" | "fit_val" => Epoch::of(row, of)?.training(Across::ByImages),
        "fit_class_weight" => {
            let mut epoch = epoch("BinaryCrossentropy")?;
            epoch.sample_weight = Some(by_label(row, &epoch.target)?);
            epoch.training(Across::ByImages)
        }
        "fit_two_outputs" => two_outputs(row),
        "fit_mirrored2" | "custom_loop_mirrored2" => replicas(&epoch("BinaryCrossentropy")?),
        _ => Err(format!("{loss} is not translated")),
    }
}

/// The weight of every pixel, by its label.
fn by_label(row: &Row, target: &ArrayD<f64>) -> Result<ArrayD<f64>, String> {
    let Some(weights) = row.argument("class_weight").and_then(Value::as_object) else {
        return Err("the row does not hold the class weights".into());
    };
    let class = Axis(target.ndim() - 1);
    let labels = if target.len_of(class) == 1 {
        target.index_axis(class, 0).to_owned()
    } else {
        target.map_axis(class, |lane| {
            let first_largest =
                |best: usize, at: usize| if lane[at] > lane[best] { at } else { best };
            (1..lane.len()).fold(0, first_largest) as f64
        })
    };
    let unknown = || "a label without a class weight".to_owned();
    let weight =
        |label: f64| weights.get(&label.to_string()).and_then(Value::as_f64).ok_or_else(unknown);
    let weights = labels.iter().map(|&label| weight(label)).collect::<Result<Vec<_>, _>>()?;
    ArrayD::from_shape_vec(labels.raw_dim(), weights).map_err(|error| error.to_string())
}

/// The total of two outputs, or the loss of one of them as it is reported.
fn two_outputs(row: &Row) -> Result<Training, String> {
    let eager = row.argument("run_eagerly").and_then(Value::as_bool) == Some(true);
    let key = row.argument("key").and_then(Value::as_str).unwrap_or("loss");
    // A TensorFlow graph does not know the number of images of a batch; Keras 2 asks the target.
    let apart =
        if Keras::of(row)? == Keras::Three && !eager { Across::Evenly } else { Across::ByImages };
    if key == "a_loss" {
        return Epoch::of(row, "BinaryCrossentropy")?.training(apart);
    }
    if row.text("framework")? != "keras" {
        return Err("the row does not say what the loss of its second output is".into());
    }
    let weights = row.argument("loss_weights").and_then(crate::row::numbers);
    match (key, weights.as_deref()) {
        ("b_loss", _) => Epoch::of(row, "Dice")?.training(apart),
        ("loss", Some(&[a, b])) => {
            let of_a = Epoch::of(row, "BinaryCrossentropy")?.training(Across::ByImages)?;
            let of_b = Epoch::of(row, "Dice")?.training(Across::ByImages)?;
            Ok(Training { factor: a, more: Some(Box::new(Training { factor: b, ..of_b })), ..of_a })
        }
        _ => Err(format!("the key {key} is not translated")),
    }
}

/// A loss in two replicas, each of which has a half of every batch.
fn replicas(epoch: &Epoch<'_>) -> Result<Training, String> {
    let images = epoch.prediction.len_of(Axis(0));
    if images > epoch.batch || !images.is_multiple_of(REPLICAS) {
        return Err("several batches, or halves that are not whole".into());
    }
    let halves = Epoch { batch: images / REPLICAS, ..epoch.clone() };
    halves.training(if epoch.sums { Across::Sum } else { Across::Evenly })
}

/// The data of an epoch, and the loss of its batches.
#[derive(Clone)]
struct Epoch<'r> {
    keras: Keras,
    name: &'r str,
    arguments: Vec<(&'r str, Value)>,
    prediction: ArrayD<f64>,
    target: ArrayD<f64>,
    sample_weight: Option<ArrayD<f64>>,
    batch: usize,
    sums: bool,
    single: bool,
}

impl<'r> Epoch<'r> {
    fn of(row: &'r Row, name: &'r str) -> Result<Self, String> {
        let mut prediction = row.prediction()?;
        let mut arguments = Vec::new();
        let reduction = row.argument("reduction").filter(|word| word.as_str() != Some("default"));
        arguments.extend(reduction.map(|word| ("reduction", word.clone())));
        match row.argument("act").and_then(Value::as_str) {
            None | Some("linear") => {}
            // Keras takes the logits of the layer that it finds behind the probabilities.
            Some("sigmoid") if name.starts_with("Binary") => {
                arguments.push(("from_logits", Value::Bool(true)));
            }
            Some("sigmoid") => prediction.mapv_inplace(|x| 1.0 / (1.0 + (-x).exp())),
            Some(other) => return Err(format!("the activation {other} is not translated")),
        }
        let batch = row.argument("batch_size").and_then(Value::as_u64);
        let images = prediction.len_of(Axis(0));
        let batch = match batch.and_then(|batch| usize::try_from(batch).ok()) {
            Some(batch) => batch,
            None if row.text("loss")?.contains("mirrored") => images,
            None => BATCH,
        };
        Ok(Self {
            keras: Keras::of(row)?,
            name,
            single: row.text("dtype").is_ok_and(|dtype| dtype == "float32"),
            sums: reduction.and_then(Value::as_str) == Some("sum"),
            arguments,
            prediction,
            target: row.target()?,
            sample_weight: row.weights(&["sample_weight"])?.remove("sample_weight"),
            batch,
        })
    }

    fn training(&self, across: Across) -> Result<Training, String> {
        let images = self.prediction.len_of(Axis(0));
        let part = |from: usize| {
            let images = from..images.min(from + self.batch);
            let part =
                |data: &ArrayD<f64>| data.slice_axis(Axis(0), images.clone().into()).to_owned();
            let called = Called {
                keras: self.keras,
                name: self.name,
                arguments: self.arguments.clone(),
                prediction: part(&self.prediction),
                target: part(&self.target),
                sample_weight: self.sample_weight.as_ref().map(part),
                mask: None,
                single: self.single,
            };
            called.case()
        };
        let parts = (0..images).step_by(self.batch).map(part).collect::<Result<Vec<_>, _>>()?;
        Ok(Training { parts, across, factor: 1.0, more: None })
    }
}

impl Training {
    /// The value that is reported.
    pub fn evaluate<F: Float>(&self) -> lossfold::Result<f64> {
        let states = self.parts.iter().map(Case::observed::<F>);
        let states = states.collect::<lossfold::Result<Vec<State>>>()?;
        let more = self.more.as_ref().map_or(Ok(0.0), |more| more.evaluate::<F>())?;
        Ok(self.factor * self.across.value(&states)? + more)
    }
}
