//! `torch.nn`: tensors (N, C, ...) and labels (N, ...); weights broadcast from the right.

use lossfold::preset::Given;
use lossfold::{Axis, Layout};

use crate::call::{Call, parsed};
use crate::case::{Case, Target};
use crate::row::Row;
use crate::weight::Carried;

/// What the runner says of a row beside the framework's own arguments.
const OWN: [&str; 2] = ["target", "ignore_index"];

/// The case of a row.
pub fn translate(row: &Row) -> Result<Case, String> {
    let (prediction, target) = (row.prediction()?, row.target()?);
    let (shape, layout) = (prediction.shape().to_vec(), layout(prediction.ndim())?);
    let mut carried = Carried::default();
    let mut call = Call::of(row, &OWN)?;
    let categorical = ["CrossEntropyLoss", "NLLLoss"].contains(&row.text("loss")?);
    for (name, weight) in row.all_weights()? {
        call = if categorical {
            call.with(name, crate::call::numbers(&weight))
        } else {
            call.weight(name, &weight, (&shape, layout), &mut carried)?
        };
    }
    let labels = target.ndim() < prediction.ndim();
    let given = if labels { Given::labels(layout) } else { Given::dense(layout) };
    let call = call.text(&format!("torch.nn.{}", row.text("loss")?));
    let loss = parsed(&call, &given)?;
    let target = if labels {
        Target::labels(&target, row.argument("ignore_index").and_then(serde_json::Value::as_i64))
    } else {
        Target::Dense(target)
    };
    Case::of(loss, layout, prediction, target, carried)
}

/// Image, class, then any number of spatial axes.
pub fn layout(rank: usize) -> Result<Layout, String> {
    let mut axes = vec![Axis::Pixel; rank];
    axes.iter_mut().zip([Axis::Image, Axis::Class]).for_each(|(axis, name)| *axis = name);
    Layout::new(&axes).map_err(|error| error.to_string())
}
