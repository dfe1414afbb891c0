//! Batches whose types of numbers are known at run time only, as those of the tensors of other crates.

use ndarray::{ArrayD, ArrayViewD};

use crate::axis::Axes;
use crate::batch::{Batch, Beside, Dense, Float, Target};
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::Loss;

/// All of a batch but its prediction.
pub(crate) struct Given<'a> {
    pub(crate) target: Target<'a>,
    pub(crate) weights: Vec<(Beside, Axes, Dense<'a>)>,
}

impl<'a> Given<'a> {
    /// The value of a loss, and its gradient, in the order of the layout, where one is asked for.
    pub(crate) fn evaluate<F: Float>(
        self,
        loss: &Loss,
        prediction: ArrayViewD<'a, F>,
        layout: Layout,
        gradient: bool,
    ) -> Result<(F, Option<Vec<F>>)> {
        let batch = Batch::new(layout, prediction, self.target)?;
        let batch = self
            .weights
            .into_iter()
            .try_fold(batch, |batch, (which, axes, weight)| batch.with(which, axes, weight))?;
        if !gradient {
            return Ok((loss.value(&batch)?, None));
        }
        let mut gradient = ArrayD::from_elem(batch.prediction().raw_dim(), F::zero());
        let value = loss.value_and_gradient_into(&batch, &mut gradient)?;
        Ok((value, Some(gradient.into_raw_vec_and_offset().0)))
    }
}
