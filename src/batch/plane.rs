//! Arrays of any layout and strides, read in rows: some pixels of a class and an image.

use std::ops::Range;

use ndarray::{ArrayBase, ArrayView1, ArrayViewD, Data, Dimension, IxDyn, RawData};

use super::array::{Dense, View};
use crate::axis::Axis;
use crate::layout::Layout;

/// Appends the numbers of some pixels of a class and an image, converted.
pub(crate) type ReadRow<'b, T> =
    Box<dyn Fn(usize, usize, Range<usize>, &mut Vec<T>) + Send + Sync + 'b>;

/// A view with the axes class, image, and as few spatial axes as the strides allow, at least one.
struct Plane<'b, A> {
    view: View<'b, A, IxDyn>,
}

/// The axes of an array in the order class, image, pixel; those that the layout lacks are added, and
/// spatial axes that lie one in another are made one.
pub(crate) fn arranged<S: RawData + Data, D: Dimension>(
    array: ArrayBase<S, D>,
    layout: Layout,
) -> ArrayBase<S, IxDyn> {
    let has = |axis| layout.axes().contains(&axis);
    let mut array = array.into_dyn().permuted_axes(layout.by_class_pixel_image());
    if !has(Axis::Class) {
        array = array.insert_axis(ndarray::Axis(0));
    }
    let last = array.ndim() - usize::from(has(Axis::Image));
    let mut order: Vec<usize> = (0..array.ndim()).collect();
    if has(Axis::Image) {
        order.remove(last);
        order.insert(1, last);
        array = array.permuted_axes(order);
    } else {
        array = array.insert_axis(ndarray::Axis(1));
    }
    if array.ndim() == 2 {
        array = array.insert_axis(ndarray::Axis(2));
    }
    // From the last spatial axis outwards, as long as each step of the outer is a row of the inner.
    while array.ndim() > 3 && !array.is_empty() {
        let inner = array.ndim() - 1;
        if !array.merge_axes(ndarray::Axis(inner - 1), ndarray::Axis(inner)) {
            break;
        }
        array = array.index_axis_move(ndarray::Axis(inner - 1), 0);
    }
    array
}

/// Reads rows of a view.
pub(super) fn reader<'b, A: Copy + Sync, T>(
    view: &View<'b, A, IxDyn>,
    layout: Layout,
    convert: impl Fn(A) -> T + Copy + Send + Sync + 'b,
) -> ReadRow<'b, T> {
    let plane = Plane { view: arranged(view.clone(), layout) };
    Box::new(move |class, image, pixels, into| plane.read(class, image, pixels, into, convert))
}

impl<A: Copy> Plane<'_, A> {
    fn read<B>(
        &self,
        class: usize,
        image: usize,
        pixels: Range<usize>,
        into: &mut Vec<B>,
        convert: impl Fn(A) -> B + Copy,
    ) {
        let row = self.view.index_axis(ndarray::Axis(0), class);
        let row = row.index_axis_move(ndarray::Axis(0), image);
        lanes(&row, pixels, &mut |lane| match lane.as_slice() {
            Some(lane) => into.extend(lane.iter().map(|&number| convert(number))),
            None => into.extend(lane.iter().map(|&number| convert(number))),
        });
    }
}

/// Visits the numbers of some pixels, in their order, as runs along the innermost axis.
pub(crate) fn lanes<A>(
    row: &ArrayViewD<'_, A>,
    pixels: Range<usize>,
    look: &mut impl FnMut(ArrayView1<'_, A>),
) {
    if row.ndim() == 1 {
        let lane = row.slice_axis(ndarray::Axis(0), pixels.into());
        if let Ok(lane) = lane.into_dimensionality() {
            look(lane);
        }
        return;
    }
    let inner: usize = row.shape()[1..].iter().product();
    if inner == 0 {
        return;
    }
    let mut start = pixels.start;
    while start < pixels.end {
        let outer = start / inner;
        let end = pixels.end.min((outer + 1) * inner);
        let within = row.index_axis(ndarray::Axis(0), outer);
        lanes(&within, start - outer * inner..end - outer * inner, look);
        start = end;
    }
}

impl<'b> Dense<'b> {
    /// Reads rows, each number as f64 and from there as `convert` makes it.
    pub(crate) fn rows<T: 'b>(
        &self,
        layout: Layout,
        convert: impl Fn(f64) -> T + Copy + Send + Sync + 'b,
    ) -> ReadRow<'b, T> {
        match self {
            Self::F32(view) => reader(view, layout, move |number| convert(number.into())),
            Self::F64(view) => reader(view, layout, convert),
            Self::U8(view) => reader(view, layout, move |number| convert(number.into())),
            Self::Bool(view) => reader(view, layout, move |number| convert(number.into())),
        }
    }
}
