//! Losses on tensors of [burn](https://docs.rs/burn), with its autodiff, on every backend (feature `burn`).
//!
//! [`Loss::forward`] takes a prediction, its [`Target`] and the layout:
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use lossfold::{Layout, Loss};
//!
//! let device = Device::flex().autodiff();
//! let logits = Tensor::<4>::zeros([2, 5, 8, 8], &device).require_grad(); // image, class, height, width
//! let target = Tensor::<4>::zeros([2, 5, 8, 8], &device);
//!
//! let loss: Loss = "bce(sigmoid) > mean(class) > mean(pixel) > mean(image)".parse()?;
//! let value = loss.forward(logits.clone(), target, Layout::NCHW)?;
//! let gradient = logits.grad(&value.backward()).expect("a gradient");
//! assert_eq!(gradient.dims(), [2, 5, 8, 8]);
//! assert!((value.into_scalar::<f32>() - 2_f32.ln()).abs() < 1e-6);
//! # Ok::<(), lossfold::Error>(())
//! ```
//!
//! On the CPU backend of burn ([`burn::tensor::Device::flex`]) the value and its gradient come from the same pass
//! as [`Loss::value_and_gradient`], as one operation of the graph. On every other backend, GPUs included, the
//! expression becomes operations of burn ([`Loss::forward_lowered`]), which burn differentiates and fuses.
//!
//! # Types
//!
//! Predictions of f16 and bf16 are computed and summed in f32, whose value is f32; f32 and f64 stay what they
//! are. The gradient has the type of the prediction. A GPU may say that it has f64 and still have no logarithm of it:
//! burn's wgpu on Vulkan computes nonsense then, so give it f32.
//!
//! # What tensor operations cannot do
//!
//! - Formulas of the user's own are code: an error ([`ErrorKind::Backend`]).
//! - No tensor is waited for, so what only its numbers can tell is no error: a prediction or a target outside its
//!   domain is computed as it is, and what [`Loss::value`] refuses as empty (`empty=error`, nothing left to count,
//!   a volume or denominator of 0) is NaN. A label without a class is a pixel without a true class.
//! - Weights are told apart by what they are made of, not by their numbers: terms of a sum that carry other
//!   weights with equal numbers are refused ([`ErrorKind::Weight`]).
//! - Infinite derivatives: that of a root at 0 is taken to be 0, and a value on the way that is infinite, such as
//!   ln 0, may make the gradient NaN where [`Loss::value_and_gradient`] knows that it counts for nothing.
//! - `lovasz` may take cells that tie in another order: the value does not depend on it, the gradient does.
//!
//! [`ErrorKind::Backend`]: crate::ErrorKind::Backend
//! [`ErrorKind::Weight`]: crate::ErrorKind::Weight

mod activation;
mod aggregate;
mod element;
mod field;
mod focal;
mod fused;
mod grid;
mod lovasz;
mod lower;
mod ratio;
mod step;
mod target;
mod weight;

use burn::tensor::{DType, FloatDType, Tensor};

pub use target::Target;

use crate::error::Result;
use crate::layout::Layout;
use crate::loss::Loss;
use crate::weight::Weight;

use grid::Grid;
use lower::Lowering;

impl Loss {
    /// The loss of a prediction as a tensor of one number, whose `backward` gives the gradient.
    ///
    /// `target` is a dense tensor of the prediction's shape, a tensor of integer labels without the class axis, or
    /// a [`Target`] with weights. On burn's CPU backend this is one pass over the data; elsewhere it is
    /// [`forward_lowered`](Self::forward_lowered).
    ///
    /// **Errors**: those of [`check`](Self::check); [`ErrorKind::Shape`](crate::ErrorKind::Shape) for tensors that
    /// do not belong together; on the CPU those of [`value`](Self::value), elsewhere those of
    /// [`forward_lowered`](Self::forward_lowered).
    ///
    /// ```
    /// use burn::tensor::{Device, Int, Tensor};
    /// use lossfold::{Layout, Loss};
    ///
    /// let logits = Tensor::<2>::from_data([[0.0, 0.0], [0.0, 0.0]], &Device::flex());
    /// let labels = Tensor::<1, Int>::from_data([0, 1], &Device::flex());
    /// let loss: Loss = "cross_entropy(softmax) > sum(class) > mean(image)".parse()?;
    /// let value: f32 = loss.forward(logits, labels, Layout::NC)?.into_scalar();
    /// assert!((value - 2_f32.ln()).abs() < 1e-6);
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn forward<const D: usize>(
        &self,
        prediction: Tensor<D>,
        target: impl Into<Target>,
        layout: Layout,
    ) -> Result<Tensor<1>> {
        let (prediction, target) = self.given(prediction, target.into(), layout)?;
        match fused::forward(self, &prediction, &target, layout) {
            Some(value) => value,
            None => self.lowered(prediction, &target, layout),
        }
    }

    /// The loss as operations of burn on any backend, also where [`forward`](Self::forward) has one pass of its
    /// own: what the two compute is the same.
    ///
    /// **Errors**: those of [`check`](Self::check); [`ErrorKind::Shape`](crate::ErrorKind::Shape);
    /// [`ErrorKind::Backend`](crate::ErrorKind::Backend) for what no tensor operation can do. None of them depends
    /// on the numbers in the tensors, which are not waited for; see [`burn`](crate::burn) for what is NaN instead.
    pub fn forward_lowered<const D: usize>(
        &self,
        prediction: Tensor<D>,
        target: impl Into<Target>,
        layout: Layout,
    ) -> Result<Tensor<1>> {
        let (prediction, target) = self.given(prediction, target.into(), layout)?;
        self.lowered(prediction, &target, layout)
    }

    /// The prediction in a type in which sums keep their digits, checked with its target.
    fn given<const D: usize>(
        &self,
        prediction: Tensor<D>,
        target: Target,
        layout: Layout,
    ) -> Result<(Tensor<D>, Target)> {
        self.check()?;
        self.check_carried(|weight: &Weight| target.carried(weight).is_some())?;
        target.check(&prediction.dims(), layout)?;
        let wide = match prediction.dtype() {
            DType::F64 => FloatDType::F64,
            _ => FloatDType::F32,
        };
        Ok((prediction.cast(wide), target))
    }

    fn lowered<const D: usize>(
        &self,
        prediction: Tensor<D>,
        target: &Target,
        layout: Layout,
    ) -> Result<Tensor<1>> {
        let extents = layout.extents(&prediction.dims());
        let grid = Grid::new(layout, extents, prediction.device(), prediction.dtype());
        let cells = grid.cells(prediction, layout);
        let value = Lowering::new(grid, layout, target, cells).value(self)?;
        Ok(lower::one(value))
    }
}
