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
use ndarray::{ArrayD, ArrayViewD, Ix1, IxDyn, ShapeBuilder};

use super::target::{Aligned, Target, Truth};
use crate::axis::{Axes, Axis};
use crate::batch::{Batch, Float, Labels};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::Layout;
use crate::loss::Loss;

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
            evaluate(loss, x, &arrays, layout, tracked).map(|(value, gradient)| {
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
    image: Option<(Axes, FlexTensor)>,
    map: Option<(Axes, FlexTensor)>,
    mask: Option<(Axes, FlexTensor)>,
}

impl Arrays {
    fn of(target: &Target) -> Option<Self> {
        let (truth, labels, ignored) = match &target.truth {
            Truth::Dense(truth) => (truth, false, None),
            Truth::Labels(labels, ignored) => (labels, true, *ignored),
        };
        // None of a weight that is not there, and none at all of one that lies elsewhere.
        let given = |aligned: &Option<Aligned>| match aligned {
            Some(Aligned { axes, values }) => values.dense().map(|array| Some((*axes, array))),
            None => Some(None),
        };
        Some(Self {
            truth: truth.dense()?,
            labels,
            ignored,
            image: given(&target.image)?,
            map: given(&target.map)?,
            mask: given(&target.mask)?,
        })
    }
}

/// Binds `$view` to the array of a tensor of floats or flags.
macro_rules! viewed {
    ($tensor:expr, $layout:expr, $view:ident => $body:expr) => {{
        let (tensor, layout) = ($tensor, $layout);
        match tensor.dtype() {
            DType::F64 => {
                let $view = laid(tensor.storage::<f64>(), tensor, layout);
                $body
            }
            DType::F32 => {
                let $view = laid(tensor.storage::<f32>(), tensor, layout);
                $body
            }
            _ => {
                let $view = laid(tensor.storage::<u8>(), tensor, layout);
                $body
            }
        }
    }};
}

/// The value of the loss, and its gradient where one is asked for.
fn evaluate<F: Float>(
    loss: &Loss,
    x: ArrayViewD<'_, F>,
    arrays: &Arrays,
    layout: Layout,
    gradient: bool,
) -> Result<(F, Option<Vec<F>>)> {
    let truth = &arrays.truth;
    let mut batch = if arrays.labels {
        let layout_of_labels = layout.only(Axes::ALL.without(Axis::Class));
        let labels = Labels::new(laid(truth.storage::<i64>(), truth, layout_of_labels));
        let labels = match arrays.ignored {
            Some(label) => labels.ignore(label),
            None => labels,
        };
        Batch::new(layout, x, labels)?
    } else {
        viewed!(truth, layout, view => Batch::new(layout, x, view))?
    };
    if let Some((_, image)) = &arrays.image {
        let image_only = Layout::new(&[Axis::Image])?;
        batch = viewed!(image, image_only, view => {
            batch.with_image_weights(view.into_dimensionality::<Ix1>().map_err(|error| {
                Error::new(ErrorKind::Shape, format!("image weights: {error}"))
            })?)
        })?;
    }
    if let Some((axes, map)) = &arrays.map {
        batch = viewed!(map, layout.only(*axes), view => batch.with_map(*axes, view))?;
    }
    if let Some((axes, mask)) = &arrays.mask {
        batch = viewed!(mask, layout.only(*axes), view => batch.with_mask(*axes, view))?;
    }
    if !gradient {
        return Ok((loss.value(&batch)?, None));
    }
    let mut gradient = ArrayD::from_elem(batch.prediction().raw_dim(), F::zero());
    let value = loss.value_and_gradient_into(&batch, &mut gradient)?;
    Ok((value, Some(gradient.into_raw_vec_and_offset().0)))
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
