//! Losses on tensors of [candle](https://docs.rs/candle-core), with its autodiff, on a CPU (feature `candle`).
//!
//! [`Loss::forward_candle`] takes a prediction, its [`Target`] and the layout:
//!
//! ```
//! use candle_core::{Device, DType, Tensor, Var};
//! use lossfold::{Layout, Loss};
//!
//! let logits = Var::zeros((2, 5, 8, 8), DType::F32, &Device::Cpu)?; // image, class, height, width
//! let labels = Tensor::zeros((2, 8, 8), DType::U32, &Device::Cpu)?;
//!
//! let loss: Loss = "cross_entropy(softmax) > sum(class) > mean(pixel, image)".parse()?;
//! let value = loss.forward_candle(&logits, labels, Layout::NCHW)?;
//! let gradients = value.backward()?;
//! assert_eq!(gradients.get(&logits).expect("a gradient").dims(), [2, 5, 8, 8]);
//! assert!((value.to_scalar::<f32>()? - 5_f32.ln()).abs() < 1e-6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Value and gradient come from the same pass as [`Loss::value_and_gradient`], as one operation of candle's graph.
//! Predictions of f16 and bf16 are computed and summed in f32, whose value is f32.

use std::rc::Rc;

use candle_core::{
    CpuStorage, CustomOp1, DType, Device, Shape, Storage, StorageRef, Tensor, WithDType,
};
use ndarray::{ArrayViewD, IxDyn, ShapeBuilder};

use crate::axis::{Axes, Axis};
use crate::batch::{self, Beside, Dense, Float, Labels};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::Layout;
use crate::loss::Loss;
use crate::untyped::Given;

/// The target of a prediction, and the image weights, map and mask that come with it.
///
/// A tensor turns into a target by itself: floats are a dense target of the prediction's shape, integers are
/// labels without the class axis. Weights count where the loss names `image`, `map` or `mask`.
///
/// ```
/// use candle_core::{Device, DType, Tensor};
/// use lossfold::{Axis, Layout, Loss, candle::Target};
///
/// let logits = Tensor::zeros((2, 5, 3), DType::F32, &Device::Cpu)?; // image, class, pixel
/// let labels = Tensor::new(&[[0_u32, 1, 4], [2, 2, 255]], &Device::Cpu)?;
/// let mask = Tensor::new(&[[1_u8, 1, 0], [1, 1, 1]], &Device::Cpu)?;
/// let target = Target::labels(labels).ignore(255).with_mask([Axis::Image, Axis::Pixel], mask);
///
/// let loss: Loss = "cross_entropy(softmax) > sum(class) > weigh(mask) > mean(all)".parse()?;
/// let value: f32 = loss.forward_candle(&logits, target, "image class pixel".parse()?)?.to_scalar()?;
/// assert!((value - 5_f32.ln()).abs() < 1e-6); // of the four pixels that count
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Target {
    truth: Tensor,
    labels: bool,
    ignored: Option<i64>,
    weights: Vec<(Beside, Axes, Tensor)>,
}

impl Target {
    /// A target of the shape of the prediction: 0 and 1, or what lies between, of any type.
    pub fn dense(target: Tensor) -> Self {
        Self { truth: target, labels: false, ignored: None, weights: Vec::new() }
    }

    /// Class numbers of any integer type: the shape of the prediction without its class axis.
    pub fn labels(labels: Tensor) -> Self {
        Self { labels: true, ..Self::dense(labels) }
    }

    /// The label whose pixels do not count, 255 or -100 for example. A dense target has none, and stays as it is.
    #[must_use]
    pub fn ignore(self, label: i64) -> Self {
        Self { ignored: Some(label), ..self }
    }

    /// One weight per image, which counts where the loss names `image`.
    #[must_use]
    pub fn with_image_weights(self, weights: Tensor) -> Self {
        self.with(Beside::Image, Axis::Image, weights)
    }

