//! `keras.losses` (Keras 3) and `tf_keras.losses` (Keras 2): a loss function takes the values of some
//! tensor axes together, then the weights are multiplied in and what is left is reduced.

use lossfold::{
    Activation, Axes, Axis, Bce, Empty, Layout, Loss, Over, Ratio, Smoothing, Weight, bce, mean,
    overlap, sum,
};
use ndarray::ArrayD;
use serde_json::Value;

use crate::case::Case;
use crate::keras_weight::Weights;
use crate::row::{Args, Row};
use crate::weight::Carried;

/// The case of a row, where its loss is translated.
pub fn translate(row: &Row) -> Result<Option<Case>, String> {
    let keras = match row.text("framework")? {
        "tf_keras" => Keras::Two,
        _ => Keras::Three,
    };
    let function: fn(&Args<'_>, &Row, Keras, &[usize]) -> Result<Values, String> =
        match row.text("loss")? {
            "BinaryCrossentropy" | "binary_crossentropy" => binary_crossentropy,
            "Dice" | "dice" if keras == Keras::Three => dice,
            _ => return Ok(None),
        };
    let class = row.text("loss")?.starts_with(char::is_uppercase);
    let of_class: &[&str] = if class { &["reduction", "name", "dtype"] } else { &[] };
    let known = ["from_logits", "label_smoothing", "axis"];
    let args = row.args(&[&known, of_class].concat())?;
    if args.text("dtype")?.is_some_and(|dtype| !["float32", "float64"].contains(&dtype)) {
        return Err("a dtype other than float32 and float64".into());
    }
    let (mut prediction, mut target) = (row.prediction()?, row.target()?);
    if class {
        (target, prediction) = keras.same_rank(target, prediction)?;
    }
    let values = function(&args, row, keras, prediction.shape())?;
    let layout = values.layout;
    let (loss, carried) = if class {
        reduce(values, keras, row, &args, prediction.shape())?
    } else {
        row.weights(&[])?;
        (values.loss, Carried::default())
    };
    Ok(Some(Case { carried, ..Case::new(loss, layout, prediction, target)? }))
}

/// The version.
#[derive(Clone, Copy, PartialEq)]
pub enum Keras {
    Two,
    Three,
}

/// What a loss function returns: the extents and the names of the axes that are left.
struct Values {
    loss: Loss,
    layout: Layout,
    shape: Vec<usize>,
    names: Vec<Axis>,
}

/// `binary_crossentropy(from_logits=False, label_smoothing=0.0, axis=-1)`: the mean over `axis`.
/// Probabilities are clipped to [1e-7, 1 - 1e-7]; Keras 2 also adds 1e-7 inside both logarithms.
fn binary_crossentropy(
    args: &Args<'_>,
    row: &Row,
    keras: Keras,
    shape: &[usize],
) -> Result<Values, String> {
    let logits = args.flag("from_logits", false)?;
    if !logits && row.text("pred_kind").is_ok_and(|kind| kind == "logits") {
        return Err("logits without from_logits are not translated".into());
    }
    let mut options = match (logits, keras) {
        (true, _) => Bce::new(Activation::Sigmoid),
        (false, Keras::Three) => Bce::new(Activation::Probability).clip(1e-7),
        (false, Keras::Two) => Bce::new(Activation::Probability).clip(1e-7).epsilon(1e-7),
    };
    let smoothing = args.number("label_smoothing", 0.0)?;
    if smoothing != 0.0 {
        options = options.smoothing(Smoothing::Half(smoothing));
    }
    let taken = taken(args.get("axis").unwrap_or(&Value::from(-1)), shape.len())?;
    let (layout, over) = name_axes(shape.len(), &taken)?;
    Ok(Values::new(bce(options).reduce(mean(over)), layout, shape, &taken))
}

/// `dice(axis=None)`: 1 - 2 Σ t p / (Σ t + Σ p + 1e-7), the sums over `axis`, or over everything.
fn dice(args: &Args<'_>, _: &Row, _: Keras, shape: &[usize]) -> Result<Values, String> {
    if let Some(name) =
        ["from_logits", "label_smoothing"].into_iter().find(|&name| args.names(name))
    {
        return Err(format!("the argument {name} is not translated"));
    }
    let taken = match args.get("axis") {
        None => (0..shape.len()).collect(),
        Some(axis) => taken(axis, shape.len())?,
    };
    let (layout, over) = name_axes(shape.len(), &taken)?;
    let loss = overlap(Activation::Identity).dice(Ratio::over(over).smooth_denominator(1e-7));
    Ok(Values::new(loss, layout, shape, &taken))
}

/// The tensor axes of an `axis` argument, a number or a list, counted from the end where negative.
fn taken(axis: &Value, rank: usize) -> Result<Vec<usize>, String> {
    let position = |axis: &Value| {
        let axis = isize::try_from(axis.as_i64()?).ok()?;
        let from = if axis < 0 { rank } else { 0 };
        from.checked_add_signed(axis).filter(|&axis| axis < rank)
    };
    let list = match axis {
        Value::Array(list) => list.iter().map(position).collect(),
        axis => position(axis).map(|axis| vec![axis]),
    };
    list.ok_or_else(|| format!("axis {axis} of a tensor of {rank} axes"))
}

/// Names for the axes of a tensor, such that the axes taken are all those of some names.
///
/// They are (image, pixel, ..., class). An `axis` argument that takes one spatial axis and leaves
/// another asks for other names; these losses treat all axes alike, so any will do.
fn name_axes(rank: usize, taken: &[usize]) -> Result<(Layout, Over), String> {
    let mut axes = vec![Axis::Pixel; rank];
    if let Some(last) = axes.last_mut() {
        *last = Axis::Class;
    }
    if rank > 1 {
        axes[0] = Axis::Image;
    }
    let is_taken = |position: &usize| taken.contains(position);
    let pixels = || (0..rank).filter(|&position| axes[position] == Axis::Pixel);
    if pixels().any(|pixel| is_taken(&pixel)) && !pixels().all(|pixel| is_taken(&pixel)) {
        let left: Vec<usize> = (0..rank).filter(|position| !is_taken(position)).collect();
        let renamed = match (taken, &left[..]) {
            (&[taken], &[first, ..]) => vec![(taken, Axis::Class), (first, Axis::Image)],
            (&[one, other], _) => vec![(one, Axis::Class), (other, Axis::Image)],
            (_, &[first]) => vec![(first, Axis::Image)],
            (_, &[first, second]) => vec![(first, Axis::Image), (second, Axis::Class)],
            _ => return Err(format!("axis {taken:?} of a tensor of {rank} axes")),
        };
        axes = vec![Axis::Pixel; rank];
        for (position, name) in renamed {
            axes[position] = name;
        }
    }
    let layout = Layout::new(&axes).map_err(|error| error.to_string())?;
    let named: Axes = taken.iter().map(|&position| axes[position]).collect();
    Ok((layout, if taken.len() == rank { Over::All } else { Over::Axes(named) }))
}

impl Values {
    fn new(loss: Loss, layout: Layout, shape: &[usize], taken: &[usize]) -> Self {
        let left = || (0..shape.len()).filter(|position| !taken.contains(position));
        let names = left().map(|position| layout.axes()[position]).collect();
        Self { loss, layout, shape: left().map(|position| shape[position]).collect(), names }
    }
}

/// The weights, multiplied into the values, and the reduction of what results.
///
/// | `reduction` | Keras | here |
/// |---|---|---|
/// | `none` | w m L | `scale(map) > scale(mask)` |
/// | `sum` | Σ w m L | the same `> sum(all)` |
/// | `sum_over_batch_size`, `mean` | Σ w m L / Σ m, or / number of values | `scale(map) > weigh(mask) > mean(all)` |
/// | `mean_with_sample_weight` | Σ w m L / Σ (w m), the divisor before w m is broadcast to the values | k times `weigh(map) > weigh(mask) > mean(all)`, k values per weight |
///
/// A divisor of 0 gives 0 in Keras 3; Keras 2 divides by it. Without an axis left, nothing is reduced.
fn reduce(
    values: Values,
    keras: Keras,
    row: &Row,
    args: &Args<'_>,
    prediction: &[usize],
) -> Result<(Loss, Carried), String> {
    let known: &[&str] = match keras {
        Keras::Two => &["none", "sum", "sum_over_batch_size"],
        Keras::Three => &["none", "sum", "sum_over_batch_size", "mean", "mean_with_sample_weight"],
    };
    let reduction = match args.text("reduction")? {
        None if args.names("reduction") => "none",
        None => "sum_over_batch_size",
        Some("auto") if keras == Keras::Two => "sum_over_batch_size",
        Some(word) if known.contains(&word) => word,
        Some(other) => return Err(format!("keras reduction {other} is not translated")),
    };
    let Weights { weight, mask, axes, rank, repeats } =
        Weights::of(row, keras, &values.shape, &values.names, (values.layout, prediction))?;
    let loss = values.loss;
    if axes.is_empty() {
        let by_weight = reduction == "mean_with_sample_weight" && rank > 0;
        if by_weight || (keras == Keras::Two && mask.is_some()) {
            return Err(format!("{reduction} of a loss and weights of one number"));
        }
        let numbers = [weight, mask].into_iter().flatten().map(|weight| weight.sum());
        return Ok((numbers.product::<f64>() * loss, Carried::default()));
    }
    let scale = |loss: Loss, given: bool, by: Weight| if given { loss.scale(by) } else { loss };
    let weigh = |loss: Loss, given: bool, by: Weight| if given { loss.weigh(by) } else { loss };
    let (map, masked) = (weight.is_some(), mask.is_some());
    let average = match keras {
        Keras::Three if map || masked => mean(Over::All).empty(Empty::Zero),
        Keras::Two if masked => mean(Over::All).empty(Empty::Nan),
        _ => mean(Over::All),
    };
    let loss = match reduction {
        "none" => scale(scale(loss, map, Weight::Map), masked, Weight::Mask),
        "sum" => scale(scale(loss, map, Weight::Map), masked, Weight::Mask).reduce(sum(Over::All)),
        "mean_with_sample_weight" => {
            let weighed = weigh(weigh(loss, map, Weight::Map), masked, Weight::Mask);
            repeats * weighed.reduce(average)
        }
        _ => weigh(scale(loss, map, Weight::Map), masked, Weight::Mask).reduce(average),
    };
    let carry = |weight: Option<ArrayD<f64>>| weight.map(|weight| (axes, weight));
    Ok((loss, Carried { map: carry(weight), mask: carry(mask), image: None }))
}
