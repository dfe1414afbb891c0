//! Tensors of any layout as cells of three dimensions, and what is done to all cells alike.

use burn::tensor::kind::Basic;
use burn::tensor::{Bool, DType, Device, Tensor};

use crate::axis::{Axes, Axis, Extents};
use crate::layout::Layout;

/// A number for every cell: three dimensions, which [`Grid`] names. One of extent 1 stands for every place.
pub(super) type Cells = Tensor<3>;

/// The cells that are meant.
pub(super) type Where = Tensor<3, Bool>;

/// Which dimension is which of class, pixel and image, in the order of the first of each in the layout, so
/// that no cell moves where the spatial axes stand together.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    order: [Axis; 3],
    pub(super) extents: Extents,
    pub(super) device: Device,
    pub(super) dtype: DType,
}

impl Grid {
    pub(super) fn new(layout: Layout, extents: Extents, device: Device, dtype: DType) -> Self {
        let mut order = Axis::ALL;
        let place = |axis| layout.axes().iter().position(|&named| named == axis);
        order.sort_by_key(|&axis| place(axis).unwrap_or(usize::MAX));
        Self { order, extents, device, dtype }
    }

    pub(super) fn dim(&self, axis: Axis) -> usize {
        self.order.iter().position(|&named| named == axis).unwrap_or_default()
    }

    pub(super) fn dims(&self, axes: Axes) -> Vec<usize> {
        axes.iter().map(|axis| self.dim(axis)).collect()
    }

    /// The shape of a field over `axes`, with so many classes.
    pub(super) fn shape(&self, axes: Axes, classes: usize) -> [usize; 3] {
        let extents = Extents { class: classes, ..self.extents };
        self.order.map(|axis| if axes.contains(axis) { extents.of(axis) } else { 1 })
    }

    /// The cells of a tensor that has the axes of `layout`.
    pub(super) fn cells<const D: usize, K: Basic>(
        &self,
        tensor: Tensor<D, K>,
        layout: Layout,
    ) -> Tensor<3, K> {
        let mut by_axis: [usize; D] = std::array::from_fn(|dim| dim);
        let axis = |dim: usize| layout.axes().get(dim).copied();
        by_axis.sort_by_key(|&dim| axis(dim).map(|axis| self.dim(axis)));
        let shape = tensor.dims();
        let extent = |wanted| {
            let dims = (0..D).filter(|&dim| axis(dim) == Some(wanted));
            dims.map(|dim| shape[dim]).product::<usize>()
        };
        tensor.permute(by_axis.map(signed)).reshape(self.order.map(extent))
    }

    /// One number along an axis for each of its places.
    pub(super) fn along(&self, axis: Axis, numbers: &[f64]) -> Cells {
        let mut shape = [1; 3];
        shape[self.dim(axis)] = numbers.len();
        Tensor::<1>::from_data(numbers, (&self.device, self.dtype)).reshape(shape)
    }

    pub(super) fn full(&self, number: f64) -> Cells {
        Tensor::full([1; 3], number, (&self.device, self.dtype))
    }

    /// The rows of these classes along the class dimension; all where it has extent 1.
    pub(super) fn classes<K: Basic>(&self, cells: Tensor<3, K>, places: &[usize]) -> Tensor<3, K> {
        let dim = self.dim(Axis::Class);
        if cells.dims()[dim] == 1 || places.iter().copied().eq(0..cells.dims()[dim]) {
            return cells;
        }
        let rows = places.iter().map(|&place| cells.clone().narrow(dim, place, 1)).collect();
        Tensor::cat(rows, dim)
    }

    /// Groups of the cells that agree along `over`: one row for each.
    pub(super) fn rows(&self, cells: Cells, over: Axes) -> Tensor<2> {
        let (permuted, _) = self.groups(over);
        let cells = cells.permute(permuted.map(signed));
        let [a, b, c] = cells.dims();
        let kept = 3 - over.iter().count();
        let groups: usize = [a, b, c][..kept].iter().product();
        cells.reshape([groups, a * b * c / groups])
    }

    /// The cells of a shape whose groups along `over` are rows, the inverse of [`rows`](Self::rows).
    pub(super) fn of_rows(&self, rows: Tensor<2>, over: Axes, shape: [usize; 3]) -> Cells {
        let (permuted, back) = self.groups(over);
        rows.reshape(permuted.map(|dim| shape[dim])).permute(back.map(signed))
    }

    /// The dimensions that stay, then those of `over`; and the way back.
    fn groups(&self, over: Axes) -> ([usize; 3], [usize; 3]) {
        let mut permuted = [0, 1, 2];
        permuted.sort_by_key(|&dim| over.contains(self.order[dim]));
        let place = |dim| permuted.iter().position(|&from| from == dim).unwrap_or(0);
        (permuted, [0, 1, 2].map(place))
    }
}

fn signed(dim: usize) -> isize {
    isize::try_from(dim).unwrap_or(0)
}

/// The cells repeated until they have the shape.
pub(super) fn spread<K: Basic>(cells: Tensor<3, K>, shape: [usize; 3]) -> Tensor<3, K> {
    if cells.dims() == shape { cells } else { cells.expand(shape) }
}

/// The shape that holds both.
pub(super) fn joint(one: [usize; 3], other: [usize; 3]) -> [usize; 3] {
    [0, 1, 2].map(|dim| if one[dim] == 1 { other[dim] } else { one[dim] })
}

/// The number in the cells that are meant, which have no slope then.
pub(super) fn fill(cells: Cells, place: Where, number: f64) -> Cells {
    let shape = joint(cells.dims(), place.dims());
    spread(cells, shape).mask_fill(spread(place, shape), number)
}

/// The cells with the number in those that are named, if any.
pub(super) fn but(cells: Cells, place: Option<Where>, number: f64) -> Cells {
    match place {
        Some(place) => fill(cells, place, number),
        None => cells,
    }
}

/// `there` where it is meant and `cells` elsewhere.
pub(super) fn choose(place: Where, there: Cells, cells: Cells) -> Cells {
    let shape = joint(joint(cells.dims(), place.dims()), there.dims());
    spread(cells, shape).mask_where(spread(place, shape), spread(there, shape))
}

/// Σ over some dimensions, which stay with extent 1.
pub(super) fn total(cells: Cells, dims: &[usize]) -> Cells {
    let wide: Vec<usize> = dims.iter().copied().filter(|&dim| cells.dims()[dim] > 1).collect();
    if wide.is_empty() { cells } else { cells.sum_dims(&wide) }
}

/// The value, with `slope` times the slope of `x`: for derivatives that are taken to be something else than what
/// the operations of the value would give.
pub(super) fn with_slope(value: Cells, slope: Cells, x: &Cells) -> Cells {
    let nothing = x.clone() - x.clone().inner();
    value.inner() + slope.inner() * nothing
}

/// x^power of numbers of at least 0. Where its slope at 0 is infinite it is taken to be 0: times a slope of 0 it
/// would be no number.
pub(super) fn root(cells: Cells, power: f64) -> Cells {
    if power <= 0.0 || power >= 1.0 {
        return cells.powf_scalar(power);
    }
    let zero = cells.clone().equal_scalar(0.0);
    fill(fill(cells, zero.clone(), 1.0).powf_scalar(power), zero, 0.0)
}
