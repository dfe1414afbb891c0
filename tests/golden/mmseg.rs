//! `mmseg.models.losses` of two versions: tensors (N, C, ...), and labels (N, ...) or a target of the prediction's shape.

use lossfold::preset::Given;
use lossfold::{Axes, Axis, Layout, Loss};
use ndarray::{ArrayD, Axis as Place, IxDyn};
use serde_json::Value;

use crate::call::{Call, parsed, python};
use crate::case::{Case, Target, one_hot};
use crate::difference;
use crate::ignore;
use crate::row::Row;
use crate::torch::layout;
use crate::weight::Carried;

/// What is passed with the batch. The overlap losses take the ignored label before.
const CALLED: [&str; 3] = ["avg_factor", "reduction_override", "ignore_index"];

/// The parts of a case in the making.
struct Making<'r> {
    row: &'r Row,
    layout: Layout,
    classes: usize,
    prediction: ArrayD<f64>,
    target: ArrayD<f64>,
    carried: Carried,
    called: Call,
}

/// The case of a row.
pub fn translate(row: &Row) -> Result<Case, String> {
    let (mut prediction, target) = (row.prediction()?, row.target()?);
    if row.text("loss")? == "LovaszLoss" && prediction.ndim() == 3 {
        prediction.insert_axis_inplace(Place(1));
    }
    let (layout, classes) = (layout(prediction.ndim())?, prediction.shape()[1]);
    let (carried, called) = (Carried::default(), Call::default());
    let making = Making { row, layout, classes, prediction, target, carried, called };
    match row.text("loss")? {
        "CrossEntropyLoss" => making.cross_entropy(),
        "DiceLoss" if row.text("version")?.starts_with("1.") => making.dice(),
        "DiceLoss" | "TverskyLoss" => making.per_class(),
        "FocalLoss" => making.focal(),
        "LovaszLoss" => making.lovasz(),
        "BoundaryLoss" => making.boundary(),
        other => Err(format!("mmseg {other} is not translated")),
    }
}

fn flag(row: &Row, name: &str) -> bool {
    row.argument(name).and_then(Value::as_bool) == Some(true)
}

