//! Batches of any kind, bound to heads by name.

use ndarray::Dimension;

use crate::batch::{Batch, Float};
use crate::error::{ErrorKind, Result};
use crate::fused::State;
use crate::loss::Loss;

use super::Outputs;

mod sealed {
    use crate::error::Result;
    use crate::fused::State;
    use crate::loss::Loss;

    pub trait Read {
        fn value(&self, loss: &Loss) -> Result<f64>;
        fn observe(&self, state: &mut State) -> Result<()>;
    }
}

/// A [`Batch`] of any element type and number of axes: `&batch` stands where `&dyn AnyBatch` is asked
/// for.
///
/// ```
/// use lossfold::{AnyBatch, Batch, Layout, Loss, Outputs};
/// use ndarray::{Array2, Array4};
///
/// let (mask, true_mask) = (Array4::<f32>::zeros((2, 8, 8, 3)), Array4::<u8>::zeros((2, 8, 8, 3)));
/// let (label, true_label) = (Array2::<f64>::zeros((2, 3)), Array2::<f64>::ones((2, 3)));
/// let masks = Batch::new(Layout::NHWC, &mask, &true_mask)?;
/// let labels = Batch::new(Layout::NC, &label, &true_label)?;
///
/// let loss: Loss = "squared(identity) > mean(all)".parse()?;
/// let outputs = Outputs::new().head("mask", 1.0, &loss).head("label", 0.5, &loss);
/// let batches: [(&str, &dyn AnyBatch); 2] = [("mask", &masks), ("label", &labels)];
/// assert_eq!(outputs.value(&batches)?, 0.5);
/// # Ok::<(), lossfold::Error>(())
/// ```
pub trait AnyBatch: sealed::Read {}

impl<F: Float, D: Dimension> AnyBatch for Batch<'_, F, D> {}
impl<F: Float, D: Dimension> sealed::Read for Batch<'_, F, D> {
    fn value(&self, loss: &Loss) -> Result<f64> {
        // A state has the value before it is rounded to the type of the prediction.
        let mut state = State::new(loss);
        match state.observe(self) {
            Ok(()) => state.value(),
            Err(error) if error.kind() == ErrorKind::NotMergeable => {
                loss.value(self).map(Into::into)
            }
            Err(error) => Err(error),
        }
    }

    fn observe(&self, state: &mut State) -> Result<()> {
        state.observe(self)
    }
}

/// The batch of each head, in the order of the heads.
pub(super) fn bind<'a>(
    outputs: &Outputs,
    batches: &[(&str, &'a dyn AnyBatch)],
) -> Result<Vec<&'a dyn AnyBatch>> {
    outputs.check()?;
    let mut bound = vec![None; outputs.heads().len()];
    for (name, batch) in batches {
        if bound[outputs.place(name)?].replace(*batch).is_some() {
            return Err(outputs.refuse(name, "has two batches, expected one"));
        }
    }
    let heads = outputs.heads().iter().zip(bound);
    heads
        .map(|(head, batch)| batch.ok_or_else(|| outputs.refuse(head.name(), "has no batch")))
        .collect()
}
