//! The crate's own pass as one operation of burn's graph, on burn's CPU backend.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::kind::Basic;
use burn::tensor::{BackendPrimitive, DType, Shape, Tensor, TensorData};
use ndarray::{ArrayViewD, IxDyn, ShapeBuilder};

use super::target::{self, Aligned, Target};
use crate::axis::{Axes, Axis};
use crate::batch::{self, Beside, Dense, Labels};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::Loss;
use crate::untyped::Given;

/// A value whose derivatives with respect to a prediction are known already.
#[backend_extension(Flex, Autodiff)]
pub(super) trait Known: Backend {
    fn known(
        prediction: FloatTensor<Self>,
        value: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

impl Known for Flex {
    fn known(
        _prediction: FloatTensor<Self>,
        value: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        value
    }
}

#[derive(Debug)]
struct TimesGradient;

impl<B: Backend> Backward<B, 1> for TimesGradient {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        unary::<B, _>(ops.parents, ops.node, grads, |adjoint| {
            let gradient = ops.state;
            let ones = Shape::from(vec![1; gradient.shape().num_dims()]);
            B::float_mul(gradient, B::float_reshape(adjoint, ones))
        });
    }
}

impl<B: Backend + Known, C: CheckpointStrategy> Known for Autodiff<B, C> {
    fn known(
        prediction: FloatTensor<Self>,
        value: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let known = TimesGradient.prepare::<C>([prediction.node()]);
        match known.compute_bound().stateful() {
            OpsKind::Tracked(known) => {
                known.finish(gradient.into_primitive(), value.into_primitive())
            }
            OpsKind::UnTracked(known) => known.finish(value.into_primitive()),
        }
    }
}

/// The loss by [`Loss::value_and_gradient`]; none where a tensor is not on burn's CPU backend.
pub(super) fn forward<const D: usize>(
    loss: &Loss,
    prediction: &Tensor<D>,
    target: &Target,
    layout: Layout,
) -> Option<Result<Tensor<1>>> {
    let x = dense(prediction.clone().inner())?;
    let arrays = Arrays::of(target)?;
    let tracked = prediction.is_tracked();
    let device = prediction.clone().inner().device();
    macro_rules! with {
        ($float:ty, $dtype:expr) => {{
            let x = laid(x.storage::<$float>(), &x, layout);
            arrays.given(layout).evaluate(loss, x, layout, tracked).map(|(value, gradient)| {
                let value = Tensor::<1>::from_data([value], (&device, $dtype));
                let Some(gradient) = gradient else { return value };
                let gradient = TensorData::new(gradient, prediction.dims());
                let gradient = Tensor::<D>::from_data(gradient, (&device, $dtype));
                attached(prediction.clone(), value, gradient)
            })
        }};
    }
    Some(if prediction.dtype() == DType::F64 {
        with!(f64, DType::F64)
    } else {
        with!(f32, DType::F32)
    })
}

/// The value, whose derivatives are the gradient.
fn attached<const D: usize>(
    prediction: Tensor<D>,
    value: Tensor<1>,
    gradient: Tensor<D>,
) -> Tensor<1> {
    let (value, gradient) = (value.into_dispatch(), gradient.into_dispatch());
    let known = <Dispatch as Known>::known(prediction.into_dispatch(), value, gradient);
    Tensor::from_dispatch(known)
}

/// What comes with a prediction, as arrays.
struct Arrays {
    truth: FlexTensor,
    labels: bool,
    ignored: Option<i64>,
    weights: Vec<(Beside, Axes, FlexTensor)>,
}

impl Arrays {
    fn of(target: &Target) -> Option<Self> {
        let (truth, labels, ignored) = match &target.truth {
            target::Truth::Dense(truth) => (truth, false, None),
            target::Truth::Labels(labels, ignored) => (labels, true, *ignored),
        };
        let weights = target
            .weights()
            .map(|(which, Aligned { axes, values })| Some((which, *axes, values.dense()?)));
        Some(Self {
            truth: truth.dense()?,
            labels,
            ignored,
            weights: weights.collect::<Option<_>>()?,
        })
    }

    /// Views of them.
    fn given(&self, layout: Layout) -> Given<'_> {
        let target = if self.labels {
            let layout = layout.only(Axes::ALL.without(Axis::Class));
            let labels = Labels::new(laid(self.truth.storage::<i64>(), &self.truth, layout));
            batch::Target::Labels(match self.ignored {
                Some(label) => labels.ignore(label),
                None => labels,
            })
        } else {
            batch::Target::Dense(numbers(&self.truth, layout))
        };
        let weights = self.weights.iter().map(|(which, axes, weight)| {
            let layout = match which {
                // A layout may lack the image, of which there is then one weight all the same.
                Beside::Image => Layout::constant(&[Axis::Image]),
                _ => layout.only(*axes),
            };
            (*which, *axes, numbers(weight, layout))
        });
        Given { target, weights: weights.collect() }
    }
}

/// A tensor of floats or flags as an array.
fn numbers(tensor: &FlexTensor, layout: Layout) -> Dense<'_> {
    match tensor.dtype() {
        DType::F64 => Dense::F64(laid(tensor.storage(), tensor, layout)),
        DType::F32 => Dense::F32(laid(tensor.storage(), tensor, layout)),
        _ => Dense::U8(laid(tensor.storage(), tensor, layout)),
    }
}

/// The memory of a tensor on burn's CPU backend, in which every element has one place.
pub(super) fn dense<const D: usize, K>(tensor: Tensor<D, K>) -> Option<FlexTensor>
where
    K: Basic + BackendPrimitive<Flex, Primitive = FlexTensor>,
{
    let tensor = tensor.try_into_primitive::<Flex>().ok()?;
    let layout = tensor.layout();
    let straight = layout.is_dense_unique_storage() && layout.has_positive_strides();
    Some(if straight { tensor } else { tensor.to_contiguous() })
}

/// The memory as an array with the axes of `layout`: a tensor of one element may have one more.
fn laid<'t, A>(storage: &'t [A], tensor: &FlexTensor, layout: Layout) -> ArrayViewD<'t, A> {
    let of = tensor.layout();
    let shape: Vec<usize> = of.shape().to_vec();
    let strides: Vec<usize> = of.strides().iter().map(|stride| stride.unsigned_abs()).collect();
    let (shape, strides) =
        if layout.axes().is_empty() { (Vec::new(), Vec::new()) } else { (shape, strides) };
    let places = IxDyn(&shape).strides(IxDyn(&strides));
    ArrayViewD::from_shape(places, &storage[of.start_offset()..])
        .expect("a dense tensor has a place in its memory for every element")
}