impl Making<'_> {
    fn cross_entropy(mut self) -> Result<Case, String> {
        let sigmoid = flag(self.row, "use_sigmoid");
        let number = ignore::number(self.row, Some(-100))?;
        // Of the binary loss labels below 0 are ignored, whatever is.
        let ignored =
            |label: f64| Some(label) == number.map(|n| n as f64) || (sigmoid && label < 0.0);
        let labels = self.target.ndim() < self.prediction.ndim();
        if sigmoid && self.row.argument("ignore_index").is_none() {
            let below = self.target.iter().find(|&&label| label < 0.0).copied();
            if let Some(label) = below {
                self.called = self.called.with("ignore_index", label);
            }
        } else {
            self.write(-100);
        }
        let of_pixels = !sigmoid || labels;
        self.weigh(of_pixels)?;
        if labels && sigmoid && self.classes == 1 {
            self.target.insert_axis_inplace(Place(1));
        }
        let dense = self.target.ndim() == self.prediction.ndim();
        let loss = self.parsed(&CALLED, dense)?;
        if dense {
            return if sigmoid { self.dense(loss, ignored) } else { self.dense(loss, |_| false) };
        }
        self.labelled(loss, ignored)
    }

    /// Labels that are no class are 0 in every class, but one below 0 is class 0.
    fn dice(mut self) -> Result<Case, String> {
        if self.target.shape() != self.prediction.shape() {
            self.target = one_hot(&self.target.mapv(|label| label.max(0.0)), self.classes);
        }
        if let Some(weight) = self.row.all_weights()?.get("weight") {
            let images = weight.len();
            let mut shape = vec![1; self.prediction.ndim()];
            shape[0] = images;
            let weight = shaped(weight, &shape)?;
            self.weigh_by(&weight, true)?;
        }
        let loss = self.parsed(&CALLED[..2], true)?;
        self.dense(loss, |_| false)
    }

    /// Labels that are no class count as the nearest.
    fn per_class(mut self) -> Result<Case, String> {
        let number = ignore::number(self.row, Some(255))?.map(|number| number as f64);
        let is = |label: f64| Some(label) == number;
        let dice = self.row.text("loss")? == "DiceLoss";
        let last = self.classes as f64 - 1.0;
        let marks = self.target.mapv(|label| f64::from(!is(label)));
        let hides = dice && marks.iter().any(|&mark| mark == 0.0);
        let known = self.row.argument("ignore_index").is_some();
        let called: &[&str] = if dice { &CALLED[..2] } else { &[] };
        let mut made = self.made(called)?;
        if hides && !known {
            made = made.with("ignore_index", 255);
        }
        let loss = self.parsed_as(made, called, false)?;
        let nearest = self.target.mapv(|label| label.clamp(0.0, last));
        let target = if dice {
            Target::labels(&nearest, None)
        } else {
            // Those that are ignored become -1.
            Target::labels(&(&nearest * &marks + (&marks - 1.0)), Some(-1))
        };
        if ignore::names_mask(&loss) {
            self.carried.mask = Some((pixels(self.layout), marks));
        }
        Case::of(loss, self.layout, self.prediction, target, self.carried)
    }

    fn focal(mut self) -> Result<Case, String> {
        let number = ignore::number(self.row, Some(255))?.map(|number| number as f64);
        let dense = self.target.shape() == self.prediction.shape();
        if dense {
            // The largest class of a pixel stands for its label.
            let largest = self.target.map_axis(Place(1), |classes| {
                let first = |best: usize, (class, &t): (usize, &f64)| {
                    if t > classes[best] { class } else { best }
                };
                classes.iter().enumerate().fold(0, first) as f64
            });
            let marks = largest.mapv(|label| f64::from(Some(label) != number));
            self.weigh_rows()?;
            let loss = self.parsed(&CALLED, true)?;
            if ignore::names_mask(&loss) {
                self.carried.mask = Some((pixels(self.layout), marks));
            }
            let target = Target::Dense(self.target);
            return Case::of(loss, self.layout, self.prediction, target, self.carried);
        }
        self.write(255);
        self.weigh_rows()?;
        let loss = self.parsed(&CALLED, false)?;
        self.labelled(loss, |label| Some(label) == number)
    }

    fn lovasz(mut self) -> Result<Case, String> {
        let number = ignore::number(self.row, Some(255))?.map(|number| number as f64);
        let ignored = |label: f64| Some(label) == number;
        self.write(255);
        let binary = self.row.argument("loss_type").and_then(Value::as_str) == Some("binary");
        if binary {
            self.target = shaped(&self.target, self.prediction.shape())?;
            let loss = self.parsed(&CALLED, true)?;
            return self.dense(loss, ignored);
        }
        let per_image = flag(self.row, "per_image");
        let nothing =
            |image: ndarray::ArrayViewD<'_, f64>| image.iter().all(|&label| ignored(label));
        if if per_image {
            self.target.outer_iter().any(nothing)
        } else {
            nothing(self.target.view())
        } {
            return Err(difference::MMSEG_NO_PIXEL.into());
        }
        let known = |&label: &f64| (0.0..self.classes as f64).contains(&label) || ignored(label);
        if self.target.iter().all(known) {
            let loss = self.parsed(&CALLED, false)?;
            return self.labelled(loss, ignored);
        }
        // A label that is no class is 0 in every class.
        let marks = self.target.mapv(|label| f64::from(!ignored(label)));
        self.target = one_hot(&self.target, self.classes);
        let loss = self.parsed(&CALLED, true)?;
        if ignore::names_mask(&loss) {
            self.carried.mask = Some((pixels(self.layout), marks));
        }
        let target = Target::Dense(self.target);
        Case::of(loss, self.layout, self.prediction, target, self.carried)
    }

    fn boundary(mut self) -> Result<Case, String> {
        self.target = shaped(&self.target, self.prediction.shape())?;
        if self.target.iter().any(|&t| t != 0.0 && t != 1.0) {
            return Err(difference::MMSEG_BOUNDARY.into());
        }
        let loss = self.parsed(&[], true)?;
        self.dense(loss, |_| false)
    }

    /// Writes the ignored label down that the framework has by itself, where the target has it.
    fn write(&mut self, number: i64) {
        let called = std::mem::take(&mut self.called);
        self.called = ignore::written(called, self.row, "ignore_index", &self.target, number);
    }

    /// Scales by the weight of the row: of the shape of the labels, or of the prediction.
    fn weigh(&mut self, of_pixels: bool) -> Result<(), String> {
        match self.row.all_weights()?.get("weight") {
            Some(weight) => self.weigh_by(weight, !of_pixels),
            None => Ok(()),
        }
    }

    fn weigh_by(&mut self, weight: &ArrayD<f64>, whole: bool) -> Result<(), String> {
        let called = std::mem::take(&mut self.called);
        let like = if whole {
            (self.prediction.shape().to_vec(), self.layout)
        } else {
            let mut shape = self.prediction.shape().to_vec();
            shape.remove(1);
            let axes = self.layout.axes().iter().copied().filter(|&axis| axis != Axis::Class);
            let layout =
                Layout::new(&axes.collect::<Vec<_>>()).map_err(|error| error.to_string())?;
            (shape, layout)
        };
        self.called = called.weight("weight", weight, (&like.0, like.1), &mut self.carried)?;
        Ok(())
    }

    /// Scales by a weight whose rows are the pixels of all images.
    fn weigh_rows(&mut self) -> Result<(), String> {
        let weights = self.row.all_weights()?;
        let Some(weight) = weights.get("weight") else { return Ok(()) };
        let mut shape = self.prediction.shape().to_vec();
        let classes = shape.remove(1);
        let pixels = shape.iter().product::<usize>();
        if weight.shape()[0] == pixels && weight.len() == pixels {
            return self.weigh_by(&shaped(weight, &shape)?, false);
        }
        shape.push(classes);
        if weight.len() == classes {
            shape.iter_mut().rev().skip(1).for_each(|extent| *extent = 1);
        }
        let mut weight = shaped(weight, &shape)?;
        // The classes come last; they go to the second place.
        for place in (1..weight.ndim() - 1).rev() {
            weight.swap_axes(place, place + 1);
        }
        self.weigh_by(&weight, true)
    }

    fn made(&self, called: &[&str]) -> Result<Call, String> {
        let mut made = Call::of(self.row, called)?;
        if let Some(weights) = self.row.all_weights()?.get("class_weight") {
            made = made.with("class_weight", crate::call::numbers(weights));
        }
        Ok(made)
    }

    fn parsed(&mut self, called: &[&str], dense: bool) -> Result<Loss, String> {
        let made = self.made(called)?;
        self.parsed_as(made, called, dense)
    }

    /// The loss of the call that made it and of the call with the batch.
    fn parsed_as(&mut self, made: Call, called: &[&str], dense: bool) -> Result<Loss, String> {
        let mut late = std::mem::take(&mut self.called);
        for name in called {
            if let Some(value) = self.row.arguments()?.get(*name) {
                late = late.with(name, python(value));
            }
        }
        let (version, name) = (self.row.text("version")?, self.row.text("loss")?);
        let call = made.text(&format!("mmseg=={version} mmseg.{name}")) + &late.text("");
        let given = if dense { Given::dense(self.layout) } else { Given::labels(self.layout) };
        parsed(&call, &given.classes(self.classes))
    }

    fn labelled(mut self, loss: Loss, ignored: impl Fn(f64) -> bool) -> Result<Case, String> {
        let known = |label: f64| (0.0..self.classes as f64).contains(&label) || ignored(label);
        if !self.target.iter().all(|&label| known(label)) {
            return Err("a label that is no class".into());
        }
        let layout = (self.layout, self.classes);
        let target = ignore::labels(&loss, &self.target, ignored, layout, &mut self.carried);
        Case::of(loss, self.layout, self.prediction, target, self.carried)
    }

    fn dense(mut self, loss: Loss, ignored: impl Fn(f64) -> bool) -> Result<Case, String> {
        let shape = (self.target.shape().to_vec(), self.prediction.shape());
        if shape.0 != shape.1 {
            return Err(format!(
                "a target of shape {:?} for a prediction of shape {:?}",
                shape.0, shape.1
            ));
        }
        if ignore::names_mask(&loss) {
            let axes: Axes = self.layout.axes().iter().copied().collect();
            let marks = self.target.mapv(|t| f64::from(!ignored(t)));
            self.target = &self.target * &marks;
            self.carried.mask = Some((axes, marks));
        }
        Case::of(loss, self.layout, self.prediction, Target::Dense(self.target), self.carried)
    }
}

/// The axes of labels.
fn pixels(layout: Layout) -> Axes {
    layout.axes().iter().copied().collect::<Axes>().without(Axis::Class)
}

fn shaped(tensor: &ArrayD<f64>, shape: &[usize]) -> Result<ArrayD<f64>, String> {
    tensor.clone().into_shape_with_order(IxDyn(shape)).map_err(|error| error.to_string())
}
