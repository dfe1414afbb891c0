//! The value and gradient of a loss.

use ndarray::{Array, ArrayRef, Dimension};

use crate::batch::{Batch, Float};
use crate::error::{Error, ErrorKind, Result};
use crate::loss::Loss;

impl Loss {
    /// The value of a loss that leaves none of the axes of the batch's layout.
    ///
    /// **Errors**: of [`check`](Self::check); [`ErrorKind::Order`] if axes remain;
    /// [`ErrorKind::Domain`] for NaN, infinity, a probability outside [0, 1] or a label without a
    /// class, with its index; [`ErrorKind::Weight`] for weights that are negative, missing or
    /// unnamed; [`ErrorKind::Empty`] if nothing is left to take a mean of.
    ///
    /// ```
    /// use lossfold::{Activation, Batch, Layout, Over, mean, squared};
    /// use ndarray::array;
    ///
    /// let (prediction, target) = (array![[1.0, 4.0]], array![[0.0, 1.0]]);
    /// let loss = squared(Activation::Identity).reduce(mean(Over::All));
    /// assert_eq!(loss.value(&Batch::new(Layout::NC, &prediction, &target)?)?, 5.0); // (1 + 9) / 2
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn value<F: Float, D: Dimension>(&self, batch: &Batch<'_, F, D>) -> Result<F> {
        self.reference().value(batch)
    }

    /// The value and its gradient with respect to the prediction, in the prediction's layout.
    ///
    /// **Errors**: those of [`value`](Self::value).
    ///
    /// ```
    /// use lossfold::{Activation, Batch, Layout, Over, mean, squared};
    /// use ndarray::array;
    ///
    /// let (prediction, target) = (array![[1.0, 4.0]], array![[0.0, 1.0]]);
    /// let loss = squared(Activation::Identity).reduce(mean(Over::All));
    /// let (value, gradient) = loss.value_and_gradient(&Batch::new(Layout::NC, &prediction, &target)?)?;
    /// assert_eq!((value, gradient), (5.0, array![[1.0, 3.0]])); // 2 (p - t) / 2
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn value_and_gradient<F: Float, D: Dimension>(
        &self,
        batch: &Batch<'_, F, D>,
    ) -> Result<(F, Array<F, D>)> {
        let mut gradient = Array::from_elem(batch.prediction().raw_dim(), F::zero());
        let value = self.value_and_gradient_into(batch, &mut gradient)?;
        Ok((value, gradient))
    }

    /// The value; its gradient is written over `gradient`, which has the shape of the prediction.
    ///
    /// **Errors**: those of [`value`](Self::value), and [`ErrorKind::Shape`] for a buffer of another
    /// shape. After an error the buffer is as it was.
    pub fn value_and_gradient_into<F: Float, D: Dimension>(
        &self,
        batch: &Batch<'_, F, D>,
        gradient: &mut ArrayRef<F, D>,
    ) -> Result<F> {
        if gradient.shape() != batch.prediction().shape() {
            return Err(Error::new(
                ErrorKind::Shape,
                format!(
                    "gradient: has shape {:?}, expected {:?}, the shape of the prediction",
                    gradient.shape(),
                    batch.prediction().shape()
                ),
            ));
        }
        let (value, derivatives) = self.reference().value_and_gradient(batch)?;
        gradient.assign(&derivatives);
        Ok(value)
    }
}
