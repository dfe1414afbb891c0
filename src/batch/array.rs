//! Which arrays may enter, and how: by reference or as views, never copied.

use std::fmt;

use ndarray::{
    ArrayBase, ArrayRef, ArrayView, ArrayViewD, ArrayViewMutD, Data, Dimension, IxDyn, Slice,
    ViewRepr,
};

use crate::axis::Axis;
use crate::layout::Layout;

mod sealed {
    pub trait Sealed {}
}
use sealed::Sealed;

/// The element type of a prediction, and of the value and gradient of its loss: `f32` or `f64`.
///
/// Sums run in f64 whatever the element type.
pub trait Float:
    Sealed + num_traits::Float + Value + Into<f64> + fmt::Debug + fmt::Display + Send + Sync + 'static
{
    /// The nearest number of this type.
    fn narrow(wide: f64) -> Self;
    #[doc(hidden)]
    fn erase_mut(view: ArrayViewMutD<'_, Self>) -> Floats<'_>;
}

/// An array to be written, whose element type is known at run time.
#[doc(hidden)]
#[derive(Debug)]
pub enum Floats<'a> {
    F32(ArrayViewMutD<'a, f32>),
    F64(ArrayViewMutD<'a, f64>),
}

impl Sealed for f32 {}
impl Sealed for f64 {}
impl Sealed for u8 {}
impl Sealed for bool {}

impl Float for f32 {
    #[expect(clippy::cast_possible_truncation, reason = "the nearest f32 is what is asked for")]
    fn narrow(wide: f64) -> Self {
        wide as Self
    }

    fn erase_mut(view: ArrayViewMutD<'_, Self>) -> Floats<'_> {
        Floats::F32(view)
    }
}

impl Float for f64 {
    fn narrow(wide: f64) -> Self {
        wide
    }

    fn erase_mut(view: ArrayViewMutD<'_, Self>) -> Floats<'_> {
        Floats::F64(view)
    }
}

/// The element type of a dense target, a map or a mask: `f32`, `f64`, `u8` or `bool`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an element type of targets, maps and masks",
    note = "dense targets, maps and masks hold f32, f64, u8 or bool; class numbers enter as `Labels::new(&classes)`"
)]
pub trait Value: Sealed + Copy {
    #[doc(hidden)]
    fn erase(view: ArrayViewD<'_, Self>) -> Dense<'_>;
}

/// An array that is read where it lies: `&Array`, `&ArrayRef`, `&ArrayView`, or a view by value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an array that can be read in place",
    note = "pass a reference (`&array`) or a view by value (`array.view()`)"
)]
pub trait IntoView<'a>: Sealed {
    /// The element type.
    type Elem: 'a;
    /// The dimension.
    type Dim: Dimension;
    /// The view.
    fn into_view(self) -> ArrayView<'a, Self::Elem, Self::Dim>;
}

impl<A, S: Data<Elem = A>, D: Dimension> Sealed for &ArrayBase<S, D> {}
impl<'a, A: 'a, S: Data<Elem = A>, D: Dimension> IntoView<'a> for &'a ArrayBase<S, D> {
    type Elem = A;
    type Dim = D;
    fn into_view(self) -> ArrayView<'a, A, D> {
        self.view()
    }
}

impl<A, D: Dimension> Sealed for &ArrayRef<A, D> {}
impl<'a, A, D: Dimension> IntoView<'a> for &'a ArrayRef<A, D> {
    type Elem = A;
    type Dim = D;
    fn into_view(self) -> ArrayView<'a, A, D> {
        self.view()
    }
}

impl<A, D: Dimension> Sealed for ArrayView<'_, A, D> {}
impl<'a, A, D: Dimension> IntoView<'a> for ArrayView<'a, A, D> {
    type Elem = A;
    type Dim = D;
    fn into_view(self) -> Self {
        self
    }
}

/// An [`ArrayView`] whose element type is spelled out, so that what holds it is covariant in `'a`.
pub(crate) type View<'a, A, D> = ArrayBase<ViewRepr<&'a A>, D, A>;

/// A dense array whose element type is known at run time.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub enum Dense<'a> {
    F32(View<'a, f32, IxDyn>),
    F64(View<'a, f64, IxDyn>),
    U8(View<'a, u8, IxDyn>),
    Bool(View<'a, bool, IxDyn>),
}

macro_rules! value {
    ($type:ty, $variant:ident) => {
        impl Value for $type {
            fn erase(view: ArrayViewD<'_, Self>) -> Dense<'_> {
                Dense::$variant(view)
            }
        }
    };
}
value!(f32, F32);
value!(f64, F64);
value!(u8, U8);
value!(bool, Bool);

macro_rules! each_dense {
    ($dense:expr, $view:ident => $body:expr) => {
        match $dense {
            Dense::F32($view) => $body,
            Dense::F64($view) => $body,
            Dense::U8($view) => $body,
            Dense::Bool($view) => $body,
        }
    };
}

impl Dense<'_> {
    pub(crate) fn shape(&self) -> &[usize] {
        each_dense!(self, view => view.shape())
    }

    /// The values as f64 in the order class, pixel, image.
    pub(crate) fn canonical(&self, layout: Layout) -> Vec<f64> {
        match self {
            Self::F32(view) => canonical(view, layout, f64::from),
            Self::F64(view) => canonical(view, layout, f64::from),
            Self::U8(view) => canonical(view, layout, f64::from),
            Self::Bool(view) => canonical(view, layout, f64::from),
        }
    }

    pub(crate) fn images(&self, layout: Layout, slice: Slice) -> Self {
        let mut part = self.clone();
        each_dense!(&mut part, view => keep_images(view, layout, slice));
        part
    }
}

/// The elements of `view`, converted, in the order class, pixel, image.
pub(crate) fn canonical<A: Copy, D: Dimension, B>(
    view: &ArrayView<'_, A, D>,
    layout: Layout,
    convert: impl Fn(A) -> B,
) -> Vec<B> {
    view.view()
        .into_dyn()
        .permuted_axes(layout.by_class_pixel_image())
        .iter()
        .map(|&value| convert(value))
        .collect()
}

/// Narrows the image axis of `view`, where it has one.
pub(crate) fn keep_images<A, D: Dimension>(
    view: &mut ArrayView<'_, A, D>,
    layout: Layout,
    slice: Slice,
) {
    if let Some(position) = layout.axes().iter().position(|&axis| axis == Axis::Image) {
        view.slice_axis_inplace(ndarray::Axis(position), slice);
    }
}
