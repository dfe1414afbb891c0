//! Losses as papers define them, on (N, C, ...) tensors of probabilities; and Flux, whose tensors have the class
//! axis first.

use lossfold::preset::Given;
use lossfold::{Axis, Layout};

use crate::call::{Call, parsed};
use crate::case::{Case, Target};
use crate::row::Row;
use crate::torch;
use crate::weight::Carried;

/// The case of a row of a paper.
pub fn translate(row: &Row) -> Result<Case, String> {
    let prediction = row.prediction()?;
    let classes = prediction.shape().get(1).copied();
    let layout = torch::layout(prediction.ndim())?;
    let given = Given::dense(layout).classes(classes.unwrap_or(1));
    case(row, "paper", &[], &given, layout)
}

/// The case of a row of Flux. Its arrays are (W, H, C, N) in Julia's order, or (C, N); an axis that is reduced by
/// itself is the class axis.
pub fn flux(row: &Row) -> Result<Case, String> {
    let rank = row.prediction()?.ndim();
    let class = row.argument("axis").and_then(serde_json::Value::as_u64).unwrap_or(0);
    let mut axes = vec![Axis::Pixel; rank];
    for (place, axis) in axes.iter_mut().enumerate() {
        *axis = if place as u64 == class { Axis::Class } else { Axis::Pixel };
    }
    let layout = Layout::new(&axes).map_err(|error| error.to_string())?;
    case(row, "Flux.Losses", &["axis"], &Given::dense(layout), layout)
}

fn case(
    row: &Row,
    package: &str,
    own: &[&str],
    given: &Given,
    layout: Layout,
) -> Result<Case, String> {
    let call = Call::of(row, own)?.text(&format!("{package}.{}", row.text("loss")?));
    let loss = parsed(&call, given)?;
    Case::of(loss, layout, row.prediction()?, Target::Dense(row.target()?), Carried::default())
}
