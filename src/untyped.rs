//! Batches whose types of numbers are known at run time only, as those of the tensors of other crates.

use ndarray::{ArrayD, ArrayViewD, Ix1};

use crate::axis::Axes;
use crate::batch::{Batch, Float, Labels};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::Layout;
use crate::loss::Loss;

/// Numbers of one of the types that a target or a weight may have.
pub(crate) enum Numbers<'a> {
    F32(ArrayViewD<'a, f32>),
    F64(ArrayViewD<'a, f64>),
    U8(ArrayViewD<'a, u8>),
}

/// What a prediction is compared with.
pub(crate) enum Truth<'a> {
    Dense(Numbers<'a>),
    Labels(Labels<'a>),
}

/// A weight that comes with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    Image,
    Map,
    Mask,
}

/// All of a batch but its prediction.
pub(crate) struct Given<'a> {
    pub(crate) truth: Truth<'a>,
    pub(crate) weights: Vec<(Beside, Axes, Numbers<'a>)>,
}

/// Binds `$view` to the numbers, whatever their type.
macro_rules! typed {
    ($numbers:expr, $view:ident => $body:expr) => {
        match $numbers {
            Numbers::F32($view) => $body,
            Numbers::F64($view) => $body,
            Numbers::U8($view) => $body,
        }
    };
}

impl Beside {
    /// As errors call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Image => "image weights",
            Self::Map => "map",
            Self::Mask => "mask",
        }
    }
}

impl<'a> Given<'a> {
    /// The value of a loss, and its gradient, in the order of the layout, where one is asked for.
    pub(crate) fn evaluate<F: Float>(
        self,
        loss: &Loss,
        prediction: ArrayViewD<'a, F>,
        layout: Layout,
        gradient: bool,
    ) -> Result<(F, Option<Vec<F>>)> {
        let mut batch = match self.truth {
            Truth::Dense(truth) => typed!(truth, truth => Batch::new(layout, prediction, truth))?,
            Truth::Labels(labels) => Batch::new(layout, prediction, labels)?,
        };
        for (which, axes, weight) in self.weights {
            batch = typed!(weight, weight => match which {
                Beside::Image => {
                    let found = weight.shape().to_vec();
                    let weight = weight.into_dimensionality::<Ix1>().map_err(|_| {
                        let why = format!("image weights: have shape {found:?}, expected one axis");
                        Error::new(ErrorKind::Shape, why)
                    })?;
                    batch.with_image_weights(weight)
                }
                Beside::Map => batch.with_map(axes, weight),
                Beside::Mask => batch.with_mask(axes, weight),
            })?;
        }
        if !gradient {
            return Ok((loss.value(&batch)?, None));
        }
        let mut gradient = ArrayD::from_elem(batch.prediction().raw_dim(), F::zero());
        let value = loss.value_and_gradient_into(&batch, &mut gradient)?;
        Ok((value, Some(gradient.into_raw_vec_and_offset().0)))
    }
}
