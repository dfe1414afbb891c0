//! Where the gradient of some pixels goes, in the order of the cells of a stream.

use std::ops::Range;

use ndarray::{ArrayViewMutD, Axis as Dim};

use crate::kernel::Real;

use super::stream::Order;

/// The places of the gradient of some pixels, in the order of the cells of a stream.
pub(super) enum Places<'g, F> {
    ByPixel(&'g mut [F]),
    /// One slice per class.
    ByClass(Vec<&'g mut [F]>),
}

impl<'g, F: Real> Places<'g, F> {
    /// Those of a view of classes and pixels, or the view, if its places do not lie so.
    pub(super) fn new(
        into: ArrayViewMutD<'g, F>,
        order: Order,
    ) -> Result<Self, ArrayViewMutD<'g, F>> {
        if into.ndim() != 2 {
            return Err(into);
        }
        match order {
            Order::ByPixel if into.view().reversed_axes().is_standard_layout() => {
                Ok(Self::ByPixel(into.reversed_axes().into_slice().unwrap_or_default()))
            }
            Order::ByClass if into.strides()[1] == 1 || into.shape()[1] <= 1 => {
                let mut rest = into;
                let mut slices = Vec::new();
                while rest.len_of(Dim(0)) > 0 {
                    let (row, others) = rest.split_at(Dim(0), 1);
                    rest = others;
                    slices.extend(row.index_axis_move(Dim(0), 0).into_slice());
                }
                Ok(Self::ByClass(slices))
            }
            _ => Err(into),
        }
    }

    /// Those of a buffer for so many classes and pixels.
    pub(super) fn in_buffer(
        buffer: &'g mut Vec<F>,
        order: Order,
        classes: usize,
        pixels: usize,
    ) -> Self {
        buffer.resize(classes * pixels, F::ZERO);
        match order {
            Order::ByPixel => Self::ByPixel(buffer),
            Order::ByClass => Self::ByClass(buffer.chunks_exact_mut(pixels.max(1)).collect()),
        }
    }

    /// Those of some pixels of some columns.
    pub(super) fn of(&mut self, columns: &Range<usize>, pixels: &Range<usize>) -> &mut [F] {
        match self {
            Self::ByPixel(slice) => {
                &mut slice[pixels.start * columns.len()..pixels.end * columns.len()]
            }
            Self::ByClass(slices) => &mut slices[columns.start][pixels.clone()],
        }
    }

    /// Those of some pixels of all classes, where they lie pixel by pixel.
    pub(super) fn by_pixel(&mut self, classes: usize, pixels: &Range<usize>) -> Option<&mut [F]> {
        match self {
            Self::ByPixel(slice) => slice.get_mut(pixels.start * classes..pixels.end * classes),
            Self::ByClass(_) => None,
        }
    }

    /// Puts down a row of pixels of one class, or adds it to what is there.
    pub(super) fn put(
        &mut self,
        classes: usize,
        class: usize,
        pixels: Range<usize>,
        made: &[F],
        add: bool,
    ) {
        let put = |(place, &made): (&mut F, &F)| *place = if add { *place + made } else { made };
        match self {
            Self::ByPixel(slice) => {
                let places = slice[pixels.start * classes..pixels.end * classes].iter_mut();
                places.skip(class).step_by(classes).zip(made).for_each(put);
            }
            Self::ByClass(slices) => slices[class][pixels].iter_mut().zip(made).for_each(put),
        }
    }
}
