//! lossfold: the loss is parsed from its text, the gradient goes into a buffer that is kept.

use std::rc::Rc;

use lossfold::{Batch, Loss};
use ndarray::{Array4, Ix4};

use super::Arrays;
use crate::cell::{Call, Called, Mode};
use crate::data::Layout;
use crate::workload::Workload;

struct Fold {
    loss: Loss,
    workload: &'static Workload,
    arrays: Rc<Arrays>,
    /// Where the gradient goes, if it is asked for.
    buffer: Option<Array4<f32>>,
}

impl Fold {
    /// Views are made anew in every call, as in a training loop.
    fn batch(&self) -> Batch<'_, f32, Ix4> {
        let layout = match self.arrays.layout {
            Layout::Nhwc => lossfold::Layout::NHWC,
            Layout::Nchw => lossfold::Layout::NCHW,
        };
        Batch::new(layout, self.arrays.prediction(self.workload), &self.arrays.target)
            .expect("the shapes agree")
    }
}

impl Call for Fold {
    fn call(&mut self) -> Called<'_> {
        let Some(mut buffer) = self.buffer.take() else {
            return Called::value(self.loss.value(&self.batch()).expect("a value"));
        };
        let value = self.loss.value_and_gradient_into(&self.batch(), &mut buffer);
        let buffer = self.buffer.insert(buffer);
        Called {
            value: value.expect("a value"),
            gradient: Some(Box::new(|| buffer.iter().copied().collect())),
        }
    }
}

/// None where the text is not a loss of this version.
pub fn call(workload: &'static Workload, mode: Mode, arrays: &Rc<Arrays>) -> Option<Box<dyn Call>> {
    let loss = workload.text.parse().ok()?;
    // What the buffer held before must not matter.
    let nans = || Array4::from_elem(arrays.target.raw_dim(), f32::NAN);
    let buffer = (mode == Mode::Gradient).then(nans);
    Some(Box::new(Fold { loss, workload, arrays: Rc::clone(arrays), buffer }))
}
