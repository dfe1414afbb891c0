//! The weights of frameworks, which broadcast by position, as weights of named axes.

use lossfold::{Axes, Axis, Layout};
use ndarray::{Array1, ArrayD, IxDyn};

use crate::difference;

/// The weights that come with a batch.
#[derive(Default)]
pub struct Carried {
    pub image: Option<Array1<f64>>,
    pub map: Option<(Axes, ArrayD<f64>)>,
    pub mask: Option<(Axes, ArrayD<f64>)>,
}

/// A weight by the axes along which it varies.
pub enum Named {
    Number,
    Class,
    Image(Vec<f64>),
    Map(Axes, ArrayD<f64>),
}

/// A weight that is broadcast from the right, as numpy does, to a tensor of this shape and layout.
pub fn named(weight: &ArrayD<f64>, shape: &[usize], layout: Layout) -> Result<Named, String> {
    let full = broadcast(weight, shape)?;
    let lacks = shape.len() - weight.ndim();
    let varies: Axes = weight
        .shape()
        .iter()
        .zip(&layout.axes()[lacks..])
        .filter(|(extent, _)| **extent > 1)
        .map(|(_, &axis)| axis)
        .collect();
    let map = along(full, layout, varies);
    let list = |map: &ArrayD<f64>| map.iter().copied().collect();
    Ok(if varies.is_empty() {
        Named::Number
    } else if varies == Axis::Class.into() {
        Named::Class
    } else if varies == Axis::Image.into() {
        Named::Image(list(&map))
    } else {
        Named::Map(varies, map)
    })
}

/// The tensor repeated to the shape, aligned at the right.
pub fn broadcast(tensor: &ArrayD<f64>, shape: &[usize]) -> Result<ArrayD<f64>, String> {
    let repeated = tensor.broadcast(IxDyn(shape)).ok_or_else(|| {
        format!("a weight of shape {:?} does not broadcast to {shape:?}", tensor.shape())
    })?;
    Ok(repeated.to_owned())
}

/// The tensor without the axes along which it does not vary.
fn along(mut tensor: ArrayD<f64>, layout: Layout, axes: Axes) -> ArrayD<f64> {
    for (position, &axis) in layout.axes().iter().enumerate().rev() {
        if !axes.contains(axis) {
            tensor = tensor.index_axis_move(ndarray::Axis(position), 0);
        }
    }
    tensor
}

impl Carried {
    /// Puts a weight into the batch, and says what it is called there.
    pub fn carry(&mut self, weight: Named) -> Result<&'static str, String> {
        match weight {
            Named::Image(weights) => {
                self.image = once(self.image.as_ref(), weights.into())?;
                Ok("image")
            }
            Named::Map(axes, map) => {
                self.map = once(self.map.as_ref(), (axes, map))?;
                Ok("map")
            }
            Named::Number | Named::Class => Err("numbers that an argument can say".into()),
        }
    }
}

/// A batch carries one weight of a name.
fn once<T>(given: Option<&T>, weight: T) -> Result<Option<T>, String> {
    match given {
        None => Ok(Some(weight)),
        Some(_) => Err(difference::TWO_WEIGHTS.into()),
    }
}
