//! How Keras brings a weight and a mask to the shape of the values that they weigh.

use lossfold::{Axes, Axis, Layout};
use ndarray::{ArrayD, IxDyn};

use crate::keras::Keras;
use crate::row::Row;
use crate::weight::broadcast;

type Tensor = ArrayD<f64>;

/// The weights of a row as they meet the values.
pub struct Weights {
    pub weight: Option<Tensor>,
    pub mask: Option<Tensor>,
    /// The names of the axes of both, which are those of the weighted values.
    pub axes: Axes,
    /// The number of axes of the weighted values in Keras.
    pub rank: usize,
    /// How often each entry of the weights, as they were passed, is repeated.
    pub repeats: f64,
}

impl Weights {
    /// Weight and mask are brought to one rank, then to that of the values, then broadcast from the
    /// right. Values of one number are widened by weights of more: these stand for the first axes of
    /// the prediction, of the layout and shape given.
    pub fn of(
        row: &Row,
        keras: Keras,
        shape: &[usize],
        names: &[Axis],
        prediction: (Layout, &[usize]),
    ) -> Result<Self, String> {
        let mut given = row.weights(&["sample_weight", "mask"])?;
        let (mut weight, mut mask) = (given.remove("sample_weight"), given.remove("mask"));
        if let (Some(w), Some(m)) = (&weight, &mask) {
            let (m, w) = keras.rank_of_weight(m.clone(), w.clone())?;
            let passed = broadcast_shape(m.shape(), w.shape())?;
            (weight, mask) = (Some(broadcast(&w, &passed)?), Some(broadcast(&m, &passed)?));
        }
        let axes = names.iter().copied().collect();
        let mut found = Self { weight, mask, axes, rank: shape.len(), repeats: 1.0 };
        let Some(passed) = found.weight.as_ref().or(found.mask.as_ref()) else { return Ok(found) };

        let values = Tensor::zeros(IxDyn(shape));
        let (values, passed) = keras.rank_of_weight(values, passed.clone())?;
        let weighted = broadcast_shape(values.shape(), passed.shape())?;
        found.rank = weighted.len();
        found.repeats = weighted.iter().product::<usize>() as f64 / passed.len() as f64;
        let extents = if weighted.is_empty() {
            found.axes = Axes::NONE;
            Vec::new()
        } else if weighted == values.shape() {
            shape.to_vec()
        } else if shape.is_empty() {
            let extents;
            (found.axes, extents) = leading(passed.shape(), prediction)?;
            extents
        } else {
            let given = passed.shape();
            return Err(format!(
                "values of shape {shape:?} are widened by weights of shape {given:?}"
            ));
        };
        for weight in [&mut found.weight, &mut found.mask].into_iter().flatten() {
            let ranked = reshape(weight.clone(), passed.shape())?;
            *weight = reshape(broadcast(&ranked, &weighted)?, &extents)?;
        }
        Ok(found)
    }
}

/// The names and the extents of the axes along which weights of this shape vary, where these are the
/// first axes of the prediction.
fn leading(
    weights: &[usize],
    (layout, prediction): (Layout, &[usize]),
) -> Result<(Axes, Vec<usize>), String> {
    let first = || weights.iter().zip(prediction).zip(layout.axes());
    let axes: Axes = first().filter(|((w, _), _)| **w > 1).map(|(_, &name)| name).collect();
    let extents = |shape: &[usize]| -> Vec<usize> {
        let named = shape.iter().zip(layout.axes()).filter(|(_, name)| axes.contains(**name));
        named.map(|(&extent, _)| extent).collect()
    };
    let stands = weights.len() <= prediction.len() && first().all(|((w, p), _)| *w == 1 || w == p);
    if stands && extents(weights) == extents(prediction) {
        Ok((axes, extents(prediction)))
    } else {
        Err(format!("a weight of shape {weights:?} for a loss of one number"))
    }
}

impl Keras {
    /// `squeeze_or_expand_to_same_rank` of Keras 3, `squeeze_or_expand_dimensions` of Keras 2, for a
    /// target and a prediction.
    pub fn same_rank(self, target: Tensor, prediction: Tensor) -> Result<(Tensor, Tensor), String> {
        match self {
            Self::Three => keras_3_ranks(target, prediction),
            Self::Two if target.ndim() == prediction.ndim() + 1 => {
                Ok((without_last(target)?, prediction))
            }
            Self::Two if prediction.ndim() == target.ndim() + 1 => {
                Ok((target, without_last(prediction)?))
            }
            Self::Two => Ok((target, prediction)),
        }
    }

    /// The same functions, for values and their weights, or a mask and its weights.
    fn rank_of_weight(self, values: Tensor, weight: Tensor) -> Result<(Tensor, Tensor), String> {
        match self {
            Self::Three => keras_3_ranks(values, weight),
            Self::Two if weight.ndim() == 0 => Ok((values, weight)),
            Self::Two if weight.ndim() == values.ndim() + 1 => Ok((values, without_last(weight)?)),
            Self::Two if values.ndim() == weight.ndim() + 1 => Ok((values, with_last(weight))),
            Self::Two => Ok((values, weight)),
        }
    }
}

/// Of two tensors whose ranks differ by one, the longer loses its last axis, if that has extent 1; a
/// vector gains one instead.
fn keras_3_ranks(first: Tensor, second: Tensor) -> Result<(Tensor, Tensor), String> {
    let longer = |a: &Tensor, b: &Tensor| a.ndim() == b.ndim() + 1 && a.shape().last() == Some(&1);
    Ok(if longer(&first, &second) {
        if second.ndim() == 1 { (first, with_last(second)) } else { (without_last(first)?, second) }
    } else if longer(&second, &first) {
        if first.ndim() == 1 { (with_last(first), second) } else { (first, without_last(second)?) }
    } else {
        (first, second)
    })
}

fn with_last(tensor: Tensor) -> Tensor {
    let end = ndarray::Axis(tensor.ndim());
    tensor.insert_axis(end)
}

fn without_last(tensor: Tensor) -> Result<Tensor, String> {
    match tensor.shape().split_last() {
        Some((1, shape)) => reshape(tensor.clone(), shape),
        _ => Err(format!("the last axis of a tensor of shape {:?} is not 1", tensor.shape())),
    }
}

fn reshape(tensor: Tensor, shape: &[usize]) -> Result<Tensor, String> {
    let found = tensor.shape().to_vec();
    let data = tensor.into_iter().collect();
    ArrayD::from_shape_vec(IxDyn(shape), data).map_err(|_| format!("{found:?} is not {shape:?}"))
}

/// The shape of what two tensors give, aligned at the right.
fn broadcast_shape(first: &[usize], second: &[usize]) -> Result<Vec<usize>, String> {
    let rank = first.len().max(second.len());
    let extent = |shape: &[usize], position: usize| {
        (position + shape.len()).checked_sub(rank).map_or(1, |position| shape[position])
    };
    let both =
        (0..rank).map(|position| match (extent(first, position), extent(second, position)) {
            (one, other) if one == other || other == 1 => Some(one),
            (1, other) => Some(other),
            _ => None,
        });
    both.collect::<Option<_>>().ok_or_else(|| {
        format!("weights and values of shapes {second:?} and {first:?} do not broadcast")
    })
}
