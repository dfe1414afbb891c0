//! `keras.losses` (Keras 3), `tf_keras.losses` (Keras 2) and the functions of notebooks: the axes that a
//! loss takes together are named, and the weights.

use lossfold::preset::Given;
use lossfold::{Axis, Layout};
use ndarray::ArrayD;
use serde_json::Value;

use crate::call::{Call, parsed};
use crate::case::{Case, Target};
use crate::difference;
use crate::keras_weight::{Values, Weights};
use crate::row::Row;
use crate::weight::Carried;

/// Where Keras clips.
const EPSILON: f64 = 1e-7;

/// The version.
#[derive(Clone, Copy, PartialEq)]
pub enum Keras {
    Two,
    Three,
}

impl Keras {
    pub fn of(row: &Row) -> Result<Self, String> {
        Ok(if row.text("framework")? == "tf_keras" { Self::Two } else { Self::Three })
    }
}

/// A call of a loss on data.
pub struct Called<'r> {
    pub keras: Keras,
    pub name: &'r str,
    pub arguments: Vec<(&'r str, Value)>,
    pub prediction: ArrayD<f64>,
    pub target: ArrayD<f64>,
    pub sample_weight: Option<ArrayD<f64>>,
    pub mask: Option<ArrayD<f64>>,
    /// Whether it is computed in f32.
    pub single: bool,
}

/// The case of a row.
pub fn translate(row: &Row) -> Result<Case, String> {
    let mut weights = row.weights(&["sample_weight", "mask"])?;
    let arguments = row.arguments()?.iter().map(|(name, value)| (name.as_str(), value.clone()));
    let called = Called {
        keras: Keras::of(row)?,
        name: row.text("loss")?,
        arguments: arguments.collect(),
        prediction: row.prediction()?,
        target: row.target()?,
        sample_weight: weights.remove("sample_weight"),
        mask: weights.remove("mask"),
        single: row.text("dtype").is_ok_and(|dtype| dtype == "float32"),
    };
    called.case()
}

/// The function of a notebook, of which `compile` takes the mean.
pub fn notebook(row: &Row) -> Result<Case, String> {
    let (prediction, target) = (row.prediction()?, row.target()?);
    row.weights(&[])?;
    let layout = name_axes(prediction.ndim(), &[])?;
    let call = Call::of(row, &[])?.text(&format!("kaggle.{}", row.text("loss")?));
    let loss = parsed(&call, &Given::dense(layout))?;
    Case::new(loss, layout, prediction, target)
}

