//! How Keras brings a weight and a mask to the shape of the values that they weigh.

use lossfold::{Axes, Axis, Layout};
use ndarray::{ArrayD, IxDyn};

use crate::difference;
use crate::keras::Keras;
use crate::weight::{Named, broadcast};

type Tensor = ArrayD<f64>;

/// The weights of a call as they meet the values.
pub struct Weights {
    /// One for all values.
    pub number: Option<f64>,
    pub weight: Option<Named>,
    /// With the names of its axes.
    pub mask: Option<(Axes, Tensor)>,
}

/// What is weighed: its extents, and the names of its axes.
pub struct Values<'v> {
    pub shape: &'v [usize],
    pub names: &'v [Axis],
    /// Of the prediction, the first axes of which weights of more numbers than the values stand for.
    pub prediction: (Layout, &'v [usize]),
}

impl Weights {
    /// Weight and mask are brought to one rank, then to that of the values, then broadcast from the
    /// right. Values of one number are widened by weights of more. `once` says that a mean divides by the sum of the
    /// weights as they were passed.
    pub fn of(
        (mut weight, mut mask): (Option<Tensor>, Option<Tensor>),
        keras: Keras,
        values: &Values<'_>,
        once: bool,
    ) -> Result<Self, String> {
        if let (Some(w), Some(m)) = (&weight, &mask) {
            let (m, w) = keras.rank_of_weight(m.clone(), w.clone())?;
            let passed = broadcast_shape(m.shape(), w.shape())?;
            (weight, mask) = (Some(broadcast(&w, &passed)?), Some(broadcast(&m, &passed)?));
        }
        let Some(passed) = weight.as_ref().or(mask.as_ref()) else {
            return Ok(Self { number: None, weight: None, mask: None });
        };
        let Values { shape, names, prediction } = *values;
        let ranked = Tensor::zeros(IxDyn(shape));
        let (ranked, passed) = keras.rank_of_weight(ranked, passed.clone())?;
        let weighted = broadcast_shape(ranked.shape(), passed.shape())?;
        let (names, kept, extents) = if weighted == ranked.shape() {
            (names.to_vec(), names.to_vec(), shape.to_vec())
        } else if shape.is_empty() {
            let (kept, extents) = leading(passed.shape(), prediction)?;
            (prediction.0.axes().to_vec(), kept, extents)
        } else {
            return Err(difference::KERAS_WIDENED.into());
        };
        let lacks = weighted.len() - passed.ndim();
        let long = passed.shape().iter().enumerate().filter(|(_, extent)| **extent > 1);
        let varies: Axes = long.map(|(at, _)| names[at + lacks]).collect();
        let whole = |tensor: Tensor| {
            let ranked = reshape(tensor, passed.shape())?;
            reshape(broadcast(&ranked, &weighted)?, &extents)
        };
        let weight = weight.map(&whole).transpose()?;
        let mask = mask.map(&whole).transpose()?;
        let axes: Axes = kept.iter().copied().collect();
        let one = mask.is_none() && varies.is_empty();
        let number = weight.as_ref().filter(|_| one).and_then(|weight| weight.first().copied());
        let weight = weight.filter(|_| !one).map(|weight| {
            if varies == Axis::Image.into() && mask.is_none() {
                let image = kept.iter().position(|&name| name == Axis::Image).unwrap_or(0);
                let mut lanes = weight.lanes(ndarray::Axis(image)).into_iter();
                Named::Image(lanes.next().map(|lane| lane.to_vec()).unwrap_or_default())
            } else {
                Named::Map(axes, weight)
            }
        });
        let repeated = passed.len() != weighted.iter().product::<usize>();
        let known = number.is_some() || matches!(weight, Some(Named::Image(_)));
        // One weight leaves a loss of one value as it is, or is divided by, depending on their ranks.
        let widened = number.is_some() && shape.is_empty() != weighted.is_empty();
        if once && (widened || repeated && !known) {
            return Err(difference::KERAS_ONCE.into());
        }
        Ok(Self { number, weight, mask: mask.map(|mask| (axes, mask)) })
    }
}

/// The names and the extents of the axes along which weights of this shape vary, where these are the
/// first axes of the prediction.
fn leading(
    weights: &[usize],
    (layout, prediction): (Layout, &[usize]),
) -> Result<(Vec<Axis>, Vec<usize>), String> {
    let first = || weights.iter().zip(prediction).zip(layout.axes());
    let kept: Vec<Axis> = first().filter(|((w, _), _)| **w > 1).map(|(_, &name)| name).collect();
    let extents = |shape: &[usize]| -> Vec<usize> {
        let named = shape.iter().zip(layout.axes()).filter(|(_, name)| kept.contains(name));
        named.map(|(&extent, _)| extent).collect()
    };
    let stands = weights.len() <= prediction.len() && first().all(|((w, p), _)| *w == 1 || w == p);
    if stands && prediction.len() > 1 && extents(weights) == extents(prediction) {
        let extents = extents(prediction);
        Ok((kept, extents))
    } else {
        Err(difference::KERAS_WIDENED.into())
    }
}

impl Keras {
    /// `squeeze_or_expand_to_same_rank` of Keras 3, `squeeze_or_expand_dimensions` of Keras 2, for a
    /// target and a prediction.
    pub fn same_rank(self, target: Tensor, prediction: Tensor) -> Result<(Tensor, Tensor), String> {
        match self {
            Self::Three => keras_3_ranks(target, prediction),
            Self::Two if target.ndim() == prediction.ndim() + 1 && last(&target) == Some(1) => {
                Ok((without_last(target)?, prediction))
            }
            Self::Two if prediction.ndim() == target.ndim() + 1 && last(&prediction) == Some(1) => {
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

fn last(tensor: &Tensor) -> Option<usize> {
    tensor.shape().last().copied()
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
