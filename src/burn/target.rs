//! What a prediction is compared with, and the weights that come with it, as tensors of any rank.

use std::fmt;
use std::sync::Arc;

use burn::backend::flex::FlexTensor;
use burn::tensor::{Bool, DType, Float, FloatDType, Int, IntDType, Tensor};

use super::grid::{Cells, Grid};
use crate::axis::{Axes, Axis};
use crate::batch::Beside;
use crate::error::{Error, ErrorKind, Result};
use crate::layout::Layout;
use crate::weight::Weight;

/// The target of a prediction, and the image weights, map and mask that come with it.
///
/// A dense target is a tensor of the prediction's shape, labels are one of integers without the class axis; both
/// turn into a target by themselves. Weights count where the loss names `image`, `map` or `mask`; each is given at
/// most once. All of it is constant: what is tracked of it gets no gradient.
///
/// ```
/// use burn::tensor::{Bool, Device, Int, Tensor};
/// use lossfold::{Axis, Layout, Loss, burn::Target};
///
/// let device = Device::flex();
/// let logits = Tensor::<3>::zeros([2, 5, 3], &device); // image, class, pixel
/// let labels = Tensor::<2, Int>::from_data([[0, 1, 4], [2, 2, 255]], &device);
/// let mask = Tensor::<2, Bool>::from_data([[true, true, false], [true, true, true]], &device);
/// let target = Target::labels(labels).ignore(255).with_mask([Axis::Image, Axis::Pixel], mask);
///
/// let loss: Loss = "cross_entropy(softmax) > sum(class) > weigh(mask) > mean(all)".parse()?;
/// let layout: Layout = "image class pixel".parse()?;
/// let value: f32 = loss.forward(logits, target, layout)?.into_scalar();
/// assert!((value - 5_f32.ln()).abs() < 1e-6); // of the four pixels that count
/// # Ok::<(), lossfold::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Target {
    pub(super) truth: Truth,
    weights: Vec<(Beside, Aligned)>,
}

#[derive(Clone, Debug)]
pub(super) enum Truth {
    Dense(Arc<dyn AnyRank>),
    Labels(Arc<dyn AnyRank>, Option<i64>),
}

/// A weight and the axes that it has, which the layout may lack.
#[derive(Clone, Debug)]
pub(super) struct Aligned {
    pub(super) axes: Axes,
    pub(super) values: Arc<dyn AnyRank>,
}

/// A tensor whose rank and kind are known at run time.
pub(super) trait AnyRank: fmt::Debug + Send + Sync {
    fn shape(&self) -> Vec<usize>;
    /// Its cells as floats of the grid's type, where it has the axes of `layout`.
    fn cells(&self, grid: &Grid, layout: Layout) -> Cells;
    /// Its memory on burn's CPU backend: of floats as f32 or f64, of integers as i64, of flags as u8.
    fn dense(&self) -> Option<FlexTensor>;
}

macro_rules! any_rank {
    ($kind:ty, $float:expr, $plain:expr) => {
        impl<const D: usize> AnyRank for Tensor<D, $kind> {
            fn shape(&self) -> Vec<usize> {
                self.dims().to_vec()
            }

            fn cells(&self, grid: &Grid, layout: Layout) -> Cells {
                $float(grid.cells(self.clone().inner(), layout), grid.dtype)
            }

            fn dense(&self) -> Option<FlexTensor> {
                super::fused::dense($plain(self.clone().inner()))
            }
        }
    };
}
any_rank!(Float, |cells: Tensor<_>, dtype: DType| cells.cast(dtype), |tensor: Tensor<D>| {
    match tensor.dtype() {
        DType::F32 | DType::F64 => tensor,
        _ => tensor.cast(FloatDType::F32),
    }
});
any_rank!(
    Int,
    |cells: Tensor<_, Int>, dtype: DType| cells.float().cast(dtype),
    |tensor: Tensor<D, Int>| tensor.cast(IntDType::I64)
);
any_rank!(
    Bool,
    |cells: Tensor<_, Bool>, dtype: DType| cells.float().cast(dtype),
    std::convert::identity::<Tensor<D, Bool>>
);

impl Target {
    /// A target of the shape of the prediction: 0 and 1, or what lies between.
    pub fn dense<const D: usize>(target: Tensor<D>) -> Self {
        Self::new(Truth::Dense(Arc::new(target)))
    }