impl Called<'_> {
    fn argument(&self, name: &str) -> Option<&Value> {
        self.arguments.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    fn flag(&self, name: &str) -> bool {
        self.argument(name).and_then(Value::as_bool) == Some(true)
    }

    /// The expression, and the batch on which it is evaluated.
    pub fn case(&self) -> Result<Case, String> {
        let Self { keras, name, .. } = *self;
        let lower = name.to_lowercase();
        let dtype = self.argument("dtype").and_then(Value::as_str).unwrap_or("float32");
        if !["float32", "float64"].contains(&dtype) {
            return Err(difference::KERAS_HALF.into());
        }
        let is_class = name.starts_with(char::is_uppercase);
        let (mut target, mut prediction) = (self.target.clone(), self.prediction.clone());
        if is_class || (keras == Keras::Three && lower.starts_with("mean_")) {
            (target, prediction) = keras.same_rank(target, prediction)?;
        }
        let rank = prediction.ndim();
        let [categorical, sparse, overlap] = ["categorical", "sparse", "dice tversky"]
            .map(|words| words.split(' ').any(|word| lower.contains(word)));
        let labels = sparse || lower.contains("generalized");
        let taken = match self.argument("axis") {
            None if overlap => (0..rank).collect(),
            None => places(&Value::from(-1), rank)?,
            Some(Value::Null) => (0..rank).collect(),
            Some(axis) => places(axis, rank)?,
        };
        let layout = match taken[..] {
            [class] if categorical => classes_at(class, rank)?,
            _ => name_axes(rank, &taken)?,
        };
        self.check_domain(&prediction, &lower)?;
        if let ([class], true) = (&taken[..], categorical) {
            self.check_classes(&prediction, &target, *class)?;
        }

        let left = || (0..rank).filter(|position| !taken.contains(position));
        let names: Vec<Axis> = left().map(|position| layout.axes()[position]).collect();
        let shape: Vec<usize> = left().map(|position| prediction.shape()[position]).collect();
        let once =
            self.argument("reduction").and_then(Value::as_str) == Some("mean_with_sample_weight");
        let values =
            Values { shape: &shape, names: &names, prediction: (layout, prediction.shape()) };
        let weights =
            Weights::of((self.sample_weight.clone(), self.mask.clone()), keras, &values, once)?;

        let mut carried = Carried::default();
        let call = self.text(is_class, weights, &mut carried)?;
        let given = if labels { Given::labels(layout) } else { Given::dense(layout) };
        let classes = layout.axes().iter().position(|&axis| axis == Axis::Class);
        let classes = classes.map_or(1, |at| prediction.shape()[at]);
        let loss = parsed(&call, &given.classes(classes))?;
        let target = if labels {
            let class = taken[0];
            if target.ndim() == rank && target.shape()[class] == 1 {
                target = target.index_axis_move(ndarray::Axis(class), 0);
            }
            Target::labels(&target, self.argument("ignore_class").and_then(Value::as_i64))
        } else if target.shape() == prediction.shape() {
            Target::Dense(target)
        } else {
            return Err(difference::KERAS_TARGET.into());
        };
        Case::of(loss, layout, prediction, target, carried)
    }

    /// What is refused here and clipped there.
    fn check_domain(&self, prediction: &ArrayD<f64>, name: &str) -> Result<(), String> {
        let logits = self.flag("from_logits");
        if logits || name.starts_with("mean") {
            return Ok(());
        }
        let clipped = |numbers: &ArrayD<f64>| numbers.iter().any(|&number| number < EPSILON);
        if name.starts_with("kl") && (clipped(prediction) || clipped(&self.target)) {
            return Err(difference::KERAS_CLIPPED_TARGET.into());
        }
        let upper = if name.contains("categorical") { f64::INFINITY } else { 1.0 };
        if prediction.iter().any(|&p| p < 0.0 || p > upper) {
            return Err(difference::KERAS_NO_PROBABILITIES.into());
        }
        Ok(())
    }

    /// What Keras makes of clipped classes and of targets that do not add up to 1.
    fn check_classes(
        &self,
        scores: &ArrayD<f64>,
        target: &ArrayD<f64>,
        class: usize,
    ) -> Result<(), String> {
        let axis = ndarray::Axis(class);
        let logits = self.flag("from_logits");
        let mut q = if logits { scores.mapv(f64::exp) } else { scores.clone() };
        for mut lane in q.lanes_mut(axis) {
            let total = lane.sum();
            lane.mapv_inplace(|q| q / total);
        }
        if self.name.to_lowercase().contains("sparse") {
            // Only TensorFlow clips first, and it knows no class axis but the last; f32 does not tell the two apart.
            let first = self.keras == Keras::Two || class + 1 == scores.ndim();
            if first
                && !logits
                && !self.single
                && q.iter().any(|&q| !(EPSILON..=1.0 - EPSILON).contains(&q))
            {
                return Err(difference::KERAS_DIVISION.into());
            }
        } else if target.shape() == scores.shape() {
            let focal = self.name.to_lowercase().contains("focal");
            if logits && !focal && target.sum_axis(axis).iter().any(|sum| (sum - 1.0).abs() > 1e-6)
            {
                return Err(difference::KERAS_GRADIENT.into());
            }
        }
        Ok(())
    }

    /// A list of numbers as the tensor that Keras 3 makes of it, which is f32 unless all are whole.
    fn rounded(&self, value: &Value) -> Value {
        match value.as_array() {
            Some(list) if self.keras == Keras::Three && list.iter().any(Value::is_f64) => {
                #[expect(clippy::cast_possible_truncation, reason = "this is what Keras does")]
                let single = |number: f64| f64::from(number as f32);
                list.iter().map(|item| item.as_f64().map(single)).collect()
            }
            _ => value.clone(),
        }
    }

    /// The call, as its user would write it.
    fn text(
        &self,
        is_class: bool,
        weights: Weights,
        carried: &mut Carried,
    ) -> Result<String, String> {
        let package = if self.keras == Keras::Two { "tf_keras" } else { "keras" };
        let path = format!("{package}.losses.{}", self.name);
        let mut call = Call::default();
        if !is_class {
            call = call.with("y_true", "t").with("y_pred", "p");
        }
        for (name, value) in &self.arguments {
            call = call.with(name, crate::call::python(&self.rounded(value)));
        }
        let text = call.text(&path);
        let mut data = Call::default();
        if let Some(number) = weights.number {
            data = data.with("sample_weight", format!("{number:?}"));
        }
        if let Some(weight) = weights.weight {
            data = data.with("sample_weight", carried.carry(weight)?);
        }
        if let Some(mask) = weights.mask {
            carried.mask = Some(mask);
            data = data.with("mask", "mask");
        }
        let data = data.text("");
        Ok(if data == "()" { text } else { text + &data })
    }
}

/// The tensor axes of an `axis` argument, a number or a list, counted from the end where negative.
fn places(axis: &Value, rank: usize) -> Result<Vec<usize>, String> {
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

/// Names for the axes of a tensor of which one is the class axis.
fn classes_at(class: usize, rank: usize) -> Result<Layout, String> {
    let mut axes = vec![Axis::Pixel; rank];
    if let Some(first) = (0..rank).find(|&position| position != class) {
        axes[first] = Axis::Image;
    }
    axes[class] = Axis::Class;
    Layout::new(&axes).map_err(|error| error.to_string())
}

/// Names for the axes of a tensor, such that the axes taken are all those of some names.
///
/// They are (image, pixel, ..., class). An `axis` argument that takes one spatial axis and leaves
/// another asks for other names; these losses treat all axes alike, so any will do.
fn name_axes(rank: usize, taken: &[usize]) -> Result<Layout, String> {
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
            _ => return Err(difference::KERAS_AXES.into()),
        };
        axes = vec![Axis::Pixel; rank];
        for (position, name) in renamed {
            axes[position] = name;
        }
    }
    Layout::new(&axes).map_err(|error| error.to_string())
}