    /// A weight per cell of `axes`, in the order of the prediction's layout, which counts where the loss names
    /// `map`.
    #[must_use]
    pub fn with_map(self, axes: impl Into<Axes>, map: Tensor) -> Self {
        self.with(Beside::Map, axes, map)
    }

    /// A mask per cell of `axes`, in the order of the prediction's layout, 1 where a cell counts and 0 where it
    /// does not; it counts where the loss names `mask`.
    #[must_use]
    pub fn with_mask(self, axes: impl Into<Axes>, mask: Tensor) -> Self {
        self.with(Beside::Mask, axes, mask)
    }

    fn with(mut self, which: Beside, axes: impl Into<Axes>, weight: Tensor) -> Self {
        self.weights.push((which, axes.into(), weight));
        self
    }
}

impl From<Tensor> for Target {
    fn from(target: Tensor) -> Self {
        if target.dtype().is_float() { Self::dense(target) } else { Self::labels(target) }
    }
}

impl Loss {
    /// The loss of a prediction as a tensor of one number without axes, whose `backward` gives the gradient.
    ///
    /// `target` is a tensor of floats of the prediction's shape, a tensor of integer labels without the class axis,
    /// or a [`Target`] with weights.
    ///
    /// **Errors**: those of [`value`](Self::value); [`ErrorKind::Backend`] for a tensor that is not on the CPU or
    /// has a type that cannot be what it is given as.
    pub fn forward_candle(
        &self,
        prediction: &Tensor,
        target: impl Into<Target>,
        layout: Layout,
    ) -> Result<Tensor> {
        let target = target.into();
        match prediction.dtype() {
            DType::F64 => forward::<f64>(self, prediction, &target, layout),
            DType::F32 => forward::<f32>(self, prediction, &target, layout),
            DType::F16 | DType::BF16 => {
                let wide = prediction.to_dtype(DType::F32).map_err(refused)?;
                forward::<f32>(self, &wide, &target, layout)
            }
            other => Err(Error::new(
                ErrorKind::Backend,
                format!("prediction: has the type {other:?}, expected F64, F32, F16 or BF16"),
            )),
        }
    }
}

fn forward<F: Float + WithDType>(
    loss: &Loss,
    prediction: &Tensor,
    target: &Target,
    layout: Layout,
) -> Result<Tensor> {
    let x = readable("prediction", prediction, F::DTYPE)?;
    let truth = if target.labels {
        let dtype = target.truth.dtype();
        if dtype.is_float() {
            let why = format!("labels: has the type {dtype:?}, expected integers");
            return Err(Error::new(ErrorKind::Backend, why));
        }
        readable("labels", &target.truth, DType::I64)?
    } else {
        readable("target", &target.truth, DType::F32)?
    };
    let weights = target.weights.iter().map(|(which, axes, weight)| {
        Ok((*which, *axes, readable(which.name(), weight, DType::F32)?))
    });
    let weights = weights.collect::<Result<Vec<_>>>()?;

    let mut locked = Vec::new();
    let (x, truth) = (Memory::of(&x, &mut locked), Memory::of(&truth, &mut locked));
    let weights: Vec<_> = weights
        .iter()
        .map(|(which, axes, weight)| (*which, *axes, Memory::of(weight, &mut locked)))
        .collect();

    let truth = if target.labels {
        let labels = Labels::new(truth.view::<i64>()?);
        batch::Target::Labels(match target.ignored {
            Some(label) => labels.ignore(label),
            None => labels,
        })
    } else {
        batch::Target::Dense(truth.numbers()?)
    };
    let weights =
        weights.iter().map(|(which, axes, weight)| Ok((*which, *axes, weight.numbers()?)));
    let given = Given { target: truth, weights: weights.collect::<Result<_>>()? };
    let (value, gradient) = given.evaluate(loss, x.view::<F>()?, layout, prediction.track_op())?;
    let tensor = match gradient {
        Some(gradient) => {
            Tensor::from_vec(gradient, prediction.shape(), &Device::Cpu).and_then(|gradient| {
                prediction.apply_op1(Known { value: F::to_cpu_storage(&[value]), gradient })
            })
        }
        None => Tensor::new(value, &Device::Cpu),
    };
    tensor.map_err(refused)
}

