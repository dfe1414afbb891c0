//! The arrays of a batch as they lie in memory.

use lossfold::{Batch, Float, Labels, Layout};
use ndarray::{Array3, Array4, Axis, Ix4, Slice};

use crate::data::Data;
use crate::workload::Scores;

/// The element types of a prediction.
pub trait Number: Float {
    const NAME: &'static str;
}

impl Number for f32 {
    const NAME: &'static str = "f32";
}

impl Number for f64 {
    const NAME: &'static str = "f64";
}

/// The order of the axes.
#[derive(Clone, Copy, PartialEq)]
pub enum Order {
    Nhwc,
    Nchw,
}

impl Order {
    pub const ALL: [Self; 2] = [Self::Nhwc, Self::Nchw];

    pub fn name(self) -> &'static str {
        match self {
            Self::Nhwc => "nhwc",
            Self::Nchw => "nchw",
        }
    }

    fn layout(self) -> Layout {
        match self {
            Self::Nhwc => Layout::NHWC,
            Self::Nchw => Layout::NCHW,
        }
    }

    /// An array whose class axis is the last, with its axes in this order, contiguous.
    pub fn lay_out<A: Clone>(self, array: Array4<A>) -> Array4<A> {
        match self {
            Self::Nhwc => array,
            Self::Nchw => array.permuted_axes([0, 3, 1, 2]).as_standard_layout().into_owned(),
        }
    }

    fn width(self) -> Axis {
        match self {
            Self::Nhwc => Axis(2),
            Self::Nchw => Axis(3),
        }
    }
}

/// The element type of the target.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// One-hot, of the type of the prediction.
    Floats,
    /// One-hot.
    Bytes,
    Labels,
}

impl Kind {
    pub fn name<F: Number>(self) -> &'static str {
        match self {
            Self::Floats => F::NAME,
            Self::Bytes => "u8",
            Self::Labels => "labels",
        }
    }
}

enum Target<F> {
    Floats(Array4<F>),
    Bytes(Array4<u8>),
    Labels(Array3<u8>),
}

/// A prediction and its target.
pub struct Arrays<F> {
    pub order: Order,
    pub prediction: Array4<F>,
    target: Target<F>,
}

impl<F: Number> Arrays<F> {
    /// Contiguous arrays.
    pub fn new(scores: Scores, data: &Data, order: Order, kind: Kind) -> Self {
        Self {
            order,
            prediction: order.lay_out(scores.of(data).mapv(|x| F::narrow(x.into()))),
            target: match kind {
                Kind::Floats => Target::Floats(order.lay_out(data.one_hot(F::zero(), F::one()))),
                Kind::Bytes => Target::Bytes(order.lay_out(data.one_hot(0, 1))),
                Kind::Labels => Target::Labels(data.labels.clone()),
            },
        }
    }

    /// The prediction seen as NHWC where it lies as NCHW; the target is contiguous.
    pub fn permuted(scores: Scores, data: &Data) -> Self {
        let mut arrays = Self::new(scores, data, Order::Nhwc, Kind::Floats);
        arrays.prediction = Order::Nchw.lay_out(arrays.prediction).permuted_axes([0, 2, 3, 1]);
        arrays
    }

    /// Prediction and target are every second column of wider arrays.
    pub fn strided(scores: Scores, data: &Data, order: Order) -> Self {
        let every_second = |array: Array4<F>| {
            let width = order.width();
            let mut shape = array.raw_dim();
            shape[width.index()] *= 2;
            let mut wide = Array4::zeros(shape);
            wide.slice_axis_inplace(width, Slice::new(0, None, 2));
            wide.assign(&array);
            wide
        };
        let mut arrays = Self::new(scores, data, order, Kind::Floats);
        arrays.prediction = every_second(arrays.prediction);
        if let Target::Floats(target) = arrays.target {
            arrays.target = Target::Floats(every_second(target));
        }
        arrays
    }

    /// The cells of the prediction and of a target of the same type, both contiguous.
    pub fn slices(&self) -> (&[F], &[F]) {
        let slices = match &self.target {
            Target::Floats(target) => self.prediction.as_slice().zip(target.as_slice()),
            _ => None,
        };
        slices.expect("contiguous arrays of one type")
    }

    pub fn batch(&self) -> Batch<'_, F, Ix4> {
        let layout = self.order.layout();
        match &self.target {
            Target::Floats(target) => Batch::new(layout, &self.prediction, target),
            Target::Bytes(target) => Batch::new(layout, &self.prediction, target),
            Target::Labels(labels) => Batch::new(layout, &self.prediction, Labels::new(labels)),
        }
        .expect("the shapes agree")
    }
}
