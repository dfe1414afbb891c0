//! A case as tensors of burn, and what its loss says there.

use burn::tensor::{Bool, DType, Device, Int, Tensor, TensorData};
use lossfold::burn::Target;
use lossfold::{Error, Layout, Loss, Weight};
use ndarray::ArrayD;

use crate::strategy::nested::compare::{Outcome, Said};
use crate::strategy::nested::{Case, Target as Truth};

/// Which of the two ways to the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Forward,
    Lowered,
}

impl Way {
    /// The value of a loss in this way.
    pub fn value<const D: usize>(
        self,
        loss: &Loss,
        prediction: Tensor<D>,
        target: impl Into<Target>,
        layout: Layout,
    ) -> Result<Tensor<1>, Error> {
        match self {
            Self::Forward => loss.forward(prediction, target, layout),
            Self::Lowered => loss.forward_lowered(prediction, target, layout),
        }
    }
}

/// The device that burn chooses, or `BURN_DEVICE`.
pub fn device() -> Device {
    Device::default()
}

/// Whether the device has elementary functions of f64. GPUs may say that they have f64, and have none of it.
pub fn has_wide_numbers() -> bool {
    device() == Device::flex()
}

fn floats<const D: usize>(array: &ArrayD<f64>, dtype: DType) -> Tensor<D> {
    let shape = if array.ndim() == 0 { vec![1] } else { array.shape().to_vec() };
    let data = TensorData::new(array.iter().copied().collect::<Vec<f64>>(), shape);
    Tensor::from_data(data, (&device(), dtype))
}

/// Calls with a tensor of the rank that an array has, 1 to 6.
macro_rules! ranked {
    ($ndim:expr, $rank:ident => $body:expr) => {
        match $ndim {
            0 | 1 => {
                const $rank: usize = 1;
                $body
            }
            2 => {
                const $rank: usize = 2;
                $body
            }
            3 => {
                const $rank: usize = 3;
                $body
            }
            4 => {
                const $rank: usize = 4;
                $body
            }
            5 => {
                const $rank: usize = 5;
                $body
            }
            rank => panic!("no case has {rank} axes"),
        }
    };
}

/// The target of a case with the weights that its loss names.
pub fn target(case: &Case) -> Target {
    let wide = if has_wide_numbers() { DType::F64 } else { DType::F32 };
    let target = match &case.target {
        Truth::Dense(_, target) => {
            ranked!(target.ndim(), D => Target::dense(floats::<D>(target, wide)))
        }
        Truth::Labels(_, labels, ignored) => {
            let shape = if labels.ndim() == 0 { vec![1] } else { labels.shape().to_vec() };
            let data = TensorData::new(labels.iter().copied().collect::<Vec<i64>>(), shape);
            let target = ranked!(labels.ndim(), D => {
                Target::labels(Tensor::<D, Int>::from_data(data, (&device(), DType::I64)))
            });
            ignored.map_or(target.clone(), |ignored| target.ignore(ignored))
        }
    };
    let named = case.chain.weights();
    let target = if named.contains(&Weight::Image) {
        target.with_image_weights(floats::<1>(&case.image, wide))
    } else {
        target
    };
    let target = if named.contains(&Weight::Map) {
        let (axes, _, map) = &case.map;
        ranked!(map.ndim(), D => target.with_map(*axes, floats::<D>(map, wide)))
    } else {
        target
    };
    if named.contains(&Weight::Mask) {
        let (axes, _, mask) = &case.mask;
        ranked!(mask.ndim(), D => {
            let mask: Tensor<D, Bool> = floats::<D>(mask, wide).bool();
            target.with_mask(*axes, mask)
        })
    } else {
        target
    }
}

/// The value and the gradient of a loss of a case's tensors.
pub fn said(case: &Case, loss: &Loss, way: Way) -> Said {
    let dtype = if case.single { DType::F32 } else { DType::F64 };
    ranked!(case.prediction.ndim(), D => of::<D>(case, loss, way, dtype))
}

fn of<const D: usize>(case: &Case, loss: &Loss, way: Way, dtype: DType) -> Result<Outcome, Error> {
    let x = floats::<D>(&case.prediction, dtype).autodiff().require_grad();
    let target = target(case);
    let value = way.value(loss, x.clone(), target, case.layout)?;
    let gradient = if value.is_tracked() {
        x.grad(&value.backward()).map(|gradient| gradient.into_data_as::<f64>())
    } else {
        // No cell is read.
        None
    };
    let gradient = gradient.map_or_else(
        || vec![0.0; case.prediction.len()],
        |data| data.try_to_vec::<f64>().expect("f64"),
    );
    let shape = case.prediction.raw_dim();
    let gradient = ArrayD::from_shape_vec(shape, gradient).expect("the shape of the prediction");
    Ok(Outcome { value: value.into_scalar::<f64>(), gradient: Some(gradient) })
}