/// A tensor on the CPU that can be read where it lies: of floats, flags or the integers of `otherwise`.
fn readable(name: &str, tensor: &Tensor, otherwise: DType) -> Result<Readable> {
    if !tensor.device().is_cpu() {
        let device = tensor.device().location();
        let why = format!("{name}: lies on {device:?}, expected the CPU, on which the pass runs");
        return Err(Error::new(ErrorKind::Backend, why));
    }
    let tensor = match (tensor.dtype(), otherwise) {
        (DType::F32 | DType::F64 | DType::U8, DType::F32) => tensor.detach(),
        _ => tensor.detach().to_dtype(otherwise).map_err(refused)?,
    };
    // An array has a place of its own for each cell, which what was broadcast has not.
    let tensor = if tensor.layout().has_internal_overlap() {
        tensor.contiguous().map_err(refused)?
    } else {
        tensor
    };
    let place = std::ptr::from_ref(&*tensor.storage_and_layout().0);
    Ok(Readable { tensor, place })
}

/// A tensor that can be read where it lies, and where that is.
struct Readable {
    tensor: Tensor,
    place: *const Storage,
}

/// The memory of a tensor while it is read.
struct Memory<'t> {
    storage: Rc<StorageRef<'t>>,
    layout: &'t candle_core::Layout,
}

impl<'t> Memory<'t> {
    /// What several tensors share is locked once: a second lock would wait for a writer that waits for the first.
    fn of(tensor: &'t Readable, locked: &mut Vec<(*const Storage, Rc<StorageRef<'t>>)>) -> Self {
        let Readable { tensor, place } = tensor;
        let storage = if let Some((_, storage)) = locked.iter().find(|(other, _)| other == place) {
            Rc::clone(storage)
        } else {
            let storage = Rc::new(tensor.storage_and_layout().0);
            locked.push((*place, Rc::clone(&storage)));
            storage
        };
        Self { storage, layout: tensor.layout() }
    }

    fn view<A: WithDType>(&self) -> Result<ArrayViewD<'_, A>> {
        let Storage::Cpu(storage) = &**self.storage else {
            return Err(Error::new(ErrorKind::Backend, "expected a tensor on the CPU"));
        };
        let cells = storage.as_slice::<A>().map_err(refused)?;
        let cells = cells.get(self.layout.start_offset()..).unwrap_or_default();
        let mut strides = self.layout.stride().to_vec();
        if self.layout.shape().elem_count() == 0 {
            // Where there is no cell, a stride leads nowhere.
            strides.fill(0);
        }
        let places = IxDyn(self.layout.dims()).strides(IxDyn(&strides));
        ArrayViewD::from_shape(places, cells)
            .map_err(|error| Error::new(ErrorKind::Shape, error.to_string()))
    }

    fn numbers(&self) -> Result<Dense<'_>> {
        Ok(match self.storage.dtype() {
            DType::F64 => Dense::F64(self.view()?),
            DType::F32 => Dense::F32(self.view()?),
            _ => Dense::U8(self.view()?),
        })
    }
}

/// A value whose derivatives with respect to the operand are known already.
struct Known {
    value: CpuStorage,
    gradient: Tensor,
}

impl CustomOp1 for Known {
    fn name(&self) -> &'static str {
        "lossfold"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &candle_core::Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        Ok((self.value.clone(), Shape::from(())))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, adjoint: &Tensor) -> candle_core::Result<Option<Tensor>> {
        self.gradient.broadcast_mul(adjoint).map(Some)
    }
}

fn refused(error: candle_core::Error) -> Error {
    Error::new(ErrorKind::Backend, format!("candle: {error}"))
}
