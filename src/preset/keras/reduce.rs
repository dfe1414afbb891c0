//! The weights of the values, and the reduction of what results.

use crate::axis::{Axes, Axis};
use crate::error::Result;
use crate::loss::Loss;
use crate::preset::argument::{Argument, Tensor, words};
use crate::preset::{Given, Places, refuse};
use crate::reduction::{Empty, Over, Reduction as Order, mean, sum};
use crate::weight::Weight;

words! {
    /// What is done with the weighted values.
    ///
    /// With the values L, the sample weights w and a mask m:
    ///
    /// | word | value |
    /// |---|---|
    /// | `none` | every w m L |
    /// | `sum` | Σ w m L |
    /// | `sum_over_batch_size`, `mean` | Σ w m L / Σ m, without a mask Σ w L / number of values |
    /// | `mean_with_sample_weight` | Σ w m L / Σ w m, where the divisor counts every weight *once*, however often it is repeated |
    ///
    /// A divisor of 0 gives 0. A loss that is one number and has no weight stays what it is, whatever the reduction.
    Reduction {
        /// The mean.
        SumOverBatchSize = "sum_over_batch_size",
        /// The mean.
        Mean = "mean",
        /// The mean, divided by the weights.
        MeanWithSampleWeight = "mean_with_sample_weight",
        /// The sum.
        Sum = "sum",
        /// Every value is kept.
        None = "none",
    }
}

/// What a loss function returns: a value for every place on the axes that are left, times a number.
pub(in crate::preset) struct Values {
    pub(in crate::preset) loss: Loss,
    pub(in crate::preset) left: Axes,
    pub(in crate::preset) factor: f64,
}

/// What weighs the values.
#[derive(Clone, Copy)]
pub(in crate::preset) struct Weights<'w> {
    sample: Option<&'w Tensor>,
    mask: Option<&'w Weight>,
    ignores: bool,
    empty: Empty,
}

impl Values {
    pub(in crate::preset) fn new(loss: Loss, left: Axes) -> Self {
        Self { loss, left, factor: 1.0 }
    }

    /// A source, taken together over the last axis.
    pub(in crate::preset) fn of_last(
        source: Loss,
        together: fn(Over) -> Order,
        given: &Given,
    ) -> Result<Self> {
        let (over, left) = Places::of(Some(&Places::last()), given.layout)?;
        Ok(Self::new(source.reduce(together(over)), left))
    }

    /// The weighted values, reduced.
    pub(in crate::preset) fn reduced(
        self,
        reduction: Reduction,
        weights: Weights<'_>,
    ) -> Result<Loss> {
        let (number, weight) = weights.sample()?;
        let masked = weights.is_masked()?;
        let Self { loss, left, factor } = self;
        if left.is_empty() && weight.is_none() && !masked {
            return Ok(times(factor * number.unwrap_or(1.0), loss));
        }
        if weight == Some(Weight::Image) && !left.is_empty() && !left.contains(Axis::Image) {
            return refuse(
                "sample_weight: the values have no image axis left that `image` could weigh",
            );
        }
        // Weights may widen a loss that is one number.
        let over = if left.is_empty() { Over::All } else { Over::Axes(left) };
        let mask = weights.ignores || masked;
        let scaled = |loss: Loss, weight: Option<Weight>| match weight {
            Some(weight) => loss.scale(weight),
            None => loss,
        };
        let weighed = |loss: Loss, weight: Option<Weight>| match weight {
            Some(weight) => loss.weigh(weight),
            None => loss,
        };
        let by_mask = || masked.then_some(Weight::Mask);
        let average = |counted: bool| {
            let average = mean(over);
            if counted { average.empty(weights.empty) } else { average }
        };
        let number_times = factor * number.unwrap_or(1.0);
        Ok(match reduction {
            Reduction::None => times(number_times, scaled(scaled(loss, weight), by_mask())),
            Reduction::Sum => {
                let loss = scaled(scaled(loss, weight), by_mask());
                times(number_times, loss.reduce(sum(over)))
            }
            Reduction::Mean | Reduction::SumOverBatchSize => {
                let loss = weighed(scaled(loss, weight), by_mask());
                times(number_times, loss.reduce(average(mask)))
            }
            Reduction::MeanWithSampleWeight => {
                if number == Some(0.0) {
                    return refuse("sample_weight: is 0, and the mean would be divided by it");
                }
                let loss = match (weight, number) {
                    // One weight for all values is counted once: what is left is their sum.
                    (None, Some(_)) if !mask => loss.reduce(sum(over)),
                    (Some(Weight::Image), _) if !mask => {
                        let rest = left.without(Axis::Image);
                        let loss = if rest.is_empty() { loss } else { loss.reduce(sum(rest)) };
                        loss.weigh(Weight::Image).reduce(mean(Axis::Image).empty(weights.empty))
                    }
                    (weight, _) => {
                        let counted = weight.is_some() || mask;
                        weighed(weighed(loss, weight), by_mask()).reduce(average(counted))
                    }
                };
                times(factor, loss)
            }
        })
    }
}

fn times(number: f64, loss: Loss) -> Loss {
    if number == 1.0 { loss } else { number * loss }
}

impl<'w> Weights<'w> {
    /// Weights by which a mean is 0 where everything is masked.
    pub(in crate::preset) fn new(sample: Option<&'w Tensor>, mask: Option<&'w Weight>) -> Self {
        Self { sample, mask, ignores: false, empty: Empty::Zero }
    }

    /// Whether there are labels that are ignored, which is a mask, too.
    pub(in crate::preset) fn ignoring(self, ignores: bool) -> Self {
        Self { ignores, ..self }
    }

    /// Weights by which a mean is NaN where everything is masked.
    pub(in crate::preset) fn or_nan(self) -> Self {
        Self { empty: Empty::Nan, ..self }
    }

    /// The sample weight, as a number or as a weight of the batch.
    fn sample(self) -> Result<(Option<f64>, Option<Weight>)> {
        match self.sample {
            None => Ok((None, None)),
            Some(Tensor::Number(number)) => Ok((Some(*number), None)),
            Some(Tensor::Carried(weight @ (Weight::Image | Weight::Map))) => {
                Ok((None, Some(weight.clone())))
            }
            Some(other) => refuse(format!(
                "sample_weight: expected a number, or a weight of the batch (image, map), found {}",
                other.show()
            )),
        }
    }

    fn is_masked(self) -> Result<bool> {
        match self.mask {
            None => Ok(false),
            Some(Weight::Mask) => Ok(true),
            Some(other) => refuse(format!("mask: expected the mask of the batch, found `{other}`")),
        }
    }
}
