//! Arrays from `.npy` files, of whatever element type they hold.

use std::error::Error;
use std::fs::File;
use std::path::Path;

use lossfold::{Batch, Explain, Labels, Layout, Report};
use ndarray::ArrayD;
use ndarray_npy::{ReadNpyError, ReadNpyExt, ReadableElement};

use crate::arguments::Arguments;

/// A prediction and its target.
pub struct Arrays {
    layout: Layout,
    prediction: Prediction,
    target: Target,
    ignore: Option<i128>,
}

enum Prediction {
    F32(ArrayD<f32>),
    F64(ArrayD<f64>),
}

enum Target {
    Dense(ArrayD<f64>),
    Labels(ArrayD<i64>),
}

/// Reads both arrays.
pub fn read(arguments: &Arguments) -> Result<Arrays, Box<dyn Error>> {
    let prediction = prediction(&arguments.prediction)?;
    let shape = match &prediction {
        Prediction::F32(array) => array.shape(),
        Prediction::F64(array) => array.shape(),
    };
    let target = target(&arguments.target, shape)?;
    let layout = arguments.layout.parse()?;
    Ok(Arrays { layout, prediction, target, ignore: arguments.ignore })
}

impl Arrays {
    /// The report on the arrays.
    pub fn explain(&self, asked: &Explain<'_>) -> Result<Report, Box<dyn Error>> {
        match &self.prediction {
            Prediction::F32(prediction) => self.explain_on(prediction, asked),
            Prediction::F64(prediction) => self.explain_on(prediction, asked),
        }
    }

    fn explain_on<F: lossfold::Float>(
        &self,
        prediction: &ArrayD<F>,
        asked: &Explain<'_>,
    ) -> Result<Report, Box<dyn Error>> {
        let batch = match (&self.target, self.ignore) {
            (Target::Dense(target), _) => Batch::new(self.layout, prediction, target)?,
            (Target::Labels(classes), None) => {
                Batch::new(self.layout, prediction, Labels::new(classes))?
            }
            (Target::Labels(classes), Some(label)) => {
                Batch::new(self.layout, prediction, Labels::new(classes).ignore(label))?
            }
        };
        Ok(asked.on(&batch)?)
    }
}

fn prediction(path: &Path) -> Result<Prediction, Box<dyn Error>> {
    npy(path, |value: f32| value)
        .map(Prediction::F32)
        .or_else(|_| npy(path, |value: f64| value).map(Prediction::F64))
        .map_err(|error| unreadable("prediction", path, "f32 or f64", &error))
}

/// Floats and bools are dense; integers are dense if they have the shape of the prediction, else
/// labels.
fn target(path: &Path, shape: &[usize]) -> Result<Target, Box<dyn Error>> {
    let dense = npy(path, |value: f32| f64::from(value))
        .or_else(|_| npy(path, |value: f64| value))
        .or_else(|_| npy(path, |value: bool| f64::from(value)));
    if let Ok(dense) = dense {
        return Ok(Target::Dense(dense));
    }
    let labels = npy(path, |value: u8| i64::from(value))
        .or_else(|_| npy(path, |value: i64| value))
        .or_else(|_| npy(path, |value: i32| i64::from(value)))
        .or_else(|_| npy(path, |value: u16| i64::from(value)))
        .or_else(|_| npy(path, |value: i16| i64::from(value)))
        .or_else(|_| npy(path, |value: u32| i64::from(value)))
        .or_else(|_| npy(path, |value: i8| i64::from(value)))
        .map_err(|error| unreadable("target", path, "bool, f32, f64 or an integer", &error))?;
    if labels.shape() == shape {
        #[expect(
            clippy::cast_precision_loss,
            reason = "0 and 1 are exact, others are refused later"
        )]
        return Ok(Target::Dense(labels.mapv(|value| value as f64)));
    }
    Ok(Target::Labels(labels))
}

fn npy<A: ReadableElement + Copy, B>(
    path: &Path,
    convert: impl Fn(A) -> B,
) -> Result<ArrayD<B>, ReadNpyError> {
    let array: ArrayD<A> = ArrayD::read_npy(File::open(path)?)?;
    Ok(array.mapv(convert))
}

fn unreadable(what: &str, path: &Path, types: &str, error: &ReadNpyError) -> Box<dyn Error> {
    format!("{what}: {}: {error}; expected a .npy file of {types}", path.display()).into()
}