    /// Class numbers: the shape of the prediction without its class axis.
    pub fn labels<const D: usize>(labels: Tensor<D, Int>) -> Self {
        Self::new(Truth::Labels(Arc::new(labels), None))
    }

    fn new(truth: Truth) -> Self {
        Self { truth, weights: Vec::new() }
    }

    /// The label whose pixels do not count, 255 or -100 for example. A dense target has none, and stays as it is.
    #[must_use]
    pub fn ignore(mut self, label: i64) -> Self {
        if let Truth::Labels(_, ignored) = &mut self.truth {
            *ignored = Some(label);
        }
        self
    }

    /// One weight per image, which counts where the loss names `image`.
    #[must_use]
    pub fn with_image_weights(self, weights: Tensor<1>) -> Self {
        self.with(Beside::Image, Axis::Image, Arc::new(weights))
    }

    /// A weight per cell of `axes`, in the order of the prediction's layout, which counts where the loss names
    /// `map`.
    #[must_use]
    pub fn with_map<const D: usize>(self, axes: impl Into<Axes>, map: Tensor<D>) -> Self {
        self.with(Beside::Map, axes, Arc::new(map))
    }

    /// A mask per cell of `axes`, in the order of the prediction's layout, true where a cell counts; it counts
    /// where the loss names `mask`.
    #[must_use]
    pub fn with_mask<const D: usize>(self, axes: impl Into<Axes>, mask: Tensor<D, Bool>) -> Self {
        self.with(Beside::Mask, axes, Arc::new(mask))
    }

    fn with(mut self, which: Beside, axes: impl Into<Axes>, values: Arc<dyn AnyRank>) -> Self {
        self.weights.push((which, Aligned { axes: axes.into(), values }));
        self
    }

    pub(super) fn carried(&self, weight: &Weight) -> Option<&Aligned> {
        let wanted = match weight {
            Weight::Image => Beside::Image,
            Weight::Map => Beside::Map,
            Weight::Mask => Beside::Mask,
            _ => return None,
        };
        self.weights().find(|(which, _)| *which == wanted).map(|(_, aligned)| aligned)
    }

    /// The weights that come with the target.
    pub(super) fn weights(&self) -> impl Iterator<Item = (Beside, &Aligned)> {
        self.weights.iter().map(|(which, aligned)| (*which, aligned))
    }

    /// The axes of a weight that comes with the target.
    pub(super) fn axes(&self, weight: &Weight) -> Axes {
        self.carried(weight).map_or(Axes::NONE, |aligned| aligned.axes)
    }

    /// Refuses tensors that do not have the shape of a prediction of `layout`, and a weight that is given twice.
    pub(super) fn check(&self, prediction: &[usize], layout: Layout) -> Result<()> {
        let refuse = |why: String| Err(Error::new(ErrorKind::Shape, why));
        layout.check_prediction(prediction)?;
        for (place, (which, _)) in self.weights.iter().enumerate() {
            if self.weights[..place].iter().any(|(before, _)| before == which) {
                let why = format!("{}: given twice, expected at most once", which.name());
                return Err(Error::new(ErrorKind::Weight, why));
            }
        }
        let without_class = Axes::ALL.without(Axis::Class);
        let (name, truth, axes) = match &self.truth {
            Truth::Dense(truth) => ("target", truth, Axes::ALL),
            Truth::Labels(labels, _) => ("labels", labels, without_class),
        };
        let weights = self.weights();
        let weights =
            weights.map(|(which, Aligned { axes, values })| (which.name(), values, *axes));
        for (name, tensor, axes) in std::iter::once((name, truth, axes)).chain(weights) {
            let mut expected = layout.extents_along(axes, prediction);
            // A tensor has at least one axis.
            if expected.is_empty() {
                expected.push(1);
            }
            if tensor.shape() != expected {
                let found = tensor.shape();
                return refuse(format!(
                    "{name}: has shape {found:?}, expected {expected:?}, the extents of the prediction per \
                     {axes}"
                ));
            }
        }
        if prediction.contains(&0) {
            refuse(format!("prediction: has shape {prediction:?}, which holds no cell"))
        } else {
            Ok(())
        }
    }
}

impl<const D: usize> From<Tensor<D>> for Target {
    fn from(target: Tensor<D>) -> Self {
        Self::dense(target)
    }
}

impl<const D: usize> From<Tensor<D, Int>> for Target {
    fn from(labels: Tensor<D, Int>) -> Self {
        Self::labels(labels)
    }
}
